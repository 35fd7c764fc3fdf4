//! A recipe's changes as two plain shell scripts, one up and one down, that need no rhailab.

#![deny(clippy::wildcard_enum_match_arm)]

use crate::lab::{Made, Record, teardown};
use crate::model::change::Change;
use crate::model::error::Site;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::secret::Secret;
use std::collections::BTreeSet;

/// What happened in a lab, in order.
#[derive(Debug, Clone)]
pub struct Step {
    /// A change.
    pub record: Record,
    /// What becomes of it.
    pub kind: StepKind,
}

/// What a step does to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// Makes it.
    Makes,
    /// Alters it in place: the step's record is what it is then.
    Alters,
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
    let mut course = Replay::default();
    for step in steps {
        let commands = match step.kind {
            StepKind::Makes => make(&step.record),
            StepKind::Alters => course.alter_commands(&step.record),
            StepKind::Undoes => undo(&step.record, &course),
            StepKind::Falls => Vec::new(),
        };
        course.take(step);
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
    out.push_str(&needed(steps));
    if let Some(words) = baseline {
        out.push_str("# The settings that every namespace starts with; -e: some kernels lack some of them.\n");
        out.push_str(&format!("baseline='{words}'\n"));
    }
    format!("{out}\n{body}")
}

/// Where the secrets go that the script needs. Without one it ends before it makes anything.
fn needed(steps: &[Step]) -> String {
    let secrets =
        steps.iter().filter(|step| step.kind == StepKind::Makes).flat_map(|step| step.record.change.secrets());
    let need = |secret: &Secret| {
        let (variable, name) = (secret.variable(), secret.name());
        format!(": \"${{{variable}:?set {variable} to the secret {name}}}\"\n")
    };
    let lines: BTreeSet<String> = secrets.map(need).collect();
    let head = if lines.is_empty() { "" } else { "# The secrets, which are in no script: set these variables.\n" };
    lines.into_iter().fold(head.to_owned(), |text, line| text + line.as_str())
}

/// The script that removes what `up` built and what then still stands, in the order in which rhailab would. What falls
/// with something else, such as an address with its interface, has no command of its own.
pub fn down(recipe: &str, steps: &[Step]) -> String {
    let mut course = Replay::default();
    for step in steps {
        course.take(step);
    }
    let mut body = String::new();
    let going: Vec<Record> = teardown(&course.made).into_iter().cloned().collect();
    for record in going {
        for command in undo(&record, &course) {
            body.push_str(&commented(&command, &record.site));
        }
        course.made.remove(record.n);
    }
    // What cannot be removed must not keep the rest from being removed.
    let header = header(recipe, "Removes the network of", "set -u", &body);
    format!("{header}\n{body}")
}

/// What stands in the course of steps, so that what is undone is called what it is called then.
#[derive(Debug, Default)]
pub struct Replay {
    made: Made,
}

impl Replay {
    /// What stands after these changes.
    pub fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Replay {
        Replay { made: Made::of(records.cloned()) }
    }

    /// Takes the next step.
    pub fn take(&mut self, step: &Step) {
        match step.kind {
            StepKind::Makes => self.made.add(step.record.clone()),
            StepKind::Alters => self.made.alter(step.record.clone()),
            StepKind::Undoes | StepKind::Falls => drop(self.made.remove(step.record.n)),
        }
    }

    /// Takes the next step, and returns the commands that do the same and those that take it back.
    pub fn go(&mut self, step: &Step) -> (Vec<String>, Vec<String>) {
        let record = &step.record;
        let before = self.made.get(record.n).cloned();
        let commands = match step.kind {
            StepKind::Makes => record.change.commands(),
            StepKind::Alters => self.alter_commands(record),
            StepKind::Undoes => self.undo_commands(record),
            StepKind::Falls => Vec::new(),
        };
        self.take(step);
        let undo = match step.kind {
            StepKind::Makes => self.undo_commands(record),
            StepKind::Alters => before.map(|before| self.alter_commands(&before)).unwrap_or_default(),
            StepKind::Undoes | StepKind::Falls => Vec::new(),
        };
        (commands, undo)
    }

    /// The commands that alter a change that stands.
    pub fn alter_commands(&self, to: &Record) -> Vec<String> {
        let before = self.made.get(to.n);
        before.and_then(|before| to.change.commands_from(&before.change)).unwrap_or_default()
    }

    /// The commands that undo a change that stands. They need no rhailab, so rules are named by their words and not by our
    /// marks.
    fn undo_commands(&self, record: &Record) -> Vec<String> {
        if record.identity == Identity::Already {
            return Vec::new();
        }
        let change = self.made.state().present(record.n, &record.change);
        let is_tagged = matches!(record.identity, Identity::Rules { .. });
        change.undo_commands(if is_tagged { &Identity::Spec } else { &record.identity })
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
        let commands = change.commands();
        commands.iter().find_map(|command| command.split_once(" sysctl -qew ").map(|(_, words)| words.to_owned()))
    })
}

fn make(record: &Record) -> Vec<String> {
    if record.identity == Identity::Already {
        return Vec::new();
    }
    let Some(start) = record.change.start() else { return record.change.commands() };
    let run = start.command("setsid ");
    vec![format!("{run} >{STATE}/{n}.log 2>&1 & echo $! >{STATE}/{n}.pid", n = record.n)]
}

fn undo(record: &Record, course: &Replay) -> Vec<String> {
    match record.change.process() {
        Some(_) => vec![format!("end {STATE}/{}.pid", record.n)],
        None => course.undo_commands(record),
    }
}

fn commented(command: &str, site: &Site) -> String {
    format!("{command}  # {}:{}\n", site.source, site.line)
}
