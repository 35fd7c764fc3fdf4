//! Numbers of requests: what keeps a lab fast on every machine.

use crate::support::{Lab, add_netns, add_route, addr, bridge, ifname, lone_lab, ns, route, set, sh, veth, veth_with};
use rhailab::kernel::linux::netlink::counts;
use rhailab::kernel::{ChangeRef, Kernel, Observed, Undone};
use rhailab::model::kind::Kind;
use rhailab::model::link_set::LinkSet;
use rhailab::model::names::Ns;
use rhailab::model::subject::{Fact, LINK, MASTER, PEER};
use std::time::Instant;

#[test]
fn a_host_takes_six_requests_and_a_lab_goes_by_one_deletion() {
    let Some(mut lab) = lone_lab() else { return };
    let hosts = 100;
    let before = lab.kernel.snapshot_all().unwrap();
    let started = Instant::now();
    let mut links = vec![lab.make(bridge(&Ns::Host, "br0"))];
    let mut spaces = Vec::new();
    lab.make(addr(&Ns::Host, "br0", "10.0.0.1/16"));
    for host in 0..hosts {
        let first = counts();
        let web = ns(&format!("h{host}"));
        spaces.push(lab.make(add_netns(&format!("h{host}"))));
        links.push(lab.make(veth_with(&Ns::Host, &format!("v{host}"), &web, "eth0", |link| {
            link.master = Some(ifname("br0"));
            link.up = true;
        })));
        lab.make(set(&web, "eth0", LinkSet::Up(true)));
        lab.make(addr(&web, "eth0", &format!("10.0.1.{host}/16")));
        lab.make(add_route(&web, route("0.0.0.0/0", Some("10.0.0.1"), None)));
        let requests = counts().requests - first.requests;
        assert!(requests <= 6, "host {host} took {requests}");
    }
    eprintln!("{hosts} hosts up in {:?}", started.elapsed());

    links.reverse();
    spaces.reverse();
    let first = counts();
    let started = Instant::now();
    assert!(lab.undo_all(&links).iter().all(|undone| *undone == Undone::Yes));
    assert!(lab.undo_all(&spaces).iter().all(|undone| *undone == Undone::Yes));
    eprintln!("{hosts} hosts down in {:?}", started.elapsed());
    let last = counts();
    assert_eq!(last.link_deletions - first.link_deletions, 1);
    assert_eq!(last.link_moves - first.link_moves, 0);
    // A list, the bridge down (its deletion is quadratic otherwise), the deletion.
    assert_eq!(last.requests - first.requests, 3);
    assert_eq!(lab.kernel.snapshot_all().unwrap(), before);
}

#[test]
fn pairs_with_both_ends_in_one_namespace_go_like_the_others() {
    let Some(mut lab) = lone_lab() else { return };
    let links = ["a", "b"].map(|name| lab.make(veth(&Ns::Host, name, &Ns::Host, &format!("{name}1"))));
    let first = counts();
    assert_eq!(lab.undo_all(&links), vec![Undone::Yes; 2]);
    let last = counts();
    assert_eq!((last.requests - first.requests, last.link_deletions - first.link_deletions), (2, 1));
}

#[test]
fn what_stands_of_interfaces_is_read_in_four_lists_for_each_namespace() {
    let Some(mut lab) = lone_lab() else { return };
    let web = ns("web");
    lab.make(add_netns("web"));
    lab.make(bridge(&Ns::Host, "br0"));
    lab.make(veth_with(&Ns::Host, "port", &web, "eth0", |link| {
        link.master = Some(ifname("br0"));
        link.up = true;
    }));
    lab.make(set(&Ns::Host, "port", LinkSet::Hairpin(true)));
    lab.make(set(&Ns::Host, "br0", LinkSet::LinkLocal(false)));
    lab.make(set(&web, "eth0", LinkSet::LinkLocal(true)));
    let Lab { kernel, made, .. } = &mut lab;
    let facts: Vec<Fact> = made.iter().flat_map(|(change, identity)| change.facts(identity)).collect();
    let mut read = || {
        let entries: Vec<ChangeRef<'_>> =
            made.iter().map(|(change, identity)| ChangeRef { n: 0, change, identity }).collect();
        let first = counts();
        let read: Vec<Observed> = kernel.read(&entries).into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(counts().requests - first.requests, 2 * 4, "interfaces, addresses, and routes of two families");
        read
    };
    let what = [LINK, PEER, MASTER, "hairpin", "addrgenmode"];
    let shown = |read: &[Observed]| -> Vec<String> {
        let of_links = facts.iter().zip(read).filter(|(fact, _)| what.contains(&fact.subject.what));
        let wrong = of_links.filter(|(fact, seen)| **seen != Observed::Is(fact.value.clone()));
        wrong.map(|(fact, seen)| format!("{}: {seen:?}", fact.subject)).collect()
    };
    assert_eq!(shown(&read()), Vec::<String>::new());
    assert!(facts.iter().filter(|fact| what.contains(&fact.subject.what)).count() >= 9, "{facts:#?}");
    sh("bridge link set dev port hairpin off");
    sh("ip link set br0 addrgenmode eui64");
    let wrong = shown(&read());
    assert_eq!(wrong, ["hairpin of port in host: Is(\"off\")", "addrgenmode of br0 in host: Is(\"eui64\")",]);
}
