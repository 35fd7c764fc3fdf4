use super::*;
use crate::model::addr::AddAddr;
use crate::model::link::{AddLink, NewLink};
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::names::NsName;
use crate::model::netns::AddNetns;
use crate::model::route::{AddRoute, Route};
use crate::model::subject::ROUTE;

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

fn ns(text: &str) -> Ns {
    Ns::Named(NsName::new(text).unwrap())
}

fn pair() -> Change {
    Change::AddLink(AddLink { ns: Ns::Host, link: NewLink::veth(name("v-web"), name("eth0"), ns("web")) })
}

fn addr(at: &Ns, link: &str) -> Change {
    Change::AddAddr(AddAddr { ns: at.clone(), link: name(link), addr: "10.0.0.2/24".parse().unwrap() })
}

fn set(at: &Ns, link: &str, set: LinkSet) -> Change {
    Change::SetLink(SetLink { ns: at.clone(), link: name(link), set })
}

fn state(changes: &[Change]) -> State {
    State::of((1..).zip(changes).map(|(n, change)| (n, change, &Identity::Spec)))
}

#[test]
fn the_way_to_an_address_follows_renames_and_moves() {
    let (web, ip) = (ns("web"), "10.0.0.2".parse().unwrap());
    let mut changes = vec![pair(), addr(&web, "eth0")];
    let towards = |changes: &[Change], from: &Ns| state(changes).end_towards(from, ip).cloned();
    assert_eq!(towards(&changes, &Ns::Host), Some(name("v-web")));
    assert_eq!(towards(&changes, &web), None, "the other end is elsewhere");
    changes.push(set(&web, "eth0", LinkSet::Name(name("eth1"))));
    changes.push(set(&Ns::Host, "v-web", LinkSet::Name(name("port"))));
    assert_eq!(towards(&changes, &Ns::Host), Some(name("port")));
    assert_eq!(state(&changes).addresses(&web, &name("eth1")).map(|all| all.len()), Some(1));
    changes.push(set(&web, "eth1", LinkSet::Ns(ns("db"))));
    assert_eq!(towards(&changes, &Ns::Host), None, "a moved interface has lost its addresses");
    changes.push(addr(&ns("db"), "eth1"));
    assert_eq!(towards(&changes, &Ns::Host), Some(name("port")));
}

#[test]
fn a_change_is_told_in_the_names_of_now_and_undone_renames_are_forgotten() {
    let changes = [pair(), addr(&ns("web"), "eth0"), set(&ns("web"), "eth0", LinkSet::Name(name("lan")))];
    let mut state = state(&changes);
    assert_eq!(state.present(2, &changes[1]), addr(&ns("web"), "lan"));
    assert!(state.has_moved(2));
    state.remove(3);
    assert_eq!(state.present(2, &changes[1]), changes[1]);
    assert_eq!(state.maker(&ns("web"), &name("eth0")), Some(1));
    assert_eq!(state.maker(&ns("web"), &name("lan")), None);
}

#[test]
fn what_depends_on_something_goes_with_it() {
    let netns = Change::AddNetns(AddNetns { name: NsName::new("web").unwrap(), sysctls: [].into() });
    let route = Route { to: "10.9.0.0/24".parse().unwrap(), via: None, dev: Some(name("eth0")), ..Route::default() };
    let changes = [
        netns,
        pair(),
        set(&ns("web"), "eth0", LinkSet::Up(true)),
        addr(&ns("web"), "eth0"),
        Change::AddRoute(AddRoute { ns: ns("web"), route }),
        set(&Ns::Host, "v-web", LinkSet::Mtu(1400)),
    ];
    let state = state(&changes);
    assert_eq!(state.with_dependents([4]), [4].into());
    assert_eq!(state.with_dependents([2]), [2, 3, 4, 5, 6].into());
    assert_eq!(state.with_dependents([1]), [1, 2, 3, 4, 5, 6].into());
    assert_eq!(state.with_dependents([7]), BTreeSet::new());
}

#[test]
fn what_was_said_last_counts_and_what_was_before_comes_back() {
    let changes = [pair(), set(&Ns::Host, "v-web", LinkSet::Mtu(1400)), set(&Ns::Host, "v-web", LinkSet::Mtu(1300))];
    let mut state = state(&changes);
    let mtu = Subject::on(&Ns::Host, &name("v-web"), crate::model::subject::MTU, String::new());
    assert_eq!((state.value(&mtu), state.holder(&mtu)), (Some("1300"), Some(3)));
    assert!(!state.is_current(2, 0) && state.is_current(3, 0));
    state.remove(3);
    assert_eq!((state.value(&mtu), state.holder(&mtu)), (Some("1400"), Some(2)));
    state.remove(2);
    assert_eq!(state.value(&mtu), None);
}

#[test]
fn routes_fall_with_their_interface_and_with_the_way_to_their_gateway() {
    let via =
        |to: &str, via: &str| Route { to: to.parse().unwrap(), via: via.parse().ok(), dev: None, ..Route::default() };
    let dev = Route { to: "10.8.0.0/24".parse().unwrap(), via: None, dev: Some(name("v-web")), ..Route::default() };
    let changes = [
        pair(),
        set(&Ns::Host, "v-web", LinkSet::Up(true)),
        addr(&Ns::Host, "v-web"),
        Change::AddRoute(AddRoute { ns: Ns::Host, route: via("10.9.0.0/24", "10.0.0.9") }),
        Change::AddRoute(AddRoute { ns: Ns::Host, route: dev }),
    ];
    let routes = |state: &State| state.facts().filter(|(subject, ..)| subject.what == ROUTE).count();
    let mut gone = state(&changes);
    assert_eq!(routes(&gone), 2);
    let another = AddAddr { ns: Ns::Host, link: name("v-web"), addr: "10.7.0.1/24".parse().unwrap() };
    gone.add(6, &Change::AddAddr(another), &Identity::Spec);
    gone.remove(3);
    assert_eq!(routes(&gone), 1, "nobody reaches the gateway");
    gone.remove(6);
    assert_eq!(routes(&gone), 0, "the last address takes all routes along");
    let mut down = state(&changes);
    down.add(6, &set(&Ns::Host, "v-web", LinkSet::Up(false)), &Identity::Spec);
    assert_eq!(routes(&down), 0);
    down.remove(6);
    assert_eq!(routes(&down), 0, "the kernel does not put them back");
}

#[test]
fn a_gateway_is_reached_as_long_as_one_way_leads_to_it() {
    let via = Route { to: "10.9.0.0/24".parse().unwrap(), via: "10.0.0.9".parse().ok(), ..Route::default() };
    let wide = Change::AddAddr(AddAddr { ns: Ns::Host, link: name("v-web"), addr: "10.0.0.3/16".parse().unwrap() });
    let changes = [
        pair(),
        set(&Ns::Host, "v-web", LinkSet::Up(true)),
        addr(&Ns::Host, "v-web"),
        wide,
        Change::AddRoute(AddRoute { ns: Ns::Host, route: via }),
    ];
    let gateway = "10.0.0.9".parse().unwrap();
    let mut state = state(&changes);
    state.remove(3);
    assert!(state.reaches(&Ns::Host, gateway) && state.stands(5, 0));
    assert!(!state.reaches(&ns("web"), gateway) && !state.reaches(&Ns::Host, "10.1.0.9".parse().unwrap()));
    state.remove(4);
    assert!(!state.reaches(&Ns::Host, gateway) && !state.stands(5, 0));
}
