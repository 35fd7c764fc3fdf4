//! Changes that are made later, together.

use super::Target;
use super::command::IptablesCommand;
use super::restore::RestoreBlock;
use super::undo::Item;
use crate::model::rules::{RuleEdit, Table};
use crate::model::tag::Tag;

/// A change that is to be made with others.
#[derive(Debug)]
pub(super) struct Deferred {
    pub(super) n: u64,
    pub(super) target: Target,
    pub(super) table: Table,
    pub(super) edits: Vec<RuleEdit>,
    pub(super) tag: Tag,
}

impl Deferred {
    pub(super) fn item(&self) -> Item<'_> {
        Item { edits: &self.edits, tag: self.tag.clone() }
    }
}

/// Deferred changes of one table, and their commands in order.
#[derive(Debug)]
pub(super) struct DeferredBatch {
    pub(super) table: Table,
    pub(super) changes: Vec<Deferred>,
    pub(super) commands: Vec<IptablesCommand>,
}

impl DeferredBatch {
    pub(super) fn block(&self) -> RestoreBlock<'_> {
        RestoreBlock { table: self.table, commands: &self.commands }
    }
}
