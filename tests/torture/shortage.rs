//! A state directory that cannot be written, at all or any more.

use super::Figures;
use crate::machine::{self, difference, processes, state};
use crate::support::{Home, User, eventually};
use std::time::Instant;

/// Everything but processes, whose logs are on the same disk, and who may fail for it first.
const LAB: &str = r#"
let br = bridge("br0").addr("10.0.0.1/24").up();
for i in 10..40 {
    let ns = netns("n" + i);
    ns.attach(br, `10.0.0.${i}/24`);
    ns.dns(["8.8.8.8"]);
    vip(`10.250.0.${i}:80`, [`10.0.0.${i}:80`]);
}
ip_forward(true);
forward(br);
masquerade("10.0.0.0/24");
"#;

/// Runs in a state directory on a file system of so many KiB, which is read-only if so wished.
fn home(kib: usize, options: &str) -> Home {
    let script = format!(
        "mkdir -p /run/small; mountpoint -q /run/small || mount -t tmpfs -o size={kib}k,mode=0700{options} none /run/small; \
         export RHAILAB_STATE_DIR=/run/small; exec \"$0\" \"$@\""
    );
    Home::under(User::Me, &["sh", "-c", &script])
}

fn one(figures: &mut Figures, what: &str, home: &Home) -> Option<i32> {
    let before = state();
    home.write("lab.rhai", LAB);
    let start = Instant::now();
    let ran = home.run(&["run", "--host", "-q", "lab.rhai"]);
    figures.times.push(start.elapsed());
    figures.trials += 1;
    eventually("its processes are gone", || processes(home).is_empty());
    let changed = difference(&before, &state());
    figures.touched.extend(changed.iter().filter(|line| line.starts_with('-')).map(|line| format!("{what}: {line}")));
    figures.leftovers.extend(changed.iter().filter(|line| line.starts_with('+')).map(|line| format!("{what}: {line}")));
    let is_well = ran.code == Some(0);
    let is_told =
        ran.code == Some(3) && (ran.err.contains("No space left") || ran.err.contains("Read-only file system"));
    assert!(is_well || is_told, "{what}: {:?} {}", ran.code, ran.err);
    ran.code
}

/// A disk that is full at the start, a little later, and so on.
pub fn of_space(count: usize) -> Figures {
    let mut figures = Figures { what: "disk full while the journal is written".to_owned(), ..Figures::default() };
    let mut codes = Vec::new();
    for step in 1..=count {
        std::thread::scope(|scope| {
            let run = || {
                let Some(_machine) = machine::enter(false) else { return };
                let kib = 8 + 4 * step * 50 / count;
                codes.push(one(&mut figures, &format!("{kib} KiB"), &home(kib, "")));
            };
            scope.spawn(run).join().unwrap();
        });
    }
    assert!(codes.contains(&Some(3)), "the disk was never full: {codes:?}");
    figures
}

/// A disk that cannot be written to.
pub fn of_rights() -> Figures {
    let mut figures = Figures { what: "read-only state folder".to_owned(), ..Figures::default() };
    std::thread::scope(|scope| {
        let run = || {
            let Some(_machine) = machine::enter(false) else { return };
            let code = one(&mut figures, "read-only", &home(64, ",ro"));
            assert_eq!(code, Some(3));
        };
        scope.spawn(run).join().unwrap();
    });
    figures
}
