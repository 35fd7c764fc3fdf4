//! What stands: the one fold of changes into where every interface is now and what it is called, who made it, what has
//! which value, and what depends on what.
//!
//! It is kept up to date change by change, both ways, at a cost that depends on the change and not on all that stands. An
//! interface is known by a number of ours, so that renaming or moving it touches nothing that belongs to it.

use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};
use crate::model::subject::{ADDRESS, Fact, LINK, LinkAt, NAME, NETNS, Need, PEER, PLACE, Subject, UP};
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
    /// Empty if it is the name of an interface.
    value: Box<str>,
    /// The interface that the value names.
    link: Option<LinkId>,
    /// Whether the kernel has taken it away by itself.
    has_fallen: bool,
}

/// What a change has. A lab has many: it takes no more space than it must.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    /// What each of its facts is about, in their order.
    keys: Box<[Arc<Key>]>,
    /// The interfaces that it speaks of, by their names at its time.
    links: Box<[(LinkAt, LinkId)]>,
    /// What it goes with.
    needs: Box<[Arc<Key>]>,
    /// The interfaces that have to stay up.
    ups: Box<[LinkId]>,
    /// The address that has to be reachable, and where.
    reach: Option<Box<(Ns, IpAddr)>>,
    /// The subnets that it leads to, and where.
    leads: Box<[(Ns, IpNet)]>,
}

/// The same while it is taken in.
#[derive(Default)]
struct Draft {
    keys: Vec<Arc<Key>>,
    links: Vec<(LinkAt, LinkId)>,
    needs: Vec<Arc<Key>>,
    ups: Vec<LinkId>,
    reach: Option<(Ns, IpAddr)>,
    leads: Vec<(Ns, IpNet)>,
}

impl Draft {
    fn finish(self) -> Entry {
        Entry {
            keys: self.keys.into(),
            links: self.links.into(),
            needs: self.needs.into(),
            ups: self.ups.into(),
            reach: self.reach.map(Box::new),
            leads: self.leads.into(),
        }
    }
}

