//! Deleting interfaces: only ours, and all of ours.

use crate::support::{Lab, add_netns, bridge, ifname, kernel, lab, mac, ns, reason, set, sh, veth, veth_with};
use rhailab::kernel::{ChangeRef, Kernel, Undone};
use rhailab::model::identity::Identity;
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::Ns;

/// A bridge with ports to that many namespaces; returns what was made of interfaces, newest first.
fn star(lab: &mut Lab, hosts: usize) -> Vec<usize> {
    let mut links = vec![lab.make(bridge(&Ns::Host, "br0"))];
    for host in 0..hosts {
        let name = format!("h{host}");
        lab.make(add_netns(&name));
        links.push(lab.make(veth_with(&Ns::Host, &format!("v{host}"), &ns(&name), "eth0", |link| {
            link.master = Some(ifname("br0"));
            link.up = true;
        })));
    }
    links.reverse();
    links
}

fn group(lab: &Lab, at: usize) -> u32 {
    match &lab.made[at].1 {
        Identity::Link { group, .. } => *group,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_took_our_name_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    let br0 = lab.make(bridge(&Ns::Host, "br0"));
    sh("ip link del br0; ip link add br0 type bridge");
    assert!(reason(lab.undo(br0)).unwrap().contains("another interface"));
    assert!(lab.has_link(&Ns::Host, "br0"));
    // Even another kind of interface with our address.
    let pair = lab.make(veth(&Ns::Host, "veth0", &Ns::Host, "veth1"));
    let mac = lab.link(&Ns::Host, "veth0").mac.unwrap();
    sh(&format!("ip link del veth0; ip link add veth0 address {mac} type bridge"));
    assert!(reason(lab.undo(pair)).is_some());
    assert!(lab.has_link(&Ns::Host, "veth0"));
}

#[test]
fn ours_is_found_under_another_name() {
    let Some(mut lab) = lab() else { return };
    let br0 = lab.make(bridge(&Ns::Host, "br0"));
    sh("ip link set br0 down; ip link set br0 name old; ip link add br0 type bridge");
    lab.undo(br0);
    assert!(!lab.has_link(&Ns::Host, "old") && lab.has_link(&Ns::Host, "br0"));
    assert!(reason(lab.undo(br0)).is_some());
}

#[test]
fn ours_is_found_with_another_address_or_group() {
    let Some(mut lab) = lab() else { return };
    let a = lab.make(bridge(&Ns::Host, "a"));
    let b = lab.make(bridge(&Ns::Host, "b"));
    sh("ip link set dev a address 02:00:00:00:00:07; ip link set dev b group 7");
    lab.undo_twice(a);
    lab.undo_twice(b);
}

#[test]
fn ours_is_found_with_the_name_and_the_address_that_the_recipe_gave_it() {
    for alone in [true, false] {
        let Some(mut lab) = lab() else { return };
        let br0 = lab.make(bridge(&Ns::Host, "br0"));
        let pair = lab.make(veth(&Ns::Host, "a", &Ns::Host, "b"));
        for (name, mac_1, mac_2) in [("br0", 1, 2), ("a", 3, 4), ("b", 5, 6)] {
            for last in [mac_1, mac_2] {
                lab.make(set(&Ns::Host, name, LinkSet::Mac(mac(&format!("02:00:00:00:00:0{last}")))));
            }
            lab.make(set(&Ns::Host, name, LinkSet::Name(ifname(&format!("{name}-new")))));
        }
        // A process that takes the lab down later knows all that from the journal.
        let mut later = kernel();
        for (change, identity) in &lab.made {
            later.recall(ChangeRef { n: 0, change, identity });
        }
        lab.kernel = later;
        if alone {
            lab.undo_twice(pair);
            lab.undo_twice(br0);
        } else {
            assert_eq!(lab.undo_all(&[pair, br0]), vec![Undone::Yes; 2]);
        }
        assert_eq!(sh("ip -br link | grep -c . ; true").trim(), "1", "only lo is left");
    }
}

#[test]
fn ours_is_found_in_another_namespace() {
    let Some(mut lab) = lab() else { return };
    for name in ["x", "y", "z"] {
        lab.make(add_netns(name));
    }
    // Moved by hand: its peer leads to it.
    let pair = lab.make(veth(&Ns::Host, "a", &ns("x"), "b"));
    sh("ip link set dev a netns y");
    lab.undo_twice(pair);
    assert!(!lab.has_link(&ns("y"), "a") && !lab.has_link(&ns("x"), "b"));
    // Both ends moved by the recipe, and these moves not undone.
    let pair = lab.make(veth(&ns("x"), "a", &ns("y"), "b"));
    lab.make(set(&ns("x"), "a", LinkSet::Ns(Ns::Host)));
    lab.make(set(&ns("y"), "b", LinkSet::Ns(ns("z"))));
    lab.undo_twice(pair);
    assert!(!lab.has_link(&Ns::Host, "a") && !lab.has_link(&ns("z"), "b"));
}

#[test]
fn what_went_with_its_namespace_is_gone() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    let inner = lab.make(bridge(&ns("web"), "br0"));
    let pair = lab.make(veth(&Ns::Host, "veth0", &ns("web"), "eth0"));
    sh("ip netns del web; ip netns add web; ip -n web link add br0 type bridge");
    assert_eq!(lab.undo(inner), Undone::AlreadyGone);
    assert!(lab.has_link(&ns("web"), "br0"));
    sh("for i in $(seq 500); do ip link show veth0 2>/dev/null || break; sleep 0.01; done");
    assert_eq!(lab.undo(pair), Undone::AlreadyGone);
    sh("ip netns del web");
    assert_eq!(lab.undo(inner), Undone::AlreadyGone);
}

