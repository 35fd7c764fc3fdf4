//! What this lab has made, by name. A name can come to mean somebody else's object while the lab stands; the
//! changes that record no identity of their object (an attribute, an address, a sysctl) are checked by this.

use crate::model::link::AddLink;
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::observe::LinkInfo;
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
    /// Takes note of a namespace that was made.
    pub fn add_netns(&mut self, name: &NsName, cookie: u64) {
        self.cookies.insert(name.clone(), cookie);
    }

    /// Takes note that a namespace is gone.
    pub fn remove_netns(&mut self, name: &NsName) {
        self.cookies.remove(name);
    }

    /// Takes note of an interface that was made, by its ends.
    pub fn add_link(&mut self, link: &AddLink, group: u32) {
        self.links.extend(link.ends().map(|(ns, name)| ((ns.clone(), name.clone()), group)));
    }

    /// Takes note that an interface is gone.
    pub fn remove_link(&mut self, link: &AddLink) {
        for (ns, name) in link.ends() {
            self.links.remove(&(ns.clone(), name.clone()));
        }
    }

    /// Takes note that an attribute of an interface was set, which had this value before.
    pub fn set_link(&mut self, change: &SetLink, was: &LinkSet) {
        if let (LinkSet::Mac(mac), LinkSet::Mac(was)) = (&change.set, was) {
            let later = self.macs.iter().find(|(_, later)| later.contains(was));
            let first = later.map_or(*was, |(first, _)| *first);
            self.macs.entry(first).or_default().push(*mac);
            return;
        }
        if let LinkSet::Ns(to) = &change.set {
            self.destinations.insert(to.clone());
        }
        let group = self.links.get(&(change.ns.clone(), change.link.clone())).copied();
        let (ns, link) = change.after();
        self.links.extend(group.map(|group| ((ns.clone(), link.clone()), group)));
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
    pub fn can_be(&self, ns: &Ns, name: &IfName, seen: &LinkInfo) -> bool {
        self.links.get(&(ns.clone(), name.clone())).is_none_or(|group| seen.group == *group)
    }
}
