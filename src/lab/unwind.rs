//! How to undo many changes with few kernel calls: a plan, made from the changes alone.
//!
//! Deleting one interface waits for an RCU grace period (15 ms), deleting one rule as long; deleting all in one
//! call takes hardly longer. So what dies with something else is not undone by itself, and the rest is grouped.
//! The order protects traffic: processes end first, then forwarding and NAT go, then the links they guard.

use super::Record;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::OpError;
use crate::model::link::{AddLink, LinkKind};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::render;
use crate::model::route::AddRoute;
use std::collections::{HashMap, HashSet};

/// A change that stands although it should not, and why.
#[derive(Debug)]
pub struct Leftover {
    /// The change.
    pub record: Record,
    /// Why it could not be undone.
    pub error: OpError,
}

impl Leftover {
    /// What is left, why, and the commands that remove it by hand.
    pub fn describe(&self) -> String {
        let Record { change, identity, .. } = &self.record;
        let commands = render::undo_commands(change, identity).join("; ");
        format!("{} To undo it by hand: {commands}", self.error)
    }
}

/// What to do, as indexes into the records that the plan was made from.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Plan {
    /// Groups for one [`undo_all`](crate::kernel::Kernel::undo_all) each, in order.
    pub steps: Vec<Vec<usize>>,
    /// Records that die with another: (record, owner).
    pub subsumed: Vec<(usize, usize)>,
}

/// The changes that a teardown undoes by themselves, in its order; the others fall with these.
pub fn teardown(records: &[Record]) -> Vec<&Record> {
    plan(records).steps.into_iter().flatten().filter_map(|at| records.get(at)).collect()
}

/// Where an interface of the lab is after the renames and moves recorded so far, and who made it.
type Places = HashMap<(Ns, IfName), usize>;

/// Plans the undoing of `records`, which are in the order they were made.
pub fn plan(records: &[Record]) -> Plan {
    let netns: HashMap<Ns, usize> = records
        .iter()
        .enumerate()
        .filter_map(|(at, record)| match &record.change {
            Change::AddNetns(AddNetns { name, .. }) => Some((Ns::Named(name.clone()), at)),
            _ => None,
        })
        .collect();
    let mut plan = Plan::default();
    let mut processes = Vec::new();
    let mut rules = Vec::new();
    let mut settings = Vec::new();
    let mut links = Vec::new();
    let mut spaces = Vec::new();
    let mut files = Vec::new();
    let mut places = Places::new();
    for (at, record) in records.iter().enumerate() {
        let change = &record.change;
        let space = netns.get(&change.ns()).copied();
        let owner = space.or_else(|| owner(&places, change));
        match change {
            Change::Start(_) => processes.push(at),
            Change::WriteFile(_) => files.push(at),
            Change::AddNetns(_) => spaces.push(at),
            Change::AddLink(AddLink { ns, link }) => {
                places.insert((ns.clone(), link.name.clone()), at);
                if let LinkKind::Veth { peer, peer_ns } = &link.kind {
                    places.insert((peer_ns.clone(), peer.clone()), at);
                }
                links.push(at);
            }
            Change::SetLink(SetLink { ns, link, set: set @ (LinkSet::Name(_) | LinkSet::Ns(_)) }) => {
                moved(&mut places, ns, link, set);
                match owner {
                    Some(owner) => plan.subsumed.push((at, owner)),
                    None => settings.push(at),
                }
            }
            _ => match owner {
                Some(owner) => plan.subsumed.push((at, owner)),
                None if matches!(change, Change::EditRules(_)) => rules.push(at),
                None => settings.push(at),
            },
        }
    }
    // An interface dies with its namespace, but the far end of a veth lingers in the host's for a while after
    // that (`ip netns del` returns before its host ends are gone), so such pairs are deleted themselves.
    let mut ends: HashMap<usize, Vec<&Ns>> = HashMap::new();
    for ((ns, _), at) in &places {
        ends.entry(*at).or_default().push(ns);
    }
    let mut groups: Vec<(&Ns, Vec<usize>)> = Vec::new();
    for at in links.into_iter().rev() {
        let spots = ends.remove(&at).unwrap_or_default();
        if let Some(ns) = spots.iter().copied().filter(|ns| !netns.contains_key(ns)).min() {
            match groups.iter_mut().find(|(there, _)| *there == ns) {
                Some((_, group)) => group.push(at),
                None => groups.push((ns, vec![at])),
            }
        } else {
            let space = spots.into_iter().find_map(|ns| netns.get(ns).copied());
            plan.subsumed.extend(space.map(|space| (at, space)));
        }
    }
    for list in [&mut processes, &mut rules, &mut settings, &mut spaces, &mut files] {
        list.reverse();
    }
    plan.steps.extend([processes, rules].into_iter().filter(|group| !group.is_empty()));
    plan.steps.extend(settings.into_iter().map(|at| vec![at]));
    plan.steps.extend(groups.into_iter().map(|(_, group)| group));
    plan.steps.extend([spaces].into_iter().filter(|group| !group.is_empty()));
    plan.steps.extend(files.into_iter().map(|at| vec![at]));
    plan
}

