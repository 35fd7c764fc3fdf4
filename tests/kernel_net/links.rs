//! Making interfaces.

use crate::support::{add_netns, bridge, ifname, lab, mac, ns, set, sh, veth, veth_with};
use nix::errno::Errno;
use rhailab::kernel::Kernel;
use rhailab::model::change::Change;
use rhailab::model::identity::Identity;
use rhailab::model::link::{AddLink, Attr, NewLink};
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::Ns;

#[test]
fn a_veth_is_born_with_its_peer_in_another_namespace() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    lab.make(bridge(&Ns::Host, "br0"));
    let pair = lab.make(veth_with(&Ns::Host, "veth0", &ns("web"), "eth0", |link| {
        link.master = Some(ifname("br0"));
        link.up = true;
        link.mtu = Some(1400);
    }));
    let br0 = lab.link(&Ns::Host, "br0");
    let veth0 = lab.link(&Ns::Host, "veth0");
    let eth0 = lab.link(&ns("web"), "eth0");
    let Identity::Link { mac, peer, group, .. } = lab.made[pair].1.clone() else { panic!("{:?}", lab.made[pair]) };
    assert_eq!((veth0.kind.as_str(), veth0.mac, veth0.mtu, veth0.up), ("veth", Some(mac), 1400, true));
    assert_eq!((veth0.group, veth0.master), (group, Some(br0.index)));
    assert_eq!((eth0.kind.as_str(), eth0.mac, eth0.mtu, eth0.up), ("veth", peer, 1400, false));
    assert_eq!(eth0.group, group);
    assert!(!lab.has_link(&Ns::Host, "eth0") && !lab.has_link(&ns("web"), "veth0"));
    assert!(sh("ip -d link show veth0").contains("numtxqueues 1"));

    lab.undo_twice(pair);
    assert!(!lab.has_link(&Ns::Host, "veth0") && !lab.has_link(&ns("web"), "eth0"));
}

#[test]
fn a_veth_may_be_born_anywhere() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("a"));
    lab.make(add_netns("b"));
    for (here, there) in [(ns("a"), ns("b")), (ns("a"), Ns::Host), (ns("b"), ns("b")), (Ns::Host, Ns::Host)] {
        let pair = lab.make(veth(&here, "left", &there, "right"));
        assert!(lab.has_link(&here, "left") && lab.has_link(&there, "right"), "{here} {there}");
        lab.undo_twice(pair);
        assert!(!lab.has_link(&here, "left") && !lab.has_link(&there, "right"), "{here} {there}");
    }
}

#[test]
fn a_bridge_is_up_with_an_address_of_its_own() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    for (place, stp) in [(Ns::Host, false), (ns("web"), true)] {
        let link = NewLink {
            mtu: Some(9000),
            mac: Some(mac("02:00:00:00:00:01")),
            up: true,
            ..NewLink::bridge(ifname("br0")).with("stp", Some(Attr::Bool(stp)))
        };
        let made = lab.make(Change::AddLink(AddLink { ns: place.clone(), link }));
        let br0 = lab.link(&place, "br0");
        assert_eq!(
            (br0.kind.as_str(), br0.mac, br0.mtu, br0.up),
            ("bridge", Some(mac("02:00:00:00:00:01")), 9000, true)
        );
        let state = if place == Ns::Host { "ip -d link show br0" } else { "ip -n web -d link show br0" };
        assert!(sh(state).contains(if stp { "stp_state 1" } else { "stp_state 0" }));
        lab.undo_twice(made);
    }
}

#[test]
fn a_bridge_keeps_its_address_whatever_its_ports_have() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    let before = lab.link(&Ns::Host, "br0").mac;
    lab.make(veth_with(&Ns::Host, "low", &Ns::Host, "peer", |link| {
        link.mac = Some(mac("02:00:00:00:00:01"));
        link.master = Some(ifname("br0"));
    }));
    assert_eq!(lab.link(&Ns::Host, "br0").mac, before);
}

#[test]
fn a_veth_that_is_refused_leaves_neither_end() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    sh("ip link add taken type bridge; ip -n web link add eth9 type bridge");
    let before = lab.kernel.snapshot_all().unwrap();
    let cases = [
        (veth(&Ns::Host, "taken", &ns("web"), "eth0"), Errno::EEXIST),
        (veth(&Ns::Host, "veth0", &ns("web"), "eth9"), Errno::EEXIST),
        (veth(&Ns::Host, "veth0", &ns("nowhere"), "eth0"), Errno::ENOENT),
        (veth(&ns("nowhere"), "veth0", &ns("web"), "eth0"), Errno::ENOENT),
        (veth_with(&Ns::Host, "veth0", &ns("web"), "eth0", |l| l.master = Some(ifname("none"))), Errno::ENODEV),
        (veth_with(&Ns::Host, "veth0", &ns("web"), "eth0", |l| l.master = Some(ifname("lo"))), Errno::EOPNOTSUPP),
        (veth_with(&Ns::Host, "veth0", &ns("web"), "eth0", |l| l.mtu = Some(100_000)), Errno::EINVAL),
    ];
    for (change, errno) in cases {
        let refusal = lab.attempt(change.clone()).unwrap_err();
        assert_eq!(refusal.number(), Some(errno as i32), "{change:?}: {refusal}");
        assert_eq!(lab.kernel.snapshot_all().unwrap(), before, "{change:?}");
    }
}

#[test]
fn a_refusal_has_the_kernels_own_words() {
    let Some(mut lab) = lab() else { return };
    lab.make(veth(&Ns::Host, "veth0", &Ns::Host, "veth1"));
    let refusal = lab.attempt(set(&Ns::Host, "veth0", LinkSet::Mtu(100_000))).unwrap_err();
    assert_eq!(refusal.request, "RTM_SETLINK");
    assert!(refusal.words.contains("mtu greater than device maximum"), "{refusal}");
}

#[test]
fn two_labs_have_different_marks() {
    let Some(mut lab) = lab() else { return };
    let first = lab.attempt(bridge(&Ns::Host, "br0")).unwrap();
    let second = crate::support::kernel().prepare(0, &bridge(&Ns::Host, "br1")).unwrap();
    let (Identity::Link { mac, group, cookie, .. }, Identity::Link { mac: m, group: g, cookie: c, .. }) =
        (first, second)
    else {
        panic!("not links")
    };
    assert_eq!(cookie, c);
    assert!(group != g && group >> 24 == 0x72 && mac != m);
}
