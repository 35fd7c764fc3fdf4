//! Routes.

use crate::support::{Lab, add_netns, add_route, addr, bridge, ifname, ip, lab, ns, route, sh};
use nix::errno::Errno;
use rhailab::kernel::{ChangeRef, Kernel, Observed, Undone};
use rhailab::model::identity::Identity;
use rhailab::model::names::Ns;
use rhailab::model::route::{Route, RouteHop, RouteKind, Scope};

/// `br0` with an address of each family, in a namespace without link-local addresses.
fn place(lab: &mut Lab) -> Ns {
    lab.make(add_netns("web"));
    lab.make(bridge(&ns("web"), "br0"));
    lab.make(addr(&ns("web"), "br0", "10.0.0.2/24"));
    lab.make(addr(&ns("web"), "br0", "fd00::2/64"));
    ns("web")
}

fn routes(lab: &mut Lab, ns: &Ns) -> Vec<Route> {
    lab.kernel.snapshot(ns).unwrap().routes
}

#[test]
fn a_route_is_added_read_and_deleted() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    let before = routes(&mut lab, &web);
    let cases = [
        route("0.0.0.0/0", Some("10.0.0.1"), None),
        route("0.0.0.0/0", Some("10.0.0.1"), Some("br0")),
        Route { metric: Some(50), ..route("192.0.2.0/24", Some("10.0.0.1"), None) },
        route("198.51.100.0/24", None, Some("br0")),
        route("198.51.100.7/32", Some("fd00::1"), Some("br0")),
        route("::/0", Some("fd00::1"), None),
        route("2001:db8::/32", Some("fe80::1"), Some("br0")),
        Route { metric: Some(50), ..route("2001:db8::/32", Some("fd00::1"), None) },
        route("2001:db8:1::/48", None, Some("br0")),
    ];
    for wanted in cases {
        let at = lab.make(add_route(&web, wanted.clone()));
        let found = Route { dev: Some(ifname("br0")), ..wanted.clone() };
        assert!(routes(&mut lab, &web).contains(&found), "{wanted:?}: {:?}", routes(&mut lab, &web));
        let shown = sh("ip -n web route show proto 98; ip -n web -6 route show proto 98");
        assert_eq!(shown.lines().count(), 1, "{shown}");
        let refusal = lab.attempt(add_route(&web, wanted.clone())).unwrap_err();
        assert_eq!(refusal.number(), Some(Errno::EEXIST as i32), "{refusal}");
        lab.undo_twice(at);
        assert_eq!(routes(&mut lab, &web), before, "{wanted:?}");
    }
}

#[test]
fn tables_fates_and_several_next_hops_are_read_back_and_deleted() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    let before = routes(&mut lab, &web);
    let hops = |all: &[&str]| -> Vec<RouteHop> { all.iter().map(|text| text.parse().unwrap()).collect() };
    let base = |to: &str| route(to, None, None);
    let cases = [
        (Route { table: Some(100), ..route("10.9.0.0/16", Some("10.0.0.1"), None) }, "table 100", "via 10.0.0.1"),
        (Route { table: Some(1000), ..route("2001:db8::/32", Some("fd00::1"), None) }, "table 1000", "via fd00::1"),
        (Route { fate: Some(RouteKind::Blackhole), ..base("10.9.0.0/16") }, "", "blackhole 10.9.0.0/16"),
        (Route { fate: Some(RouteKind::Unreachable), ..base("2001:db8::/32") }, "", "unreachable 2001:db8::/32"),
        (
            Route { fate: Some(RouteKind::Prohibit), table: Some(7), ..base("10.9.0.0/16") },
            "table 7",
            "prohibit 10.9.0.0/16",
        ),
        (Route { onlink: true, ..route("10.9.0.0/16", Some("10.77.0.1"), Some("br0")) }, "", "10.77.0.1 dev br0"),
        (Route { src: Some(ip("10.0.0.2")), ..route("10.9.0.0/16", Some("10.0.0.1"), None) }, "", "src 10.0.0.2"),
        (Route { scope: Some(Scope::Host), ..route("10.9.0.9/32", None, Some("br0")) }, "", "scope host"),
        (Route { hops: hops(&["10.0.0.4", "10.0.0.3 weight 2"]), ..base("10.9.0.0/16") }, "", "weight 2"),
        (Route { hops: hops(&["fd00::4", "via fd00::3 dev br0 weight 3"]), ..base("2001:db8::/32") }, "", "weight 3"),
    ];
    for (wanted, table, text) in cases {
        let change = add_route(&web, wanted.clone());
        let at = lab.make(change.clone());
        // A family has a table only once it has a route in it.
        let of = |family: &str| format!("ip -n web {family} route show {table} proto 98 2>/dev/null || true");
        let shown = sh(&format!("{}; {}", of("-4"), of("-6")));
        assert!(shown.contains(text), "{wanted:?}: {shown}");
        let observed = lab.kernel.read(&[ChangeRef { n: 1, change: &change, identity: &Identity::Spec }]);
        assert!(matches!(&observed[0], Ok(all) if matches!(all[..], [Observed::Is(_)])), "{wanted:?}: {observed:?}");
        lab.undo_twice(at);
        assert_eq!(routes(&mut lab, &web), before, "{wanted:?}");
    }
}

