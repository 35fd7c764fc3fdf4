//! What stands: the one fold of changes into where every interface is now and what it is called, who made it, what has
//! which value, and what depends on what.
//!
//! It is kept up to date change by change, both ways, at a cost that depends on the change and not on all that stands. An
//! interface is known by a number of ours, so that renaming or moving it touches nothing that belongs to it.

use crate::model::change::{Change, Identity};
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};
use crate::model::subject::{ADDRESS, Fact, LINK, LinkAt, MASTER, NAME, NETNS, Need, PEER, PLACE, Subject, UP};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

mod drops;
mod links;
mod look;
mod reach;

use reach::Reach;

/// What is known of an interface by.
pub type LinkId = u32;

/// Where something belongs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Home {
    Ns(Ns),
    Link(LinkId),
}

/// A subject, which keeps its key when its interface is renamed or moved.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key {
    home: Home,
    what: &'static str,
    which: Box<str>,
}

/// A value that a change has given.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    n: u64,
    value: Box<str>,
    /// The interface that the value names.
    link: Option<LinkId>,
    /// Whether the kernel has taken it away by itself.
    has_fallen: bool,
}

/// What there is of a subject. A lab has many: what is known of one takes little space.
#[derive(Debug, Clone, Default, PartialEq)]
struct Slot {
    /// The values that it was given, oldest first: the last one that has not fallen counts.
    values: Vec<Held>,
    /// The changes that go with it.
    users: BTreeSet<u64>,
}

/// What a change has.
#[derive(Debug, Clone, Default, PartialEq)]
struct Entry {
    /// What each of its facts is about, in their order.
    keys: Vec<Arc<Key>>,
    /// The interfaces that it speaks of, by their names at its time.
    links: Vec<(LinkAt, LinkId)>,
    /// What it goes with.
    needs: Vec<Arc<Key>>,
    /// The interfaces that have to stay up.
    ups: Vec<LinkId>,
    /// The address that has to be reachable, and where.
    reach: Option<(Ns, IpAddr)>,
    /// The subnets that it leads to, and where.
    leads: Vec<(Ns, IpNet)>,
}

/// What stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Where each interface is.
    links: HashMap<LinkId, LinkAt>,
    names: HashMap<Ns, BTreeMap<IfName, LinkId>>,
    slots: BTreeMap<Arc<Key>, Slot>,
    /// In boxes, so that little is moved when the map grows.
    changes: HashMap<u64, Box<Entry>>,
    /// The changes that may go when an interface goes down.
    on_up: HashMap<LinkId, BTreeSet<u64>>,
    reach: Reach,
    /// The interfaces that were given an address.
    homes: HashMap<IpAddr, Vec<LinkId>>,
    last: LinkId,
    remembers: bool,
    /// The interfaces that changes meant which were taken out.
    past: HashMap<u64, Vec<(LinkAt, LinkId)>>,
}

impl Entry {
    /// Gives back what its lists have room for and do not need.
    fn shrink(&mut self) {
        self.keys.shrink_to_fit();
        self.links.shrink_to_fit();
        self.needs.shrink_to_fit();
        self.ups.shrink_to_fit();
        self.leads.shrink_to_fit();
    }
}

