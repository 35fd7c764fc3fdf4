//! Edits of iptables' tables.

use crate::model::change::Identity;
use crate::model::error::OpError;
use crate::model::explain::{chain_exists, rules};
use crate::model::family::Family;
use crate::model::kind::{IdentitySource, Kind, Phase, within};
use crate::model::language::{list, of};
use crate::model::made::Made;
use crate::model::names::{ChainName, Ns};
use crate::model::refusal::Cause;
use crate::model::refusal::Refusal;
use crate::model::shell::{in_ns, line};
use crate::model::subject::{CHAIN, Fact, LinkAt, MASQUERADED, Need, RULES, Subject};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is said of rules that a later change has deleted to put others in their place.
pub const REPLACED: &str = "replaced";

/// The tag of another change of the lab whose change has this one.
fn sibling(tag: &str, n: u64) -> String {
    format!("{}:{n}", tag.rsplit_once(':').map_or(tag, |(lab, _)| lab))
}

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

    /// Its built-in chains (iptables(8)).
    pub fn built_in(self) -> &'static [&'static str] {
        match self {
            Table::Filter | Table::Security => &["INPUT", "FORWARD", "OUTPUT"],
            Table::Nat => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
            Table::Mangle => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            Table::Raw => &["PREROUTING", "OUTPUT"],
        }
    }

    /// Whether a chain is one of the kernel's own.
    pub fn has_built_in(self, chain: &str) -> bool {
        self.built_in().contains(&chain)
    }

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

/// The subnet whose packets an edit masquerades, whatever their destination.
fn masqueraded(edit: &RuleEdit) -> Option<IpNet> {
    let RuleEdit::Append { chain, words } = edit else { return None };
    match &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--source", net, "--jump", "MASQUERADE"] if chain == "POSTROUTING" => net.parse().ok(),
        _ => None,
    }
}

impl EditRules {
    /// Where it is, for people and as part of a key.
    fn table_of(&self) -> String {
        format!("{} {}", self.family.iptables(), self.table.as_str())
    }

    /// The chains that it makes.
    pub fn new_chains(&self) -> impl Iterator<Item = &ChainName> {
        self.edits.iter().filter_map(|edit| match edit {
            RuleEdit::NewChain(chain) => Some(chain),
            RuleEdit::Append { .. } | RuleEdit::Insert { .. } | RuleEdit::Delete { .. } => None,
        })
    }

    /// Whether it adds rules.
    pub fn adds(&self) -> bool {
        self.edits.iter().any(|edit| matches!(edit, RuleEdit::Append { .. } | RuleEdit::Insert { .. }))
    }

    /// The numbers of the changes whose rules it deletes.
    pub fn replaces(&self) -> impl Iterator<Item = u64> {
        self.edits.iter().filter_map(|edit| match edit {
            RuleEdit::Delete { owner, .. } => Some(*owner),
            RuleEdit::NewChain(_) | RuleEdit::Append { .. } | RuleEdit::Insert { .. } => None,
        })
    }

    /// A chain of the table.
    pub fn chain(ns: &Ns, family: Family, table: Table, chain: &str) -> Subject {
        Subject::of(ns, CHAIN, format!("{} {} {chain}", family.iptables(), table.as_str()))
    }

    fn iptables(&self, verb: &str, chain: &str, rule: &[String], tag: Option<&str>) -> String {
        let mut words = vec![self.family.iptables()];
        if self.table != Table::Filter {
            words.extend(["--table", self.table.as_str()]);
        }
        words.extend([verb, chain]);
        words.extend(rule.iter().map(String::as_str));
        if let Some(tag) = tag {
            words.extend(["--match", "comment", "--comment", tag]);
        }
        in_ns(&self.ns, &line(&words))
    }

    /// One edit as a command.
    fn command(&self, edit: &RuleEdit) -> String {
        match edit {
            RuleEdit::NewChain(chain) => self.iptables("--new", chain.as_str(), &[], None),
            RuleEdit::Append { chain, words } => self.iptables("--append", chain, words, None),
            RuleEdit::Insert { chain, words } => self.iptables("--insert", chain, words, None),
            RuleEdit::Delete { chain, words, .. } => self.iptables("--delete", chain, words, None),
        }
    }

    /// The command that takes an edit back.
    fn undo_command(&self, edit: &RuleEdit, tag: Option<&str>) -> String {
        match edit {
            RuleEdit::NewChain(chain) => self.iptables("--delete-chain", chain.as_str(), &[], None),
            RuleEdit::Append { chain, words } | RuleEdit::Insert { chain, words } => {
                self.iptables("--delete", chain, words, tag)
            }
            RuleEdit::Delete { chain, words, .. } => self.iptables("--append", chain, words, tag),
        }
    }
}

