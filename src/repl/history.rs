//! The entries that count, for taking them back and making them again.
//!
//! An entry is taken back by undoing what it made and making again what it deleted, under the old numbers; variables and
//! functions are as they were. It is not run again when it is redone: its changes are made again as they were made, so
//! that nothing else comes of it, whatever commands it ran or asked.

use super::Repl;
use super::entry::{Balance, lost, missing, process_name};
use crate::cli::engine::Trouble;
use crate::lab::{Lab, Leftover, Record};
use crate::model::names::Ns;
use crate::script::prompt::Moment;
use std::collections::BTreeSet;

/// The signal that no process survives (signal(7)).
const SIGKILL: i32 = 9;

/// An entry that has changed something.
pub(super) struct Group {
    /// Its text.
    pub text: String,
    /// What it made, as far as it has not deleted that again.
    pub made: Vec<Record>,
    /// What it deleted.
    pub removed: Vec<Record>,
    /// The processes that it ended and that stay on record.
    pub ended: Vec<Record>,
    /// The changes before it of which the kernel has dropped something with what it did.
    pub dropped: BTreeSet<u64>,
    /// The variables before it.
    pub before: Moment,
    /// The variables after it.
    pub after: Moment,
    /// The namespace that its free functions meant.
    pub here: Ns,
}

/// The entries that count.
#[derive(Default)]
pub(super) struct History {
    groups: Vec<Group>,
    undone: Vec<Group>,
    savepoints: Vec<(String, usize)>,
}

impl History {
    /// Notes an entry. What was undone cannot be made again after it.
    pub fn push(&mut self, group: Group) {
        self.groups.push(group);
        self.undone.clear();
    }

    /// The entries that count, oldest first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The changes of which something is missing that was not missing after the last entry.
    pub fn dropped(&self, lab: &mut Lab) -> BTreeSet<u64> {
        let mut dropped = lab.dropped();
        dropped.retain(|n| !self.groups.iter().any(|group| group.dropped.contains(n)));
        dropped
    }

    /// The names of the savepoints.
    pub fn savepoints(&self) -> Vec<String> {
        self.savepoints.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Names this state, instead of what had the name.
    pub fn save(&mut self, name: &str) {
        self.savepoints.retain(|(other, _)| other != name);
        self.savepoints.push((name.to_owned(), self.groups.len()));
    }

    /// How many entries came after a savepoint; none if there is none of that name, or its entries were undone.
    pub fn since(&self, name: &str) -> Option<usize> {
        let (_, length) = self.savepoints.iter().find(|(other, _)| other == name)?;
        self.groups.len().checked_sub(*length)
    }

    /// Forgets the savepoints of states that are gone.
    fn forget(&mut self) {
        let length = self.groups.len();
        self.savepoints.retain(|(_, at)| *at <= length);
    }
}

impl Repl<'_> {
    /// Takes back the last entry, and returns its text; none if there is none.
    pub(super) fn undo(&mut self) -> Result<Option<(String, Balance)>, Trouble> {
        let Some(group) = self.history.groups.pop() else { return Ok(None) };
        let with_ended = |records: &[Record]| [records, &group.ended].concat();
        let balance = self.swap(&with_ended(&group.made), &with_ended(&group.removed), &group.dropped);
        self.prompt.borrow_mut().restore(&group.before);
        self.prompt.borrow_mut().renew(None);
        let text = group.text.clone();
        self.history.undone.push(group);
        self.history.forget();
        self.all_of(&balance)?;
        Ok(Some((text, balance)))
    }

    /// Makes the entry again that was taken back last.
    pub(super) fn redo(&mut self) -> Result<Option<(String, Balance)>, Trouble> {
        let Some(group) = self.history.undone.pop() else { return Ok(None) };
        // The kernel drops by itself what it has dropped then.
        let mut balance = self.swap(&group.removed, &group.made, &BTreeSet::new());
        self.end_again(&group.ended, &mut balance);
        self.prompt.borrow_mut().restore(&group.after);
        self.prompt.borrow_mut().renew(None);
        let text = group.text.clone();
        self.history.groups.push(group);
        self.all_of(&balance)?;
        Ok(Some((text, balance)))
    }

    /// Undoes some changes, makes others again, and puts back what the kernel has dropped of still others.
    fn swap(&self, going: &[Record], coming: &[Record], dropped: &BTreeSet<u64>) -> Balance {
        let mut lab = self.lab.borrow_mut();
        let before = lab.records().to_vec();
        let numbers: Vec<u64> = going.iter().map(|record| record.n).collect();
        let mut left: Vec<String> = lab.take_back(&numbers).iter().map(Leftover::describe).collect();
        // What is made again may need it; what needs something of that in turn comes after it.
        let (first, _) = lab.mend(dropped);
        left.extend(lab.remake(coming).iter().map(lost));
        let (then, stuck) = lab.mend(dropped);
        left.extend(stuck.iter().map(lost));
        let now = lab.records();
        let stands = |record: &&Record| now.iter().any(|other| other.n == record.n);
        Balance {
            undone: missing(&before, now).len(),
            remade: missing(now, &before).len(),
            mended: first + then,
            restarted: coming.iter().filter(stands).filter_map(process_name).collect(),
            ended: Vec::new(),
            left,
        }
    }

    /// Ends processes that stay on record.
    fn end_again(&self, records: &[Record], balance: &mut Balance) {
        let mut lab = self.lab.borrow_mut();
        for record in records {
            let Some(identity) = lab.identity(record.n) else { continue };
            match lab.signal(&identity, SIGKILL) {
                Ok(()) => balance.ended.extend(process_name(record)),
                Err(error) => balance.left.push(error.to_string()),
            }
        }
    }
}
