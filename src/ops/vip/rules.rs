//! The rules that a virtual IP is made of.

use crate::model::change::Change;
use crate::model::hook::Hook;
use crate::model::names::Ns;
use crate::model::object::{Object, VirtualIp};
use crate::model::proto::Endpoint;
use crate::model::rule::{Match, Rule, Target};
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::ops::rules::addressed_to;
use std::net::SocketAddr;

/// The change that makes a virtual IP, with these rules for near clients.
pub(super) fn rules(ns: &Ns, vip: VirtualIp, hairpins: Vec<Rule>) -> Change {
    let (chain, family) = (vip.name.clone(), vip.endpoint.family());
    let jump = |from: Hook| RuleEdit::append(from.as_str(), Rule::new([], Target::Jump(chain.to_string())));
    let mut edits = vec![RuleEdit::NewChain(chain.clone()), jump(Hook::Prerouting), jump(Hook::Output)];
    edits.extend(in_chain(chain.as_str(), backend_rules(vip.endpoint, &vip.backends)));
    edits.extend(in_chain(Hook::Postrouting.as_str(), hairpins));
    let object = Some(Box::new(Object::Vip(vip)));
    Change::EditRules(EditRules { object, ..EditRules::new(ns.clone(), family, Table::Nat, edits) })
}

/// The DNAT rules of a set of backends: with k left, the next takes one in k.
fn backend_rules(endpoint: Endpoint, backends: &[SocketAddr]) -> Vec<Rule> {
    let rule = |(at, to): (usize, &SocketAddr)| {
        let left = u32::try_from(backends.len() - at).unwrap_or(u32::MAX);
        let share = (left > 1).then(|| Match::share(1.0 / f64::from(left)));
        Rule::new(addressed_to(endpoint).into_iter().chain(share), Target::dnat(*to))
    };
    backends.iter().enumerate().map(rule).collect()
}

fn in_chain(chain: &str, rules: Vec<Rule>) -> impl Iterator<Item = RuleEdit> {
    rules.into_iter().map(move |rule| RuleEdit::append(chain, rule))
}
