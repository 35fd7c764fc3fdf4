//! Taking changes back without touching what is somebody else's.

use crate::support::{Lab, append, each_kind, sh};
use rhailab::kernel::Undone;
use rhailab::kernel::linux::netfilter::{Backend, restores_started};
use rhailab::model::family::Family;
use rhailab::model::names::ChainName;
use rhailab::model::rules::{EditRules, RuleEdit, Table};

#[test]
fn equal_rules_of_others_survive_and_undo_twice_is_harmless() {
    each_kind(|lab| {
        let decoys = |lab: &Lab| {
            lab.iptables("-A FORWARD -i br0 -j ACCEPT");
            lab.iptables("-A FORWARD -i br0 -j ACCEPT -m comment --comment rhailab:lab:11");
            lab.iptables("-A FORWARD -i br0 -j ACCEPT -m comment --comment rhailab:other:1");
        };
        decoys(lab);
        let before = lab.rules();
        let started = restores_started();
        lab.apply(Table::Filter, vec![append("FORWARD", "-i br0 -j ACCEPT"), append("FORWARD", "-o br0 -j ACCEPT")])
            .unwrap();
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.apply(Table::Nat, vec![append("POSTROUTING", "-o eth0 -j MASQUERADE")]).unwrap();
        decoys(lab);
        assert_eq!(lab.undo_all(), [Ok(Undone::Yes), Ok(Undone::Yes), Ok(Undone::Yes)]);
        assert_eq!(restores_started() - started, lab.processes());
        assert_eq!(lab.undo_all(), [Ok(Undone::AlreadyGone), Ok(Undone::AlreadyGone), Ok(Undone::AlreadyGone)]);
        let decoys: Vec<&String> = before.iter().filter(|rule| rule.starts_with("-A FORWARD")).collect();
        let left = lab.rules();
        assert_eq!(left.len(), before.len() + 3, "{left:#?}");
        assert_eq!(left.iter().filter(|rule| decoys.contains(rule)).count(), 6, "{left:#?}");
    });
}

