//! Planning what takes changes back: only rules that carry our tag, and chains that nobody else uses.
//!
//! First as if everything still stood ([`presumed`]): deleting a rule by its whole text, tag and all, is its own
//! proof that it is ours, and the kernel refuses to delete a chain that is in use, so nothing has to be read
//! before. Where that is refused, [`plan`] looks at what there is.

use super::command::{Command, Marked};
use crate::kernel::{Done, Refusal, Undone, Why};
use crate::model::rule::saved::{Saved, SavedRule, SavedTable};
use crate::model::rule::{Rule, split};
use crate::model::rules::{RuleEdit, Table};
use crate::model::tag::Tag;
use std::collections::{HashMap, HashSet};

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
    pub(super) fn commands(&self) -> Vec<Command> {
        self.edits.iter().map(|edit| Command::of(edit, &self.tag)).collect()
    }

    fn only_deletes(&self) -> bool {
        self.edits.iter().all(|edit| matches!(edit, RuleEdit::Delete { .. }))
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
pub(super) struct Scene<'a> {
    /// The table that the changes edited.
    pub(super) table: Table,
    /// The rules as they are.
    pub(super) now: &'a Saved,
    /// The rules as they were before anything was taken back.
    pub(super) before: &'a Saved,
    /// The tags of all changes that are being taken back.
    pub(super) tags: &'a HashSet<Tag>,
    /// The tags of those that [`standing`] found.
    pub(super) standing: &'a HashSet<Tag>,
    /// How to name rules.
    pub(super) spelling: Spelling,
}

/// What takes changes back, and what becomes of each when it is committed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One block.
    pub(super) commands: Vec<Command>,
    /// One for each change, in order.
    pub(super) outcomes: Vec<Done<Undone>>,
}

/// The plan for changes of one table, newest first, that all still stand. It is refused as a whole where one does
/// not. None where a command could do harm then: putting a rule back that is there.
pub(super) fn presumed(items: &[Item<'_>], tags: &HashSet<Tag>) -> Option<Plan> {
    let mut commands = Vec::new();
    let (mut back, mut chains) = (Vec::new(), Vec::new());
    // Rules that a later one of the changes has deleted.
    let mut swapped: HashMap<String, usize> = HashMap::new();
    for item in items {
        if item.only_deletes() {
            return None;
        }
        for edit in item.edits {
            match edit {
                RuleEdit::NewChain(chain) => chains.push(Command::DeleteChain(chain.to_string())),
                RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => {
                    let command = Command::Delete(Marked::new(chain, &item.tag, rule));
                    let gone = if swapped.is_empty() { None } else { swapped.get_mut(&command.line()) };
                    match gone {
                        Some(count) if *count > 0 => *count -= 1,
                        _ => commands.push(command),
                    }
                }
                RuleEdit::Delete { chain, rule, owner } => {
                    let owner = item.tag.sibling(*owner);
                    let marked = Marked::new(chain, &owner, rule);
                    if tags.contains(&owner) {
                        *swapped.entry(Command::Delete(marked).line()).or_default() += 1;
                    } else {
                        back.push(Command::Append(marked));
                    }
                }
            }
        }
    }
    // A chain can go only when every rule that uses it has gone, whichever change made it.
    commands.append(&mut back);
    commands.append(&mut chains);
    Some(Plan { commands, outcomes: vec![Ok(Undone::Yes); items.len()] })
}

/// The tags of the changes, given newest first, that have not been taken back yet: there are rules of theirs, or
/// a later one that stands has deleted them. Of one that only deletes there is no telling.
pub(super) fn standing(items: &[Item<'_>], table: Table, before: &Saved) -> HashSet<Tag> {
    let mut standing = HashSet::new();
    let table = before.table(table.as_str());
    for item in items {
        let has_rules = table.is_some_and(|table| !table.tagged(&item.tag).is_empty());
        if has_rules || item.only_deletes() || standing.contains(&item.tag) {
            standing.insert(item.tag.clone());
            standing.extend(item.edits.iter().filter_map(|edit| match edit {
                RuleEdit::Delete { owner, .. } => Some(item.tag.sibling(*owner)),
                _ => None,
            }));
        }
    }
    standing
}

/// What goes and what comes back.
#[derive(Default)]
struct Moves<'a> {
    /// Rules that are deleted, as indices.
    deleted: HashSet<usize>,
    /// Chains that get a rule back.
    refilled: HashSet<&'a str>,
}

/// Plans how to take changes back, newest first. `exists` asks iptables whether a rule that an edit deleted is there.
pub(super) fn plan<'a>(items: &[Item<'a>], scene: Scene<'_>, exists: &mut dyn FnMut(&Marked) -> Done<bool>) -> Plan {
    let mut plan = Plan::default();
    let Some(table) = scene.now.table(scene.table.as_str()) else {
        let quoted = format!("`{}'", scene.table.as_str());
        let outcome = match scene.now.unreadable.iter().find(|words| words.contains(&quoted)) {
            Some(words) => Err(Refusal::new(Why::Protocol, "iptables-save", words.as_str())),
            None => Ok(Undone::AlreadyGone),
        };
        plan.outcomes = vec![outcome; items.len()];
        return plan;
    };
    let mut moves = Moves::default();
    for item in items {
        let outcome = rules(item, table, scene, &mut moves, &mut plan.commands, exists);
        plan.outcomes.push(outcome);
    }
    for (item, outcome) in items.iter().zip(&mut plan.outcomes) {
        let Ok(outcome) = outcome else { continue };
        for edit in item.edits {
            let RuleEdit::NewChain(chain) = edit else { continue };
            let chain = chain.as_str();
            if !table.has_own_chain(chain) {
                continue;
            }
            if let Some(reason) = why_keep(chain, item, table, scene, &moves) {
                *outcome = Undone::NotOurs(reason);
                continue;
            }
            plan.commands.push(Command::DeleteChain(chain.to_owned()));
            if *outcome == Undone::AlreadyGone {
                *outcome = Undone::Yes;
            }
        }
    }
    plan
}

