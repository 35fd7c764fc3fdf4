//! What changes come to, for comparing one way to make a network with another.

use crate::kernel::Kernel;
use crate::kernel::fake::FakeKernel;
use crate::lab::Record;
use crate::model::change::Change;
use crate::model::link::AddLink;
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::process::Start;
use crate::model::render;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that changes make, as lines, without what is random and without their numbers; none if they cannot be made
/// on an empty machine.
pub fn outline(records: &[Record]) -> Option<BTreeSet<String>> {
    let mut kernel = FakeKernel::new();
    for Record { n, change, .. } in records {
        let identity = kernel.prepare(*n, change).ok()?;
        kernel.apply(*n, change, &identity).ok()?;
    }
    let mut lines: BTreeSet<String> = kernel.outline().into_iter().collect();
    let mut macs: BTreeMap<(Ns, IfName), String> = BTreeMap::new();
    for (at, record) in records.iter().enumerate() {
        match &record.change {
            // Two of one kind are two.
            Change::Start(Start { ns, process }) => {
                let count =
                    records.iter().take(at).filter(|other| is_same_start(&other.change, &record.change)).count();
                let (env, cwd) = (&process.env, &process.cwd);
                lines.insert(format!("{ns}: process {} {env:?} {cwd:?} #{count}", render::line(&process.argv)));
            }
            Change::AddLink(AddLink { ns, link }) => {
                if let Some(mac) = link.mac {
                    macs.insert((ns.clone(), link.name.clone()), mac.to_string());
                }
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Mac(mac) }) => {
                macs.insert((ns.clone(), link.clone()), mac.to_string());
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Name(name) }) => {
                if let Some(mac) = macs.remove(&(ns.clone(), link.clone())) {
                    macs.insert((ns.clone(), name.clone()), mac);
                }
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Ns(there) }) => {
                if let Some(mac) = macs.remove(&(ns.clone(), link.clone())) {
                    macs.insert((there.clone(), link.clone()), mac);
                }
            }
            _ => {}
        }
    }
    lines.extend(macs.into_iter().map(|((ns, link), mac)| format!("{ns}: {link} has the address {mac}")));
    Some(lines)
}

/// Whether two processes are started in one way; their names do not count, as most are numbered.
fn is_same_start(one: &Change, other: &Change) -> bool {
    match (one, other) {
        (Change::Start(Start { ns: here, process: one }), Change::Start(Start { ns: there, process: other })) => {
            here == there && (&one.argv, &one.env, &one.cwd) == (&other.argv, &other.env, &other.cwd)
        }
        _ => false,
    }
}
