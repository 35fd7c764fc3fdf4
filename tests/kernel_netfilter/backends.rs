//! Which iptables is used, and reading without leaving a trace.

use crate::support::{empty, feed, netns, sandbox, sh};
use rhailab::kernel::Why;
use rhailab::kernel::linux::netfilter::{Backend, Netfilter};
use rhailab::kernel::linux::spaces::Spaces;
use rhailab::model::change::Change;
use rhailab::model::family::Family;
use rhailab::model::identity::Identity;
use rhailab::model::names::{LabName, Ns};
use rhailab::model::rules::{EditRules, RuleEdit, Table};

fn netfilter() -> (Netfilter, Spaces) {
    (Netfilter::new(&LabName::new("lab").unwrap(), true), Spaces::new().unwrap())
}

fn rules(family: Family, edits: Vec<RuleEdit>) -> EditRules {
    EditRules::new(Ns::Host, family, Table::Filter, edits)
}

fn chosen() -> Backend {
    let (mut netfilter, spaces) = netfilter();
    netfilter.backend(&spaces).unwrap()
}

#[test]
fn legacy_is_used_only_where_it_alone_is_in_use() {
    if !sandbox() {
        return;
    }
    assert_eq!(chosen(), Backend::Nft, "nothing there");
    sh("iptables-legacy -L");
    assert_eq!(std::fs::read_to_string("/proc/thread-self/net/ip_tables_names").unwrap(), "filter\n");
    assert_eq!(chosen(), Backend::Nft, "a table that was only looked at");
    sh("ip6tables-legacy -P FORWARD DROP");
    assert_eq!(chosen(), Backend::Legacy);
    sh("iptables-nft -A INPUT -i lo -j ACCEPT");
    assert_eq!(chosen(), Backend::Nft, "both");
}

#[test]
fn a_rule_is_marked_with_lab_number_and_backend() {
    if !sandbox() {
        return;
    }
    let (mut netfilter, spaces) = netfilter();
    let identity = netfilter.prepare(&spaces, 17, &rules(Family::V6, Vec::new())).unwrap();
    assert_eq!(identity, Identity::Rules { tag: "rhailab:lab:17".into(), backend: "nft".into() });
}

#[test]
fn without_iptables_the_error_names_it() {
    if !sandbox() {
        return;
    }
    empty("/usr/sbin");
    let (mut netfilter, spaces) = netfilter();
    let refusal = netfilter.prepare(&spaces, 1, &rules(Family::V4, Vec::new())).unwrap_err();
    assert_eq!((refusal.why, refusal.request.as_str()), (Why::NoTool, "iptables"));
    assert_eq!(netfilter.save(&spaces, &Ns::Host).unwrap(), [""; 0], "there is nothing to read");
}

#[test]
fn a_plain_iptables_is_asked_what_it_is() {
    for (binary, backend) in [("xtables-nft-multi", Backend::Nft), ("xtables-legacy-multi", Backend::Legacy)] {
        let test = move || {
            if !sandbox() {
                return;
            }
            sh(&format!("cp /usr/sbin/{binary} /run/multi"));
            empty("/usr/sbin");
            sh("for name in iptables iptables-save iptables-restore; do ln -s /run/multi /usr/sbin/$name; done");
            let (mut netfilter, spaces) = netfilter();
            let identity = netfilter.prepare(&spaces, 1, &rules(Family::V4, Vec::new())).unwrap();
            let Identity::Rules { backend: name, .. } = &identity else { panic!("{identity:?}") };
            assert_eq!(name, backend.as_str());
            let rule = crate::support::append("FORWARD", "-i br0 -j ACCEPT");
            let change = Change::EditRules(rules(Family::V4, vec![rule]));
            netfilter.defer(1, &change, &identity).unwrap();
            assert_eq!(netfilter.flush(&spaces), []);
            assert!(sh("/usr/sbin/iptables-save").contains("-i br0"));
            let refusal = netfilter.prepare(&spaces, 2, &rules(Family::V6, Vec::new())).unwrap_err();
            assert_eq!((refusal.why, refusal.request.as_str()), (Why::NoTool, "ip6tables"));
        };
        std::thread::spawn(test).join().unwrap();
    }
}

#[test]
fn reading_sees_both_backends_and_makes_no_table() {
    if !sandbox() {
        return;
    }
    let (mut netfilter, spaces) = netfilter();
    let tables =
        || sh("nft list tables; cat /proc/thread-self/net/ip_tables_names /proc/thread-self/net/ip6_tables_names");
    assert_eq!(netfilter.save(&spaces, &Ns::Host).unwrap(), [""; 0]);
    assert_eq!(tables(), "", "looking made no table");

    feed("iptables-nft-restore", "*filter\n:FORWARD DROP\n:OWN -\n-A FORWARD -j OWN\nCOMMIT\n");
    sh("ip6tables-legacy -A INPUT -i lo -j ACCEPT");
    let lines = netfilter.save(&spaces, &Ns::Host).unwrap();
    assert_eq!(
        lines,
        [
            "4 *filter :FORWARD DROP",
            "4 *filter :OWN -",
            "4 *filter -A FORWARD -j OWN",
            "6 *filter -A INPUT -i lo -j ACCEPT"
        ]
    );
    let read = netfilter.counted(&spaces, &Ns::Host, Family::V4).unwrap();
    let forward = read.iter().find_map(|saved| saved.table("filter")?.chain("FORWARD")).unwrap();
    assert_eq!(forward.policy.as_deref(), Some("DROP"));

    let other = netns("other");
    assert_eq!(netfilter.save(&spaces, &other).unwrap(), [""; 0]);
}

#[test]
fn a_table_that_iptables_cannot_show_is_not_taken_for_empty() {
    if !sandbox() {
        return;
    }
    let mut lab = crate::support::Lab::new(Family::V4, Backend::Nft);
    let n = lab.apply(Table::Nat, lab.vip("VIP", 1, 2)).unwrap();
    sh("nft add flowtable ip nat f '{ hook ingress priority 0; devices = { lo }; }' 2>/dev/null || true");
    sh("nft add map ip nat m '{ type ipv4_addr : verdict; }'; nft add rule ip nat OUTPUT ip daddr vmap @m");
    match lab.undo(&[n]).remove(0) {
        Ok(outcome) => assert!(!lab.rules().iter().any(|rule| rule.contains("rhailab")), "{outcome:?}"),
        Err(refusal) => assert!(refusal.words.contains("nat"), "{refusal}"),
    }
}
