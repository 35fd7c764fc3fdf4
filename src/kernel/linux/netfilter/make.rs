//! Making changes, at once ([`Netfilter::apply`]) or together with others ([`Netfilter::defer`], [`Netfilter::flush`]).

use super::child::Patience;
use super::command::{IptablesCommand, asked};
use super::deferred::{Deferred, DeferredBatch};
use super::nft::Also;
use super::restore::{RestoreBlock, RestoreError};
use super::undo::Item;
use super::{Netfilter, Target, marks, no_rules};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{ChangeRef, Done, Refusal, Why};
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::rules::{EditRules, RuleEdit, Table};

impl Netfilter {
    /// Makes a change of one that stands, in one moment: rules that both have stay as they are. What is put off as yet is
    /// altered before it is made.
    pub fn alter(&mut self, spaces: &Spaces, before: ChangeRef<'_>, to: &EditRules) -> Done<()> {
        let Change::EditRules(from) = before.change else { return Err(no_rules()) };
        let (tag, backend) = marks(before.identity)?;
        let target = Target { ns: to.ns.clone(), family: to.family, backend };
        check(&Item { edits: &to.edits, tag: tag.clone() })?;
        if let Some(waiting) = self.deferred.iter_mut().find(|d| d.target == target && d.tag == tag) {
            waiting.edits.clone_from(&to.edits);
            return Ok(());
        }
        self.flush_target(spaces, &target);
        let (going, coming) = from.swap(to);
        let delete = going.iter().filter_map(|edit| IptablesCommand::against(edit, &tag));
        let commands: Vec<IptablesCommand> =
            delete.chain(coming.iter().map(|edit| IptablesCommand::of(edit, &tag))).collect();
        if commands.is_empty() {
            return Ok(());
        }
        let block = RestoreBlock { table: to.table, commands: &commands };
        let how = (Patience::making(commands.len()), Also::Nothing);
        match self.commit_all(spaces, &target, &[block], how).map_err(|(_, fault)| fault) {
            Ok(()) => Ok(()),
            Err(RestoreError::Refused { at, status, words }) => {
                let steps: Vec<&RuleEdit> = going.iter().chain(&coming).copied().collect();
                Err(refusal((to.family, to.table), &steps, at, status, words))
            }
            Err(RestoreError::NotAsked(refusal) | RestoreError::Lost(refusal)) => Err(refusal),
        }
    }

    /// Makes change number `n` together with others at the next [`Netfilter::flush`]. Only what no line could say is
    /// refused at once.
    pub fn defer(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        let Change::EditRules(EditRules { ns, family, table, edits, .. }) = change else { return Err(no_rules()) };
        let (tag, backend) = marks(identity)?;
        let target = Target { ns: ns.clone(), family: *family, backend };
        let deferred = Deferred { n, target, table: *table, edits: edits.clone(), tag };
        check(&deferred.item())?;
        self.deferred.push(deferred);
        Ok(())
    }

    /// Makes the deferred changes. Returns those that failed, by number; nothing is left of them, and the
    /// others are made.
    pub fn flush(&mut self, spaces: &Spaces) -> Vec<(u64, Refusal)> {
        while let Some(first) = self.deferred.first() {
            let target = first.target.clone();
            self.flush_target(spaces, &target);
        }
        std::mem::take(&mut self.failed)
    }

    /// Makes one change.
    fn make(&mut self, spaces: &Spaces, target: &Target, table: Table, item: &Item<'_>) -> Done<()> {
        let commands = item.commands();
        let block = RestoreBlock { table, commands: &commands };
        let how = (Patience::making(commands.len()), Also::Nothing);
        let committed = self.commit_all(spaces, target, &[block], how);
        committed.map_err(|(_, fault)| self.blame(spaces, target, table, item, fault))
    }

    /// Why one change was not made. Nothing is left of it.
    fn blame(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        item: &Item<'_>,
        fault: RestoreError,
    ) -> Refusal {
        match fault {
            RestoreError::Refused { at, status, words } => {
                let edits: Vec<&RuleEdit> = item.edits.iter().collect();
                refusal((target.family, table), &edits, at, status, words)
            }
            RestoreError::NotAsked(refusal) => refusal,
            RestoreError::Lost(refusal) => self.take_back(spaces, target, table, std::slice::from_ref(item), refusal),
        }
    }

