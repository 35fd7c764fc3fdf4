//! Numbers of requests: what keeps a lab fast on every machine.

use crate::support::{add_netns, add_route, addr, bridge, ifname, lone_lab, ns, route, set, veth, veth_with};
use rhailab::kernel::Undone;
use rhailab::kernel::linux::netlink::counts;
use rhailab::model::link_attr::LinkSet;
use rhailab::model::names::Ns;
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