/// What stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Where each interface is.
    links: HashMap<LinkId, LinkAt>,
    /// The interfaces by where they are; without a name is where those of a namespace begin.
    names: BTreeMap<(Ns, Option<IfName>), LinkId>,
    /// The values that each subject was given, oldest first: the last one that has not fallen counts.
    held: BTreeMap<Arc<Key>, Vec<Held>>,
    /// The changes that go with a subject.
    needed: BTreeSet<(Arc<Key>, u64)>,
    /// In boxes, so that little is moved when the map grows.
    changes: HashMap<u64, Box<Entry>>,
    /// The changes that may go when an interface goes down.
    on_up: BTreeSet<(LinkId, u64)>,
    reach: Reach,
    /// The interfaces that were given an address.
    homes: HashMap<IpAddr, Vec<LinkId>>,
    last: LinkId,
    remembers: bool,
    /// The interfaces that changes meant which were taken out.
    past: HashMap<u64, Box<[(LinkAt, LinkId)]>>,
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
        // A change that is made again means the interfaces that it meant before.
        let past = self.past.remove(&n).unwrap_or_default().into_vec();
        for fact in facts.iter().filter(|fact| fact.subject.what == LINK) {
            if let Some(name) = &fact.subject.link {
                let at = (fact.subject.ns.clone(), name.clone());
                let id = past.iter().find(|(then, _)| *then == at).map(|(_, id)| *id);
                let id = id.unwrap_or_else(|| self.next_id());
                self.put_link(id, at);
            }
        }
        let mut draft = Draft { links: past, ..Draft::default() };
        for fact in facts.iter().filter(|fact| fact.subject.what == LINK) {
            if let Some(name) = &fact.subject.link {
                self.resolve(&(fact.subject.ns.clone(), name.clone()), &mut draft.links);
            }
        }
        for (place, fact) in facts.iter().enumerate() {
            let key = self.key(&fact.subject, &mut draft.links);
            let link = fact.link.as_ref().map(|at| self.resolve(at, &mut draft.links));
            // The first fact is what the change is about, and an interface may have two ends.
            if place == 0 || fact.subject.what == LINK {
                self.depend(n, fact, &mut draft);
            }
            let key = self.shared(key);
            let values = self.held.entry(Arc::clone(&key)).or_default();
            values.reserve_exact(1);
            let is_name = fact.link.as_ref().is_some_and(|(_, name)| name.as_str() == fact.value);
            let value = if is_name { "" } else { fact.value.as_str() }.into();
            values.push(Held { n, value, link, has_fallen: false });
            draft.keys.push(key);
            draft.leads.extend(reach::subnet(fact));
        }
        let entry = draft.finish();
        self.on_up.extend(entry.ups.iter().map(|link| (*link, n)));
        if let Some(reach) = &entry.reach {
            self.wait(n, reach);
        }
        for lead in &*entry.leads {
            self.lead(n, lead);
        }
        let keys = entry.keys.clone();
        self.changes.insert(n, Box::new(entry));
        for key in &*keys {
            self.settle_address(key);
            if self.settle_place(key) || key.what != PLACE {
                self.drop_after(key, Some(n));
            }
        }
    }

    /// Notes what a fact needs.
    fn depend(&mut self, n: u64, fact: &Fact, draft: &mut Draft) {
        if let Some(home) = fact.subject.home() {
            self.use_of(n, &home, draft);
        }
        for need in &fact.needs {
            match need {
                Need::Stands(subject) => self.use_of(n, subject, draft),
                Need::Up(at) | Need::StaysUp(at) => {
                    let link = self.resolve(at, &mut draft.links);
                    draft.ups.push(link);
                }
                Need::Free(_) => {}
                Need::Reach(ns, ip) => draft.reach = Some((ns.clone(), *ip)),
            }
        }
    }

    /// Notes that a change goes with a subject.
    fn use_of(&mut self, n: u64, subject: &Subject, draft: &mut Draft) {
        let key = self.key(subject, &mut draft.links);
        let key = self.shared(key);
        self.needed.insert((Arc::clone(&key), n));
        draft.needs.push(key);
    }

    /// Takes out a change that was undone: what was there before it counts again.
    pub fn remove(&mut self, n: u64) {
        let Some(entry) = self.changes.remove(&n) else { return };
        for need in &*entry.needs {
            self.needed.remove(&(Arc::clone(need), n));
        }
        for link in &*entry.ups {
            self.on_up.remove(&(*link, n));
        }
        if let Some(reach) = &entry.reach {
            self.unwait(n, reach);
        }
        for lead in &*entry.leads {
            self.unlead(n, lead);
        }
        for key in &*entry.keys {
            if let Some(values) = self.held.get_mut(key) {
                values.retain(|held| held.n != n);
                if values.is_empty() {
                    self.held.remove(key);
                }
            }
        }
        let mut changed = Vec::new();
        for key in &*entry.keys {
            self.settle_address(key);
            if self.settle_place(key) || key.what != PLACE {
                changed.push(key);
            }
            if let (LINK, Home::Link(id)) = (key.what, &key.home) {
                self.forget_link(*id);
            }
        }
        for key in changed {
            self.drop_after(key, None);
        }
        for lead in &*entry.leads {
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
                // A subject that was given several values keeps the one before, so what depends on it stays.
                let gone = keys.iter().filter(|key| self.values(key).len() == 1);
                waiting.extend(gone.flat_map(|key| self.users_of(key)));
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
        self.held.get(key).map_or(&[], Vec::as_slice)
    }

    fn values_mut(&mut self, key: &Key) -> &mut [Held] {
        self.held.get_mut(key).map_or(&mut [], Vec::as_mut_slice)
    }

    /// The changes that go with a subject.
    fn users_of(&self, key: &Key) -> impl Iterator<Item = u64> {
        let key = self.shared(key.clone());
        self.needed.range((Arc::clone(&key), 0)..=(key, u64::MAX)).map(|(_, n)| *n)
    }

    /// The subjects of a kind in one place.
    fn of_kind(&self, home: Home, what: &'static str) -> impl Iterator<Item = &Key> {
        let first = Key { home, what, which: "".into() };
        let rest = self.held.range::<Key, _>((Bound::Included(&first), Bound::Unbounded));
        let keys = rest.map(|(key, _)| &**key);
        keys.take_while(move |key| key.what == first.what && key.home == first.home)
    }

    /// The one key that all share who speak of a subject.
    fn shared(&self, key: Key) -> Arc<Key> {
        let known = self.held.get_key_value(&key).map(|(key, _)| Arc::clone(key));
        known.unwrap_or_else(|| Arc::new(key))
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

/// The key of an attribute that an interface has one of.
fn attribute(id: LinkId, what: &'static str) -> Key {
    Key { home: Home::Link(id), what, which: "".into() }
}

fn link_key(id: LinkId) -> Key {
    attribute(id, LINK)
}

#[cfg(test)]
mod tests;
