//! Findings about the machine's own network.

use super::super::finding::Rating;
use super::super::host::{Case, all};
use super::{append, facts, is, needs, network, words};
use crate::kernel::linux::machine::{Network, Unread};
use crate::kernel::linux::netfilter::Backend;
use crate::kernel::linux::netfilter::inventory::{Drop, Held};
use crate::lab::machine::MachineFacts;
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::names::Ns;
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::sysctl::SetSysctl;

fn case(network: &Network, host: bool) -> Case<'_> {
    Case { network, is_root: true, host, needs: None }
}

fn held(family: Family, backend: Backend, lines: &[&str]) -> Held {
    Held { family, backend, lines: lines.iter().map(|line| (*line).to_owned()).collect() }
}

#[test]
fn rules_in_both_kinds_of_tables_are_a_trap_for_labs_on_the_machine() {
    let nft = held(Family::V4, Backend::Nft, &["*filter -A INPUT -j ACCEPT"]);
    let legacy = held(Family::V4, Backend::Legacy, &["*nat -A POSTROUTING -j MASQUERADE", "*nat :X -"]);
    let of = |tables| Network { tables: Ok(tables), ..network() };
    let both = of(vec![nft.clone(), legacy.clone()]);
    for (host, verdict) in [(false, Rating::Note), (true, Rating::Warning)] {
        let finding = &case(&both, host).backends()[0];
        assert!(finding.mend[0].contains("iptables-legacy-save | iptables-nft-restore"), "{finding:?}");
        is(finding, verdict, "1 line in nf_tables, 2 in the legacy", Some(&finding.mend[0].clone()));
    }
    is(&case(&of(vec![nft.clone()]), true).backends()[0], Rating::Ok, "rules are in nf_tables", None);
    // Of different families, they do not meet.
    let apart = of(vec![nft, Held { family: Family::V6, ..legacy }]);
    is(&case(&apart, true).backends()[0], Rating::Ok, "in nf_tables, the legacy tables", None);
    is(&case(&network(), true).backends()[0], Rating::Ok, "no rules", None);
}

#[test]
fn a_chain_that_drops_what_is_forwarded_is_told_with_what_gets_past_it() {
    let dropping = |family, table: &str, chain: &str| Drop { family, table: table.into(), chain: chain.into() };
    let own = Network { drops: vec![dropping("ip", "filter", "FORWARD")], ..network() };
    is(&case(&network(), true).forward()[0], Rating::Ok, "accepted", None);
    let mend = Some("sudo iptables-nft -P FORWARD ACCEPT");
    is(&case(&own, false).forward()[0], Rating::Note, "FORWARD of iptables drops", mend);
    let finding = &case(&own, true).forward()[0];
    is(finding, Rating::Warning, "FORWARD of iptables drops", mend);
    assert!(finding.means.contains("forward("), "{finding:?}");
    // A recipe that accepts its own packets gets past iptables' chain, but not past another one.
    let accepts = needs(vec![append(Ns::Host, Table::Filter, "FORWARD", "-i br0 --jump ACCEPT")]);
    let with = |network| Case { needs: Some(&accepts), ..case(network, true) }.forward().remove(0);
    is(&with(&own), Rating::Note, "drops", mend);
    let firewall = Network { drops: vec![dropping("inet", "fw", "fwd")], ..network() };
    is(
        &with(&firewall),
        Rating::Warning,
        "nft chain inet fw fwd",
        Some("sudo nft 'chain inet fw fwd { policy accept; }'"),
    );
    // The legacy chain counts if labs take the legacy tables, as they do if nothing is in the others.
    let legacy = held(Family::V6, Backend::Legacy, &["*filter :FORWARD DROP"]);
    let mend = Some("sudo ip6tables-legacy -P FORWARD ACCEPT");
    let alone = Network { tables: Ok(vec![legacy.clone()]), ..network() };
    is(&with(&alone), Rating::Note, "FORWARD of ip6tables, in the legacy tables,", mend);
    let used = held(Family::V4, Backend::Nft, &["*filter -A INPUT -j ACCEPT"]);
    let mixed = Network { tables: Ok(vec![legacy, used]), ..network() };
    is(&with(&mixed), Rating::Warning, "in the legacy tables", mend);
}

#[test]
fn docker_is_told_of_unless_the_recipe_comes_first() {
    let lines = ["*filter :DOCKER-USER -", "*filter -A FORWARD -j DOCKER-USER"];
    let there = Network { tables: Ok(vec![held(Family::V4, Backend::Nft, &lines)]), ..network() };
    assert_eq!(case(&network(), true).docker(), None);
    is(&case(&there, false).docker().unwrap(), Rating::Note, "Docker", None);
    is(&case(&there, true).docker().unwrap(), Rating::Warning, "Docker", None);
    let edits = vec![RuleEdit::insert("FORWARD", words("-i br0 --jump ACCEPT").into())];
    let first = Change::EditRules(EditRules::new(Ns::Host, Family::V4, Table::Filter, edits));
    let first = needs(vec![first]);
    is(&Case { needs: Some(&first), ..case(&there, true) }.docker().unwrap(), Rating::Note, "Docker", None);
}

