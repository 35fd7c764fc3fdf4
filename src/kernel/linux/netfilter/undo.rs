//! Planning what takes changes back, from what `iptables-save` shows: only rules that carry our tag, and chains
//! that nobody else uses.

use super::saved::{Saved, SavedTable};
use super::words;
use crate::change::{RuleEdit, Table};
use crate::kernel::{Done, Refusal, Undone, Why};
use std::collections::HashSet;

/// A change to be taken back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    /// The table it edited.
    pub(super) table: Table,
    /// Its edits.
    pub(super) edits: &'a [RuleEdit],
    /// The comment on its rules.
    pub(super) tag: &'a str,
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
    /// The rules as they are.
    pub(super) now: &'a Saved,
    /// The rules as they were before anything was taken back.
    pub(super) before: &'a Saved,
    /// The tags of all changes that are being taken back.
    pub(super) tags: &'a HashSet<&'a str>,
    /// How to name rules.
    pub(super) spelling: Spelling,
}

/// The lines that take changes back, and what becomes of each when they are committed.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Lines by table.
    pub(super) blocks: Vec<(Table, Vec<String>)>,
    /// One for each change, in order.
    pub(super) outcomes: Vec<Done<Undone>>,
}

impl Plan {
    fn block(&mut self, table: Table) -> &mut Vec<String> {
        let at = self.blocks.iter().position(|(known, _)| *known == table).unwrap_or_else(|| {
            self.blocks.push((table, Vec::new()));
            self.blocks.len() - 1
        });
        &mut self.blocks[at].1
    }
}

/// What goes and what comes back.
#[derive(Default)]
struct Moves {
    /// Rules that are deleted, by table and index.
    deleted: HashSet<(Table, usize)>,
    /// Chains that get a rule back.
    refilled: HashSet<(Table, String)>,
}

