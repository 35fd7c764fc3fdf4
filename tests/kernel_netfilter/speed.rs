//! What making and undoing virtual addresses costs beside one `iptables-restore` that does all of it. Run with
//! `cargo test --test kernel_netfilter speed -- --ignored --nocapture`.

use crate::support::{Lab, each_kind, feed};
use rhailab::change::Table;
use rhailab::names::Ns;
use std::time::{Duration, Instant};

const VIPS: u32 = 100;
const ROUNDS: usize = 9;

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e3
}

fn timed(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}

/// The lines that make or delete all addresses, as one block.
fn block(lab: &Lab, make: bool) -> String {
    let option = if make { "-A" } else { "-D" };
    let vip = |n: u32| {
        let tag = format!("-m comment --comment rhailab:lab:{n}");
        let jump = |chain| format!("{option} {chain} {tag} -j VIP{n}");
        let dnat = format!("{option} VIP{n} {tag} {}", lab.dnat(n, 2).join(" "));
        [jump("PREROUTING"), jump("OUTPUT"), dnat]
    };
    let chains = |option: &'static str| (1..=VIPS).map(move |n| format!("{option} VIP{n}"));
    let mut lines = vec!["*nat".to_owned()];
    lines.extend(chains("-N").filter(|_| make));
    lines.extend((1..=VIPS).flat_map(vip));
    lines.extend(chains("-X").filter(|_| !make));
    lines.join("\n") + "\nCOMMIT\n"
}

#[test]
#[ignore = "takes time and measures noise"]
fn speed() {
    each_kind(|lab| {
        let restore = format!("{}-{}-restore --noflush -w 5", lab.family.iptables(), lab.backend.as_str());
        let mut times: [Vec<Duration>; 5] = Default::default();
        let fresh = |lab: &mut Lab| {
            lab.netfilter.close(&Ns::Host);
            lab.made.clear();
            // The deletion of nf_tables objects goes on in the background.
            std::thread::sleep(Duration::from_millis(100));
        };
        for _ in 0..ROUNDS {
            let (make, delete) = (block(lab, true), block(lab, false));
            times[0].push(timed(|| feed(&format!("exec {restore}"), &make)));
            fresh(lab);
            times[1].push(timed(|| feed(&format!("exec {restore}"), &delete)));
            fresh(lab);
            times[2].push(timed(|| {
                for n in 1..=VIPS {
                    lab.apply(Table::Nat, lab.vip(&format!("VIP{n}"), n, 2)).unwrap();
                }
            }));
            lab.undo_all();
            fresh(lab);
            times[3].push(timed(|| {
                for n in 1..=VIPS {
                    lab.defer(Table::Nat, lab.vip(&format!("VIP{n}"), n, 2));
                }
                assert_eq!(lab.netfilter.flush(&lab.spaces), []);
            }));
            times[4].push(timed(|| assert!(lab.undo_all().iter().all(Result::is_ok))));
            fresh(lab);
        }
        let [make, delete, apply, defer, undo] = times.map(median);
        println!("  {VIPS} VIPs, ms: one restore {make:.1}; applied one by one {apply:.1} ({:.2}x); ", apply / make);
        println!(
            "  deferred {defer:.1} ({:.2}x); one restore deleting {delete:.1}; undone {undo:.1} ({:.2}x)",
            defer / make,
            undo / delete
        );
        assert!(defer < 1.5 * make && undo < 1.5 * delete);

        for present in [0, 100, 1000] {
            while u32::try_from(lab.made.len()).unwrap() * 4 < present {
                let n = u32::try_from(lab.made.len()).unwrap() + 1000;
                lab.defer(Table::Nat, lab.vip(&format!("P{n}"), n, 2));
            }
            assert_eq!(lab.netfilter.flush(&lab.spaces), []);
            let (mut kept, mut process) = (Vec::new(), Vec::new());
            for n in 0..15 {
                let edits = lab.vip("ONE", n, 2);
                kept.push(timed(|| assert!(lab.apply(Table::Nat, edits).is_ok())));
                lab.undo(&[lab.made.len() as u64]);
                lab.made.pop();
                let text = format!(
                    "*nat\n-N TWO\n-A OUTPUT -j TWO\n-A PREROUTING -j TWO\n-A TWO {}\nCOMMIT\n",
                    lab.dnat(n, 2).join(" ")
                );
                process.push(timed(|| feed(&format!("exec {restore}"), &text)));
                lab.iptables("-t nat -D OUTPUT -j TWO");
                lab.iptables("-t nat -D PREROUTING -j TWO");
                lab.iptables("-t nat -F TWO");
                lab.iptables("-t nat -X TWO");
            }
            println!(
                "  one VIP with {present} rules present: {:.2} ms; a process for it {:.2}",
                median(kept),
                median(process)
            );
        }
    });
}
