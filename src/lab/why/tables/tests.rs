//! Rules against packets.

use super::*;
use crate::model::question::Carried;

fn packet() -> Packet {
    let mut packet = Packet::first(Carried::Tcp, "10.0.0.2:80".parse().unwrap());
    packet.src = "10.0.1.5:50000".parse().unwrap();
    packet.arrives = Some("eth0".into());
    packet.leaves = Some("br0".into());
    packet
}

fn fate(rules: &str, policy: &str) -> RuleOutcome {
    let text = format!("*filter\n:FORWARD {policy} [7:420]\n:OWN - [0:0]\n:DEEP - [0:0]\n{rules}COMMIT\n");
    pass(&Saved::parse(&text), "filter", "FORWARD", &packet(), &mut Vec::new())
}

#[test]
fn a_policy_decides_what_no_rule_does() {
    let policy = Blame { table: "filter".into(), chain: "FORWARD".into(), rule: None, packets: 7 };
    assert_eq!(fate("", "DROP"), RuleOutcome::Dropped(policy.clone()));
    assert_eq!(fate("", "ACCEPT"), RuleOutcome::Accepted);
    assert_eq!(fate("[0:0] -A FORWARD -i eth0 -j ACCEPT\n", "DROP"), RuleOutcome::Accepted);
    assert_eq!(fate("[0:0] -A FORWARD -i eth1 -j ACCEPT\n", "DROP"), RuleOutcome::Dropped(policy));
}

#[test]
fn each_condition_is_met_or_not() {
    for (conditions, is_met) in [
        ("-s 10.0.1.0/24", true),
        ("! -s 10.0.1.0/24", false),
        ("-d 10.0.0.2/32 -p tcp -m tcp --dport 80", true),
        ("-p tcp -m tcp --dport 81:90", false),
        ("-p tcp -m multiport --dports 22,79:81", true),
        ("-p udp -m udp --dport 80", false),
        ("-i eth+ -o br0", true),
        ("-i eth1", false),
        ("! -i eth1", true),
        ("-m conntrack --ctstate RELATED,ESTABLISHED", false),
        ("-m state --state NEW", true),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", true),
        ("-m comment --comment \"-j DROP \\\" it\"", true),
        ("-m addrtype --dst-type LOCAL", false),
        ("-m limit --limit 1/sec", true),
        ("-p icmp -m icmp --icmp-type 8", false),
        // What cannot be told is taken for not met.
        ("-m conntrack --ctstate DNAT --ctorigdst 10.9.0.1", false),
        ("-m owner --uid-owner 7", false),
        // Unless something else says no anyhow, which is no matter of doubt.
        ("-m owner --uid-owner 7 -i eth9", false),
    ] {
        let dropped =
            matches!(fate(&format!("[1:60] -A FORWARD {conditions} -j DROP\n"), "ACCEPT"), RuleOutcome::Dropped(_));
        assert_eq!(dropped, is_met, "{conditions}");
    }
}

#[test]
fn what_cannot_be_told_is_said() {
    let text = "*filter\n[0:0] -A FORWARD -m owner --uid-owner 7 -j DROP\n[0:0] -A FORWARD -m owner --uid-owner 7 -i eth9 -j DROP\n";
    let mut unclear = Vec::new();
    assert_eq!(pass(&Saved::parse(text), "filter", "FORWARD", &packet(), &mut unclear), RuleOutcome::Accepted);
    assert_eq!(unclear, ["-A FORWARD -m owner --uid-owner 7 -j DROP"]);
}

#[test]
fn chains_are_entered_and_left() {
    let rules = "[0:0] -A FORWARD -j OWN\n[0:0] -A FORWARD -j ACCEPT\n[0:0] -A OWN -s 10.0.1.5/32 -j RETURN\n[0:0] -A OWN -j DROP\n";
    assert_eq!(fate(rules, "DROP"), RuleOutcome::Accepted);
    let rules = "[0:0] -A FORWARD -g OWN\n[0:0] -A FORWARD -j ACCEPT\n[0:0] -A OWN -i eth9 -j ACCEPT\n";
    assert!(matches!(fate(rules, "DROP"), RuleOutcome::Dropped(Blame { rule: None, .. })), "goto does not come back");
    let rules = "[0:0] -A FORWARD -j OWN\n[0:0] -A OWN -j DEEP\n[0:0] -A DEEP -j OWN\n";
    assert_eq!(fate(rules, "ACCEPT"), RuleOutcome::Accepted, "a circle ends");
}

#[test]
fn translations_are_read() {
    let nat = |target: &str| {
        let text = format!("*nat\n[3:180] -A PREROUTING -m comment --comment rhailab:x:4 -j {target}\n");
        match pass(&Saved::parse(&text), "nat", "PREROUTING", &packet(), &mut Vec::new()) {
            RuleOutcome::Translated(translation, blame) => {
                assert_eq!((blame.packets, blame.tag()), (3, Tag::parse("rhailab:x:4").as_ref()));
                assert!(!blame.describe().contains("comment"), "{}", blame.describe());
                Some(translation)
            }
            _ => None,
        }
    };
    let ip = |text: &str| Some(text.parse().unwrap());
    assert_eq!(nat("DNAT --to-destination 10.0.0.9:8080"), Some(Translation::To(ip("10.0.0.9"), Some(8080))));
    assert_eq!(nat("DNAT --to-destination 10.0.0.9"), Some(Translation::To(ip("10.0.0.9"), None)));
    assert_eq!(nat("DNAT --to-destination [fd00::9]:80"), Some(Translation::To(ip("fd00::9"), Some(80))));
    assert_eq!(nat("DNAT --to-destination fd00::9"), Some(Translation::To(ip("fd00::9"), None)));
    assert_eq!(nat("REDIRECT --to-ports 3128"), Some(Translation::To(None, Some(3128))));
    assert_eq!(nat("SNAT --to-source 192.0.2.1"), Some(Translation::From(ip("192.0.2.1"))));
    assert_eq!(nat("SNAT --to-source fd00::1"), Some(Translation::From(ip("fd00::1"))));
    assert_eq!(nat("MASQUERADE"), Some(Translation::From(None)));
}
