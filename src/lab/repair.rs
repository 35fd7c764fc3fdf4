//! Putting back what the kernel has dropped by itself: with an interface that goes down, or elsewhere, go routes,
//! addresses and more that nobody has deleted, so that they stand on record. When the interface is as it was, they are to
//! be as they were, too.

use super::standing::{Present, difference, observe};
use super::{Lab, Leftover, Record};
use crate::kernel::{Errno, Observed};
use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::subject::LINK;
use std::collections::BTreeSet;

/// Something that a change on record has made, and that is missing.
struct Part {
    /// The change's number.
    n: u64,
    /// What makes it where the interface is now.
    change: Change,
}

impl Lab {
    /// The numbers of the changes on record of which something is missing.
    pub fn dropped(&mut self) -> BTreeSet<u64> {
        self.missing(None).into_iter().map(|part| part.n).collect()
    }

    /// Makes again what is missing of these changes, and returns of how many, and what could not be made.
    pub(super) fn repair(&mut self, numbers: &BTreeSet<u64>) -> (usize, Vec<Leftover>) {
        let mut repaired = BTreeSet::new();
        let mut left = Vec::new();
        if numbers.is_empty() {
            return (0, left);
        }
        for Part { n, change } in self.missing(Some(numbers)) {
            match self.kernel.apply(n, &change, &Identity::Spec) {
                Ok(()) => {
                    repaired.insert(n);
                    self.made.repaired(n, &change);
                }
                // It came back by itself with another one.
                Err(refusal) if refusal.is(Errno::EEXIST) => self.made.repaired(n, &change),
                Err(refusal) => {
                    let error = self.explain(&refusal, &change);
                    let record = self.made.get(n).map(|record| Record { change, ..record.clone() });
                    left.extend(record.map(|record| Leftover { record, error }));
                }
            }
        }
        (repaired.len(), left)
    }

    fn missing(&mut self, of: Option<&BTreeSet<u64>>) -> Vec<Part> {
        let is_asked = |record: &&Record| of.is_none_or(|numbers| numbers.contains(&record.n));
        let is_ours = |record: &&Record| record.identity != Identity::Already;
        let asked = self.made.records().filter(is_asked).filter(is_ours);
        let mut all: Vec<Present> = asked.map(|record| Present::of(&self.made, record)).collect();
        all.retain(|present| present.facts.iter().any(|fact| present.record.change.repairing(fact).is_some()));
        let observed = observe(&mut *self.kernel, &all);
        let mut missing = Vec::new();
        for (present, observed) in all.iter().zip(observed) {
            // Of what cannot be looked at, such as an interface that is gone, nothing can be put back.
            let Ok(observed) = observed else { continue };
            // Of an interface that is gone, neither.
            if present.facts.first().is_some_and(|fact| fact.is_new && fact.subject.what == LINK)
                && matches!(observed.first(), Some(Observed::Gone))
            {
                continue;
            }
            for ((fact, counts), observed) in present.facts.iter().zip(&present.counts).zip(observed) {
                if *counts && difference(fact, observed).is_some() {
                    let change = present.record.change.repairing(fact);
                    missing.extend(change.map(|change| Part { n: present.record.n, change }));
                }
            }
        }
        missing
    }
}
