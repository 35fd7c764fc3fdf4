//! The entries that count, for taking them back and making them again.
//!
//! An entry is taken back by undoing what it made and making again what it deleted, under the old numbers; variables and
//! functions are as they were. It is not run again when it is redone: its changes are made again as they were made, so
//! that nothing else comes of it, whatever commands it ran or asked.

use super::Repl;
use crate::lab::{Difference, Restored};
use crate::model::names::Ns;
use crate::script::prompt::SavedScope;
use crate::session::Failure;

/// An entry that has changed something.
pub(super) struct Group {
    /// Its text.
    pub text: String,
    /// What it did to the lab.
    pub difference: Difference,
    /// The variables before it.
    pub before: SavedScope,
    /// The variables after it.
    pub after: SavedScope,
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
    pub(super) fn undo(&mut self) -> Result<Option<(String, Restored)>, Failure> {
        let Some(group) = self.history.groups.pop() else { return Ok(None) };
        let restored = self.lab.borrow_mut().restore(&group.difference);
        self.prompt.borrow_mut().restore(&group.before);
        self.prompt.borrow_mut().renew(None);
        let text = group.text.clone();
        self.history.undone.push(group);
        self.history.forget();
        self.all_of(&restored)?;
        Ok(Some((text, restored)))
    }

    /// Makes the entry again that was taken back last.
    pub(super) fn redo(&mut self) -> Result<Option<(String, Restored)>, Failure> {
        let Some(group) = self.history.undone.pop() else { return Ok(None) };
        let restored = self.lab.borrow_mut().reapply(&group.difference);
        self.prompt.borrow_mut().restore(&group.after);
        self.prompt.borrow_mut().renew(None);
        let text = group.text.clone();
        self.history.groups.push(group);
        self.all_of(&restored)?;
        Ok(Some((text, restored)))
    }
}
