//! Making changes.

use crate::support::{append, each_kind, netns, sandbox, sh, words};
use rhailab::kernel::linux::netfilter::{Backend, restores_started};
use rhailab::kernel::linux::{LinuxKernel, Setup};
use rhailab::kernel::{ChangeRef, Kernel, Undone, Why};
use rhailab::model::change::Change;
use rhailab::model::family::Family;
use rhailab::model::names::{ChainName, LabName, Ns, NsName};
use rhailab::model::netns::AddNetns;
use rhailab::model::rules::{EditRules, RuleEdit, Table};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn rules_are_there_when_apply_returns_and_take_at_most_one_process() {
    each_kind(|lab| {
        let before = restores_started();
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        let rules = lab.rules();
        assert!(rules.iter().any(|rule| rule.starts_with(":VIP -")), "{rules:#?}");
        assert_eq!(rules.iter().filter(|rule| rule.contains("--comment \"rhailab:lab:1\"")).count(), 3, "{rules:#?}");
        for n in 2..30 {
            lab.apply(Table::Filter, vec![append("FORWARD", &format!("-i br{n} -j ACCEPT"))]).unwrap();
            assert!(lab.rules().iter().any(|rule| rule.contains(&format!("-i br{n} "))), "change {n}");
        }
        assert_eq!(restores_started() - before, lab.processes());
        let first = RuleEdit::insert("FORWARD", words("-i first -j ACCEPT"));
        lab.apply(Table::Filter, vec![first]).unwrap();
        let forward: Vec<String> = lab.rules().into_iter().filter(|rule| rule.starts_with("-A FORWARD")).collect();
        assert!(forward[0].contains("-i first"), "{forward:#?}");
    });
}

#[test]
fn a_rule_goes_to_its_place_and_away_again() {
    each_kind(|lab| {
        for name in ["one", "two"] {
            lab.iptables(&format!("-A FORWARD -i {name} -j ACCEPT"));
        }
        let before = lab.rules();
        let between = RuleEdit::Insert { chain: "FORWARD".into(), at: 2, rule: words("-i between -j ACCEPT") };
        let far = RuleEdit::Insert { chain: "FORWARD".into(), at: 9, rule: words("-i far -j ACCEPT") };
        let n = lab.apply(Table::Filter, vec![between]).unwrap();
        let forward: Vec<String> = lab.rules().into_iter().filter(|rule| rule.starts_with("-A FORWARD")).collect();
        assert!(forward[1].contains("-i between"), "{forward:#?}");
        let refusal = lab.apply(Table::Filter, vec![far]).unwrap_err();
        assert!(refusal.request.ends_with("-I FORWARD 9 -i far -j ACCEPT"), "{refusal}");
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), before);
    });
}

#[test]
fn a_refused_change_leaves_nothing_and_blames_its_rule() {
    each_kind(|lab| {
        lab.apply(Table::Filter, vec![append("INPUT", "-i lo -j ACCEPT")]).unwrap();
        let before = lab.rules();
        for (table, chain, rule, said) in [
            (Table::Nat, "OUTPUT", "-j NOWHERE", "NOWHERE"),
            (Table::Nat, "OUTPUT", "-p tcp -m tcp --dport 99999 -j RETURN", "99999"),
            (Table::Nat, "OUTPUT", "-m nonsense -j RETURN", "nonsense"),
            (Table::Nat, "OUTPUT", "-j DROP", "not intended for filtering"),
            (Table::Nat, "OUTPUT", "-i lo -j RETURN", "-i with OUTPUT"),
            (Table::Nat, "PREROUTING", "-o lo -j RETURN", "-o with PREROUTING"),
            (Table::Nat, "NOWHERE", "-j RETURN", "No chain/target/match by that name"),
            (Table::Nat, "OUTPUT", "-t filter -j RETURN", "-t option"),
            (Table::Nat, "OUTPUT", "-F", "-F with -A"),
            (Table::Nat, "OUTPUT", "-j DNAT --to-destination", "requires an argument"),
            // Only the kernel refuses this, at COMMIT.
            (Table::Nat, "OUTPUT", "-j MASQUERADE", ""),
        ] {
            let edits = vec![
                RuleEdit::NewChain(ChainName::new("OWN").unwrap()),
                append("OWN", "-j RETURN"),
                append(chain, rule),
                append("OWN", "-j RETURN"),
            ];
            let refusal = lab.apply(table, edits).unwrap_err();
            assert!(matches!(refusal.why, Why::Tool(1..=4)), "{refusal}");
            assert!(refusal.words.contains(said), "{rule}: {refusal}");
            for noise in ["Try `", "Error occurred", "(nf_tables)", "line "] {
                assert!(!refusal.words.contains(noise), "{refusal}");
            }
            if lab.backend == Backend::Legacy && said.is_empty() || said == "NOWHERE" {
                assert!(refusal.request.contains("nat") || refusal.request.contains(rule), "{refusal}");
            } else {
                assert_eq!(refusal.request, format!("{} -t nat -A {chain} {rule}", lab.family.iptables()));
            }
            assert_eq!(lab.rules(), before, "{rule}");
            // The next change finds everything in order.
            let n = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
            assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
            assert_eq!(lab.rules(), before, "{rule}");
        }
    });
}

