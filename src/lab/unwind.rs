//! How to undo many changes with few kernel calls: a plan, made from the changes alone.
//!
//! Deleting one interface waits for an RCU grace period (15 ms), deleting one rule as long; deleting all in one
//! call takes hardly longer. So what dies with something else is not undone by itself, and the rest is grouped.
//! The order protects traffic: processes end first, then forwarding and NAT go, then the links they guard.

use super::{Made, Record};
use crate::model::change::Change;
use crate::model::error::OpError;
use crate::model::identity::Identity;
use crate::model::kind::{Kind, Phase};
use crate::model::names::Ns;
use crate::model::state::State;
use crate::model::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};

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
        format!("{} To undo it by hand: {}", self.error, change.undo_commands(identity).join("; "))
    }

    /// What could not be made again, why, and the commands that make it by hand.
    pub fn describe_lost(&self) -> String {
        format!("{} To make it by hand: {}", self.error, self.record.change.commands().join("; "))
    }
}

/// What to do, by the numbers of the changes.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct UnwindPlan {
    /// Groups for one [`undo_all`](crate::kernel::Kernel::undo_all) each, in order.
    pub steps: Vec<Vec<u64>>,
    /// Changes that fall with another: (change, the other).
    pub falling: Vec<(u64, u64)>,
}

/// The changes that a teardown undoes by themselves, in its order; the others fall with these.
pub fn teardown(made: &Made) -> Vec<&Record> {
    let all = made.records().map(|record| record.n).collect();
    plan(made, &all).steps.into_iter().flatten().filter_map(|n| made.get(n)).collect()
}

/// Plans the undoing of these changes.
pub fn plan(made: &Made, going: &BTreeSet<u64>) -> UnwindPlan {
    let state = made.state();
    let mut plan = UnwindPlan::default();
    let mut phases: BTreeMap<Phase, Vec<u64>> = BTreeMap::new();
    let mut links: Vec<(Ns, Vec<u64>)> = Vec::new();
    for record in going.iter().rev().filter_map(|n| made.get(*n)) {
        let n = record.n;
        let phase = record.change.phase();
        let homes = match phase {
            // Wherever its ends are now.
            Phase::Links => state.present(n, &record.change).falls_with(),
            Phase::Processes | Phase::Rules | Phase::Settings | Phase::Namespaces | Phase::Files => {
                record.change.falls_with()
            }
        };
        if let Some(owner) = owner(state, n, &homes, going) {
            plan.falling.push((n, owner));
            continue;
        }
        if phase != Phase::Links {
            phases.entry(phase).or_default().push(n);
            continue;
        }
        // Interfaces are grouped by a namespace that they have an end in: those of one group are deleted by one
        // request.
        let goes = |home: &&Subject| state.goes_with(n, home, going).is_none();
        let ns = homes.iter().filter(goes).map(|home| &home.ns).min().cloned().unwrap_or(Ns::Host);
        match links.iter_mut().find(|(there, _)| *there == ns) {
            Some((_, group)) => group.push(n),
            None => links.push((ns, vec![n])),
        }
    }
    plan.falling.reverse();
    for phase in [Phase::Processes, Phase::Rules, Phase::Settings, Phase::Links, Phase::Namespaces, Phase::Files] {
        let list = phases.remove(&phase).unwrap_or_default();
        match phase {
            Phase::Links => {
                plan.steps.extend(links.drain(..).map(|(_, group)| group).filter(|group| !group.is_empty()));
            }
            Phase::Settings => settings(made, &list, &mut links, &mut plan.steps),
            Phase::Files => plan.steps.extend(list.into_iter().map(|n| vec![n])),
            Phase::Processes | Phase::Rules | Phase::Namespaces if !list.is_empty() => plan.steps.push(list),
            Phase::Processes | Phase::Rules | Phase::Namespaces => {}
        }
    }
    plan
}

/// Undoes settings one by one, the last one first. An interface that goes and has the name which a rename or a move gives
/// back is deleted before, and before that what needs it.
fn settings(made: &Made, list: &[u64], links: &mut [(Ns, Vec<u64>)], steps: &mut Vec<Vec<u64>>) {
    let mut waiting: BTreeSet<u64> = list.iter().copied().collect();
    for n in list {
        if !waiting.remove(n) {
            continue;
        }
        let in_the_way = made.get(*n).into_iter().flat_map(|record| left(&record.change)).find_map(|at| {
            let maker = made.state().maker(&at.ns, at.link.as_ref()?)?;
            let (_, group) = links.iter_mut().find(|(_, group)| group.contains(&maker))?;
            group.retain(|other| *other != maker);
            Some(maker)
        });
        if let Some(link) = in_the_way {
            let users = made.state().users(link);
            steps.extend(users.iter().rev().filter(|user| waiting.remove(user)).map(|user| vec![*user]));
            steps.push(vec![link]);
        }
        steps.push(vec![*n]);
    }
}

/// The names that a change leaves.
fn left(change: &Change) -> impl Iterator<Item = Subject> {
    change.facts(&Identity::Spec).into_iter().filter_map(|fact| fact.leaves())
}

/// The change that a change falls with, if all that it falls with goes.
fn owner(state: &State, n: u64, homes: &[Subject], going: &BTreeSet<u64>) -> Option<u64> {
    let owners = homes.iter().map(|home| state.goes_with(n, home, going)).collect::<Option<Vec<u64>>>()?;
    owners.first().copied()
}
