//! Reading a namespace, for questions of the recipe and for comparing before and after.

use crate::kernel::Done;
use crate::kernel::linux::link;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::{addr, route};
use crate::model::names::{IfName, Ns};
use crate::model::observe::{LinkInfo, RouteAnswer, Snapshot};
use ipnet::IpNet;
use std::net::IpAddr;

/// One interface with its addresses.
pub fn link(spaces: &Spaces, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
    spaces.talk(ns, |socket| {
        let seen = link::find(socket, name)?.ok_or_else(|| link::missing(name))?;
        let addrs = addr::list(socket, Some(seen.index))?;
        Ok(with_addrs(seen, &addrs))
    })
}

/// Where packets to `to` would go.
pub fn route_to(spaces: &Spaces, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
    spaces.talk(ns, |socket| route::lookup(socket, to))
}

/// All interfaces with their addresses, and all routes. The rules are not read here.
pub fn snapshot(spaces: &Spaces, ns: &Ns) -> Done<Snapshot> {
    spaces.talk(ns, |socket| {
        let links = link::list(socket)?;
        let addrs = addr::list(socket, None)?;
        let routes = route::list_all(socket)?;
        // A name that ours cannot be is nobody's whom a recipe could speak of.
        let ours = links.into_iter().filter(|link| IfName::new(&link.name).is_ok());
        Ok(Snapshot { links: ours.map(|link| with_addrs(link, &addrs)).collect(), routes, rules: Vec::new() })
    })
}

/// The subnets that a namespace has addresses in or routes to, in whatever table.
pub fn used_subnets(spaces: &Spaces, ns: &Ns) -> Done<Vec<IpNet>> {
    spaces.talk(ns, |socket| {
        let mut used = route::destinations(socket)?;
        used.extend(addr::list(socket, None)?.iter().map(|seen| seen.addr.trunc()));
        Ok(used)
    })
}

/// An interface with those of these addresses that are its own.
pub fn with_addrs(link: LinkInfo, addrs: &[addr::Seen]) -> LinkInfo {
    LinkInfo { addrs: addrs.iter().filter(|addr| addr.link == link.index).map(|addr| addr.addr).collect(), ..link }
}