#[test]
fn a_chain_that_is_there_already_is_an_error_and_left_alone() {
    each_kind(|lab| {
        lab.iptables("-t nat -N VIP");
        lab.iptables("-t nat -A VIP -s 192.0.2.1 -j RETURN".replace("192.0.2.1", &lab.host(9)).as_str());
        let before = lab.rules();
        let refusal = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap_err();
        assert_eq!(refusal.request, format!("{} -t nat -N VIP", lab.family.iptables()));
        assert_eq!(refusal.words, "Chain already exists.");
        assert_eq!(lab.rules(), before);
        // As after a crash between the intent and its outcome.
        assert!(matches!(&lab.undo(&[1])[0], Ok(Undone::NotOurs(_))));
        assert_eq!(lab.rules(), before);
    });
}

#[test]
fn what_others_do_between_two_changes_is_seen() {
    each_kind(|lab| {
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.iptables("-t nat -N THEIRS");
        lab.apply(Table::Nat, vec![append("THEIRS", "-j VIP"), append("OUTPUT", "-j THEIRS")]).unwrap();
        lab.iptables("-t nat -F");
        lab.iptables("-t nat -X");
        let refusal = lab.apply(Table::Nat, vec![append("THEIRS", "-j RETURN")]).unwrap_err();
        assert!(refusal.words.contains("No chain/target/match by that name"), "{refusal}");
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.iptables("-t nat -C PREROUTING -m comment --comment rhailab:lab:4 -j VIP");
    });
}

