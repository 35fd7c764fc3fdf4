//! What changes come to, for comparing one way to make a network with another.

use crate::kernel::Kernel;
use crate::kernel::fake::FakeKernel;
use crate::lab::{Made, Record};
use crate::model::change::Change;
use crate::model::kind::Kind;
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::process::Start;
use crate::model::shell::line;
use crate::model::subject::MAC;
use std::collections::BTreeSet;

/// Everything that changes make, as lines, without what is random and without their numbers; none if they cannot be made
/// on an empty machine.
pub fn outline(made: &Made) -> Option<BTreeSet<String>> {
    let mut kernel = FakeKernel::new();
    for Record { n, change, .. } in made.records() {
        let identity = kernel.prepare(*n, change).ok()?;
        kernel.apply(*n, change, &identity).ok()?;
    }
    let mut lines: BTreeSet<String> = kernel.outline().into_iter().collect();
    let mut started: Vec<&Change> = Vec::new();
    for record in made.records() {
        // Two of one kind are two.
        if let Change::Start(Start { ns, process }) = &record.change {
            let count = started.iter().filter(|other| is_same_start(other, &record.change)).count();
            let (env, cwd) = (&process.env, &process.cwd);
            lines.insert(format!("{ns}: process {} {env:?} {cwd:?} #{count}", line(&process.argv)));
            started.push(&record.change);
        }
        // Only hardware addresses that the recipe chose are compared; the others are random.
        let mut chosen = None;
        if let Change::AddLink(new) = &record.change {
            chosen = new.link.mac.map(|mac| ((&new.ns, &new.link.name), mac));
        }
        if let Change::SetLink(SetLink { ns, link, set: LinkSet::Mac(mac) }) = &record.change {
            chosen = Some(((ns, link), *mac));
        }
        if let Some(((ns, link), mac)) = chosen.filter(|_| made.state().is_current(record.n, place_of_mac(record))) {
            let (ns, link) = made.state().now(record.n, &(ns.clone(), link.clone()));
            lines.insert(format!("{ns}: {link} has the address {mac}"));
        }
    }
    Some(lines)
}

/// Which of a change's facts is the hardware address.
fn place_of_mac(record: &Record) -> usize {
    let facts = record.change.facts(&record.identity);
    facts.iter().position(|fact| fact.subject.what == MAC).unwrap_or(0)
}

/// Whether two processes are started in one way; their names do not count, as most are numbered.
fn is_same_start(one: &Change, other: &Change) -> bool {
    let both = one.process().zip(other.process());
    one.ns() == other.ns()
        && both.is_some_and(|(one, other)| (&one.argv, &one.env, &one.cwd) == (&other.argv, &other.env, &other.cwd))
}
