//! What this lab has made, by name. A name can come to mean somebody else's object while the lab stands; the
//! changes that record no identity of their object (an attribute, an address, a sysctl) are checked by this.

use crate::kernel::linux::link::Seen;
use crate::kernel::{Done, Undone};
use crate::model::change::{Change, Identity};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::netns::AddNetns;
use std::collections::{BTreeSet, HashMap};

/// The namespaces and interfaces that this lab has made and not undone.
#[derive(Debug, Default)]
pub struct Ours {
    cookies: HashMap<NsName, u64>,
    links: HashMap<(Ns, IfName), u32>,
    destinations: BTreeSet<Ns>,
    /// The hardware addresses that interfaces were given later, by the one that they had first.
    macs: HashMap<Mac, Vec<Mac>>,
}

impl Ours {
    /// Takes note of a change that is being made, or was made by an earlier process.
    pub fn note(&mut self, change: &Change, identity: &Identity) {
        match (change, identity) {
            (Change::AddNetns(AddNetns { name, .. }), Identity::Netns { cookie }) => {
                self.cookies.insert(name.clone(), *cookie);
            }
            (Change::AddLink(link), Identity::Link { group, .. }) => {
                self.links.extend(link.ends().map(|(ns, name)| ((ns.clone(), name.clone()), *group)));
            }
            (Change::SetLink(SetLink { set: LinkSet::Mac(mac), .. }), Identity::Was(LinkSet::Mac(was))) => {
                let later = self.macs.iter().find(|(_, later)| later.contains(was));
                let first = later.map_or(*was, |(first, _)| *first);
                self.macs.entry(first).or_default().push(*mac);
            }
            (Change::SetLink(change), Identity::Was(_)) => {
                let group = self.links.get(&(change.ns.clone(), change.link.clone())).copied();
                if let LinkSet::Ns(to) = &change.set {
                    self.destinations.insert(to.clone());
                }
                let (ns, link) = change.after();
                self.links.extend(group.map(|group| ((ns.clone(), link.clone()), group)));
            }
            _ => {}
        }
    }

    /// Takes note that a change was undone, unless it was not.
    pub fn settle(&mut self, change: &Change, undone: &Done<Undone>) {
        if !matches!(undone, Ok(Undone::Yes | Undone::AlreadyGone)) {
            return;
        }
        match change {
            Change::AddNetns(AddNetns { name, .. }) => {
                self.cookies.remove(name);
            }
            Change::AddLink(link) => {
                for (ns, name) in link.ends() {
                    self.links.remove(&(ns.clone(), name.clone()));
                }
            }
            _ => {}
        }
    }

    /// The cookie of a namespace that we made.
    pub fn cookie(&self, ns: &Ns) -> Option<u64> {
        self.cookies.get(ns.name()?).copied()
    }

    /// The hardware addresses that an interface may have by now, which was made with this one.
    pub fn macs(&self, first: Mac) -> Vec<Mac> {
        let later = self.macs.get(&first).into_iter().flatten().copied();
        std::iter::once(first).chain(later).collect()
    }

    /// The namespaces that interfaces were moved to.
    pub fn destinations(&self) -> &BTreeSet<Ns> {
        &self.destinations
    }

    /// Whether the interface that bears this name can be the one that we knew by it: one that we made is in our
    /// group, of others we know nothing.
    pub fn can_be(&self, ns: &Ns, name: &IfName, seen: &Seen) -> bool {
        self.links.get(&(ns.clone(), name.clone())).is_none_or(|group| seen.group == *group)
    }
}
