//! Altering a change in place: it keeps its number, and its object is the same.

use super::journal::Line;
use super::{Altered, Event, Lab, Record};
use crate::kernel::ChangeRef;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult, Site};
use crate::model::identity::Identity;
use std::collections::BTreeSet;

impl Lab {
    /// Makes changes, and then another one of the same kind of change `n`, in place. All of it or nothing: what is refused
    /// leaves everything as it was. Returns the numbers of what was made.
    pub fn alter(&mut self, site: &Site, n: u64, change: Change, first: Vec<Change>) -> OpResult<Vec<u64>> {
        self.permit(&change)?;
        let made = self.commit(site, first)?;
        match self.alter_one(site, n, change).and_then(|step| self.meet_fault(step)) {
            Ok(()) => Ok(made),
            Err(error) => Err(self.take_back(&made, error)),
        }
    }

    /// Alters one change, and returns the number of that.
    pub(super) fn alter_one(&mut self, site: &Site, n: u64, change: Change) -> OpResult<u64> {
        let Some(before) = self.made.get(n).cloned() else {
            return Err(OpError::new("lab::gone", format!("Change {n} does not stand any more.")));
        };
        self.find_secrets(&change)?;
        let after = Record { change, ..before.clone() };
        self.note(&Line::alter(&after))?;
        let step = self.next;
        self.next += 1;
        if let Err(refusal) = self.kernel.alter(step, ChangeRef::from(&before), &after.change) {
            let error = self.explain(&refusal, &after.change);
            self.note(&Line::alter(&before))?;
            return Err(error);
        }
        self.tell(&Event::Altered(Altered { step, site, before: &before, after: &after }));
        if let Some(watch) = &mut self.watch {
            watch.altered(&before);
        }
        self.made.alter(after);
        Ok(step)
    }

    /// Where a later change has set the same thing and stays, that is not undone: the later one undoes it to what was there
    /// before this one. Says whether it is so.
    pub(super) fn hand_over(&mut self, record: &Record, going: &BTreeSet<u64>) -> bool {
        let Identity::Was(before) = &record.identity else { return false };
        let heir = self.made.state().successor(record.n).filter(|heir| !going.contains(heir));
        let Some(heir) = heir.and_then(|heir| self.made.get(heir)).cloned() else { return false };
        if let Some(watch) = &mut self.watch {
            watch.inherits(&heir);
        }
        let is_back = matches!(&heir.change, Change::SetLink(change) if change.set == *before);
        let identity = if is_back { Identity::Already } else { record.identity.clone() };
        let heir = Record { identity, ..heir };
        // As with what is undone: it is so, whether or not the journal can say it.
        if let Some(journal) = &mut self.journal {
            let _ = journal.remark(&Line::alter(&heir));
        }
        self.kernel.forget(record.n);
        self.made.set_identity(heir.n, heir.identity);
        true
    }
}
