//! Setting attributes of interfaces.

use crate::support::{add_netns, bridge, ifname, lab, mac, ns, reason, set, sh, veth, veth_with};
use nix::errno::Errno;
use rhailab::kernel::Undone;
use rhailab::model::identity::Identity;
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::Ns;
use rhailab::model::observe::NsSnapshot;

#[test]
fn every_attribute_is_set_read_and_set_back() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    lab.make(bridge(&Ns::Host, "br0"));
    lab.make(veth(&Ns::Host, "free", &ns("web"), "eth0"));
    lab.make(veth_with(&Ns::Host, "port", &ns("web"), "eth1", |link| link.master = Some(ifname("br0"))));
    let own = lab.link(&Ns::Host, "free").mac.unwrap();
    let cases = [
        ("free", LinkSet::Up(true), LinkSet::Up(false), "state UP|LOWERLAYERDOWN"),
        ("br0", LinkSet::Up(false), LinkSet::Up(true), "br0: <BROADCAST,MULTICAST>"),
        ("free", LinkSet::Mtu(1280), LinkSet::Mtu(1500), "mtu 1280"),
        ("free", LinkSet::Mac(mac("02:00:00:00:00:09")), LinkSet::Mac(own), "02:00:00:00:00:09"),
        ("free", LinkSet::Master(Some(ifname("br0"))), LinkSet::Master(None), "master br0"),
        ("port", LinkSet::Master(None), LinkSet::Master(Some(ifname("br0"))), "port"),
        ("port", LinkSet::Hairpin(true), LinkSet::Hairpin(false), "hairpin on"),
        ("free", LinkSet::LinkLocal(false), LinkSet::LinkLocal(true), "addrgenmode none"),
        ("free", LinkSet::Name(ifname("other")), LinkSet::Name(ifname("free")), "other"),
        ("free", LinkSet::Ns(ns("web")), LinkSet::Ns(Ns::Host), "free"),
    ];
    for (link, wanted, was, shown) in cases {
        let before = lab.kernel.snapshot_all().unwrap();
        let at = lab.make(set(&Ns::Host, link, wanted.clone()));
        assert_eq!(lab.made[at].1, Identity::Was(was), "{wanted:?}");
        let (place, name) = match &wanted {
            LinkSet::Ns(_) => ("-n web", link),
            LinkSet::Name(name) => ("", name.as_str()),
            _ => ("", link),
        };
        let text = sh(&format!("ip {place} -d link show {name}"));
        assert!(shown.split('|').any(|shown| text.contains(shown)), "{wanted:?}: {text}");
        assert_eq!(
            text.contains("master br0"),
            matches!(wanted, LinkSet::Master(Some(_))) || text.contains("hairpin on")
        );

        lab.undo_twice(at);
        let after = lab.kernel.snapshot_all().unwrap();
        if matches!(wanted, LinkSet::Ns(_)) {
            assert_eq!(without_index(after), without_index(before), "{wanted:?}");
        } else {
            assert_eq!(after, before, "{wanted:?}");
        }
    }
}

/// An interface gets another index, and so another place in the list, in each namespace that it comes to.
fn without_index(mut all: Vec<NsSnapshot>) -> Vec<NsSnapshot> {
    for (_, snapshot) in &mut all {
        for link in &mut snapshot.links {
            link.index = 0;
            link.peer.iter_mut().for_each(|peer| peer.index = 0);
        }
        snapshot.links.sort_by(|a, b| a.name.cmp(&b.name));
    }
    all
}

#[test]
fn what_is_already_so_is_not_done() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    let at = lab.make(set(&Ns::Host, "br0", LinkSet::Up(true)));
    assert_eq!(lab.made[at].1, Identity::Already);
    assert_eq!(lab.undo(at), Undone::AlreadyGone);
    assert!(lab.link(&Ns::Host, "br0").up);
}

#[test]
fn what_somebody_else_set_meanwhile_stays() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    let mtu = lab.make(set(&Ns::Host, "br0", LinkSet::Mtu(1400)));
    sh("ip link set br0 mtu 1300");
    assert!(reason(lab.undo(mtu)).unwrap().contains("mtu 1300"));
    assert_eq!(lab.link(&Ns::Host, "br0").mtu, 1300);
    sh("ip link set br0 mtu 1500");
    assert_eq!(lab.undo(mtu), Undone::AlreadyGone);
}

#[test]
fn an_interface_that_took_the_name_of_ours_is_not_set_back() {
    let Some(mut lab) = lab() else { return };
    let pair = lab.make(veth(&Ns::Host, "a", &Ns::Host, "peer"));
    let renamed = lab.make(set(&Ns::Host, "a", LinkSet::Name(ifname("b"))));
    let mtu = lab.make(set(&Ns::Host, "b", LinkSet::Mtu(1400)));
    sh("ip link del dev b; ip link add name b mtu 1400 type veth peer name c");
    assert!(reason(lab.undo(mtu)).unwrap().contains("another interface"));
    assert!(reason(lab.undo(renamed)).unwrap().contains("another interface"));
    assert_eq!(lab.undo(pair), Undone::AlreadyGone);
    assert_eq!(lab.link(&Ns::Host, "b").mtu, 1400);
}

#[test]
fn a_namespace_that_took_the_name_of_ours_is_not_set_back() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    let up = lab.make(set(&ns("web"), "lo", LinkSet::Mtu(1400)));
    sh("ip netns del web; ip netns add web; ip -n web link set lo mtu 1400");
    assert_eq!(lab.undo(up), Undone::AlreadyGone);
    assert_eq!(lab.link(&ns("web"), "lo").mtu, 1400);
    sh("ip netns del web");
    assert_eq!(lab.undo(up), Undone::AlreadyGone);
}

#[test]
fn refusals_name_the_reason() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    lab.make(bridge(&Ns::Host, "br1"));
    sh("ip link add stable type bridge; ip link set stable addrgenmode random");
    let cases = [
        ("none", LinkSet::Up(true), Errno::ENODEV, "no interface `none`"),
        ("br0", LinkSet::Hairpin(true), Errno::EOPNOTSUPP, "not a bridge port"),
        ("br0", LinkSet::Master(Some(ifname("br1"))), Errno::ELOOP, "enslave a bridge to a bridge"),
        ("br0", LinkSet::Mtu(1), Errno::EINVAL, "mtu less than device minimum"),
        ("br0", LinkSet::Name(ifname("br1")), Errno::EEXIST, ""),
        ("br0", LinkSet::Ns(ns("nowhere")), Errno::ENOENT, ""),
        ("stable", LinkSet::LinkLocal(false), Errno::EOPNOTSUPP, "could not be restored"),
    ];
    let before = lab.kernel.snapshot_all().unwrap();
    for (link, wanted, errno, words) in cases {
        let refusal = lab.attempt(set(&Ns::Host, link, wanted.clone())).unwrap_err();
        assert_eq!(refusal.number(), Some(errno as i32), "{wanted:?}: {refusal}");
        assert!(refusal.words.to_lowercase().contains(words), "{wanted:?}: {refusal}");
        assert_eq!(lab.kernel.snapshot_all().unwrap(), before);
    }
    assert_eq!(lab.attempt(set(&Ns::Host, "stable", LinkSet::LinkLocal(true))).unwrap(), Identity::Already);
}
