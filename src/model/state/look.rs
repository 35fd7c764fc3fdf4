//! Questions to what stands.

use super::reach::subnet;
use super::{ADDRESS, Held, Home, Key, LINK, LinkAt, LinkId, NAME, PEER, PLACE, State, attribute, link_key};
use crate::model::change::Change;
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};
use crate::model::subject::{Fact, Subject};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

impl State {
    /// Where the interface is now that was called so when change `n` was made.
    pub fn now(&self, n: u64, at: &LinkAt) -> LinkAt {
        let known = self.links_of(n).iter().find(|(then, _)| then == at);
        known.and_then(|(_, id)| self.links.get(id)).unwrap_or(at).clone()
    }

    /// The same change in the names of now.
    pub fn present(&self, n: u64, change: &Change) -> Change {
        let mut change = change.clone();
        change.follow(&|at| self.now(n, at));
        change
    }

    /// The same change in the names of now, if it is made again and they are others.
    pub fn present_again(&self, n: u64, change: &Change) -> Option<Change> {
        let past = self.past.get(&n)?;
        let now = |at: &LinkAt| {
            let known = past.iter().find(|(then, _)| then == at);
            known.and_then(|(_, id)| self.links.get(id)).unwrap_or(at).clone()
        };
        let has_moved = past.iter().any(|(then, _)| now(then) != *then);
        has_moved.then(|| {
            let mut change = change.clone();
            change.follow(&now);
            change
        })
    }

    /// The keys of what there is of a kind in a namespace.
    pub fn keys_in(&self, ns: &Ns, what: &'static str) -> impl Iterator<Item = &str> {
        self.of_kind(Home::Ns(ns.clone()), what).map(|key| &*key.which)
    }

    /// The changes that what there is of a kind in a namespace has its values from.
    pub fn holders_in(&self, ns: &Ns, what: &'static str) -> impl Iterator<Item = u64> {
        self.of_kind(Home::Ns(ns.clone()), what).filter_map(|key| Some(self.counting(key)?.n))
    }

    /// Whether a change speaks of an interface that has another name now, or is elsewhere.
    pub fn has_moved(&self, n: u64) -> bool {
        self.links_of(n).iter().any(|(then, id)| self.links.get(id).is_some_and(|now| now != then))
    }

    /// Whether what the fact in this place of a change says counts: nothing that was said later takes its place.
    pub fn is_current(&self, n: u64, place: usize) -> bool {
        let key = self.changes.get(&n).and_then(|entry| entry.keys.get(place));
        key.and_then(|key| self.values(key).last()).is_some_and(|held| held.n == n)
    }

    /// The next change that has given a value to what a change is about, if both values were there until now.
    pub fn successor(&self, n: u64) -> Option<u64> {
        let key = self.changes.get(&n)?.keys.first()?;
        let mut held = self.values(key).iter().skip_while(|held| held.n != n);
        let (own, next) = (held.next()?, held.next()?);
        (!own.has_fallen && !next.has_fallen).then_some(next.n)
    }

    /// Whether what the fact in this place of a change says is so: the kernel has not taken it away.
    pub fn stands(&self, n: u64, place: usize) -> bool {
        let key = self.changes.get(&n).and_then(|entry| entry.keys.get(place));
        let held = key.and_then(|key| self.values(key).iter().find(|held| held.n == n));
        held.is_some_and(|held| !held.has_fallen)
    }

    /// The other changes that go with what a change has made.
    pub fn users(&self, n: u64) -> BTreeSet<u64> {
        let keys = self.changes.get(&n).map_or(&[][..], |entry| &entry.keys);
        let users = keys.iter().flat_map(|key| self.users_of(key));
        users.filter(|user| *user != n).collect()
    }

    /// Takes in that some facts of a change, in the names of now, were made again after the kernel had dropped them.
    pub fn set_again(&mut self, n: u64, facts: &[Fact]) {
        for fact in facts {
            let Some(key) = self.known_key(&fact.subject, &[]) else { continue };
            let Some(all) = self.held.get_mut(&key) else { continue };
            if let Some(at) = all.iter().position(|held| held.n == n) {
                let held = all.remove(at);
                all.push(Held { has_fallen: false, ..held });
            }
            self.settle_address(&key);
        }
        let leads: Vec<(Ns, IpNet)> = facts.iter().filter_map(subnet).collect();
        if !leads.is_empty() {
            self.lead_again(n, leads);
        }
    }

    /// The value of a subject, if it is there.
    pub fn value(&self, subject: &Subject) -> Option<&str> {
        let key = self.known_key(subject, &[])?;
        self.counting(&key).map(|held| match held.link.and_then(|id| self.links.get(&id)) {
            Some((_, name)) if held.value.is_empty() => name.as_str(),
            Some(_) | None => &*held.value,
        })
    }