impl State {
    /// What stands after these changes, oldest first.
    pub fn of<'a>(changes: impl IntoIterator<Item = (u64, &'a Change, &'a Identity)>) -> State {
        let mut state = State::default();
        for (n, change, identity) in changes {
            state.add(n, change, identity);
        }
        state
    }

    /// Takes in a change that was made. What it says takes the place of what was said before.
    pub fn add(&mut self, n: u64, change: &Change, identity: &Identity) {
        let facts = change.facts(identity);
        let mut entry = Entry::default();
        // A change that is made again means the interfaces that it meant before.
        let past = self.past.remove(&n).unwrap_or_default();
        for fact in facts.iter().filter(|fact| fact.subject.what == LINK) {
            if let Some(name) = &fact.subject.link {
                let at = (fact.subject.ns.clone(), name.clone());
                let id = past.iter().find(|(then, _)| *then == at).map(|(_, id)| *id);
                let id = id.unwrap_or_else(|| self.next_id());
                self.put_link(id, at);
            }
        }
        entry.links = past;
        for fact in facts.iter().filter(|fact| fact.subject.what == LINK) {
            if let Some(name) = &fact.subject.link {
                self.resolve(&(fact.subject.ns.clone(), name.clone()), &mut entry.links);
            }
        }
        for (place, fact) in facts.iter().enumerate() {
            let key = self.key(&fact.subject, &mut entry.links);
            let link = fact.link.as_ref().map(|at| self.resolve(at, &mut entry.links));
            // The first fact is what the change is about, and an interface may have two ends.
            if place == 0 || fact.subject.what == LINK {
                self.depend(n, fact, &mut entry);
            }
            let (key, slot) = self.slot(key);
            slot.values.reserve_exact(1);
            slot.values.push(Held { n, value: fact.value.as_str().into(), link, has_fallen: false });
            entry.keys.push(key);
            entry.leads.extend(reach::subnet(fact));
        }
        for link in &entry.ups {
            self.on_up.entry(*link).or_default().insert(n);
        }
        if let Some(reach) = &entry.reach {
            self.wait(n, reach);
        }
        for lead in &entry.leads {
            self.lead(n, lead);
        }
        entry.shrink();
        let keys = entry.keys.clone();
        self.changes.insert(n, Box::new(entry));
        for key in keys {
            self.settle_address(&key);
            self.settle_place(&key);
            self.drop_after(&key, Some(n));
        }
    }

    /// Notes what a fact needs.
    fn depend(&mut self, n: u64, fact: &Fact, entry: &mut Entry) {
        if let Some(home) = fact.subject.home() {
            self.use_of(n, &home, entry);
        }
        for need in &fact.needs {
            match need {
                Need::Stands(subject) => self.use_of(n, subject, entry),
                Need::Up(at) | Need::StaysUp(at) => {
                    let link = self.resolve(at, &mut entry.links);
                    entry.ups.push(link);
                }
                Need::Free(_) => {}
                Need::Reach(ns, ip) => entry.reach = Some((ns.clone(), *ip)),
            }
        }
    }

    /// Notes that a change goes with a subject.
    fn use_of(&mut self, n: u64, subject: &Subject, entry: &mut Entry) {
        let key = self.key(subject, &mut entry.links);
        let (key, slot) = self.slot(key);
        slot.users.insert(n);
        entry.needs.push(key);
    }

    /// Takes out a change that was undone: what was there before it counts again.
    pub fn remove(&mut self, n: u64) {
        let Some(entry) = self.changes.remove(&n) else { return };
        for need in &entry.needs {
            self.let_go(need, |slot| slot.users.remove(&n));
        }
        for link in &entry.ups {
            remove_from(&mut self.on_up, link, n);
        }
        if let Some(reach) = &entry.reach {
            self.unwait(n, reach);
        }
        for lead in &entry.leads {
            self.unlead(n, lead);
        }
        for key in &entry.keys {
            self.let_go(key, |slot| slot.values.retain(|held| held.n != n));
        }
        for key in &entry.keys {
            self.settle_address(key);
            self.settle_place(key);
            if let (LINK, Home::Link(id)) = (key.what, &key.home) {
                self.forget_link(*id);
            }
        }
        for key in &entry.keys {
            self.drop_after(key, None);
        }
        for lead in &entry.leads {
            self.drop_unreachable(lead);
        }
        if self.remembers && !entry.links.is_empty() {
            self.past.insert(n, entry.links);
        }
    }

    /// Remembers from now on which interfaces the changes meant that are taken out, for making them again.
    pub fn remember(&mut self) {
        self.remembers = true;
    }

    /// Whether a change is there.
    pub fn has(&self, n: u64) -> bool {
        self.changes.contains_key(&n)
    }

    /// These changes and those that go with them.
    pub fn with_dependents(&self, changes: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        let mut waiting: Vec<u64> = changes.into_iter().filter(|n| self.has(*n)).collect();
        while let Some(n) = waiting.pop() {
            if all.insert(n) {
                let keys = self.changes.get(&n).map_or(&[][..], |entry| &entry.keys);
                // Of what was set there is still the value before it.
                let gone = keys.iter().filter_map(|key| self.slots.get(key)).filter(|slot| slot.values.len() == 1);
                waiting.extend(gone.flat_map(|slot| &slot.users));
            }
        }
        all
    }

    /// Whether a subject, in the names of change `n`, goes with one of these changes.
    pub fn goes_with(&self, n: u64, subject: &Subject, changes: &BTreeSet<u64>) -> Option<u64> {
        let key = self.known_key(subject, self.links_of(n))?;
        self.values(&key).first().map(|held| held.n).filter(|maker| changes.contains(maker))
    }

    fn links_of(&self, n: u64) -> &[(LinkAt, LinkId)] {
        self.changes.get(&n).map_or(&[], |entry| &entry.links)
    }

    /// What a subject has that counts: what was given last, unless the kernel has taken it away, or an interface that it
    /// names is gone.
    fn counting(&self, key: &Key) -> Option<&Held> {
        let is_there = |held: &&Held| !held.has_fallen && held.link.is_none_or(|id| self.links.contains_key(&id));
        self.values(key).iter().rev().find(is_there)
    }

    fn values(&self, key: &Key) -> &[Held] {
        self.slots.get(key).map_or(&[], |slot| &slot.values)
    }

    fn values_mut(&mut self, key: &Key) -> &mut [Held] {
        self.slots.get_mut(key).map_or(&mut [], |slot| &mut slot.values)
    }

    /// The changes that go with a subject.
    fn users_of(&self, key: &Key) -> impl Iterator<Item = u64> {
        self.slots.get(key).into_iter().flat_map(|slot| &slot.users).copied()
    }

    /// The subjects of a kind in one place that were given a value.
    fn given(&self, home: Home, what: &'static str) -> impl Iterator<Item = &Key> {
        let first = Key { home, what, which: "".into() };
        let rest = self.slots.range::<Key, _>((Bound::Included(&first), Bound::Unbounded));
        let of_kind = rest.take_while(move |(key, _)| key.what == first.what && key.home == first.home);
        of_kind.filter(|(_, slot)| !slot.values.is_empty()).map(|(key, _)| &**key)
    }

    /// All subjects that were given a value.
    fn all_given(&self) -> impl Iterator<Item = &Key> {
        self.slots.iter().filter(|(_, slot)| !slot.values.is_empty()).map(|(key, _)| &**key)
    }

    /// What there is of a subject, with the one key that all share who speak of it.
    fn slot(&mut self, key: Key) -> (Arc<Key>, &mut Slot) {
        let known = self.slots.get_key_value(&key).map(|(key, _)| Arc::clone(key));
        let key = known.unwrap_or_else(|| Arc::new(key));
        let slot = self.slots.entry(Arc::clone(&key)).or_default();
        (key, slot)
    }

    /// Takes something out of what there is of a subject.
    fn let_go<T>(&mut self, key: &Key, take: impl FnOnce(&mut Slot) -> T) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        take(slot);
        if slot.values.is_empty() && slot.users.is_empty() {
            self.slots.remove(key);
        }
    }

    fn key(&mut self, subject: &Subject, links: &mut Vec<(LinkAt, LinkId)>) -> Key {
        let home = match &subject.link {
            Some(name) => Home::Link(self.resolve(&(subject.ns.clone(), name.clone()), links)),
            None => Home::Ns(subject.ns.clone()),
        };
        Key { home, what: subject.what, which: subject.key.as_str().into() }
    }

    fn known_key(&self, subject: &Subject, links: &[(LinkAt, LinkId)]) -> Option<Key> {
        let home = match &subject.link {
            Some(name) => {
                let known = links.iter().find(|((ns, link), _)| *ns == subject.ns && link == name);
                Home::Link(known.map(|(_, id)| *id).or_else(|| self.id(&subject.ns, name))?)
            }
            None => Home::Ns(subject.ns.clone()),
        };
        Some(Key { home, what: subject.what, which: subject.key.as_str().into() })
    }
}

fn link_key(id: LinkId) -> Key {
    Key { home: Home::Link(id), what: LINK, which: "".into() }
}

fn remove_from<K: std::hash::Hash + Eq>(map: &mut HashMap<K, BTreeSet<u64>>, key: &K, n: u64) {
    if let Some(set) = map.get_mut(key) {
        set.remove(&n);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
