//! Edits of iptables' tables.

use crate::model::family::Family;
use crate::model::names::{ChainName, Ns};
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
}

/// One edit of an iptables table. A rule's words are what follows the chain's name, unquoted, one per item, in
/// the spelling the recipe used; our ownership comment is not among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEdit {
    /// `-N CHAIN`: make a chain of our own; it must not exist.
    NewChain(ChainName),
    /// `-A CHAIN words…`.
    Append {
        /// The chain, ours or a built-in one.
        chain: String,
        /// The rule.
        words: Vec<String>,
    },
    /// `-I CHAIN 1 words…`: before every other rule.
    Insert {
        /// The chain.
        chain: String,
        /// The rule.
        words: Vec<String>,
    },
    /// `-D CHAIN words…`: delete a rule that this lab's change number `owner` made. Used to swap rules.
    Delete {
        /// The chain.
        chain: String,
        /// The rule.
        words: Vec<String>,
        /// The number of the change whose tag the rule carries.
        owner: u64,
    },
}
