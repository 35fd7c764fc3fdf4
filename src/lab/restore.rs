//! Going back to an earlier state of the lab, and forth again.
//!
//! There is one way back for everybody: a failed entry of the prompt, `:undo`, `:rollback`. What was made is undone, what was
//! deleted is made again under its old number, so that whoever knows a change by its number, such as a script's handle,
//! still does, and what the kernel dropped by itself is put back. An interface gets the hardware addresses that it had; a
//! process is started anew: what it was in the middle of is lost.

use super::journal::Line;
use super::store::Journal;
use super::{Lab, Leftover, Record};
use crate::model::error::{OpError, OpResult};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::observe::ProcState;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The signal that no process survives (signal(7)).
const SIGKILL: i32 = 9;

/// How long to wait for processes to end that were sent signals: they need not.
const DYING: Duration = Duration::from_millis(300);

/// How often to look whether they have.
const LOOK: Duration = Duration::from_millis(5);

/// What is remembered from a moment on.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The number that the next change had then.
    first: u64,
    /// What was undone since, as it was then.
    removed: BTreeMap<u64, Record>,
    /// What was altered since, as it was then.
    altered: BTreeMap<u64, Record>,
    /// What has taken something over since from a change before it, as it was then.
    heirs: BTreeMap<u64, Record>,
    /// The processes that ran then.
    running: Vec<u64>,
}

impl Watch {
    /// Notes a change that is undone.
    pub(super) fn remove(&mut self, record: Record) {
        let then = self.altered.remove(&record.n).or_else(|| self.heirs.remove(&record.n)).unwrap_or(record);
        self.removed.entry(then.n).or_insert(then);
    }

    /// Notes a change that takes something over from one that is undone.
    pub(super) fn inherits(&mut self, before: &Record) {
        if before.n < self.first {
            self.heirs.entry(before.n).or_insert_with(|| before.clone());
        }
    }

    /// Notes a change that is altered.
    pub(super) fn altered(&mut self, before: &Record) {
        if before.n < self.first {
            self.altered.entry(before.n).or_insert_with(|| before.clone());
        }
    }
}

/// What was done to a lab from one moment to another.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// What was made, as far as it was not undone again.
    pub made: Vec<Record>,
    /// What was undone that had stood before.
    pub removed: Vec<Record>,
    /// What was altered: as it was, and as it is.
    pub altered: Vec<(Record, Record)>,
    /// The processes that were ended by signals and stay on record.
    pub ended: Vec<Record>,
    /// The changes of which the kernel has dropped something with what was done.
    pub dropped: BTreeSet<u64>,
}

impl Difference {
    /// Whether nothing was done.
    pub fn is_empty(&self) -> bool {
        self.made.is_empty() && self.removed.is_empty() && self.altered.is_empty() && self.ended.is_empty()
    }
}

/// What going back, or forth, came to.
#[derive(Debug, Default)]
pub struct Restored {
    /// How many changes were undone.
    pub undone: usize,
    /// How many were made again.
    pub remade: usize,
    /// How many were altered back, or forth again.
    pub altered: usize,
    /// Of how many something was put back that the kernel had dropped.
    pub repaired: usize,
    /// The processes that were started anew.
    pub restarted: Vec<String>,
    /// The processes that were ended again.
    pub ended: Vec<String>,
    /// What could not be undone.
    pub stuck: Vec<Leftover>,
    /// What could not be made again.
    pub lost: Vec<Leftover>,
    /// What else could not be done.
    pub failures: Vec<String>,
}

impl Lab {
    /// Begins to watch what is done to the lab, anew if it did already.
    pub fn watch(&mut self) {
        self.made.remember();
        self.signalled.clear();
        if self.watch.is_none() {
            // What is missing already was dropped by what came before, and is missing rightly.
            self.lacking = self.dropped();
        }
        let started = self.made.processes().map(|record| (record.n, record.identity.clone()));
        let started: Vec<(u64, Identity)> = started.collect();
        let runs = |(n, identity): (u64, Identity)| self.runs(&identity).then_some(n);
        let running = started.into_iter().filter_map(runs).collect();
        self.watch = Some(Watch { first: self.next, running, ..Watch::default() });
    }