#[test]
fn another_root_namespace_is_not_searched() {
    let Some(mut lab) = lab() else { return };
    let br0 = lab.make(bridge(&Ns::Host, "br0"));
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    sh("ip link add br0 type bridge");
    let (change, identity) = &lab.made[br0];
    let refusal = kernel().undo(ChangeRef { n: 0, change, identity }).unwrap_err();
    assert!(refusal.words.contains("root namespace"), "{refusal}");
    assert!(sh("ip link show br0").contains("br0"));
}

#[test]
fn a_lab_goes_at_once_and_nothing_else_does() {
    let Some(mut lab) = lab() else { return };
    let links = star(&mut lab, 5);
    // Of somebody else: in no group, in our group, in a namespace of ours.
    sh(&format!(
        "ip link add theirs type bridge; ip link add grouped group {} type bridge; ip link add far type veth peer name near netns h0",
        group(&lab, links[0])
    ));
    let undone = lab.undo_all(&links);
    assert_eq!(undone, vec![Undone::Yes; 6]);
    for name in ["br0", "v0", "v4"] {
        assert!(!lab.has_link(&Ns::Host, name), "{name}");
    }
    assert!(!lab.has_link(&ns("h3"), "eth0"));
    for name in ["theirs", "grouped", "far"] {
        assert!(lab.has_link(&Ns::Host, name), "{name}");
    }
    assert_eq!(lab.undo_all(&links), vec![Undone::AlreadyGone; 6]);
}

#[test]
fn what_is_not_in_its_place_is_told_from_the_rest() {
    let Some(mut lab) = lab() else { return };
    let links = star(&mut lab, 4);
    sh("ip link set v0 name renamed; ip link del v1; ip link del v2; ip link add v2 type bridge");
    let undone = lab.undo_all(&links);
    let [v3, v2, v1, v0, br0] = undone.as_slice() else { panic!("{undone:?}") };
    assert_eq!([v3, v1, v0, br0], [&Undone::Yes, &Undone::AlreadyGone, &Undone::Yes, &Undone::Yes]);
    assert!(matches!(v2, Undone::NotOurs(_)));
    assert!(!lab.has_link(&Ns::Host, "renamed") && lab.has_link(&Ns::Host, "v2"));
}

#[test]
fn pairs_from_several_namespaces_go_by_the_end_they_have_in_one() {
    let Some(mut lab) = lab() else { return };
    for name in ["x", "y"] {
        lab.make(add_netns(name));
    }
    let all = [
        lab.make(veth(&ns("x"), "eth0", &Ns::Host, "x0")),
        lab.make(veth(&Ns::Host, "y0", &ns("y"), "eth0")),
        lab.make(veth(&Ns::Host, "p", &Ns::Host, "q")),
        lab.make(bridge(&Ns::Host, "br0")),
    ];
    // Ours, in the same namespace and group, but staying.
    let stays = lab.make(veth(&ns("x"), "eth1", &Ns::Host, "x1"));
    assert_eq!(lab.undo_all(&all), vec![Undone::Yes; 4]);
    let left = lab.kernel.snapshot(&Ns::Host).unwrap().links;
    assert_eq!(left.iter().map(|link| link.name.as_str()).collect::<Vec<_>>(), ["lo", "x1"]);
    lab.undo_twice(stays);
}

#[test]
fn a_later_process_finds_what_an_earlier_one_made() {
    let Some(mut lab) = lab() else { return };
    let links = star(&mut lab, 3);
    lab.make(set(&ns("h0"), "eth0", LinkSet::Name(ifname("eth1"))));
    lab.make(set(&ns("h0"), "eth1", LinkSet::Ns(ns("h1"))));
    let mut later = kernel();
    for (change, identity) in &lab.made {
        later.recall(ChangeRef { n: 0, change, identity });
    }
    lab.kernel = later;
    assert_eq!(lab.undo_all(&links), vec![Undone::Yes; 4]);
}