#[test]
fn bridged_packets_that_meet_iptables_matter_most_where_it_drops() {
    let off = Network { sysctls: [("net.bridge.bridge-nf-call-iptables", "0".to_owned())].into(), ..network() };
    is(&case(&network(), true).bridged(), Rating::Ok, "not loaded", None);
    is(&case(&off, true).bridged(), Rating::Ok, "is off", None);
    let on = Network { sysctls: [("net.bridge.bridge-nf-call-iptables", "1".to_owned())].into(), ..network() };
    let mend = Some("sudo sysctl -w net.bridge.bridge-nf-call-iptables=0");
    is(&case(&on, true).bridged(), Rating::Note, "through iptables", mend);
    let drops = vec![Drop { family: "ip", table: "filter".into(), chain: "FORWARD".into() }];
    let dropping = Network { drops, ..on.clone() };
    is(&case(&dropping, true).bridged(), Rating::Warning, "through iptables", mend);
    is(&case(&dropping, false).bridged(), Rating::Note, "through iptables", mend);
    let finding = case(&Network { tables: Err(Unread::Denied), ..on }, true).bridged();
    assert!(finding.means.ends_with("if any."), "{finding:?}");
}

#[test]
fn strict_reverse_paths_and_forwarding_are_told() {
    let with = |key, value: &str| Network { sysctls: [(key, value.to_owned())].into(), ..network() };
    let key = "net.ipv4.conf.all.rp_filter";
    is(
        &case(&with(key, "1"), true).reverse_path(),
        Rating::Note,
        "strict",
        Some("sudo sysctl -w net.ipv4.conf.all.rp_filter=2"),
    );
    is(&case(&with(key, "2"), true).reverse_path(), Rating::Ok, "any interface", None);
    let mut both = with("net.ipv4.conf.default.rp_filter", "1");
    assert_eq!(case(&both, true).reverse_path().verdict, Rating::Note, "so for the interfaces of a lab");
    both.sysctls.insert(key, "2".to_owned());
    is(&case(&both, true).reverse_path(), Rating::Ok, "any interface", None);
    let (off, on) = (with("net.ipv4.ip_forward", "0"), with("net.ipv4.ip_forward", "1"));
    is(&case(&on, true).forwarding(), Rating::Ok, "are forwarded", None);
    is(&case(&off, true).forwarding(), Rating::Ok, "not forwarded", None);
    let masquerade = append(Ns::Host, Table::Nat, "POSTROUTING", "--jump MASQUERADE");
    let turn_on = Change::SetSysctl(SetSysctl { ns: Ns::Host, key: "net.ipv4.ip_forward".into(), value: "1".into() });
    let (lacking, whole) = (needs(vec![masquerade.clone()]), needs(vec![masquerade, turn_on]));
    let judge = |needs, host| Case { needs: Some(needs), ..case(&off, host) }.forwarding();
    is(&judge(&lacking, true), Rating::Warning, "not forwarded", Some("sudo sysctl -w net.ipv4.ip_forward=1"));
    is(&judge(&whole, true), Rating::Ok, "not forwarded", None);
    is(&judge(&lacking, false), Rating::Ok, "not forwarded", None);
}

#[test]
fn what_only_root_may_read_is_unknown_and_not_taken_for_empty() {
    let network = Network { tables: Err(Unread::Denied), ..network() };
    let judge = |is_root, host| all(&MachineFacts { is_root, network: Ok(network.clone()), ..facts() }, host, None);
    let user = judge(false, true);
    is(&user[0], Rating::Failure, "only root can change", None);
    for finding in &user[1..3] {
        is(finding, Rating::Unknown, "needs root", Some("sudo rhailab doctor --host"));
    }
    let weak = judge(true, true);
    is(&weak[0], Rating::Failure, "lacks CAP_NET_ADMIN", None);
    is(&weak[1], Rating::Unknown, "may not read", None);
    // Without --host nobody asked for such rights.
    assert!(judge(false, false).iter().all(|finding| finding.verdict < Rating::Warning));
    let failed = Network { tables: Err(Unread::Failed("iptables-save: timed out".into())), ..network };
    is(&case(&failed, true).forward()[0], Rating::Unknown, "timed out", None);
    let root = MachineFacts { is_root: true, ..facts() };
    is(&all(&root, true, None)[0], Rating::Ok, "root may", None);
    let blind = all(&MachineFacts { network: Err("no netlink".into()), ..facts() }, false, None);
    is(&blind[0], Rating::Unknown, "no netlink", None);
}

#[test]
fn an_uplink_is_a_default_route() {
    let uplink = |routes| {
        let facts = MachineFacts { network: Ok(Network { routes, ..network() }), ..facts() };
        all(&facts, false, None).pop().unwrap()
    };
    is(&uplink(network().routes), Rating::Ok, "via 192.0.2.1 by eth0", None);
    is(&uplink(Vec::new()), Rating::Note, "no default route", None);
}