/// Plans a change's rules.
fn rules<'a>(
    item: &Item<'a>,
    table: &SavedTable,
    scene: Scene<'_>,
    moves: &mut Moves<'a>,
    commands: &mut Vec<Command>,
    exists: &mut dyn FnMut(&Marked) -> Done<bool>,
) -> Done<Undone> {
    let ours = table.tagged(&item.tag);
    if scene.spelling == Spelling::Recipe && is_complete(item.edits, table, ours) {
        commands.extend(item.edits.iter().filter_map(|edit| Command::against(edit, &item.tag)));
    } else {
        commands.extend(ours.iter().map(|at| as_saved(&table.rules[*at])));
    }
    moves.deleted.extend(ours);

    let mut outcome = if ours.is_empty() { Undone::AlreadyGone } else { Undone::Yes };
    if !scene.standing.contains(&item.tag) {
        return Ok(outcome);
    }
    for edit in item.edits {
        let RuleEdit::Delete { chain, rule, owner } = edit else { continue };
        let owner = item.tag.sibling(*owner);
        // Whoever takes the owner back as well does not want its rule.
        let wanted = !scene.tags.contains(&owner);
        let back = Marked::new(chain, &owner, rule);
        // Where its own rules are there, the deletion that came with them was surely made.
        if wanted && table.chain(chain).is_some() && (!ours.is_empty() || !exists(&back)?) {
            commands.push(Command::Append(back));
            moves.refilled.insert(chain);
            outcome = Undone::Yes;
        }
    }
    Ok(outcome)
}

/// Deletes a rule in the words of `iptables-save`, its tag among them.
fn as_saved(rule: &SavedRule) -> Command {
    let words = split(&rule.text).split_off(1);
    Command::Delete(Marked { chain: rule.chain.clone(), tag: None, rule: Rule::Raw(words) })
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
fn why_keep(chain: &str, item: &Item<'_>, table: &SavedTable, scene: Scene<'_>, moves: &Moves<'_>) -> Option<String> {
    // A chain carries no comment. Where the change put rules with it, they (or later ones of the same lab) tell
    // that it is the same one.
    let marked = item.edits.iter().any(|edit| uses(edit, chain));
    let before = scene.before.table(scene.table.as_str());
    let mark = before.is_some_and(|table| table.using(chain).any(|(_, rule)| rule.is_of_lab(&item.tag)));
    if marked && !mark {
        return Some(format!("chain `{chain}` is there, but no rule in it or to it is the lab's"));
    }
    if moves.refilled.contains(chain) {
        return Some(format!("chain `{chain}` has a rule of the lab put back into it"));
    }
    let (_, rule) = table.using(chain).find(|(at, _)| !moves.deleted.contains(at))?;
    let whose = if rule.is_of_lab(&item.tag) { "another rule of the lab" } else { "a rule that is not the lab's" };
    Some(format!("chain `{chain}` is still used by {whose}: `-A {}`", rule.text))
}

/// Whether an edit adds a rule in a chain or to it.
fn uses(edit: &RuleEdit, chain: &str) -> bool {
    edit.added().is_some_and(|(at, rule)| at == chain || rule.spec().chain() == Some(chain))
}

#[cfg(test)]
mod tests;
