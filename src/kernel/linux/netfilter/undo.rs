//! Planning what takes changes back: only rules that carry our tag, and chains that nobody else uses.
//!
//! First as if everything still stood ([`presumed`]): deleting a rule by its whole text, tag and all, is its own
//! proof that it is ours, and the kernel refuses to delete a chain that is in use, so nothing has to be read
//! before. Where that is refused, [`plan`] looks at what there is.

use super::command::{IptablesCommand, Marked};
use crate::kernel::{Done, Refusal, Undone, Why};
use crate::model::names::ChainName;
use crate::model::rule::saved::{Saved, SavedRule, SavedTable};
use crate::model::rule::{Rule, split};
use crate::model::rules::{RuleEdit, Table};
use crate::model::tag::Tag;
use std::collections::HashSet;

/// A change to be taken back.
#[derive(Debug, Clone)]
pub(super) struct Item<'a> {
    /// Its edits, all of one table.
    pub(super) edits: &'a [RuleEdit],
    /// The comment on its rules.
    pub(super) tag: Tag,
}

impl Item<'_> {
    /// What makes it.
    pub(super) fn commands(&self) -> Vec<IptablesCommand> {
        self.edits.iter().map(|edit| IptablesCommand::of(edit, &self.tag)).collect()
    }
}

/// In whose words a rule is named to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// The recipe's. It names the very rule that these words made, while for some matches (`recent`,
    /// `connlimit`) what `iptables-save` prints does not.
    Recipe,
    /// Those of `iptables-save`, for when the recipe's no longer mean the same: a host name or a user that is
    /// gone.
    Saved,
}

/// What is to be known about the rules around.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ruleset<'a> {
    /// The table that the changes edited.
    pub(super) table: Table,
    /// The rules as they are.
    pub(super) now: &'a Saved,
    /// The rules as they were before anything was taken back.
    pub(super) before: &'a Saved,
    /// How to name rules.
    pub(super) spelling: Spelling,
}

/// What takes changes back, and what becomes of each when it is committed.
#[derive(Debug, Default)]
pub(super) struct RulePlan {
    /// One block.
    pub(super) commands: Vec<IptablesCommand>,
    /// One for each change, in order.
    pub(super) outcomes: Vec<Done<Undone>>,
}

/// The plan for changes of one table, newest first, that all still stand. It is refused as a whole where one does not.
pub(super) fn presumed(items: &[Item<'_>]) -> RulePlan {
    let edits = || items.iter().flat_map(|item| item.edits.iter().map(move |edit| (edit, &item.tag)));
    let mut commands: Vec<IptablesCommand> =
        edits().filter_map(|(edit, tag)| IptablesCommand::against(edit, tag)).collect();
    // A chain can go only when every rule that uses it has gone, whichever change made it.
    commands.extend(edits().filter_map(|(edit, _)| Some(IptablesCommand::DeleteChain(edit.new_chain()?.to_string()))));
    RulePlan { commands, outcomes: vec![Ok(Undone::Yes); items.len()] }
}

/// Plans how to take changes back, newest first.
pub(super) fn plan(items: &[Item<'_>], scene: Ruleset<'_>) -> RulePlan {
    let mut plan = RulePlan::default();
    let Some(table) = scene.now.table(scene.table.as_str()) else {
        let quoted = format!("`{}'", scene.table.as_str());
        let outcome = match scene.now.unreadable.iter().find(|words| words.contains(&quoted)) {
            Some(words) => Err(Refusal::new(Why::Protocol, "iptables-save", words.as_str())),
            None => Ok(Undone::AlreadyGone),
        };
        plan.outcomes = vec![outcome; items.len()];
        return plan;
    };
    // As places among the table's rules.
    let mut deleted = HashSet::new();
    for item in items {
        let ours = table.tagged(&item.tag);
        if scene.spelling == Spelling::Recipe && is_complete(item.edits, table, ours) {
            plan.commands.extend(item.edits.iter().filter_map(|edit| IptablesCommand::against(edit, &item.tag)));
        } else {
            plan.commands.extend(ours.iter().map(|at| as_saved(&table.rules[*at])));
        }
        deleted.extend(ours);
        plan.outcomes.push(Ok(if ours.is_empty() { Undone::AlreadyGone } else { Undone::Yes }));
    }
    for (item, outcome) in items.iter().zip(&mut plan.outcomes) {
        let Ok(outcome) = outcome else { continue };
        for edit in item.edits {
            let Some(chain) = edit.new_chain().map(ChainName::as_str) else { continue };
            if !table.has_own_chain(chain) {
                continue;
            }
            if let Some(reason) = why_keep(chain, item, table, scene, &deleted) {
                *outcome = Undone::NotOurs(reason);
                continue;
            }
            plan.commands.push(IptablesCommand::DeleteChain(chain.to_owned()));
            if *outcome == Undone::AlreadyGone {
                *outcome = Undone::Yes;
            }
        }
    }
    plan
}

/// Deletes a rule in the words of `iptables-save`, its tag among them.
fn as_saved(rule: &SavedRule) -> IptablesCommand {
    let words = split(&rule.text).split_off(1);
    IptablesCommand::Delete(Marked { chain: rule.chain.clone(), tag: None, rule: Rule::Raw(words) })
}

/// Whether the rules that carry the tag are as many as the change added, chain by chain.
fn is_complete(edits: &[RuleEdit], table: &SavedTable, ours: &[usize]) -> bool {
    let mut added: Vec<&str> = edits.iter().filter_map(|edit| edit.added().map(|(chain, _)| chain)).collect();
    let mut there: Vec<&str> = ours.iter().map(|at| table.rules[*at].chain.as_str()).collect();
    added.sort_unstable();
    there.sort_unstable();
    added == there
}

/// Why not to delete a chain that the change made.
fn why_keep(
    chain: &str,
    item: &Item<'_>,
    table: &SavedTable,
    scene: Ruleset<'_>,
    deleted: &HashSet<usize>,
) -> Option<String> {
    // A chain carries no comment. Where the change put rules with it, they (or later ones of the same lab) tell
    // that it is the same one.
    let marked = item.edits.iter().any(|edit| uses(edit, chain));
    let before = scene.before.table(scene.table.as_str());
    let mark = before.is_some_and(|table| table.using(chain).any(|(_, rule)| rule.is_of_lab(&item.tag)));
    if marked && !mark {
        return Some(format!("chain `{chain}` is there, but no rule in it or to it is the lab's"));
    }
    let (_, rule) = table.using(chain).find(|(at, _)| !deleted.contains(at))?;
    let whose = if rule.is_of_lab(&item.tag) { "another rule of the lab" } else { "a rule that is not the lab's" };
    Some(format!("chain `{chain}` is still used by {whose}: `-A {}`", rule.text))
}

/// Whether an edit adds a rule in a chain or to it.
fn uses(edit: &RuleEdit, chain: &str) -> bool {
    edit.added().is_some_and(|(at, rule)| at == chain || rule.spec().chain() == Some(chain))
}

#[cfg(test)]
mod tests;
