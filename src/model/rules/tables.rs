//! The rules that edits come to.

use super::{EditRules, RuleEdit, Table};
use crate::model::family::Family;
use crate::model::rule::Rule;
use std::collections::BTreeMap;

/// The rules that changes come to, by family, table and chain, in order.
#[derive(Debug, Default)]
pub struct Tables(BTreeMap<(Family, Table, String), Vec<Numbered>>);

/// A rule with the number of the change that made it.
type Numbered = (u64, Rule);

impl Tables {
    /// What these changes come to, oldest first.
    pub fn of<'a>(changes: impl Iterator<Item = (u64, &'a EditRules)>) -> Tables {
        let mut tables = Tables::default();
        for (n, change) in changes {
            for edit in &change.edits {
                tables.edit(n, change, edit);
            }
        }
        tables
    }

    fn edit(&mut self, n: u64, change: &EditRules, edit: &RuleEdit) {
        let key = |name: &str| (change.family, change.table, name.to_owned());
        match edit {
            RuleEdit::NewChain(name) => drop(self.0.entry(key(name.as_str())).or_default()),
            RuleEdit::Append { chain, rule } => self.0.entry(key(chain)).or_default().push((n, rule.clone())),
            RuleEdit::Insert { chain, at, rule } => {
                let rules = self.0.entry(key(chain)).or_default();
                let place = usize::try_from(at.saturating_sub(1)).unwrap_or(usize::MAX);
                rules.insert(place.min(rules.len()), (n, rule.clone()));
            }
        }
    }

    /// A line for each rule.
    pub fn lines(&self) -> Vec<String> {
        let rules = self.0.iter().flat_map(|((_, table, chain), rules)| {
            rules.iter().map(move |(_, rule)| format!("{} {chain} {}", table.as_str(), rule.words().join(" ")))
        });
        rules.collect()
    }
}