#[test]
fn any_text_survives_in_a_rule() {
    each_kind(|lab| {
        let empty = lab.rules();
        let comments = [
            "it's",
            "two words",
            "a \"quoted\" one",
            "back\\slash",
            "\\",
            "-x",
            "--comment",
            "#",
            "$(id) `id`",
            "café",
            "'",
        ];
        let rules: Vec<RuleEdit> = comments
            .iter()
            .map(|comment| {
                let words = ["-m", "comment", "--comment", comment, "-j", "ACCEPT"].map(str::to_owned).to_vec();
                RuleEdit::append("INPUT", words.into())
            })
            .collect();
        let n = lab.apply(Table::Filter, rules).unwrap();
        for comment in comments {
            let own = Command::new(format!("{}-{}", lab.family.iptables(), lab.backend.as_str()))
                .args(["-C", "INPUT", "-m", "comment", "--comment", "rhailab:lab:1"])
                .args(["-m", "comment", "--comment", comment, "-j", "ACCEPT"])
                .output()
                .unwrap();
            assert!(own.status.success(), "{comment:?}: {:#?}", lab.rules());
        }
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty);
        for text in ["a\nCOMMIT\n*filter", "nul\0"] {
            let words = ["-m", "comment", "--comment", text].map(str::to_owned).to_vec();
            let refusal = lab.apply(Table::Filter, vec![RuleEdit::append("INPUT", words.into())]);
            assert!(refusal.unwrap_err().words.contains("line break"));
        }
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn messages_make_what_iptables_would() {
    each_kind(|lab| {
        if lab.backend == Backend::Legacy {
            return;
        }
        let (one, two, three, all) = match lab.family {
            Family::V4 => ("10.0.0.5", "192.0.2.128/25", "10.1.1.2:8080", "0.0.0.0/0"),
            Family::V6 => ("fd00::5", "2001:db8::/61", "[fd01::2]:8080", "::/0"),
        };
        let rules = [
            (Table::Filter, "FORWARD", "-i br0 -j ACCEPT".to_owned()),
            (Table::Filter, "FORWARD", format!("-o a-very-long-dev -s {two} -p udp -j DROP")),
            (Table::Filter, "INPUT", format!("-s {one} -d {two} -p tcp -m tcp --dport 65535 -j RETURN")),
            (Table::Filter, "OUTPUT", format!("-s {all} -p udp --dport 1")),
            (Table::Mangle, "OUTPUT", "-o lo -j ACCEPT".to_owned()),
            (Table::Mangle, "PREROUTING", format!("-d {one} -j ACCEPT")),
            (Table::Raw, "OUTPUT", "-p udp -m udp --dport 53 -j ACCEPT".to_owned()),
            (Table::Filter, "FORWARD", "-i br0 -o br0 -j ACCEPT".to_owned()),
            (
                Table::Nat,
                "PREROUTING",
                format!("-i br0 -d {one} -p tcp -m tcp --dport 80 -j DNAT --to-destination {three}"),
            ),
            (
                Table::Nat,
                "OUTPUT",
                format!(
                    "-p udp -m udp --dport 80 -m statistic --mode random --probability 0.33333333 -j DNAT --to-destination {three}"
                ),
            ),
            (Table::Nat, "INPUT", format!("-s {two} -j SNAT --to-source {one}")),
            (Table::Nat, "POSTROUTING", format!("-s {two} -o up0 -j SNAT --to-source {one}")),
            (Table::Nat, "POSTROUTING", format!("-s {two} -j MASQUERADE")),
            (Table::Nat, "POSTROUTING", format!("-m conntrack --ctstate DNAT --ctorigdst {one} -j MASQUERADE")),
        ];
        let empty = lab.rules();
        let started = restores_started();
        for (table, chain, words) in &rules {
            lab.apply(*table, vec![append(chain, words)]).unwrap();
        }
        assert_eq!(restores_started(), started, "some went through iptables");
        let by_messages = lab.rules();
        for (n, (table, chain, words)) in rules.iter().enumerate() {
            let rule = format!("{chain} -m comment --comment rhailab:lab:{} {words}", n + 1);
            lab.iptables(&format!("-t {} -C {rule}", table.as_str()));
        }
        assert!(lab.undo_all().iter().all(|undone| *undone == Ok(Undone::Yes)));
        assert_eq!(restores_started(), started, "some were undone through iptables");
        assert_eq!(lab.rules(), empty);

        for (n, (table, chain, words)) in rules.iter().enumerate() {
            let rule = format!("{chain} -m comment --comment rhailab:lab:{} {words}", n + 1);
            lab.iptables(&format!("-t {} -A {rule}", table.as_str()));
        }
        assert_eq!(by_messages, lab.rules());
        // Those of another hand, equal to the letter, are found by iptables where messages know them in other bytes.
        assert!(lab.undo_all().iter().all(|undone| *undone == Ok(Undone::Yes)));
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn a_policy_and_rules_of_others_outlive_messages() {
    each_kind(|lab| {
        lab.iptables("-P FORWARD DROP");
        lab.iptables("-A FORWARD -i theirs -j ACCEPT");
        let before = lab.iptables("-S FORWARD");
        lab.apply(Table::Filter, vec![append("FORWARD", "-i br0 -j ACCEPT"), append("INPUT", "-i br0 -j ACCEPT")])
            .unwrap();
        assert!(lab.iptables("-S FORWARD").starts_with(&before), "the policy, then theirs, then ours");
        assert_eq!(lab.undo_all(), [Ok(Undone::Yes)]);
        assert_eq!(lab.iptables("-S FORWARD"), before);
    });
}

#[test]
fn a_swap_is_one_moment() {
    each_kind(|lab| {
        let vip = lab.apply(Table::Nat, lab.vip("VIP", 1, 100)).unwrap();
        let save = format!("{}-{}-save -t nat", lab.family.iptables(), lab.backend.as_str());
        let watch = format!("for i in $(seq 60); do {save} | grep -c -- '-j DNAT'; done");
        let mut watcher = Command::new("sh").args(["-c", &watch]).stdout(Stdio::piped()).spawn().unwrap();
        let moments = (100..200).cycle().take_while(|_| watcher.try_wait().unwrap().is_none());
        let swaps = moments.map(|n| lab.alter(vip, lab.vip("VIP", 1, n + 1)).unwrap()).count();
        assert!(swaps >= 20, "only {swaps} swaps in 60 looks");
        let mut seen = String::new();
        watcher.stdout.take().unwrap().read_to_string(&mut seen).unwrap();
        assert_eq!(seen.lines().count(), 60);
        assert!(seen.lines().all(|rules| rules == "1"), "{seen}");
    });
}

#[test]
fn deferred_changes_are_made_together_and_fail_one_by_one() {
    each_kind(|lab| {
        let empty = lab.rules();
        let before = restores_started();
        for n in 1..=50 {
            lab.defer(Table::Nat, lab.vip(&format!("VIP{n}"), n, 2));
            lab.defer(Table::Filter, vec![append("FORWARD", &format!("-i br{n} -j ACCEPT"))]);
        }
        assert_eq!(lab.rules(), empty, "not yet");
        assert_eq!(lab.netfilter.flush(&lab.spaces), []);
        assert_eq!(lab.rules().iter().filter(|rule| rule.contains("rhailab:lab:")).count(), 4 * 50);
        assert_eq!(restores_started() - before, lab.processes());

        let good = lab.defer(Table::Nat, lab.vip("GOOD", 1, 2));
        let there = lab.defer(Table::Nat, lab.vip("VIP7", 1, 2));
        let bad = lab.defer(Table::Nat, vec![append("GOOD", "-j RETURN"), append("OUTPUT", "-j NOWHERE")]);
        let dropped = lab.defer(Table::Nat, lab.vip("DROPPED", 1, 2));
        let last = lab.defer(Table::Nat, vec![append("OUTPUT", "-j GOOD")]);
        assert_eq!(lab.undo(&[dropped]), [Ok(Undone::Yes)], "taken back before it was made");
        let failed: Vec<u64> = lab.netfilter.flush(&lab.spaces).into_iter().map(|(n, _)| n).collect();
        assert_eq!(failed, [there, bad]);
        let rules = lab.rules();
        let count = |n: u64| rules.iter().filter(|rule| rule.contains(&format!("rhailab:lab:{n}\""))).count();
        assert_eq!([good, there, bad, dropped, last].map(count), [3, 0, 0, 0, 1]);

        let taken = [4, 5].map(|n| lab.defer(Table::Nat, lab.vip(&format!("TAKEN{n}"), n, 2)));
        let (rules, before) = (lab.rules().len(), restores_started());
        assert_eq!(lab.undo(&[taken[0]]), [Ok(Undone::Yes)], "its lines were told to nobody");
        let more = lab.defer(Table::Nat, lab.vip("MORE", 6, 2));
        assert_eq!(lab.netfilter.flush(&lab.spaces), []);
        let count = |n: u64| lab.rules().iter().filter(|rule| rule.contains(&format!("rhailab:lab:{n}\""))).count();
        assert_eq!([taken[0], taken[1], more].map(count), [0, 3, 3]);
        assert_eq!(lab.rules().len(), rules + 8, "two chains of three rules each");
        assert!(restores_started() - before <= 2);

        // What is not made as yet is altered before.
        let vip = lab.defer(Table::Nat, lab.vip("MOVED", 1, 2));
        lab.alter(vip, lab.vip("MOVED", 1, 3)).unwrap();
        assert!(!lab.rules().iter().any(|rule| rule.starts_with("-A MOVED ")));
        assert_eq!(lab.netfilter.flush(&lab.spaces), []);
        assert!(lab.rules().iter().any(|rule| rule.starts_with("-A MOVED ") && rule.contains(&lab.host(3))));
    });
}

#[test]
fn each_namespace_has_its_own_rules_and_none_is_kept_alive() {
    each_kind(|lab| {
        let (one, two) = (netns("one"), netns("two"));
        lab.apply_in(&one, Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.apply_in(&two, Table::Nat, lab.vip("VIP", 1, 3)).unwrap();
        assert!(!lab.rules().iter().any(|rule| rule.contains("VIP")));
        let lines = lab.netfilter.save(&lab.spaces, &one).unwrap();
        let digit = if lab.family == Family::V4 { '4' } else { '6' };
        assert_eq!(lines.iter().filter(|line| line.starts_with(&format!("{digit} *nat -A "))).count(), 3, "{lines:#?}");
        assert!(lines.contains(&format!("{digit} *nat :VIP -")), "{lines:#?}");

        // A namespace of the same name is another one.
        sh("ip netns del one && ip netns add one");
        lab.apply_in(&one, Table::Nat, lab.vip("VIP", 1, 4)).unwrap();
        let save = format!("ip netns exec one {}-{}-save", lab.family.iptables(), lab.backend.as_str());
        assert!(sh(&save).contains(&lab.host(4)));

        sh("ip link add cable type veth peer name end netns two");
        lab.netfilter.close(&two);
        sh("ip netns del two");
        assert!(ends("cable"), "the namespace is still alive");
        assert_eq!(lab.undo_all(), [Ok(Undone::Yes), Ok(Undone::AlreadyGone), Ok(Undone::AlreadyGone)]);
    });
}

/// Whether an interface goes: the kernel takes a cable when the namespace that its other end is in has ended.
fn ends(link: &str) -> bool {
    (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        !sh("ip -o link").contains(link)
    })
}

#[test]
fn a_namespace_with_rules_can_be_undone() {
    if !sandbox() {
        return;
    }
    let setup = Setup {
        lab: LabName::new("lab").unwrap(),
        log_dir: "/run/log".into(),
        etc_netns: "/run/etc".into(),
        ledger: None,
        persistent: false,
        sandboxed: false,
    };
    let mut kernel = LinuxKernel::new(setup).unwrap();
    let name = NsName::new("one").unwrap();
    let ns = Ns::Named(name.clone());
    let made = Change::AddNetns(AddNetns { name, sysctls: [].into() });
    let edits = vec![append("FORWARD", "-i br0 -j ACCEPT")];
    let rule = Change::EditRules(EditRules::new(ns, Family::V4, Table::Filter, edits));
    let identity = kernel.prepare(1, &made).unwrap();
    kernel.apply(1, &made, &identity).unwrap();
    let rules = kernel.prepare(2, &rule).unwrap();
    kernel.apply(2, &rule, &rules).unwrap();
    sh("ip link add cable type veth peer name end netns one");
    assert_eq!(kernel.undo(ChangeRef { n: 0, change: &made, identity: &identity }), Ok(Undone::Yes));
    assert!(ends("cable"), "the namespace is still alive");
    assert_eq!(kernel.undo(ChangeRef { n: 0, change: &rule, identity: &rules }), Ok(Undone::AlreadyGone));
}

#[test]
fn a_process_that_was_killed_is_replaced() {
    each_kind(|lab| {
        // What only iptables knows.
        let two_ports = |port: u16| vec![append("INPUT", &format!("-p tcp -m multiport --dports 22,{port} -j ACCEPT"))];
        let before = restores_started();
        lab.apply(Table::Filter, two_ports(80)).unwrap();
        lab.apply(Table::Filter, two_ports(81)).unwrap();
        assert_eq!(restores_started() - before, 1);
        let children = sh(&format!("ps -o pid=,comm= --ppid {}", std::process::id()));
        let mine = format!("{}-{}", lab.family.iptables(), lab.backend.as_str());
        let here = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        for line in children.lines() {
            let (pid, name) = line.trim().split_once(' ').unwrap();
            let there = std::fs::read_link(format!("/proc/{pid}/ns/net"));
            if mine.starts_with(&name[..name.len().min(9)]) && there.is_ok_and(|there| there == here) {
                sh(&format!("kill -9 {pid}; while ! grep -q '^State:.Z' /proc/{pid}/status; do sleep 0.01; done"));
            }
        }
        lab.apply(Table::Filter, two_ports(82)).unwrap();
        assert_eq!(restores_started() - before, 2);
        assert_eq!(lab.rules().iter().filter(|rule| rule.contains("rhailab:lab:")).count(), 3);
    });
}
