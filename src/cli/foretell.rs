//! What a recipe would touch, found out by a rehearsal on the kernel in memory.

use super::engine::{Stage, Trouble};
use super::progress::Progress;
use crate::change::{Change, LinkKind};
use crate::export::{Deed, Step};
use crate::kernel::Undone;
use crate::lab::Event;
use crate::names::{LabName, Ns};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

/// How many names are listed before the rest is counted only.
const LISTED: usize = 8;

/// Runs a recipe on the kernel in memory and returns what happens, and what stopped it, if something did.
pub fn rehearse(stage: &Stage) -> (Vec<Step>, Result<(), Trouble>) {
    let steps = Rc::new(RefCell::new(Vec::new()));
    let listener = Rc::clone(&steps);
    stage.lab().borrow_mut().listen(Box::new(move |event| listener.borrow_mut().extend(step(event))));
    let result = stage.run();
    (steps.take(), result)
}

fn step(event: &Event<'_>) -> Option<Step> {
    let (record, deed) = match event {
        Event::Made(record) => (*record, Deed::Makes),
        Event::Undone(record, Undone::Along) => (*record, Deed::Falls),
        Event::Undone(record, _) => (*record, Deed::Undoes),
        Event::Stuck(..) => return None,
    };
    Some(Step { record: record.clone(), deed })
}

/// Says what a recipe will touch on this machine, before it does.
pub fn host(name: &LabName, stage: &Stage, journal: &Path, progress: &mut Progress) {
    let (steps, result) = rehearse(stage);
    let mut text = format!("`{name}` acts on this machine. It will touch:\n");
    for line in summary(&steps) {
        text.push_str(&format!("  {line}\n"));
    }
    if let Err(trouble) = result {
        let place = trouble.error.0.site.as_ref().map_or_else(String::new, |site| format!(" at {site}"));
        text.push_str(&format!(
            "  … and what comes after the point where its rehearsal ended{place}: {}\n",
            trouble.error
        ));
    }
    text.push_str(&format!("Every change is journalled before it is made, in {}.", journal.display()));
    progress.note(&text);
}

/// What changes touch, one line for each kind of object.
fn summary(steps: &[Step]) -> Vec<String> {
    let mut kinds: Vec<(&str, BTreeSet<String>)> =
        ["namespace", "interface", "address", "route", "sysctl", "firewall or NAT table", "file", "process"]
            .map(|kind| (kind, BTreeSet::new()))
            .to_vec();
    let mut add = |kind: &str, name: String| {
        if let Some((_, names)) = kinds.iter_mut().find(|(known, _)| *known == kind) {
            names.insert(name);
        }
    };
    let at = |ns: &Ns, name: &dyn std::fmt::Display| match ns {
        Ns::Host => name.to_string(),
        Ns::Named(ns) => format!("{ns}/{name}"),
    };
    for step in steps {
        match &step.record.change {
            Change::AddNetns { name, .. } => add("namespace", name.to_string()),
            Change::AddLink { ns, link } => {
                add("interface", at(ns, &link.name));
                if let LinkKind::Veth { peer, peer_ns } = &link.kind {
                    add("interface", at(peer_ns, peer));
                }
            }
            Change::SetLink { ns, link, .. } => add("interface", at(ns, link)),
            Change::AddAddr { ns, addr, .. } => add("address", at(ns, addr)),
            Change::AddRoute { ns, route } => add("route", at(ns, &route.to)),
            Change::SetSysctl { ns, key, .. } => add("sysctl", at(ns, key)),
            Change::EditRules { ns, family, table, .. } => {
                add("firewall or NAT table", at(ns, &format!("{} {}", family.iptables(), table.as_str())));
            }
            Change::WriteFile { path, .. } => add("file", path.display().to_string()),
            Change::Start { ns, process } => add("process", at(ns, &process.name)),
        }
    }
    kinds.iter().filter(|(_, names)| !names.is_empty()).map(|(kind, names)| line(kind, names)).collect()
}

fn line(kind: &str, names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    let rest = names.len().saturating_sub(LISTED);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    let ending = match (names.len(), kind.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {kind}{ending}: {}{more}", names.len(), shown.join(", "))
}