/// The interface of the lab that a change sits on, if there is one: its maker's index.
fn owner(places: &Places, change: &Change) -> Option<usize> {
    let (ns, name) = match change {
        Change::SetLink(SetLink { ns, link, .. }) | Change::AddAddr(AddAddr { ns, link, .. }) => (ns, link),
        Change::AddRoute(AddRoute { ns, route }) => (ns, route.dev.as_ref()?),
        _ => return None,
    };
    places.get(&(ns.clone(), name.clone())).copied()
}

fn moved(places: &mut Places, ns: &Ns, link: &IfName, set: &LinkSet) {
    if let Some(at) = places.remove(&(ns.clone(), link.clone())) {
        let place = match set {
            LinkSet::Name(name) => (ns.clone(), name.clone()),
            LinkSet::Ns(there) => (there.clone(), link.clone()),
            _ => (ns.clone(), link.clone()),
        };
        places.insert(place, at);
    }
}

/// These changes' numbers and those of the changes that fall with them, in the order they were made.
pub fn with_dependents(records: &[Record], changes: &[u64]) -> Vec<u64> {
    let mut going: HashSet<u64> = changes.iter().copied().collect();
    let mut places = Places::new();
    let mut netns: HashMap<Ns, u64> = HashMap::new();
    for (at, record) in records.iter().enumerate() {
        let change = &record.change;
        let number = |at: usize| records.get(at).map_or(0, |record| record.n);
        let mut owners: Vec<u64> = netns.get(&change.ns()).copied().into_iter().collect();
        owners.extend(owner(&places, change).map(number));
        match change {
            Change::AddNetns(AddNetns { name, .. }) => {
                netns.insert(Ns::Named(name.clone()), record.n);
            }
            Change::AddLink(AddLink { ns, link }) => {
                places.insert((ns.clone(), link.name.clone()), at);
                if let LinkKind::Veth { peer, peer_ns } = &link.kind {
                    places.insert((peer_ns.clone(), peer.clone()), at);
                    owners.extend(netns.get(peer_ns));
                }
            }
            Change::SetLink(SetLink { ns, set: LinkSet::Master(Some(master)), .. }) => {
                owners.extend(places.get(&(ns.clone(), master.clone())).copied().map(number));
            }
            Change::SetLink(SetLink { ns, link, set: set @ (LinkSet::Name(_) | LinkSet::Ns(_)) }) => {
                moved(&mut places, ns, link, set);
            }
            _ => {}
        }
        if owners.iter().any(|owner| going.contains(owner)) {
            going.insert(record.n);
        }
    }
    records.iter().map(|record| record.n).filter(|n| going.contains(n)).collect()
}