#[test]
fn one_by_one_leaves_as_little_as_all_together() {
    each_kind(|lab| {
        let empty = lab.rules();
        for n in 1..5 {
            lab.apply(Table::Nat, lab.vip(&format!("VIP{n}"), n, 2)).unwrap();
        }
        for n in (1..5).rev() {
            assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
            assert_eq!(lab.undo(&[n]), [Ok(Undone::AlreadyGone)]);
        }
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn a_chain_that_others_use_is_reported_and_left() {
    each_kind(|lab| {
        let empty = lab.rules();
        for foreign in ["-A VIP -p tcp -j RETURN", "-A OUTPUT -p tcp -j VIP", "-A OUTPUT -p tcp -g VIP"] {
            let n = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
            let other = lab.apply(Table::Nat, lab.vip("OTHER", 1, 2)).unwrap();
            lab.iptables(&format!("-t nat {foreign}"));
            let outcomes = lab.undo(&[other, n]);
            assert_eq!(outcomes[0], Ok(Undone::Yes), "the others go");
            let Ok(Undone::NotOurs(reason)) = &outcomes[1] else { panic!("{outcomes:?}") };
            assert!(reason.contains("`VIP`") && reason.contains("not the lab's"), "{reason}");
            let left: Vec<String> = lab.rules().into_iter().filter(|rule| !empty.contains(rule)).collect();
            assert_eq!(left.len(), 2, "{left:#?}");
            assert!(left[0].starts_with(":VIP ") && left[1].starts_with(foreign), "{left:#?}");
            lab.iptables(&format!("-t nat {}", foreign.replace("-A", "-D")));
            lab.iptables("-t nat -X VIP");
        }
    });
}

#[test]
fn what_was_altered_is_undone_as_it_is() {
    each_kind(|lab| {
        let empty = lab.rules();
        let vip = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        let stood = lab.rules();
        lab.alter(vip, lab.vip("VIP", 1, 3)).unwrap();
        let rules = lab.rules();
        let leads_to = |host: &str| rules.iter().any(|rule| rule.contains("-j DNAT") && rule.contains(host));
        assert!(leads_to(&lab.host(3)) && !leads_to(&lab.host(2)) && rules.len() == stood.len(), "{rules:#?}");
        lab.alter(vip, lab.vip("VIP", 1, 2)).unwrap();
        assert_eq!(lab.rules(), stood);
        let refused = [lab.vip("VIP", 1, 4), vec![append("VIP", "-j NOWHERE")]].concat();
        lab.alter(vip, refused).unwrap_err();
        assert_eq!(lab.rules(), stood, "all or nothing");

        lab.alter(vip, lab.vip("VIP", 1, 3)).unwrap();
        assert_eq!(lab.undo(&[vip]), [Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty);
        assert_eq!(lab.undo(&[vip]), [Ok(Undone::AlreadyGone)]);
    });
}

#[test]
fn what_somebody_was_killed_while_altering_is_undone() {
    each_kind(|lab| {
        let empty = lab.rules();
        let vip = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        // On record it is the new one already.
        lab.forge(vip, lab.vip("VIP", 1, 3));
        assert_eq!(lab.undo(&[vip]), [Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn what_iptables_prints_in_other_words_is_undone_too() {
    each_kind(|lab| {
        let empty = lab.rules();
        for (chain, rule) in [
            ("INPUT", "-m recent --name rhailab --set"),
            ("INPUT", "-m recent --name rhailab --rcheck --seconds 100 --reap -j ACCEPT"),
            ("INPUT", "-p tcp -m tcp --syn -m connlimit --connlimit-above 3 -j DROP"),
            ("INPUT", "-p tcp --dport http -j REJECT --reject-with tcp-reset"),
            ("OUTPUT", "-m owner --uid-owner root -m limit --limit 3/min -j LOG --log-prefix a:"),
            ("INPUT", "-m statistic --mode nth --every 3 --packet 0 -j ACCEPT"),
            ("FORWARD", "! -i lo -m conntrack --ctstate NEW,ESTABLISHED -m multiport -p udp --dports 1,2:9 -j ACCEPT"),
        ] {
            let n = lab.apply(Table::Filter, vec![append(chain, rule)]).unwrap();
            assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)], "{rule}");
            assert_eq!(lab.rules(), empty, "{rule}");
        }
    });
}

#[test]
fn what_is_partly_gone_is_undone_for_the_rest() {
    each_kind(|lab| {
        let empty = lab.rules();
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.apply(Table::Nat, lab.vip("ANOTHER", 2, 2)).unwrap();
        lab.iptables("-t nat -D OUTPUT -m comment --comment rhailab:lab:1 -j VIP");
        assert_eq!(lab.undo_all(), [Ok(Undone::Yes), Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty);

        // All of its rules, but not its chain, which now could be anybody's.
        let n = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.iptables("-t nat -F");
        assert!(matches!(&lab.undo(&[n])[0], Ok(Undone::NotOurs(_))));
        lab.iptables("-t nat -X VIP");
        assert_eq!(lab.undo(&[n]), [Ok(Undone::AlreadyGone)]);
    });
}

#[test]
fn when_the_batch_is_refused_each_change_is_undone_for_itself() {
    each_kind(|lab| {
        let empty = lab.rules();
        let good = lab.apply(Table::Filter, vec![append("INPUT", "-i one -j ACCEPT")]).unwrap();
        // A tagged rule that somebody replaced by another: as many as before, but in other words.
        let changed = lab.apply(Table::Filter, vec![append("INPUT", "-i two -j ACCEPT")]).unwrap();
        let tag = format!("-m comment --comment rhailab:lab:{changed}");
        lab.iptables(&format!("-D INPUT {tag} -i two -j ACCEPT"));
        lab.iptables(&format!("-A INPUT {tag} -i three -j ACCEPT"));
        let chain = lab.apply(Table::Filter, vec![RuleEdit::NewChain(ChainName::new("OWN").unwrap())]).unwrap();
        assert_eq!(lab.undo(&[chain, changed, good]), [Ok(Undone::Yes), Ok(Undone::Yes), Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn another_process_can_undo_what_a_dead_one_made() {
    each_kind(|lab| {
        let empty = lab.rules();
        lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        let mut recovery = Lab::new(lab.family, lab.backend);
        recovery.made.clone_from(&lab.made);
        assert_eq!(recovery.undo_all(), [Ok(Undone::Yes)]);
        let left: Vec<String> = lab.rules().into_iter().filter(|rule| !rule.contains("192.0.2.77")).collect();
        let before: Vec<String> = empty.into_iter().filter(|rule| !rule.contains("192.0.2.77")).collect();
        assert_eq!(left, before);
    });
}

#[test]
fn a_rule_is_told_from_another_that_has_come_to_its_place() {
    each_kind(|lab| {
        let empty = lab.rules();
        let equal = || append("OUTPUT", "-o eth0 -j ACCEPT");
        let n = lab.apply(Table::Filter, vec![equal(), equal()]).unwrap();
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert_eq!(lab.rules(), empty, "both of two that are equal");

        // A table that is made again counts its rules from the start.
        let n = lab.apply(Table::Mangle, vec![equal()]).unwrap();
        match lab.backend {
            Backend::Nft => drop(sh("nft flush ruleset")),
            Backend::Legacy => drop(lab.iptables("-t mangle -F")),
        }
        lab.iptables("-t mangle -A OUTPUT -o theirs -j ACCEPT");
        let theirs = lab.rules();
        assert_eq!(lab.undo(&[n]), [Ok(Undone::AlreadyGone)]);
        assert_eq!(lab.rules(), theirs);
    });
}

/// As a journal of version 0.1.0 has them, line by line.
#[test]
fn what_an_earlier_version_wrote_down_is_undone() {
    each_kind(|lab| {
        let empty = lab.rules();
        let (family, net, ip, to) = match lab.family {
            Family::V4 => ("v4", "10.0.0.0/24", "10.9.0.1", "10.0.0.2:80"),
            Family::V6 => ("v6", "fd00::/64", "fd09::1", "[fd00::2]:80"),
        };
        let sent = format!(r#""--destination","{ip}","--protocol","tcp","--match","tcp","--dport","80""#);
        let dnat = |words: &str| {
            format!(r#"{{"chain":"VIP","words":[{sent}{words},"--jump","DNAT","--to-destination","{to}"]"#)
        };
        let old = dnat(r#","--match","statistic","--mode","random","--probability","0.33333333""#);
        let jump = r#"{"append":{"chain":"OUTPUT","words":["--jump","VIP"]}}"#;
        let masquerade = format!(r#"{{"append":{{"chain":"POSTROUTING","words":["-s","{net}","-j","MASQUERADE"]}}}}"#);
        let first = r#"{"insert":{"chain":"OUTPUT","words":["--out-interface","lo","--jump","ACCEPT"]}}"#;
        let written = [
            format!(r#"[{{"new_chain":"VIP"}},{jump},{{"append":{old}}}}}]"#),
            format!("[{masquerade},{first}]"),
            format!(r#"[{{"delete":{old},"owner":1}}}},{{"append":{}}}}}]"#, dnat("")),
        ];
        for edits in written {
            let text = format!(r#"{{"ns":"host","family":"{family}","table":"nat","edits":{edits}}}"#);
            let EditRules { edits, .. } = serde_json::from_str(&text).unwrap();
            lab.apply(Table::Nat, edits).unwrap();
        }
        assert_eq!(lab.rules().iter().filter(|rule| rule.contains("rhailab:lab:")).count(), 5);
        assert!(lab.undo_all().iter().all(|undone| *undone == Ok(Undone::Yes)));
        assert_eq!(lab.rules(), empty);
    });
}

#[test]
fn a_namespace_that_is_gone_took_its_rules_with_it() {
    each_kind(|lab| {
        let ns = crate::support::netns("gone");
        lab.apply_in(&ns, Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
        lab.netfilter.close(&ns);
        sh("ip netns del gone");
        assert_eq!(lab.undo_all(), [Ok(Undone::AlreadyGone)]);
    });
}