    /// The change that a subject has its value from.
    pub fn holder(&self, subject: &Subject) -> Option<u64> {
        let key = self.known_key(subject, &[])?;
        self.counting(&key).map(|held| held.n)
    }

    /// The change that made an interface which has this name now.
    pub fn maker(&self, ns: &Ns, link: &IfName) -> Option<u64> {
        self.holder(&Subject::link(ns, link))
    }

    /// The changes that made the interface which has this name now, or that have renamed or moved it.
    pub fn namers(&self, at: &LinkAt) -> Vec<u64> {
        let Some(id) = self.id(&at.0, &at.1) else { return Vec::new() };
        let values = |what| self.values(&attribute(id, what));
        [LINK, NAME, PLACE].into_iter().flat_map(values).map(|held| held.n).collect()
    }

    /// The number that an interface is known by.
    pub fn id(&self, ns: &Ns, link: &IfName) -> Option<LinkId> {
        self.names.get(&(ns.clone(), Some(link.clone()))).copied()
    }

    /// The interfaces in a namespace that the changes made.
    pub fn links_in(&self, ns: &Ns) -> impl Iterator<Item = &IfName> {
        let known = self.names.range((ns.clone(), None)..).take_while(move |((there, _), _)| there == ns);
        let made = known.filter(|(_, id)| self.counting(&link_key(**id)).is_some());
        made.filter_map(|((_, name), _)| name.as_ref())
    }

    /// The namespaces that the changes made, or that something of theirs is in.
    pub fn spaces(&self) -> BTreeSet<&Ns> {
        let homes = self.held.keys().filter_map(|key| match &key.home {
            Home::Ns(ns) => Some(ns),
            Home::Link(_) => None,
        });
        homes.chain(self.links.values().map(|(ns, _)| ns)).collect()
    }

    /// The interface that another one has as its master, peer or lower device.
    pub fn joined(&self, ns: &Ns, link: &IfName, what: &'static str) -> Option<&LinkAt> {
        let key = attribute(self.id(ns, link)?, what);
        self.links.get(&self.counting(&key)?.link?)
    }

    /// The other end of a pair.
    pub fn other_end(&self, ns: &Ns, link: &IfName) -> Option<&LinkAt> {
        self.joined(ns, link, PEER)
    }

    /// The addresses that an interface was given, oldest first; none if it was given none.
    pub fn addresses(&self, ns: &Ns, link: &IfName) -> Option<Vec<IpNet>> {
        let id = self.id(ns, link)?;
        let addresses = self.addresses_of(id);
        (!addresses.is_empty()).then_some(addresses)
    }

    pub(super) fn addresses_of(&self, id: LinkId) -> Vec<IpNet> {
        let mut all: Vec<(u64, IpNet)> = Vec::new();
        for key in self.of_kind(Home::Link(id), ADDRESS) {
            if let (Some(held), Ok(net)) = (self.counting(key), key.which.parse()) {
                all.push((held.n, net));
            }
        }
        all.sort_by_key(|(n, _)| *n);
        all.into_iter().map(|(_, net)| net).collect()
    }

    /// The subnets that interfaces were given addresses in.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        let addresses = self.held.keys().filter(|key| key.what == ADDRESS);
        addresses.filter_map(|key| key.which.parse::<IpNet>().ok()).map(|net| net.trunc())
    }

    /// The interface in `ns` at the other end of the pair that carries an address.
    pub fn end_towards(&self, ns: &Ns, ip: IpAddr) -> Option<&IfName> {
        let id = self.homes.get(&ip)?.last()?;
        let key = Key { home: Home::Link(*id), what: PEER, which: "".into() };
        let (there, name) = self.links.get(&self.counting(&key)?.link?)?;
        (there == ns).then_some(name)
    }

    /// What stands, in the names of now, with the change that it is from and its value.
    pub fn facts(&self) -> impl Iterator<Item = (Subject, u64, &str)> {
        self.held.keys().filter_map(|key| {
            let held = self.counting(key)?;
            let (ns, link) = match &key.home {
                Home::Ns(ns) => (ns.clone(), None),
                Home::Link(id) => self.links.get(id).map(|(ns, name)| (ns.clone(), Some(name.clone())))?,
            };
            let value = held.link.and_then(|id| self.links.get(&id)).map_or(&*held.value, |(_, name)| name.as_str());
            Some((Subject { ns, link, what: key.what, key: key.which.to_string() }, held.n, value))
        })
    }
}
