//! Undoing changes: some with what depends on them, or everything.

use super::{Event, Lab, Leftover, Made, Record, explain, unwind};
use crate::kernel::{ChangeRef, Undone};
use crate::lab::journal::Line;
use crate::model::error::OpResult;
use crate::model::kind::{Kind, Phase};
use std::collections::{BTreeMap, BTreeSet};

impl Lab {
    /// Undoes one change now, together with what depends on it. A change that is undone already is left so.
    pub fn revert(&mut self, n: u64) -> OpResult<()> {
        self.revert_all(&[n])
    }

    /// Undoes several changes at once, together with what depends on them.
    pub fn revert_all(&mut self, changes: &[u64]) -> OpResult<()> {
        let numbers = self.made.state().with_dependents(changes.iter().copied());
        self.undo_numbers(&numbers).into_iter().next().map_or(Ok(()), |left| Err(left.error))
    }

    /// Undoes everything, as few kernel calls as it takes, and returns what could not be undone.
    pub fn unwind(&mut self) -> Vec<Leftover> {
        let numbers = self.made.records().map(|record| record.n).collect();
        let left = self.undo_numbers(&numbers);
        if left.is_empty() {
            // As for one change that is undone.
            let _ = self.note(&Line::End);
        }
        left
    }

    pub(super) fn undo_numbers(&mut self, numbers: &BTreeSet<u64>) -> Vec<Leftover> {
        // What is refused now has nothing to be undone, and the error that led here comes first.
        let _ = self.settle();
        let plan = unwind::plan(&self.made, numbers);
        let is_all = numbers.len() >= self.made.records().len();
        let mut left = Vec::new();
        let mut failed = BTreeSet::new();
        for step in &plan.steps {
            let mut known: Vec<Record> = step.iter().filter_map(|n| self.made.get(*n)).cloned().collect();
            let handed: Vec<Record> = known.extract_if(.., |record| self.hand_over(record, numbers)).collect();
            for record in handed {
                self.gone(&record, Undone::StillUsed("a later change has set it again".to_owned()), !is_all);
            }
            let records: Vec<Record> = known.iter().map(|record| self.made.present(record)).collect();
            let entries: Vec<ChangeRef<'_>> =
                known.iter().zip(&records).map(|(known, now)| entry(known, now)).collect();
            for (record, result) in records.iter().zip(self.kernel.undo_all(&entries)) {
                match result {
                    // Where all goes, what is known of it goes in the end; renames tell where the rest is until then.
                    Ok(undone) => self.gone(record, undone, !is_all || record.change.phase() == Phase::Settings),
                    Err(refusal) => {
                        let error = explain::undo(&refusal, record);
                        self.tell(&Event::Stuck(record, &error));
                        failed.insert(record.n);
                        left.push(Leftover { record: record.clone(), error });
                    }
                }
            }
            self.flush();
        }
        for (n, owner) in &plan.falling {
            if !failed.contains(owner)
                && let Some(record) = self.made.get(*n).cloned()
            {
                self.gone(&record, Undone::Along, !is_all);
            }
        }
        if is_all {
            let falls_with_failed: BTreeMap<u64, u64> = plan.falling.iter().copied().collect();
            let is_stuck = |n: &u64| failed.contains(n);
            let stays = |n: &u64| is_stuck(n) || falls_with_failed.get(n).is_some_and(is_stuck);
            self.made = Made::of(self.made.clear().filter(|record| stays(&record.n)));
        }
        self.flush();
        left
    }

    /// Writes what the journal has to say, if it can: see [`gone`](Lab::gone).
    fn flush(&mut self) {
        if let Some(journal) = &mut self.journal {
            let _ = journal.flush();
        }
    }

    fn gone(&mut self, record: &Record, undone: Undone, forget: bool) {
        self.tell(&Event::Undone(record, undone));
        if let Some(watch) = &mut self.watch
            && let Some(original) = self.made.get(record.n)
        {
            watch.remove(original.clone());
        }
        if forget {
            self.made.remove(record.n);
        }
        // The change is undone whether or not the journal can say so. One that says too little makes a later
        // `recover` find it gone, which is harmless; and on a full disk no further change is made.
        if let Some(journal) = &mut self.journal {
            let _ = journal.remark(&Line::Undone { n: record.n });
        }
    }
}

/// A change as the kernel is asked to undo it: an interface is found by its marks, wherever it is; all else by the names of
/// now.
fn entry<'a>(known: &'a Record, now: &'a Record) -> ChangeRef<'a> {
    ChangeRef::from(if now.change.phase() == Phase::Links { known } else { now })
}