    /// Sees to it that nothing is left of changes whose fate is unknown.
    fn take_back(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        items: &[Item<'_>],
        mut why: Refusal,
    ) -> Refusal {
        for outcome in self.sift(spaces, target, table, items) {
            if let Err(left) = outcome {
                why.words = format!("{}; it may be made in part, because undoing it failed: {left}", why.words);
            }
        }
        why
    }

    /// Makes the deferred changes of one target, one commit for each table, all of them in one go.
    pub(super) fn flush_target(&mut self, spaces: &Spaces, target: &Target) {
        let mut batches = Vec::new();
        for (table, _) in Table::ALL {
            let changes: Vec<Deferred> =
                self.deferred.extract_if(.., |d| d.target == *target && d.table == table).collect();
            let commands: Vec<IptablesCommand> = changes.iter().flat_map(|change| change.item().commands()).collect();
            if !commands.is_empty() {
                batches.push(DeferredBatch { table, changes, commands });
            }
        }
        while !batches.is_empty() {
            let blocks: Vec<RestoreBlock<'_>> = batches.iter().map(DeferredBatch::block).collect();
            let patience = Patience::making(batches.iter().map(|batch| batch.commands.len()).sum());
            match self.commit_all(spaces, target, &blocks, (patience, Also::Nothing)) {
                Ok(()) => return,
                Err((struck, fault)) => {
                    // Those before it are made, and those after it are for the next round.
                    if let Some(batch) = batches.drain(..=struck).next_back() {
                        self.retry(spaces, target, &batch, fault);
                    }
                }
            }
        }
    }

    /// Makes the changes of a batch that failed as a whole one by one, as far as they can be made.
    fn retry(&mut self, spaces: &Spaces, target: &Target, batch: &DeferredBatch, fault: RestoreError) {
        let DeferredBatch { table, changes, .. } = batch;
        if let RestoreError::Lost(refusal) = fault {
            let items: Vec<Item<'_>> = changes.iter().rev().map(Deferred::item).collect();
            let refusal = self.take_back(spaces, target, *table, &items, refusal);
            self.failed.extend(changes.iter().map(|change| (change.n, refusal.clone())));
            return;
        }
        // To ask again for one change would be to wait again, for a lock that somebody has.
        if let [change] = &changes[..] {
            let refusal = self.blame(spaces, target, *table, &change.item(), fault);
            self.failed.push((change.n, refusal));
            return;
        }
        for change in changes {
            if let Err(refusal) = self.make(spaces, target, *table, &change.item()) {
                self.failed.push((change.n, refusal));
            }
        }
    }
}

/// Whether lines can say all of a change.
fn check(item: &Item<'_>) -> Done<()> {
    item.commands().iter().try_for_each(IptablesCommand::check)
}

/// A refused change, blaming the edit that was refused.
fn refusal(
    (family, table): (Family, Table),
    edits: &[&RuleEdit],
    at: Option<usize>,
    status: i32,
    words: String,
) -> Refusal {
    let edit = at.and_then(|at| edits.get(at)).or_else(|| edits.first().filter(|_| edits.len() == 1));
    let request = match edit {
        Some(edit) => asked(family, table, edit),
        None => format!("{}-restore, table {}", family.iptables(), table.as_str()),
    };
    // The legacy tools leave out what libiptc would say.
    let words = match edit {
        _ if !words.is_empty() => words,
        Some(RuleEdit::NewChain(_)) if at.is_some() => "Chain already exists.".to_owned(),
        Some(RuleEdit::Append { .. } | RuleEdit::Insert { .. }) if at.is_some() => {
            "No chain/target/match by that name.".to_owned()
        }
        _ => "the kernel refused the table as a whole".to_owned(),
    };
    Refusal::new(Why::Tool(status), request, words.as_str()).because(super::words::cause(&words))
}
