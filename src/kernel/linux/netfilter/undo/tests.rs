//! Plans, without a kernel.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Item, RulePlan, Ruleset, Spelling, plan, presumed};
use crate::kernel::Undone;
use crate::kernel::linux::netfilter::command::IptablesCommand;
use crate::model::names::ChainName;
use crate::model::rule::Rule;
use crate::model::rule::saved::Saved;
use crate::model::rules::{RuleEdit, Table};
use crate::model::tag::Tag;

fn rule(words: &[&str]) -> Rule {
    words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>().into()
}

fn append(chain: &str, words: &[&str]) -> RuleEdit {
    RuleEdit::append(chain, rule(words))
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
const NEW: &str = "-A VIP -m comment --comment \"rhailab:x:4\" -j DNAT --to-destination 10.0.0.2\n";

fn nat(rules: &[&str]) -> Saved {
    Saved::parse(&format!("*nat\n:PREROUTING ACCEPT [0:0]\n:VIP - [0:0]\n{}COMMIT\n", rules.concat()))
}

fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn taken<'a>(items: &[(&str, &'a [RuleEdit])]) -> Vec<Item<'a>> {
    items.iter().map(|(text, edits)| Item { edits, tag: tag(text) }).collect()
}

fn lines(plan: &RulePlan) -> Vec<String> {
    plan.commands.iter().map(IptablesCommand::line).collect()
}

fn planned(items: &[(&str, &[RuleEdit])], saved: &Saved) -> (Vec<String>, Vec<Undone>) {
    let scene = Ruleset { table: Table::Nat, now: saved, before: saved, spelling: Spelling::Recipe };
    let plan = plan(&taken(items), scene);
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
fn what_was_altered_since_goes_by_its_tag() {
    let (lines, outcomes) = planned(&[("rhailab:x:4", &vip())], &nat(&[JUMP, OLD, NEW]));
    assert_eq!(
        lines,
        [
            // As printed, because its rules are not those of the change.
            "-D PREROUTING -m comment --comment rhailab:x:4 -j VIP",
            "-D VIP -m comment --comment rhailab:x:4 -j DNAT --to-destination 10.0.0.1",
            "-D VIP -m comment --comment rhailab:x:4 -j DNAT --to-destination 10.0.0.2",
            "-X VIP"
        ]
    );
    assert_eq!(outcomes, [Undone::Yes]);
}

#[test]
fn a_table_that_iptables_cannot_read_is_an_error() {
    let saved = Saved::parse("# Table `nat' is incompatible, use 'nft' tool.\n");
    let edits = vip();
    let item = Item { edits: &edits, tag: tag("rhailab:x:4") };
    let scene = Ruleset { table: Table::Nat, now: &saved, before: &saved, spelling: Spelling::Recipe };
    assert!(plan(&[item], scene).outcomes[0].is_err());
}

#[test]
fn what_is_presumed_is_what_is_planned_where_all_stands() {
    let vip = vip();
    let items = [("rhailab:x:4", &vip[..])];
    assert_eq!(lines(&presumed(&taken(&items))), planned(&items, &nat(&[JUMP, OLD])).0);
}
