//! Edits of iptables' tables.

use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::names::{ChainName, Ns};
use crate::model::rule::Rule;
use serde::{Deserialize, Serialize};

/// Edit one iptables table in one atomic commit (iptables-restore(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EditRules {
    /// In which namespace.
    pub ns: Ns,
    /// IPv4 (iptables) or IPv6 (ip6tables).
    pub family: Family,
    /// The table.
    pub table: Table,
    /// The edits, in order.
    pub edits: Vec<RuleEdit>,
}

/// An iptables table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Packet filtering.
    Filter,
    /// Address translation.
    Nat,
    /// Packet alteration.
    Mangle,
    /// Before connection tracking.
    Raw,
    /// Mandatory access control marks.
    Security,
}

impl Table {
    /// Every table with its name.
    pub const ALL: [(Table, &'static str); 5] = [
        (Table::Filter, "filter"),
        (Table::Nat, "nat"),
        (Table::Mangle, "mangle"),
        (Table::Raw, "raw"),
        (Table::Security, "security"),
    ];

    /// The table's name, as `iptables -t` takes it.
    pub fn as_str(self) -> &'static str {
        Table::ALL.iter().find(|(table, _)| *table == self).map_or("filter", |(_, name)| name)
    }

    /// The places where packets meet it (iptables(8)).
    pub fn hooks(self) -> &'static [Hook] {
        use Hook::{Forward, Input, Output, Postrouting, Prerouting};
        match self {
            Table::Filter | Table::Security => &[Input, Forward, Output],
            Table::Nat => &[Prerouting, Input, Output, Postrouting],
            Table::Mangle => &[Prerouting, Input, Forward, Output, Postrouting],
            Table::Raw => &[Prerouting, Output],
        }
    }

    /// The built-in chain of that name.
    pub fn built_in(self, chain: &str) -> Option<Hook> {
        Hook::parse(chain).filter(|hook| self.hooks().contains(hook))
    }
}

/// What is wrong with the name of a chain that somebody is said to have made, if anything is: one that could be taken for
/// an option, or would end its line.
pub fn bad_chain(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("is empty"),
        _ if name.starts_with(['-', '!']) => Some("begins like an option"),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => Some("has a space or line break in it"),
        _ if name.len() > ChainName::MAX => Some("is longer than the kernel allows"),
        _ => None,
    }
}

/// One edit of an iptables table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEdit {
    /// `-N CHAIN`: make a chain of our own; it must not exist.
    NewChain(ChainName),
    /// `-A CHAIN rule`.
    Append {
        /// The chain, ours or a built-in one.
        chain: String,
        /// The rule.
        #[serde(rename = "words")]
        rule: Rule,
    },
    /// `-I CHAIN at rule`.
    Insert {
        /// The chain.
        chain: String,
        /// Its place among the chain's rules, from 1.
        #[serde(default = "first", skip_serializing_if = "is_first")]
        at: u32,
        /// The rule.
        #[serde(rename = "words")]
        rule: Rule,
    },
    /// `-D CHAIN rule`: delete a rule that this lab's change number `owner` made. Used to swap rules.
    Delete {
        /// The chain.
        chain: String,
        /// The rule.
        #[serde(rename = "words")]
        rule: Rule,
        /// The number of the change whose tag the rule carries.
        owner: u64,
    },
}

fn first() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_first(at: &u32) -> bool {
    *at == first()
}

impl RuleEdit {
    /// `-A CHAIN rule`.
    pub fn append(chain: &str, rule: Rule) -> RuleEdit {
        RuleEdit::Append { chain: chain.to_owned(), rule }
    }

    /// `-I CHAIN rule`: before every other rule.
    pub fn insert(chain: &str, rule: Rule) -> RuleEdit {
        RuleEdit::Insert { chain: chain.to_owned(), at: first(), rule }
    }

    /// The rule that it adds, with its chain.
    pub fn added(&self) -> Option<(&str, &Rule)> {
        match self {
            RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => Some((chain, rule)),
            RuleEdit::NewChain(_) | RuleEdit::Delete { .. } => None,
        }
    }

    /// The chain that it makes.
    pub fn new_chain(&self) -> Option<&ChainName> {
        match self {
            RuleEdit::NewChain(chain) => Some(chain),
            RuleEdit::Append { .. } | RuleEdit::Insert { .. } | RuleEdit::Delete { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rule::{Match, Target};

    #[test]
    fn a_table_has_built_in_chains_of_its_own() {
        for (table, _) in Table::ALL {
            assert!(table.hooks().iter().all(|hook| table.built_in(hook.as_str()) == Some(*hook)));
        }
        assert_eq!((Table::Nat.built_in("FORWARD"), Table::Nat.built_in("OUTPUT")), (None, Some(Hook::Output)));
    }

    #[test]
    fn edits_are_written_as_they_always_were() {
        let rule = Rule::new([Match::In("br0".into())], Target::Accept);
        let words = r#"["--in-interface","br0","--jump","ACCEPT"]"#;
        for (edit, text) in [
            (
                RuleEdit::append("FORWARD", rule.clone()),
                format!(r#"{{"append":{{"chain":"FORWARD","words":{words}}}}}"#),
            ),
            (
                RuleEdit::insert("FORWARD", rule.clone()),
                format!(r#"{{"insert":{{"chain":"FORWARD","words":{words}}}}}"#),
            ),
            (
                RuleEdit::Insert { chain: "FORWARD".into(), at: 2, rule: rule.clone() },
                format!(r#"{{"insert":{{"chain":"FORWARD","at":2,"words":{words}}}}}"#),
            ),
            (
                RuleEdit::Delete { chain: "FORWARD".into(), rule, owner: 7 },
                format!(r#"{{"delete":{{"chain":"FORWARD","words":{words},"owner":7}}}}"#),
            ),
        ] {
            assert_eq!(serde_json::to_string(&edit).unwrap(), text);
            assert_eq!(serde_json::from_str::<RuleEdit>(&text).unwrap(), edit);
        }
    }
}
