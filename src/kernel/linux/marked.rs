//! Everything on this machine that carries our marks, as changes that can be undone: for when no journal is left to
//! tell what was made.

use super::netfilter::Netfilter;
use super::netns::{self as names, lab_of};
use super::process::strays;
use super::spaces::Spaces;
use super::{addr, link, marks, route};
use crate::kernel::Done;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::link::{AddLink, LinkKind, NewLink};
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::process::{NewProcess, Start};
use crate::model::route::AddRoute;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Something that carries our marks.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The change that made it, as far as that can be told from it.
    pub change: Change,
    /// What makes it ours.
    pub identity: Identity,
    /// The lab, where the mark names it.
    pub lab: Option<String>,
}

/// Looks in the calling thread's namespace, in all that have a name, and at all processes. What goes with something else
/// that was found is left out.
pub fn find(spaces: &Spaces, netfilter: &mut Netfilter) -> Done<Vec<Found>> {
    let mut found = Vec::new();
    let mut elsewhere = Vec::new();
    let mut netns = BTreeSet::from([spaces.inode(&Ns::Host)?]);
    for name in names::list()? {
        let ns = Ns::Named(name.clone());
        if !names::exists(&ns)? {
            continue;
        }
        netns.insert(spaces.inode(&ns)?);
        match lab_of(spaces, &ns)? {
            Some(lab) => found.push(Found {
                change: Change::AddNetns(AddNetns { name, sysctls: [].into() }),
                identity: Identity::Netns { cookie: spaces.cookie(&ns)? },
                lab: Some(lab),
            }),
            None => elsewhere.push(ns),
        }
    }
    for ns in std::iter::once(Ns::Host).chain(elsewhere) {
        found.extend(network(spaces, &ns)?);
        found.extend(netfilter.tagged(spaces, &ns)?);
    }
    found.extend(strays::leaders(&netns)?.into_iter().map(|leader| {
        let name = leader.argv.first().cloned().unwrap_or_default();
        let process = NewProcess { name, argv: leader.argv, env: Vec::new(), cwd: None };
        let identity =
            Identity::Process { pid: leader.pid, start: leader.start, log: PathBuf::new(), mark: leader.mark };
        Found { change: Change::Start(Start { ns: Ns::Host, process }), identity, lab: None }
    }));
    Ok(found)
}

/// Interfaces, and the addresses and routes that are not theirs.
fn network(spaces: &Spaces, ns: &Ns) -> Done<Vec<Found>> {
    let cookie = spaces.cookie(ns)?;
    let (links, addrs, routes) =
        spaces.talk(ns, |socket| Ok((link::list(socket)?, addr::list(socket, None)?, route::list_ours(socket)?)))?;
    let unnamed = |change, identity| Found { change, identity, lab: None };
    let mut found = Vec::new();
    let mut ours = BTreeSet::new();
    for seen in &links {
        let (Ok(name), Some(mac)) = (IfName::new(&seen.name), seen.mac) else { continue };
        // Which interface the other end of a pair is does not matter: it goes along.
        let Some(kind) = LinkKind::named(&seen.kind) else { continue };
        if marks::are_ours(seen.group, mac) {
            let link = NewLink { up: seen.up, ..NewLink::new(name.clone(), kind) };
            let identity = Identity::Link { cookie, mac, peer: None, group: seen.group };
            found.push(unnamed(Change::AddLink(AddLink { ns: ns.clone(), link }), identity));
            ours.insert(name);
        }
    }
    for seen in addrs.iter().filter(|seen| seen.is_ours()) {
        let link = links.iter().find(|link| link.index == seen.link).and_then(|link| IfName::new(&link.name).ok());
        if let Some(link) = link.filter(|link| !ours.contains(link)) {
            found.push(unnamed(Change::AddAddr(AddAddr { ns: ns.clone(), link, addr: seen.addr }), Identity::Spec));
        }
    }
    for route in routes {
        if !route.dev.as_ref().is_some_and(|dev| ours.contains(dev)) {
            found.push(unnamed(Change::AddRoute(AddRoute { ns: ns.clone(), route }), Identity::Spec));
        }
    }
    Ok(found)
}
