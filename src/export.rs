//! A recipe's changes as two plain shell scripts, one up and one down, that need no rhailab.

use crate::lab::{Record, teardown};
use crate::model::change::{Change, Identity};
use crate::model::error::Site;
use crate::model::link::AddLink;
use crate::model::render;
use std::collections::HashSet;

mod places;

pub use places::Places;

/// What happened in a lab, in order.
#[derive(Debug, Clone)]
pub struct Step {
    /// A change.
    pub record: Record,
    /// What becomes of it.
    pub deed: Deed,
}

/// What a step does to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Makes it.
    Makes,
    /// Undoes it.
    Undoes,
    /// Nothing by itself: it falls with what it is part of, which is undone.
    Falls,
}

/// Where the scripts keep pids and logs.
const STATE: &str = "${RHAILAB_STATE:-/tmp/lab}";

/// Ends a process with what it has started, if they have not ended by themselves. It leads a group of its own, but not
/// before setsid(1) has run.
const END: &str = r#"end() { pid=$(cat "$1"); kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || :; }"#;

/// The script that builds the network.
pub fn up(recipe: &str, steps: &[Step]) -> String {
    let mut body = String::new();
    let baseline = baseline(steps);
    let mut places = Places::default();
    for step in steps {
        places.note(step);
        let commands = match step.deed {
            Deed::Makes => make(&step.record),
            Deed::Undoes => undo(&step.record, &places),
            Deed::Falls => Vec::new(),
        };
        for command in commands {
            let command = match &baseline {
                Some(words) => command.replace(words.as_str(), "$baseline"),
                None => command,
            };
            body.push_str(&commented(&command, &step.record.site));
        }
    }
    let mut out = header(recipe, "Builds the network of", "set -eu", &body);
    if steps.iter().any(|step| matches!(step.record.change, Change::Start(_))) {
        out.push_str(&format!("mkdir -p {STATE}\n"));
    }
    if let Some(words) = baseline {
        out.push_str("# The settings that every namespace starts with; -e: some kernels lack some of them.\n");
        out.push_str(&format!("baseline='{words}'\n"));
    }
    format!("{out}\n{body}")
}

/// The script that removes what `up` built and what then still stands, in the order in which rhailab would. What falls
/// with something else, such as an address with its interface, has no command of its own.
pub fn down(recipe: &str, steps: &[Step]) -> String {
    let mut places = Places::default();
    for step in steps {
        places.note(step);
    }
    let undone: HashSet<u64> = steps.iter().filter(|step| step.deed != Deed::Makes).map(|step| step.record.n).collect();
    let records = steps.iter().map(|step| &step.record);
    let standing: Vec<Record> = records.filter(|record| !undone.contains(&record.n)).cloned().collect();
    let mut body = String::new();
    for record in teardown(&standing) {
        for command in undo(record, &places) {
            body.push_str(&commented(&command, &record.site));
        }
    }
    // What cannot be removed must not keep the rest from being removed.
    let header = header(recipe, "Removes the network of", "set -u", &body);
    format!("{header}\n{body}")
}

/// The commands that undo a change, once the steps that the places know have been made. They need no rhailab, so rules
/// are named by their words and not by our marks.
pub fn undo_commands(record: &Record, places: &Places) -> Vec<String> {
    match &record.change {
        _ if record.identity == Identity::Already => Vec::new(),
        Change::EditRules(_) => render::undo_commands(&record.change, &Identity::Spec),
        Change::AddLink(AddLink { ns, link }) => {
            let (ns, name) = places.of(record.n, ns, link);
            vec![render::in_ns(&ns, &format!("ip link del dev {name}"))]
        }
        change => render::undo_commands(change, &record.identity),
    }
}

fn header(recipe: &str, what: &str, set: &str, body: &str) -> String {
    let end = if body.lines().any(|line| line.starts_with("end ")) { format!("{END}\n") } else { String::new() };
    format!("#!/bin/sh\n# {what} {recipe}. Run it as root.\n{set}\n{end}")
}

/// The sysctls of the first namespace, which most others share.
fn baseline(steps: &[Step]) -> Option<String> {
    let changes = steps.iter().map(|step| &step.record.change);
    changes.filter(|change| matches!(change, Change::AddNetns(_))).find_map(|change| {
        let commands = render::commands(change);
        commands.iter().find_map(|command| command.split_once(" sysctl -qew ").map(|(_, words)| words.to_owned()))
    })
}

fn make(record: &Record) -> Vec<String> {
    if record.identity == Identity::Already {
        return Vec::new();
    }
    let commands = render::commands(&record.change);
    match &record.change {
        Change::Start(_) => {
            let run = commands.join("; ");
            let run = run.trim_end_matches('&').trim_end();
            vec![format!("setsid {run} >{STATE}/{n}.log 2>&1 & echo $! >{STATE}/{n}.pid", n = record.n)]
        }
        _ => commands,
    }
}

fn undo(record: &Record, places: &Places) -> Vec<String> {
    match &record.change {
        Change::Start(_) => vec![format!("end {STATE}/{}.pid", record.n)],
        _ => undo_commands(record, places),
    }
}

fn commented(command: &str, site: &Site) -> String {
    format!("{command}  # {}:{}\n", site.source, site.line)
}