/// Plans how to take changes back, newest first. `exists` asks iptables whether the rule that an edit deleted
/// is there.
pub(super) fn plan(
    items: &[Item<'_>],
    scene: Scene<'_>,
    exists: &mut dyn FnMut(&Item<'_>, &RuleEdit) -> Done<bool>,
) -> Plan {
    let mut plan = Plan::default();
    let mut moves = Moves::default();
    // All rules first: a chain can go only when every rule that uses it has gone, whichever change made it.
    for item in items {
        let outcome = rules(item, scene, &mut moves, &mut plan, exists);
        plan.outcomes.push(outcome);
    }
    let mut dropped = Vec::new();
    for (item, outcome) in items.iter().zip(&mut plan.outcomes) {
        let Ok(outcome) = outcome else { continue };
        for edit in item.edits {
            let RuleEdit::NewChain(chain) = edit else { continue };
            match why_keep(chain.as_str(), item, scene, &moves) {
                None => {}
                Some(Ok(())) => {
                    dropped.push((item.table, format!("-X {chain}")));
                    if *outcome == Undone::AlreadyGone {
                        *outcome = Undone::Yes;
                    }
                }
                Some(Err(reason)) => *outcome = Undone::NotOurs(reason),
            }
        }
    }
    for (table, line) in dropped {
        plan.block(table).push(line);
    }
    plan
}

/// Plans a change's rules.
fn rules(
    item: &Item<'_>,
    scene: Scene<'_>,
    moves: &mut Moves,
    plan: &mut Plan,
    exists: &mut dyn FnMut(&Item<'_>, &RuleEdit) -> Done<bool>,
) -> Done<Undone> {
    let name = item.table.as_str();
    let Some(table) = scene.now.table(name) else {
        let quoted = format!("`{name}'");
        return match scene.now.unreadable.iter().find(|words| words.contains(&quoted)) {
            Some(words) => Err(Refusal::new(Why::Protocol, "iptables-save", words.as_str())),
            None => Ok(Undone::AlreadyGone),
        };
    };
    let ours: Vec<usize> = (0..table.rules.len()).filter(|at| table.rules[*at].has_comment(item.tag)).collect();
    let block = plan.block(item.table);
    if scene.spelling == Spelling::Recipe && is_complete(item.edits, table, &ours) {
        for line in item.edits.iter().filter_map(|edit| words::delete_line(edit, item.tag)) {
            block.push(line?);
        }
    } else {
        block.extend(ours.iter().map(|at| format!("-D {}", table.rules[*at].text)));
    }
    moves.deleted.extend(ours.iter().map(|at| (item.table, *at)));

    let only_deletes = item.edits.iter().all(|edit| matches!(edit, RuleEdit::Delete { .. }));
    let mut outcome = if ours.is_empty() { Undone::AlreadyGone } else { Undone::Yes };
    for edit in item.edits {
        let RuleEdit::Delete { chain, words, owner } = edit else { continue };
        let owner = words::sibling(item.tag, *owner);
        // Whoever takes the owner back as well does not want its rule.
        let wanted = !scene.tags.contains(owner.as_str());
        let fits = table.has_own_chain(chain) || table.has_built_in_chain(chain);
        // A swap that still stands has surely deleted it; what only deleted has left no trace to tell by.
        let is_missing = if only_deletes { wanted && fits && !exists(item, edit)? } else { !ours.is_empty() };
        if wanted && fits && is_missing {
            let back = RuleEdit::Append { chain: chain.clone(), words: words.clone() };
            block.push(words::line(&back, &owner)?);
            moves.refilled.insert((item.table, chain.clone()));
            outcome = Undone::Yes;
        }
    }
    Ok(outcome)
}

/// Whether the rules that carry the tag are as many as the change added, chain by chain.
fn is_complete(edits: &[RuleEdit], table: &SavedTable, ours: &[usize]) -> bool {
    let mut added: Vec<&str> = edits
        .iter()
        .filter_map(|edit| match edit {
            RuleEdit::Append { chain, .. } | RuleEdit::Insert { chain, .. } => Some(chain.as_str()),
            RuleEdit::NewChain(_) | RuleEdit::Delete { .. } => None,
        })
        .collect();
    let mut there: Vec<&str> = ours.iter().map(|at| table.rules[*at].chain.as_str()).collect();
    added.sort_unstable();
    there.sort_unstable();
    added == there
}

/// Whether to delete a chain that the change made: none if it is gone, else the reason not to.
fn why_keep(chain: &str, item: &Item<'_>, scene: Scene<'_>, moves: &Moves) -> Option<Result<(), String>> {
    let table = scene.now.table(item.table.as_str()).filter(|table| table.has_own_chain(chain))?;
    // A chain carries no comment. Where the change put rules with it, they (or later ones of the same lab) tell
    // that it is the same one.
    let marked = item.edits.iter().any(|edit| uses(edit, chain));
    let mark = scene.before.table(item.table.as_str()).is_some_and(|table| {
        table.rules.iter().any(|rule| (rule.chain == chain || rule.jumps_to(chain)) && rule.is_of_lab(item.tag))
    });
    if marked && !mark {
        return Some(Err(format!("chain `{chain}` is there, but no rule in it or to it is the lab's")));
    }
    if moves.refilled.contains(&(item.table, chain.to_owned())) {
        return Some(Err(format!("chain `{chain}` has a rule of the lab put back into it")));
    }
    let left = table.rules.iter().enumerate().find(|(at, rule)| {
        (rule.chain == chain || rule.jumps_to(chain)) && !moves.deleted.contains(&(item.table, *at))
    });
    Some(match left {
        None => Ok(()),
        Some((_, rule)) => Err(format!(
            "chain `{chain}` is still used by {}: `-A {}`",
            if rule.is_of_lab(item.tag) { "another rule of the lab" } else { "a rule that is not the lab's" },
            rule.text
        )),
    })
}

/// Whether an edit adds a rule in a chain or to it.
fn uses(edit: &RuleEdit, chain: &str) -> bool {
    match edit {
        RuleEdit::Append { chain: at, words } | RuleEdit::Insert { chain: at, words } => {
            at == chain || words.iter().any(|word| word == chain)
        }
        RuleEdit::NewChain(_) | RuleEdit::Delete { .. } => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::names::ChainName;

    fn append(chain: &str, words: &[&str]) -> RuleEdit {
        RuleEdit::Append { chain: chain.into(), words: words.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn delete(chain: &str, words: &[&str], owner: u64) -> RuleEdit {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        RuleEdit::Delete { chain: chain.into(), words, owner }
    }

    fn vip() -> Vec<RuleEdit> {
        vec![
            RuleEdit::NewChain(ChainName::new("VIP").unwrap()),
            append("PREROUTING", &["-j", "VIP"]),
            append("VIP", &["-j", "DNAT", "--to-destination", "10.0.0.1"]),
        ]
    }

    const JUMP: &str = "-A PREROUTING -m comment --comment \"rhailab:x:4\" -j VIP\n";
    const OLD: &str = "-A VIP -m comment --comment \"rhailab:x:4\" -j DNAT --to-destination 10.0.0.1\n";
    const NEW: &str = "-A VIP -m comment --comment \"rhailab:x:6\" -j DNAT --to-destination 10.0.0.2\n";

    fn nat(rules: &[&str]) -> Saved {
        Saved::parse(&format!("*nat\n:PREROUTING ACCEPT [0:0]\n:VIP - [0:0]\n{}COMMIT\n", rules.concat()))
    }

    fn planned(items: &[(&str, &[RuleEdit])], saved: &Saved) -> (Vec<String>, Vec<Undone>) {
        let tags: HashSet<&str> = items.iter().map(|(tag, _)| *tag).collect();
        let items: Vec<Item<'_>> = items.iter().map(|(tag, edits)| Item { table: Table::Nat, edits, tag }).collect();
        let scene = Scene { now: saved, before: saved, tags: &tags, spelling: Spelling::Recipe };
        let plan = plan(&items, scene, &mut |_, _| Ok(false));
        let lines = plan.blocks.into_iter().flat_map(|(_, lines)| lines).collect();
        (lines, plan.outcomes.into_iter().map(Result::unwrap).collect())
    }

    #[test]
    fn a_chain_goes_after_the_rules_that_use_it() {
        let (lines, outcomes) = planned(&[("rhailab:x:4", &vip())], &nat(&[JUMP, OLD]));
        assert_eq!(
            lines,
            [
                "-D PREROUTING -m comment --comment rhailab:x:4 -j VIP",
                "-D VIP -m comment --comment rhailab:x:4 -j DNAT --to-destination 10.0.0.1",
                "-X VIP"
            ]
        );
        assert_eq!(outcomes, [Undone::Yes]);
    }

    #[test]
    fn a_chain_that_somebody_else_uses_is_left_with_the_reason() {
        for foreign in ["-A VIP -j ACCEPT\n", "-A PREROUTING -i lo -g VIP\n", "-A PREROUTING -j VIP\n"] {
            let (lines, outcomes) = planned(&[("rhailab:x:4", &vip())], &nat(&[JUMP, OLD, foreign]));
            assert!(!lines.contains(&"-X VIP".to_owned()) && lines.len() == 2, "{lines:?}");
            let Undone::NotOurs(reason) = &outcomes[0] else { panic!("{outcomes:?}") };
            assert!(reason.contains("not the lab's") && reason.contains(foreign.trim()), "{reason}");
        }
    }

    #[test]
    fn a_chain_without_any_mark_of_the_lab_is_not_ours() {
        let (lines, outcomes) = planned(&[("rhailab:x:4", &vip())], &nat(&[]));
        assert_eq!(lines, [""; 0]);
        assert!(matches!(&outcomes[0], Undone::NotOurs(_)), "{outcomes:?}");
        // Where there never was another mark, the name must do.
        let bare = [RuleEdit::NewChain(ChainName::new("VIP").unwrap())];
        assert_eq!(planned(&[("rhailab:x:4", &bare)], &nat(&[])).0, ["-X VIP"]);
    }

    #[test]
    fn a_swap_taken_back_alone_puts_the_old_rule_back() {
        let dnat = |to| ["-j", "DNAT", "--to-destination", to];
        let swap = [delete("VIP", &dnat("10.0.0.1"), 4), append("VIP", &dnat("10.0.0.2"))];
        let (lines, outcomes) = planned(&[("rhailab:x:6", &swap)], &nat(&[JUMP, NEW]));
        assert_eq!(
            lines,
            [
                "-D VIP -m comment --comment rhailab:x:6 -j DNAT --to-destination 10.0.0.2",
                "-A VIP -m comment --comment rhailab:x:4 -j DNAT --to-destination 10.0.0.1"
            ]
        );
        assert_eq!(outcomes, [Undone::Yes]);
        // A second time there is nothing to do.
        assert_eq!(planned(&[("rhailab:x:6", &swap)], &nat(&[JUMP, OLD])), (vec![], vec![Undone::AlreadyGone]));
    }

    #[test]
    fn a_swap_taken_back_with_its_owner_puts_nothing_back() {
        let dnat = |to| ["-j", "DNAT", "--to-destination", to];
        let swap = [delete("VIP", &dnat("10.0.0.1"), 4), append("VIP", &dnat("10.0.0.2"))];
        let (lines, outcomes) = planned(&[("rhailab:x:6", &swap), ("rhailab:x:4", &vip())], &nat(&[JUMP, NEW]));
        assert_eq!(
            lines,
            [
                "-D VIP -m comment --comment rhailab:x:6 -j DNAT --to-destination 10.0.0.2",
                // As printed, because one of its rules is gone.
                "-D PREROUTING -m comment --comment \"rhailab:x:4\" -j VIP",
                "-X VIP"
            ]
        );
        assert_eq!(outcomes, [Undone::Yes, Undone::Yes]);
    }

    #[test]
    fn a_table_that_iptables_cannot_read_is_an_error() {
        let saved = Saved::parse("# Table `nat' is incompatible, use 'nft' tool.\n");
        let tags = HashSet::new();
        let edits = vip();
        let item = Item { table: Table::Nat, edits: &edits, tag: "rhailab:x:4" };
        let scene = Scene { now: &saved, before: &saved, tags: &tags, spelling: Spelling::Recipe };
        assert!(plan(&[item], scene, &mut |_, _| Ok(false)).outcomes[0].is_err());
    }
}
