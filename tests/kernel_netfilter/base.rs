//! The tables and base chains that rules need in `nf_tables`: what a lab made of them goes with the last rule, and what was
//! there before, or is used by somebody else, stays.

use crate::support::{Lab, append, each_kind, sandbox, sh};
use rhailab::kernel::Undone;
use rhailab::kernel::linux::netfilter::{Backend, Netfilter};
use rhailab::model::family::Family;
use rhailab::model::names::{LabName, Ns};
use rhailab::model::rules::{RuleEdit, Table};

/// Runs a test for the two families of the backend that keeps nothing by itself.
fn each_family(test: fn(&mut Lab)) {
    for family in [Family::V4, Family::V6] {
        let run = move || {
            if sandbox() {
                test(&mut Lab::new(family, Backend::Nft));
            }
        };
        std::thread::spawn(run).join().unwrap();
    }
}

fn ruleset() -> String {
    // The warning is for people.
    sh("nft list ruleset").lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
}

fn masquerade() -> Vec<RuleEdit> {
    vec![append("POSTROUTING", "-o eth0 -j MASQUERADE")]
}

/// One that messages do not know.
fn marked() -> Vec<RuleEdit> {
    vec![append("POSTROUTING", "-m mark --mark 7 -j MASQUERADE")]
}

#[test]
fn an_empty_machine_is_empty_again() {
    each_family(|lab| {
        for edits in [masquerade(), marked(), lab.vip("VIP", 1, 2)] {
            let n = lab.apply(Table::Nat, edits).unwrap();
            assert!(ruleset().contains("nat {"));
            assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
            assert_eq!(ruleset(), "");
            assert_eq!(lab.undo(&[n]), [Ok(Undone::AlreadyGone)]);
            assert_eq!(ruleset(), "");
        }
        for (table, _) in Table::ALL {
            let chain = table.hooks()[0].as_str();
            lab.apply(table, vec![append(chain, "-j ACCEPT"), append("OUTPUT", "-m mark --mark 7 -j ACCEPT")]).unwrap();
        }
        assert!(lab.undo_all().iter().all(Result::is_ok));
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn what_was_altered_leaves_nothing() {
    each_family(|lab| {
        let vip = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.alter(vip, lab.vip("VIP", 1, 3)).unwrap();
        assert!(ruleset().contains("chain VIP"));
        assert_eq!(lab.undo(&[vip]), [Ok(Undone::Yes)]);
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn what_is_refused_leaves_nothing() {
    each_family(|lab| {
        for bad in ["-j NOWHERE", "-m mark --mark 7 -j NOWHERE", "-m mark -j ACCEPT"] {
            let mut edits = marked();
            edits.push(append("OUTPUT", bad));
            lab.apply(Table::Nat, edits).unwrap_err();
            assert_eq!(ruleset(), "", "{bad}");
        }
    });
}

#[test]
fn a_rule_of_somebody_else_keeps_what_it_is_in() {
    each_family(|lab| {
        let n = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.iptables("-t nat -A OUTPUT -o lo -j ACCEPT");
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        let left = ruleset();
        assert!(left.contains("chain OUTPUT") && left.contains("oifname \"lo\""), "{left}");
        assert!(!left.contains("PREROUTING"), "{left}");
        // Whoever comes last takes it away: here the same lab, in the chain that is still marked.
        lab.iptables("-t nat -D OUTPUT -o lo -j ACCEPT");
        let n = lab.apply(Table::Nat, masquerade()).unwrap();
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn the_last_of_several_labs_takes_it_away() {
    each_family(|lab| {
        let mut other = Lab::new(lab.family, lab.backend);
        other.netfilter = Netfilter::new(&LabName::new("other").unwrap(), true);
        let (one, two) = (lab.apply(Table::Nat, masquerade()).unwrap(), other.apply(Table::Nat, masquerade()).unwrap());
        assert_eq!(lab.undo(&[one]), [Ok(Undone::Yes)]);
        assert!(ruleset().contains("masquerade"), "{}", ruleset());
        assert_eq!(other.undo(&[two]), [Ok(Undone::Yes)]);
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn what_was_there_before_stays() {
    each_family(|lab| {
        let family = if lab.family == Family::V4 { "ip" } else { "ip6" };
        for before in [
            format!("nft add table {family} nat"),
            format!("nft add chain {family} nat POSTROUTING '{{ type nat hook postrouting priority 100; }}'"),
        ] {
            sh(&before);
            let empty = ruleset();
            for edits in [masquerade(), marked(), lab.vip("VIP", 1, 2)] {
                let n = lab.apply(Table::Nat, edits).unwrap();
                assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
                assert_eq!(ruleset(), empty, "{before}");
            }
        }
    });
}

#[test]
fn a_policy_or_a_set_of_somebody_else_keeps_what_it_is_in() {
    each_family(|lab| {
        let family = if lab.family == Family::V4 { "ip" } else { "ip6" };
        let n = lab.apply(Table::Filter, vec![append("FORWARD", "-i eth0 -j ACCEPT")]).unwrap();
        lab.iptables("-P FORWARD DROP");
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert!(lab.iptables("-S FORWARD").contains("DROP"));

        let n = lab.apply(Table::Nat, masquerade()).unwrap();
        sh(&format!("nft add set {family} nat theirs '{{ type inet_service; }}'"));
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert!(ruleset().contains("set theirs") && !ruleset().contains("POSTROUTING"), "{}", ruleset());
    });
}

#[test]
fn what_a_killed_lab_left_empty_goes_when_it_is_recovered() {
    each_family(|lab| {
        let n = lab.apply(Table::Nat, masquerade()).unwrap();
        lab.iptables("-t nat -D POSTROUTING -m comment --comment rhailab:lab:1 -o eth0 -j MASQUERADE");
        assert!(ruleset().contains("POSTROUTING"));
        assert_eq!(lab.undo(&[n]), [Ok(Undone::AlreadyGone)]);
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn iptables_sees_no_difference() {
    each_kind(|lab| {
        let save = |lab: &Lab| [lab.iptables("-t nat -S"), lab.iptables("-t nat -L -n -v")];
        lab.apply(Table::Nat, masquerade()).unwrap();
        let ours = save(lab);
        assert!(lab.undo(&[1])[0].is_ok());
        lab.iptables("-t nat -A POSTROUTING -m comment --comment rhailab:lab:1 -o eth0 -j MASQUERADE");
        assert_eq!(ours, save(lab));
        lab.iptables("-t nat -F");
        lab.iptables("-t nat -N OWN");
        lab.iptables("-t nat -X");
    });
}

#[test]
fn where_all_goes_with_the_sandbox_nothing_is_swept() {
    each_family(|lab| {
        lab.netfilter = Netfilter::new(&LabName::new("lab").unwrap(), false);
        let n = lab.apply_in(&Ns::Host, Table::Nat, masquerade()).unwrap();
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert!(ruleset().contains("POSTROUTING"));
    });
}