    /// What was done since the lab began to be watched.
    pub fn difference(&mut self) -> Difference {
        let ended = self.ended_by_signals();
        let Some(watch) = &self.watch else { return Difference::default() };
        let stands = |n: &u64| self.made.get(*n).is_some();
        let removed = watch.removed.iter().filter(|(n, _)| **n < watch.first && !stands(n));
        // An heir is made anew after what it has taken over from.
        let removed: Vec<Record> = removed.chain(&watch.heirs).map(|(_, record)| record.clone()).collect();
        let heirs = watch.heirs.keys().filter_map(|n| self.made.get(*n));
        let made: Vec<Record> = heirs.chain(self.made.since(watch.first)).cloned().collect();
        let now = |(n, before): (&u64, &Record)| Some((before.clone(), self.made.get(*n)?.clone()));
        let altered: Vec<(Record, Record)> = watch.altered.iter().filter_map(now).collect();
        // What was made and undone since may have dropped something, too.
        let drops = !removed.is_empty()
            || made.iter().any(|record| record.change.may_drop())
            || watch.removed.values().any(|record| record.change.undo_may_drop());
        let mut dropped = if drops { self.dropped() } else { BTreeSet::new() };
        dropped.retain(|n| !self.lacking.contains(n));
        Difference { made, removed, altered, ended, dropped }
    }

    /// Takes a difference as what is meant: what the kernel dropped with it is missing rightly.
    pub fn accept(&mut self, difference: &Difference) {
        self.lacking.extend(&difference.dropped);
    }

    /// Goes back from after a difference to before it.
    pub fn restore(&mut self, difference: &Difference) -> Restored {
        let both = |records: &[Record]| [records, &difference.ended].concat();
        let back = difference.altered.iter().map(|(before, _)| before);
        self.swap(&both(&difference.made), back, &both(&difference.removed), Some(&difference.dropped))
    }

    /// Undoes what a call has made that has failed then, and returns its error with what could not be undone.
    pub(super) fn take_back(&mut self, numbers: &[u64], mut error: OpError) -> OpError {
        let made = numbers.iter().filter_map(|n| self.made.get(*n)).cloned().collect();
        let restored = self.restore(&Difference { made, ..Difference::default() });
        error.0.leftovers.extend(restored.failures());
        error
    }

    /// Goes forth again to after a difference.
    pub fn reapply(&mut self, difference: &Difference) -> Restored {
        // The kernel drops by itself what it has dropped then.
        let forth = difference.altered.iter().map(|(_, after)| after);
        let mut restored = self.swap(&difference.removed, forth, &difference.made, None);
        for record in &difference.ended {
            let Some(identity) = self.identity(record.n) else { continue };
            match self.signal(&identity, SIGKILL) {
                Ok(()) => restored.ended.extend(record.change.process().map(|process| process.name.clone())),
                Err(error) => restored.failures.push(error.to_string()),
            }
        }
        self.lacking.extend(&difference.dropped);
        restored
    }

