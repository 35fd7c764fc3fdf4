//! Rules that carry the tag of some lab, as the changes that made them.

use super::{Backend, Netfilter, read};
use crate::kernel::Done;
use crate::kernel::linux::marked::Found;
use crate::kernel::linux::spaces::Spaces;
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::names::{ChainName, Ns};
use crate::model::rule::saved::SavedTable;
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::tag::Tag;
use std::collections::BTreeMap;

impl Netfilter {
    /// The tagged rules of a namespace, of both families and backends, with the chains that hold nothing else.
    pub fn tagged(&mut self, spaces: &Spaces, ns: &Ns) -> Done<Vec<Found>> {
        let mut found = Vec::new();
        for family in [Family::V4, Family::V6] {
            for backend in [Backend::Nft, Backend::Legacy] {
                let saved = read::saved(&mut self.tools, spaces, ns, family, backend)?.unwrap_or_default();
                for (table, name) in Table::ALL {
                    let edits = saved.table(name).map(edits).unwrap_or_default();
                    found.extend(edits.into_iter().map(|(tag, edits)| {
                        let change = Change::EditRules(EditRules::new(ns.clone(), family, table, edits));
                        let identity = Identity::Rules { tag: tag.to_string(), backend: backend.as_str().to_owned() };
                        Found { change, identity, lab: Some(tag.lab.to_string()) }
                    }));
                }
            }
        }
        Ok(found)
    }
}

/// What made the tagged rules of a table, by tag.
fn edits(table: &SavedTable) -> BTreeMap<Tag, Vec<RuleEdit>> {
    let mut all: BTreeMap<Tag, Vec<RuleEdit>> = BTreeMap::new();
    for chain in table.own_chains() {
        let mut rules = table.rules_of(chain);
        // Of an empty chain there is no telling whose it is.
        if let Some(tag) = rules.next().and_then(|rule| rule.tags.first())
            && rules.all(|rule| rule.is_of_lab(tag))
            && let Ok(chain) = ChainName::new(chain)
        {
            all.entry(tag.clone()).or_default().push(RuleEdit::NewChain(chain));
        }
    }
    for rule in &table.rules {
        if let Some(tag) = rule.tags.first() {
            all.entry(tag.clone()).or_default().push(RuleEdit::append(&rule.chain, rule.rule(tag)));
        }
    }
    all
}