#[test]
fn a_route_that_somebody_else_added_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    for (wanted, theirs) in [
        (route("192.0.2.0/24", Some("10.0.0.1"), None), "192.0.2.0/24 via 10.0.0.1"),
        (route("2001:db8::/32", Some("fd00::1"), None), "2001:db8::/32 via fd00::1"),
    ] {
        let at = lab.make(add_route(&web, wanted));
        // In place of ours: without our number, then by another way or metric.
        for other in [theirs.to_owned(), format!("{theirs}9 proto 98"), format!("{theirs} proto 98 metric 7")] {
            sh(&format!(
                "ip -n web route flush proto 98; ip -n web -6 route flush proto 98; ip -n web route add {other}"
            ));
            let there = routes(&mut lab, &web);
            assert_eq!(lab.undo(at), Undone::AlreadyGone, "{other}");
            assert_eq!(routes(&mut lab, &web), there, "{other}");
            sh(&format!("ip -n web route del {other}"));
        }
    }
}

#[test]
fn a_route_that_went_with_its_interface_is_gone() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    let by_link = lab.make(add_route(&web, route("192.0.2.0/24", None, Some("br0"))));
    let by_hop = lab.make(add_route(&web, route("0.0.0.0/0", Some("10.0.0.1"), None)));
    sh("ip -n web link del br0");
    assert_eq!(lab.undo(by_link), Undone::AlreadyGone);
    assert_eq!(lab.undo(by_hop), Undone::AlreadyGone);
}

#[test]
fn refusals_name_the_reason() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    let cases = [
        (route("0.0.0.0/0", Some("192.0.2.1"), None), Errno::ENETUNREACH, "Nexthop has invalid gateway"),
        (route("::/0", Some("2001:db8::1"), None), Errno::EHOSTUNREACH, ""),
        (route("192.0.2.0/24", None, Some("none")), Errno::ENODEV, "no interface `none`"),
    ];
    for (wanted, errno, words) in cases {
        let refusal = lab.attempt(add_route(&web, wanted)).unwrap_err();
        assert_eq!(refusal.number(), Some(errno as i32), "{refusal}");
        assert!(refusal.words.contains(words), "{refusal}");
    }
    // IPv6 by an IPv4 next hop is not a thing.
    assert!(lab.attempt(add_route(&web, route("::/0", Some("10.0.0.1"), None))).is_err());
}

#[test]
fn the_kernel_says_where_packets_would_go() {
    let Some(mut lab) = lab() else { return };
    let web = place(&mut lab);
    let nowhere = lab.kernel.route_to(&web, ip("192.0.2.1")).unwrap_err();
    assert_eq!(nowhere.number(), Some(Errno::ENETUNREACH as i32));
    lab.make(add_route(&web, route("0.0.0.0/0", Some("10.0.0.1"), None)));
    lab.make(add_route(&web, route("::/0", Some("fd00::1"), None)));
    for (to, via, src) in [
        ("192.0.2.1", Some("10.0.0.1"), "10.0.0.2"),
        ("10.0.0.7", None, "10.0.0.2"),
        ("2001:db8::1", Some("fd00::1"), "fd00::2"),
        ("fd00::7", None, "fd00::2"),
    ] {
        let answer = lab.kernel.route_to(&web, ip(to)).unwrap();
        assert_eq!(answer.dev, Some(ifname("br0")), "{to}");
        assert_eq!((answer.via, answer.src), (via.map(ip), Some(ip(src))), "{to}");
    }
}
