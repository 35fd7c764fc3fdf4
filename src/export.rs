//! A recipe's changes as two plain shell scripts, one up and one down, that need no rhailab.

use crate::change::{Change, Identity};
use crate::error::Site;
use crate::render;

/// What happened in a lab, in order: a change was made, or one made before was undone.
#[derive(Debug, Clone)]
pub struct Step {
    /// The change's number.
    pub n: u64,
    /// The recipe line that asked for the change.
    pub site: Site,
    /// The change.
    pub change: Change,
    /// What was recorded before it was made.
    pub identity: Identity,
    /// Whether this step undoes it.
    pub undoes: bool,
}

/// Where the scripts keep pids and logs.
const STATE: &str = "${RHAILAB_STATE:-/tmp/lab}";

/// The script that builds the network.
pub fn up(recipe: &str, steps: &[Step]) -> String {
    let mut body = String::new();
    let baseline = baseline(steps);
    for step in steps {
        let commands = if step.undoes { undo(step) } else { make(step) };
        for command in commands {
            let command = match &baseline {
                Some(words) => command.replace(words.as_str(), "$baseline"),
                None => command,
            };
            body.push_str(&commented(&command, &step.site));
        }
    }
    let mut out = header(recipe, "Builds the network of");
    if steps.iter().any(|step| matches!(step.change, Change::Start { .. })) {
        out.push_str(&format!("mkdir -p {STATE}\n"));
    }
    if let Some(words) = baseline {
        out.push_str("# The settings that every namespace starts with; -e: some kernels lack some of them.\n");
        out.push_str(&format!("baseline='{words}'\n"));
    }
    format!("{out}\n{body}")
}

/// The script that removes what `up` built and what then still stands, newest first.
pub fn down(recipe: &str, steps: &[Step]) -> String {
    let mut out = header(recipe, "Removes the network of").replace("set -eu", "set -u") + "\n";
    for step in steps.iter().rev().filter(|step| !step.undoes && step.identity != Identity::Already) {
        if steps.iter().any(|other| other.undoes && other.n == step.n) {
            continue;
        }
        for command in undo(step) {
            out.push_str(&commented(&command, &step.site));
        }
    }
    out
}

fn header(recipe: &str, what: &str) -> String {
    format!("#!/bin/sh\n# {what} {recipe}. Run it as root.\nset -eu\n")
}

/// The sysctls of the first namespace, which most others share.
fn baseline(steps: &[Step]) -> Option<String> {
    steps.iter().filter(|step| matches!(step.change, Change::AddNetns { .. })).find_map(|step| {
        let commands = render::commands(&step.change);
        commands.iter().find_map(|command| command.split_once(" sysctl -qew ").map(|(_, words)| words.to_owned()))
    })
}

fn make(step: &Step) -> Vec<String> {
    if step.identity == Identity::Already {
        return Vec::new();
    }
    let commands = render::commands(&step.change);
    match &step.change {
        Change::Start { .. } => {
            let run = commands.join("; ");
            let run = run.trim_end_matches('&').trim_end();
            vec![format!("{run} >{STATE}/{n}.log 2>&1 & echo $! >{STATE}/{n}.pid", n = step.n)]
        }
        _ => commands,
    }
}

fn undo(step: &Step) -> Vec<String> {
    match &step.change {
        Change::Start { .. } => vec![format!("kill \"$(cat {STATE}/{}.pid)\"", step.n)],
        // Without rhailab there are no tags: the rules are named by their words alone.
        Change::EditRules { .. } => render::undo_commands(&step.change, &Identity::Spec),
        change => render::undo_commands(change, &step.identity),
    }
}

fn commented(command: &str, site: &Site) -> String {
    format!("{command}  # {}:{}\n", site.source, site.line)
}
