//! Policies of built-in chains: what becomes of packets that no rule decides about.

use crate::model::error::OpError;
use crate::model::explain::{place, reason};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Repair, within};
use crate::model::known::Known;
use crate::model::language::{of, options, quoted};
use crate::model::names::Ns;
use crate::model::refusal::{Refusal, Why};
use crate::model::rules::Table;
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LinkAt, Subject};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The policy of a chain.
pub const POLICY: &str = "policy";

/// Set the policy of a built-in chain (iptables(8), `-P`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetPolicy {
    /// In which namespace.
    pub ns: Ns,
    /// IPv4 (iptables) or IPv6 (ip6tables).
    pub family: Family,
    /// The table.
    pub table: Table,
    /// The chain.
    pub chain: Hook,
    /// The policy.
    pub policy: Policy,
}

/// What becomes of packets that no rule decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Policy {
    /// They go on.
    Accept,
    /// They are dropped.
    Drop,
}

impl Policy {
    /// Its name, as iptables takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Accept => "ACCEPT",
            Policy::Drop => "DROP",
        }
    }

    /// The policy of that name.
    pub fn parse(name: &str) -> Option<Policy> {
        [Policy::Accept, Policy::Drop].into_iter().find(|policy| policy.as_str() == name)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl SetPolicy {
    fn command(&self, policy: &str) -> String {
        let table =
            if self.table == Table::Filter { String::new() } else { format!("--table {} ", self.table.as_str()) };
        let (tool, chain) = (self.family.iptables(), self.chain.as_str());
        in_ns(&self.ns, &format!("{tool} {table}--policy {chain} {policy}"))
    }

    fn key(&self) -> String {
        key(self.family, self.table.as_str(), self.chain.as_str())
    }

    /// What there is one policy of.
    pub fn subject(ns: &Ns, family: Family, table: &str, chain: &str) -> Subject {
        Subject::of(ns, POLICY, key(family, table, chain))
    }
}

fn key(family: Family, table: &str, chain: &str) -> String {
    format!("{} {table} {chain}", family.iptables())
}

/// What an identity says: the policy that was there, and the backend that it was read of.
pub fn before(identity: &Identity) -> Option<(Policy, &str)> {
    let Identity::WasText(text) = identity else { return None };
    let (policy, backend) = text.split_once(' ')?;
    Some((Policy::parse(policy)?, backend))
}

impl Kind for SetPolicy {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        vec![Fact::set(Subject::of(&self.ns, POLICY, self.key()), self.policy.as_str())]
    }

    fn identity(&self, _source: &mut dyn IdentitySource, before: Option<&str>) -> Identity {
        match before.unwrap_or("ACCEPT") {
            was if was == self.policy.as_str() => Identity::Already,
            was => Identity::WasText(format!("{was} fake")),
        }
    }

    fn repair(&self, _fact: &Fact) -> Option<Repair> {
        Some(Repair::Again)
    }

    fn explain(&self, refusal: &Refusal, _made: &dyn Known) -> OpError {
        let (chain, here) = (self.chain.as_str(), place(&self.ns));
        if refusal.why == Why::NoTool {
            return crate::model::rules::refused(refusal, &self.ns, self.family.iptables(), &[]);
        }
        let message =
            format!("The chain `{chain}` in {here} did not take the policy {}: {}.", self.policy, reason(refusal));
        OpError::new("policy::refused", message)
    }

    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        vec![self.command(self.policy.as_str())]
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        before(identity).map(|(was, _)| self.command(was.as_str())).into_iter().collect()
    }

    fn calls(&self) -> Vec<String> {
        let options = options(&[
            ("table", (self.table != Table::Filter).then(|| quoted(self.table.as_str()))),
            ("family", (self.family == Family::V6).then(|| quoted("v6"))),
        ]);
        let (chain, policy) = (quoted(self.chain.as_str()), quoted(self.policy.as_str()));
        vec![format!("{}policy({chain}, {policy}{options})", of(&self.ns))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("policy of a chain", vec![within(&self.ns, self.key())])
    }
}
