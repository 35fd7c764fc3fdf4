//! Edits of iptables' tables.

use crate::model::error::OpError;
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase, within};
use crate::model::known::Known;
use crate::model::language::{list, of};
use crate::model::names::{ChainName, Ns};
use crate::model::object::Object;
use crate::model::refusal::{Cause, Refusal};
use crate::model::rule::{Match, NatKind, Rule};
use crate::model::shell::{in_ns, line};
use crate::model::subject::{CHAIN, Fact, LinkAt, MASQUERADED, Need, RULES, Subject};
use ipnet::IpNet;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use std::iter;

mod explain;
mod swap;
mod tables;

pub use explain::rules as refused;

pub use tables::Tables;

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
    #[serde(deserialize_with = "known")]
    pub edits: Vec<RuleEdit>,
    /// What they make, if it has a name of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<Box<Object>>,
}

/// Edits, of which journals of format version 1 have a kind more: rules of another change that were deleted. They are gone,
/// and need no undoing.
fn known<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<RuleEdit>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Edit {
        Known(RuleEdit),
        Gone {
            #[serde(rename = "delete")]
            _deleted: IgnoredAny,
        },
    }
    let edits = Vec::<Edit>::deserialize(from)?.into_iter();
    Ok(edits.filter_map(|edit| if let Edit::Known(edit) = edit { Some(edit) } else { None }).collect())
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

    /// The table of that name.
    pub fn parse(name: &str) -> Option<Table> {
        Table::ALL.iter().find(|(_, known)| *known == name).map(|(table, _)| *table)
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
            RuleEdit::NewChain(_) => None,
        }
    }

    /// The chain that it makes.
    pub fn new_chain(&self) -> Option<&ChainName> {
        match self {
            RuleEdit::NewChain(chain) => Some(chain),
            RuleEdit::Append { .. } | RuleEdit::Insert { .. } => None,
        }
    }
}

/// The subnet whose packets an edit masquerades, whatever their destination.
fn masqueraded(edit: &RuleEdit) -> Option<IpNet> {
    let (_, rule) = edit.added().filter(|(chain, _)| Hook::parse(chain) == Some(Hook::Postrouting))?;
    let spec = rule.spec();
    let is_masquerade = spec.nat()?.kind == NatKind::Masquerade;
    let matches = spec.matches()?;
    if let ([Match::Source(net)], true) = (&matches[..], is_masquerade) { Some(*net) } else { None }
}

impl EditRules {
    /// The shell commands that make it of what it was before.
    pub fn commands_from(&self, before: &EditRules) -> Vec<String> {
        let (going, coming) = before.swap(self);
        let delete = going.into_iter().map(|edit| self.undo_command(edit, None));
        delete.chain(coming.into_iter().map(|edit| self.command(edit))).collect()
    }

    /// Edits of a table.
    pub fn new(ns: Ns, family: Family, table: Table, edits: Vec<RuleEdit>) -> EditRules {
        EditRules { ns, family, table, edits, object: None }
    }

    /// Where it is, for people and as part of a key.
    fn table_of(&self) -> String {
        format!("{} {}", self.family.iptables(), self.table.as_str())
    }

    /// The chains that it makes.
    pub fn new_chains(&self) -> impl Iterator<Item = &ChainName> {
        self.edits.iter().filter_map(RuleEdit::new_chain)
    }

    /// Whether it adds rules.
    pub fn adds(&self) -> bool {
        self.edits.iter().any(|edit| edit.added().is_some())
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
            RuleEdit::Append { chain, rule } => self.iptables("--append", chain, &rule.words(), None),
            RuleEdit::Insert { chain, at: 1, rule } => self.iptables("--insert", chain, &rule.words(), None),
            RuleEdit::Insert { chain, at, rule } => {
                let words: Vec<String> = iter::once(at.to_string()).chain(rule.words().iter().cloned()).collect();
                self.iptables("--insert", chain, &words, None)
            }
        }
    }

    /// The command that takes an edit back.
    fn undo_command(&self, edit: &RuleEdit, tag: Option<&str>) -> String {
        match edit {
            RuleEdit::NewChain(chain) => self.iptables("--delete-chain", chain.as_str(), &[], None),
            RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => {
                self.iptables("--delete", chain, &rule.words(), tag)
            }
        }
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
                    if self.table.built_in(name).is_none() && !is_new(name) && !own.needs.contains(&need) {
                        own.needs.push(need);
                    }
                }
            }
        }
        if let Some(object) = &self.object {
            facts.push(Fact::made(object.subject(&self.ns), ""));
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

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        if refusal.cause == Cause::ChainExists {
            return explain::chain_exists(self, made);
        }
        explain::rules(refusal, &self.ns, self.family.iptables(), &self.edits)
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
        if let Some(object) = &self.object {
            return vec![object.call(&self.ns)];
        }
        let mut calls = Vec::new();
        for edit in &self.edits {
            let (verb, chain) = match edit {
                RuleEdit::NewChain(chain) => ("-N", chain.as_str()),
                RuleEdit::Append { chain, .. } => ("-A", chain.as_str()),
                RuleEdit::Insert { chain, .. } => ("-I", chain.as_str()),
            };
            let mut words = ["-t", self.table.as_str(), verb, chain].map(str::to_owned).to_vec();
            if let RuleEdit::Insert { at, .. } = edit {
                words.extend((*at > 1).then(|| at.to_string()));
            }
            words.extend(edit.added().into_iter().flat_map(|(_, rule)| rule.words().into_owned()));
            let options = if self.family == Family::V6 { ", #{ ipv6: true }" } else { "" };
            calls.push(format!("{}iptables({}{options})", of(&self.ns), list(words.iter().map(String::as_str))));
        }
        calls
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("firewall or NAT table", vec![within(&self.ns, self.table_of())])
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
        ] {
            assert_eq!(serde_json::to_string(&edit).unwrap(), text);
            assert_eq!(serde_json::from_str::<RuleEdit>(&text).unwrap(), edit);
        }
    }
}
