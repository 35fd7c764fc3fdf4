//! Plans, without a kernel.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Item, Plan, Scene, Spelling, plan, presumed, standing};
use crate::kernel::Undone;
use crate::kernel::linux::netfilter::command::Command;
use crate::model::names::ChainName;
use crate::model::rule::Rule;
use crate::model::rule::saved::Saved;
use crate::model::rules::{RuleEdit, Table};
use crate::model::tag::Tag;
use std::collections::HashSet;

fn rule(words: &[&str]) -> Rule {
    words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>().into()
}

fn append(chain: &str, words: &[&str]) -> RuleEdit {
    RuleEdit::append(chain, rule(words))
}

fn delete(chain: &str, words: &[&str], owner: u64) -> RuleEdit {
    RuleEdit::Delete { chain: chain.into(), rule: rule(words), owner }
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

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn taken<'a>(items: &[(&str, &'a [RuleEdit])]) -> (Vec<Item<'a>>, HashSet<Tag>) {
    let items: Vec<Item<'_>> = items.iter().map(|(text, edits)| Item { edits, tag: tag(text) }).collect();
    let tags = items.iter().map(|item| item.tag.clone()).collect();
    (items, tags)
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.commands.iter().map(Command::line).collect()
}

fn planned(items: &[(&str, &[RuleEdit])], saved: &Saved) -> (Vec<String>, Vec<Undone>) {
    let (items, tags) = taken(items);
    let standing = standing(&items, Table::Nat, saved);
    let scene = Scene {
        table: Table::Nat,
        now: saved,
        before: saved,
        tags: &tags,
        standing: &standing,
        spelling: Spelling::Recipe,
    };
    let plan = plan(&items, scene, &mut |_| Ok(false));
    (lines(&plan), plan.outcomes.into_iter().map(Result::unwrap).collect())
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
            "-D PREROUTING -m comment --comment rhailab:x:4 -j VIP",
            "-X VIP"
        ]
    );
    assert_eq!(outcomes, [Undone::Yes, Undone::Yes]);
}

#[test]
fn two_swaps_taken_back_together_put_the_first_rule_back() {
    let dnat = |to| ["-j", "DNAT", "--to-destination", to];
    let first = [delete("VIP", &dnat("10.0.0.1"), 4), append("VIP", &dnat("10.0.0.9"))];
    let second = [delete("VIP", &dnat("10.0.0.9"), 5), append("VIP", &dnat("10.0.0.2"))];
    let (lines, outcomes) = planned(&[("rhailab:x:6", &second), ("rhailab:x:5", &first)], &nat(&[JUMP, NEW]));
    assert_eq!(
        lines,
        [
            "-D VIP -m comment --comment rhailab:x:6 -j DNAT --to-destination 10.0.0.2",
            "-A VIP -m comment --comment rhailab:x:4 -j DNAT --to-destination 10.0.0.1"
        ]
    );
    assert_eq!(outcomes, [Undone::Yes, Undone::Yes]);
}

#[test]
fn a_table_that_iptables_cannot_read_is_an_error() {
    let saved = Saved::parse("# Table `nat' is incompatible, use 'nft' tool.\n");
    let tags = HashSet::new();
    let edits = vip();
    let item = Item { edits: &edits, tag: tag("rhailab:x:4") };
    let scene = Scene {
        table: Table::Nat,
        now: &saved,
        before: &saved,
        tags: &tags,
        standing: &HashSet::new(),
        spelling: Spelling::Recipe,
    };
    assert!(plan(&[item], scene, &mut |_| Ok(false)).outcomes[0].is_err());
}

#[test]
fn what_is_presumed_is_what_is_planned_where_all_stands() {
    let dnat = |to| ["-j", "DNAT", "--to-destination", to];
    let swap = [delete("VIP", &dnat("10.0.0.1"), 4), append("VIP", &dnat("10.0.0.2"))];
    let vip = vip();
    for (items, saved) in [
        (vec![("rhailab:x:4", &vip[..])], nat(&[JUMP, OLD])),
        (vec![("rhailab:x:6", &swap[..])], nat(&[JUMP, NEW])),
        (vec![("rhailab:x:6", &swap[..]), ("rhailab:x:4", &vip[..])], nat(&[JUMP, NEW])),
    ] {
        let (taken, tags) = taken(&items);
        let presumed = presumed(&taken, &tags);
        assert_eq!(lines(&presumed.unwrap()), planned(&items, &saved).0);
    }
}

#[test]
fn nothing_is_presumed_of_a_mere_deletion() {
    let drained = [delete("VIP", &["-j", "RETURN"], 4)];
    assert!(presumed(&[Item { edits: &drained, tag: tag("rhailab:x:6") }], &HashSet::new()).is_none());
}
