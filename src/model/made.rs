//! The changes that stand, with what they come to.

use crate::model::change::Change;
use crate::model::error::Site;
use crate::model::identity::Identity;
use crate::model::kind::{Kind, Phase};
use crate::model::known::Known;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::state::State;
use crate::model::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};

/// A change that was made, with where the recipe asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its number, from 1; no other change of the lab has it.
    pub n: u64,
    /// The recipe line that asked for it.
    pub site: Site,
    /// The change.
    pub change: Change,
    /// What makes its object ours.
    pub identity: Identity,
}

/// The changes that stand, by number.
#[derive(Debug, Default)]
pub struct Made {
    /// In boxes: a map of such many has room for twice as many.
    records: BTreeMap<u64, Box<Record>>,
    processes: BTreeSet<u64>,
    state: State,
}

impl Made {
    /// These changes.
    pub fn of(records: impl IntoIterator<Item = Record>) -> Made {
        let mut made = Made::default();
        for record in records {
            made.add(record);
        }
        made
    }

    /// Takes in a change that was made.
    pub fn add(&mut self, record: Record) {
        self.state.add(record.n, &record.change, &record.identity);
        if record.change.phase() == Phase::Processes {
            self.processes.insert(record.n);
        }
        self.records.insert(record.n, Box::new(record));
    }

    /// Takes in that a part of a change was made again, by this change in the names of now.
    pub fn repaired(&mut self, n: u64, part: &Change) {
        self.state.set_again(n, &part.facts(&Identity::Spec));
    }

    /// Takes in that a change was altered in place.
    pub fn alter(&mut self, record: Record) {
        self.state.remove(record.n);
        self.add(record);
    }

    /// Takes in that something else was there before a change.
    pub fn set_identity(&mut self, n: u64, identity: Identity) {
        if let Some(record) = self.records.get_mut(&n) {
            record.identity = identity;
        }
    }

    /// Takes out a change that was undone.
    pub fn remove(&mut self, n: u64) -> Option<Record> {
        self.state.remove(n);
        self.processes.remove(&n);
        self.records.remove(&n).map(|record| *record)
    }

    /// Takes out all changes, and what was known of them.
    pub fn clear(&mut self) -> impl Iterator<Item = Record> {
        self.state = State::default();
        self.processes.clear();
        std::mem::take(&mut self.records).into_values().map(|record| *record)
    }

    /// Remembers from now on what is needed to make changes again.
    pub fn remember(&mut self) {
        self.state.remember();
    }

    /// A change.
    pub fn get(&self, n: u64) -> Option<&Record> {
        self.records.get(&n).map(|record| &**record)
    }

    /// A change in the names of now.
    pub fn present(&self, record: &Record) -> Record {
        Record { change: self.state.present(record.n, &record.change), ..record.clone() }
    }

    /// All of them, oldest first.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> + DoubleEndedIterator {
        self.records.values().map(|record| &**record)
    }

    /// The processes among them.
    pub fn processes(&self) -> impl Iterator<Item = &Record> {
        self.processes.iter().filter_map(|n| self.get(*n))
    }

    /// Those from a number on.
    pub fn since(&self, n: u64) -> impl Iterator<Item = &Record> {
        self.records.range(n..).map(|(_, record)| &**record)
    }

    /// What they come to.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl Known for Made {
    fn site(&self, subject: &Subject) -> Option<Site> {
        self.get(self.state.holder(subject)?).map(|record| record.site.clone())
    }

    fn namespaces(&self) -> Vec<&NsName> {
        self.records().filter_map(|record| record.change.netns()).map(|netns| &netns.name).collect()
    }

    fn spaces(&self) -> Vec<&Ns> {
        self.state.spaces().into_iter().collect()
    }

    fn links_in(&self, ns: &Ns) -> Vec<&IfName> {
        self.state.links_in(ns).collect()
    }
}