    /// Undoes some changes, alters some, makes others again, and puts back what the kernel has dropped of still others.
    fn swap<'a>(
        &mut self,
        going: &[Record],
        altered: impl Iterator<Item = &'a Record>,
        coming: &[Record],
        dropped: Option<&BTreeSet<u64>>,
    ) -> Restored {
        let mut restored = Restored::default();
        let drops = dropped.is_some() && going.iter().any(|record| record.change.undo_may_drop());
        let mut dropped = dropped.cloned().unwrap_or_default();
        let going = self.made.state().with_dependents(going.iter().map(|record| record.n));
        if !going.is_empty() {
            restored.stuck = self.undo_numbers(&going);
        }
        if drops {
            // Something that fell may count again only now.
            dropped.extend(self.dropped().difference(&self.lacking));
        }
        let dropped = &dropped;
        for record in altered {
            match self.alter_one(&record.site, record.n, record.change.clone()) {
                Ok(_) => restored.altered += 1,
                Err(error) => restored.failures.push(error.to_string()),
            }
        }
        // What is made again may need it; what needs something of that in turn comes after it.
        let (first, _) = self.repair(dropped);
        restored.lost = self.remake(coming);
        let (then, lost) = self.repair(dropped);
        restored.lost.extend(lost);
        restored.repaired = first + then;
        self.lacking.retain(|n| !dropped.contains(n));
        let stands = |n: u64| self.made.get(n).is_some();
        restored.undone = going.iter().filter(|n| !stands(**n)).count();
        // A process that is started anew was not gone.
        restored.remade = coming.iter().filter(|record| stands(record.n) && !going.contains(&record.n)).count();
        let started = coming.iter().filter(|record| stands(record.n)).filter_map(|record| record.change.process());
        restored.restarted = started.map(|process| process.name.clone()).collect();
        restored
    }

    /// Makes changes again that were undone, in the order in which they were made, each under its own number, and
    /// returns those that could not be made. What came after them and stands is made again after them where it would be in
    /// their way: rules that were appended to the same table, an interface that has a name which they need.
    pub fn remake(&mut self, records: &[Record]) -> Vec<Leftover> {
        let mut all: BTreeMap<u64, Record> = records.iter().map(|record| (record.n, record.clone())).collect();
        let later = self.in_the_way(records).into_iter().filter_map(|n| Some((n, self.made.get(n)?.clone())));
        let later: BTreeMap<u64, Record> = later.collect();
        let mut left = Vec::new();
        if !later.is_empty() {
            left = self.undo_numbers(&later.keys().copied().collect());
            all.extend(later.into_iter().filter(|(n, _)| !left.iter().any(|left| left.record.n == *n)));
        }
        for record in all.into_values() {
            let before = record.identity.clone();
            let n = record.n;
            match self.enact(record.clone(), |identity| identity.like(&before)) {
                Ok(()) => self.next = self.next.max(n + 1),
                Err(error) => left.push(Leftover { record, error }),
            }
        }
        if let Err(error) = self.settle() {
            let lost = records.iter().filter(|record| self.made.get(record.n).is_none());
            left.extend(lost.map(|record| Leftover { record: record.clone(), error: error.clone() }));
        }
        left
    }

    /// The changes that stand and came after one of these, but would come before it or hold a name that it needs.
    fn in_the_way(&self, again: &[Record]) -> BTreeSet<u64> {
        let state = self.made.state();
        let out_of_order = self.made.records().filter(|later| is_out_of_order(later, again)).map(|later| later.n);
        let names = again.iter().flat_map(|record| {
            let names = record.change.facts(&record.identity).into_iter().flat_map(|fact| fact.names());
            names.flat_map(|name| state.namers(&name)).filter(|later| *later > record.n)
        });
        state.with_dependents(names).into_iter().chain(out_of_order).collect()
    }

    /// Goes on in another journal, which begins with everything that stands.
    pub fn rejournal(&mut self, journal: Journal) -> OpResult<()> {
        self.journal = Some(journal);
        let all: Vec<Record> = self.made.records().cloned().collect();
        for record in all {
            self.announce(&record)?;
            self.note(&Line::Done { n: record.n })?;
        }
        Ok(())
    }

    fn runs(&mut self, process: &Identity) -> bool {
        self.process(process).is_ok_and(|state| state == ProcState::Running)
    }

    /// The processes that ran when the lab began to be watched and that were ended with signals. They may take a moment.
    fn ended_by_signals(&mut self) -> Vec<Record> {
        let signalled = std::mem::take(&mut self.signalled);
        let running = self.watch.as_ref().map_or_else(Vec::new, |watch| watch.running.clone());
        let mut ours: Vec<Record> = running.iter().filter_map(|n| self.made.get(*n)).cloned().collect();
        ours.retain(|record| signalled.contains(&record.identity));
        let end = Instant::now() + DYING;
        while ours.iter().any(|record| self.runs(&record.identity)) && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        ours.retain(|record| !self.runs(&record.identity));
        ours
    }
}

impl Restored {
    /// Whether all of it was done.
    pub fn is_whole(&self) -> bool {
        self.stuck.is_empty() && self.lost.is_empty() && self.failures.is_empty()
    }

    /// What could not be done, each with the commands that do it by hand.
    pub fn failures(&self) -> Vec<String> {
        let stuck = self.stuck.iter().map(Leftover::describe);
        stuck.chain(self.lost.iter().map(Leftover::describe_lost)).chain(self.failures.iter().cloned()).collect()
    }
}

/// Whether a change that stands must come after one of those that are made again, and would come before it.
fn is_out_of_order(later: &Record, again: &[Record]) -> bool {
    let Some(order) = later.change.order() else { return false };
    again.iter().any(|record| later.n > record.n && record.change.order().as_ref() == Some(&order))
}

#[cfg(test)]
mod tests;
