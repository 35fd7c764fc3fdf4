//! Changes as calls of the language.

use crate::lab::Record;
use crate::model::change::Change;
use crate::model::kind::Kind;
use crate::model::rule::Rule;
use crate::model::rules::{EditRules, RuleEdit};

/// A recipe of the changes, in the order in which they were made. Rules that were swapped are not made to be swapped again.
pub fn calls<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let records: Vec<&Record> = records.collect();
    let mut deleted: Vec<(u64, &str, &Rule)> = Vec::new();
    for record in &records {
        if let Change::EditRules(EditRules { edits, .. }) = &record.change {
            deleted.extend(edits.iter().filter_map(|edit| match edit {
                RuleEdit::Delete { chain, rule, owner } => Some((*owner, chain.as_str(), rule)),
                RuleEdit::NewChain(_) | RuleEdit::Append { .. } | RuleEdit::Insert { .. } => None,
            }));
        }
    }
    let mut text = String::new();
    for record in records {
        let calls = match &record.change {
            Change::EditRules(rules) => without_swapped(record.n, rules, &mut deleted).calls(),
            change => change.calls(),
        };
        text.extend(calls.iter().map(|call| format!("{call};\n")));
    }
    text
}

/// The edits of a change whose rules no later one has deleted.
fn without_swapped(n: u64, rules: &EditRules, deleted: &mut Vec<(u64, &str, &Rule)>) -> EditRules {
    let mut rules = rules.clone();
    rules.edits.retain(|edit| match edit {
        RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => {
            let swapped = deleted.iter().position(|gone| *gone == (n, chain.as_str(), rule));
            swapped.map(|at| deleted.swap_remove(at)).is_none()
        }
        RuleEdit::NewChain(_) => true,
        RuleEdit::Delete { .. } => false,
    });
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Identity;
    use crate::model::error::Site;
    use crate::model::family::Family;
    use crate::model::names::Ns;

    #[test]
    fn a_rule_that_was_swapped_is_not_made() {
        let site = Site { source: "t".into(), line: 1, col: 1 };
        let rule = |n, edits| Record {
            n,
            site: site.clone(),
            change: Change::EditRules(EditRules {
                ns: Ns::Host,
                family: Family::V4,
                table: crate::model::rules::Table::Nat,
                edits,
            }),
            identity: Identity::Spec,
        };
        let append = |word: &str| RuleEdit::append("X", vec![word.to_owned()].into());
        let delete = RuleEdit::Delete { chain: "X".into(), rule: vec!["one".to_owned()].into(), owner: 1 };
        let records = [rule(1, vec![append("one"), append("two")]), rule(2, vec![delete, append("three")])];
        let text = calls(records.iter());
        assert!(!text.contains("one") && text.contains("two") && text.contains("three"), "{text}");
    }
}
