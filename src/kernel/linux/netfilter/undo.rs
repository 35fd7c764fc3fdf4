//! Planning what takes changes back: only rules that carry our tag, and chains that nobody else uses.
//!
//! First as if everything still stood ([`presumed`]): deleting a rule by its whole text, tag and all, is its own
//! proof that it is ours, and the kernel refuses to delete a chain that is in use, so nothing has to be read
//! before. Where that is refused, [`plan`] looks at what there is.

use super::saved::{Saved, SavedTable};
use super::words;
use crate::kernel::{Done, Refusal, Undone, Why};
use crate::model::rules::{RuleEdit, Table};
use std::collections::{HashMap, HashSet};

/// A change to be taken back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// Its edits, all of one table.
    pub(super) edits: &'a [RuleEdit],
    /// The comment on its rules.
    pub(super) tag: &'a str,
}

impl Item<'_> {
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
    pub(super) tags: &'a HashSet<&'a str>,
    /// The tags of those that [`standing`] found.
    pub(super) standing: &'a HashSet<String>,
    /// How to name rules.
    pub(super) spelling: Spelling,
}

/// The lines that take changes back, and what becomes of each when they are committed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// One block.
    pub(super) lines: Vec<String>,
    /// One for each change, in order.
    pub(super) outcomes: Vec<Done<Undone>>,
}

/// The plan for changes of one table, newest first, that all still stand. It is refused as a whole where one does
/// not. None where a line could do harm then: putting a rule back that is there.
pub(super) fn presumed(items: &[Item<'_>], tags: &HashSet<&str>) -> Option<Plan> {
    let mut lines = Vec::new();
    let (mut back, mut chains) = (Vec::new(), Vec::new());
    // Rules that a later one of the changes has deleted.
    let mut swapped: HashMap<String, usize> = HashMap::new();
    for item in items {
        if item.only_deletes() {
            return None;
        }
        for edit in item.edits {
            match edit {
                RuleEdit::NewChain(chain) => chains.push(format!("-X {chain}")),
                RuleEdit::Append { .. } | RuleEdit::Insert { .. } => {
                    let line = words::delete_line(edit, item.tag)?.ok()?;
                    match swapped.get_mut(&line) {
                        Some(count) if *count > 0 => *count -= 1,
                        _ => lines.push(line),
                    }
                }
                RuleEdit::Delete { chain, rule, owner } => {
                    let owner = words::sibling(item.tag, *owner);
                    let rule = RuleEdit::append(chain, rule.clone());
                    if tags.contains(owner.as_str()) {
                        *swapped.entry(words::delete_line(&rule, &owner)?.ok()?).or_default() += 1;
                    } else {
                        back.push(words::line(&rule, &owner).ok()?);
                    }
                }
            }
        }
    }
    // A chain can go only when every rule that uses it has gone, whichever change made it.
    lines.append(&mut back);
    lines.append(&mut chains);
    Some(Plan { lines, outcomes: vec![Ok(Undone::Yes); items.len()] })
}

/// The tags of the changes, given newest first, that have not been taken back yet: there are rules of theirs, or
/// a later one that stands has deleted them. Of one that only deletes there is no telling.
pub(super) fn standing(items: &[Item<'_>], table: Table, before: &Saved) -> HashSet<String> {
    let mut standing = HashSet::new();
    let table = before.table(table.as_str());
    for item in items {
        let has_rules = table.is_some_and(|table| !table.with_comment(item.tag).is_empty());
        if has_rules || item.only_deletes() || standing.contains(item.tag) {
            standing.insert(item.tag.to_owned());
            standing.extend(item.edits.iter().filter_map(|edit| match edit {
                RuleEdit::Delete { owner, .. } => Some(words::sibling(item.tag, *owner)),
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

/// Plans how to take changes back, newest first. `exists` asks iptables whether the rule that an edit deleted
/// is there.
pub(super) fn plan<'a>(
    items: &[Item<'a>],
    scene: Scene<'_>,
    exists: &mut dyn FnMut(&Item<'_>, &RuleEdit) -> Done<bool>,
) -> Plan {
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
        let outcome = rules(item, table, scene, &mut moves, &mut plan.lines, exists);
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
            plan.lines.push(format!("-X {chain}"));
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
    lines: &mut Vec<String>,
    exists: &mut dyn FnMut(&Item<'_>, &RuleEdit) -> Done<bool>,
) -> Done<Undone> {
    let ours = table.with_comment(item.tag);
    if scene.spelling == Spelling::Recipe && is_complete(item.edits, table, ours) {
        for line in item.edits.iter().filter_map(|edit| words::delete_line(edit, item.tag)) {
            lines.push(line?);
        }
    } else {
        lines.extend(ours.iter().map(|at| format!("-D {}", table.rules[*at].text)));
    }
    moves.deleted.extend(ours);

    let mut outcome = if ours.is_empty() { Undone::AlreadyGone } else { Undone::Yes };
    if !scene.standing.contains(item.tag) {
        return Ok(outcome);
    }
    for edit in item.edits {
        let RuleEdit::Delete { chain, rule, owner } = edit else { continue };
        let owner = words::sibling(item.tag, *owner);
        // Whoever takes the owner back as well does not want its rule.
        let wanted = !scene.tags.contains(owner.as_str());
        let fits = table.has_own_chain(chain) || table.has_built_in_chain(chain);
        // Where its own rules are there, the deletion that came with them was surely made.
        if wanted && fits && (!ours.is_empty() || !exists(item, edit)?) {
            let back = RuleEdit::append(chain, rule.clone());
            lines.push(words::line(&back, &owner)?);
            moves.refilled.insert(chain);
            outcome = Undone::Yes;
        }
    }
    Ok(outcome)
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
    let mark = before.is_some_and(|table| table.using(chain).any(|(_, rule)| rule.is_of_lab(item.tag)));
    if marked && !mark {
        return Some(format!("chain `{chain}` is there, but no rule in it or to it is the lab's"));
    }
    if moves.refilled.contains(chain) {
        return Some(format!("chain `{chain}` has a rule of the lab put back into it"));
    }
    let (_, rule) = table.using(chain).find(|(at, _)| !moves.deleted.contains(at))?;
    let whose = if rule.is_of_lab(item.tag) { "another rule of the lab" } else { "a rule that is not the lab's" };
    Some(format!("chain `{chain}` is still used by {whose}: `-A {}`", rule.text))
}

/// Whether an edit adds a rule in a chain or to it.
fn uses(edit: &RuleEdit, chain: &str) -> bool {
    edit.added().is_some_and(|(at, rule)| at == chain || rule.spec().chain() == Some(chain))
}

#[cfg(test)]
mod tests;