/// The rules that changes come to, by family, table and chain, in order.
#[derive(Debug, Default)]
pub struct Tables(BTreeMap<(Family, Table, String), Vec<Numbered>>);

/// A rule with the number of the change that made it.
type Numbered = (u64, Vec<String>);

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
            RuleEdit::Append { chain, words } => self.0.entry(key(chain)).or_default().push((n, words.clone())),
            RuleEdit::Insert { chain, words } => self.0.entry(key(chain)).or_default().insert(0, (n, words.clone())),
            RuleEdit::Delete { chain, words, owner } => {
                let rules = self.0.entry(key(chain)).or_default();
                if let Some(at) = rules.iter().position(|(n, rule)| n == owner && rule == words) {
                    rules.remove(at);
                }
            }
        }
    }

    /// A line for each rule.
    pub fn lines(&self) -> Vec<String> {
        let rules = self.0.iter().flat_map(|((_, table, chain), rules)| {
            rules.iter().map(move |(_, words)| format!("{} {chain} {}", table.as_str(), words.join(" ")))
        });
        rules.collect()
    }
}

impl Kind for EditRules {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    /// Rules are told apart by their tag, because a table may hold equal ones.
    fn facts(&self, identity: &Identity) -> Vec<Fact> {
        let tag = if let Identity::Rules { tag, .. } = identity { tag.as_str() } else { "" };
        let rules = |tag: &str| Subject::of(&self.ns, RULES, format!("{} {tag}", self.table_of()));
        let chain = |name: &str| EditRules::chain(&self.ns, self.family, self.table, name);
        let is_new = |name: &str| self.new_chains().any(|chain| chain.as_str() == name);
        let mut own = Fact::made(rules(tag), "");
        let mut facts = Vec::new();
        for edit in &self.edits {
            match edit {
                RuleEdit::NewChain(name) => facts.push(Fact::made(chain(name.as_str()), "")),
                RuleEdit::Append { chain: name, .. } | RuleEdit::Insert { chain: name, .. } => {
                    let need = Need::Stands(chain(name));
                    facts.extend(
                        masqueraded(edit).map(|net| Fact::set(Subject::of(&self.ns, MASQUERADED, net.to_string()), "")),
                    );
                    if !self.table.has_built_in(name) && !is_new(name) && !own.needs.contains(&need) {
                        own.needs.push(need);
                    }
                }
                // The rules of the other change are the business of this one from now on.
                RuleEdit::Delete { owner, .. } => {
                    let theirs = rules(&sibling(tag, *owner));
                    let is_noted = facts.iter().any(|fact: &Fact| fact.subject == theirs);
                    if !is_noted {
                        let need = Need::Stands(theirs.clone());
                        facts.push(Fact::set(theirs, REPLACED).needs(need));
                    }
                }
            }
        }
        facts.insert(0, own);
        facts
    }

    fn identity(&self, source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        Identity::Rules { tag: format!("rhailab:{}", source.number_of_change()), backend: "fake".into() }
    }

    fn order(&self) -> Option<Subject> {
        Some(Subject::of(&self.ns, RULES, self.table_of()))
    }

    fn phase(&self) -> Phase {
        Phase::Rules
    }

    fn falls_with(&self) -> Vec<Subject> {
        self.ns.name().map(|_| Subject::netns(self.ns.clone())).into_iter().collect()
    }

    fn explain(&self, refusal: &Refusal, made: &Made) -> OpError {
        if refusal.cause == Cause::ChainExists {
            return chain_exists(self, made);
        }
        rules(refusal, &self.ns, self.family.iptables(), &self.edits)
    }

    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        self.edits.iter().map(|edit| self.command(edit)).collect()
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        let tag = if let Identity::Rules { tag, .. } = identity { Some(tag.as_str()) } else { None };
        self.edits.iter().rev().map(|edit| self.undo_command(edit, tag)).collect()
    }

    fn calls(&self) -> Vec<String> {
        let mut calls = Vec::new();
        for edit in &self.edits {
            let (verb, chain, words) = match edit {
                RuleEdit::NewChain(chain) => ("-N", chain.as_str(), &[][..]),
                RuleEdit::Append { chain, words } => ("-A", chain.as_str(), words.as_slice()),
                RuleEdit::Insert { chain, words } => ("-I", chain.as_str(), words.as_slice()),
                RuleEdit::Delete { .. } => continue,
            };
            let words = ["-t", self.table.as_str(), verb, chain].into_iter().chain(words.iter().map(String::as_str));
            let options = if self.family == Family::V6 { ", #{ ipv6: true }" } else { "" };
            calls.push(format!("{}iptables({}{options})", of(&self.ns), list(words)));
        }
        calls
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("firewall or NAT table", vec![within(&self.ns, self.table_of())])
    }
}
