//! One trial, in the sandbox that is made for it.

use super::{MadeChange, TrialOutcome};
use crate::cli::Ended;
use crate::cli::args::RecipeArgs;
use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::footprint;
use crate::lab::registry::Registry;
use crate::lab::state_dirs::StateDirs;
use crate::model::error::{OpError, OpResult, io_words};
use crate::model::names::LabName;
use crate::model::process::OURSELVES;
use crate::output::Printing;
use crate::output::fail;
use crate::output::write_out;
use crate::sandbox::{self, Exit, SandboxSpec};
use crate::session::machine;
use clap::Args;
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Where the labs of a trial are kept, in the sandbox's own `/run`.
const STATE: &str = "/run/rhailab-prove";

/// How long to wait for what goes by itself: processes that were killed, the far ends of interfaces.
const PATIENCE: Duration = Duration::from_secs(2);

/// Make one trial for `prove`
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct TrialArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[arg(long)]
    break_after: Option<u64>,
    #[arg(long)]
    killed: bool,
}

/// `prove-trial`: prints the outcome as JSON.
pub fn trial(args: &TrialArgs, printing: Printing) -> Ended {
    let outcome = sandbox::enter(&SandboxSpec::default(), |_| {
        let code = match inside(args) {
            Ok(outcome) => {
                write_out(&serde_json::to_string(&outcome).unwrap_or_default());
                0
            }
            Err(error) => fail(&error.into(), printing),
        };
        Exit::End(code)
    })?;
    Ok(match outcome {
        sandbox::Outcome::Ended(code) => code,
        sandbox::Outcome::Kept(_) => 1,
    })
}

fn inside(args: &TrialArgs) -> OpResult<TrialOutcome> {
    let registry = Registry::at(StateDirs::at(Path::new(STATE)))?;
    let mut kernel = machine::linux_kernel(&LabName::new("prove")?, &registry)?;
    // The first look makes what looking makes.
    footprint(&mut kernel)?;
    let before = footprint(&mut kernel)?;
    let mut words: Vec<OsString> = vec!["run".into(), "--host".into(), "--no-guard".into(), "--json".into()];
    if let Some(after) = args.break_after {
        words.extend(["--break-after".into(), after.to_string().into()]);
    }
    if args.killed {
        words.push("--killed".into());
    }
    words.extend(args.recipe.words());
    let run = rhailab(&words)?;
    if run.status.code().is_none() {
        rhailab(&["recover".into(), "--quiet".into()])?;
    }
    let (made, said) = read(&String::from_utf8_lossy(&run.stdout));
    let until = Instant::now() + PATIENCE;
    let leaks = loop {
        let leaks = difference(&before, &footprint(&mut kernel)?);
        if leaks.is_empty() || Instant::now() > until {
            break leaks;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    Ok(TrialOutcome { made, leaks, code: run.status.code(), said })
}

fn footprint(kernel: &mut LinuxKernel) -> OpResult<BTreeSet<String>> {
    footprint::take(kernel, Path::new(machine::ETC_NETNS)).map_err(|refusal| machine::refused(&refusal))
}

fn rhailab(words: &[OsString]) -> OpResult<Output> {
    let mut command = Command::new(OURSELVES);
    command.args(words).env("RHAILAB_STATE_DIR", STATE).stdin(Stdio::null());
    command
        .output()
        .map_err(|e| OpError::new("prove::trial", format!("The recipe could not be run: {}.", io_words(&e))))
}

/// The changes that a run has made, and what it complained of, from its events.
fn read(events: &str) -> (Vec<MadeChange>, String) {
    let (mut made, mut said) = (Vec::new(), String::new());
    for event in events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event["event"].as_str() {
            Some("made" | "altered") if event["already"] != true => made.push(MadeChange {
                n: event["step"].as_u64().or(event["n"].as_u64()).unwrap_or_default(),
                place: format!("{}:{}", text(&event["site"]["source"]), event["site"]["line"]),
                command: text(&event["commands"][0]),
            }),
            Some("error") => said = text(&event["error"]["message"]),
            _ => {}
        }
    }
    (made, said)
}

/// What is new, and what is gone. Of an interface that says enough: its sysctls come and go with it.
fn difference(before: &BTreeSet<String>, after: &BTreeSet<String>) -> Vec<String> {
    let folders = |these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        let paths = these.difference(those).filter_map(|line| line.strip_prefix("folder "));
        paths.filter(|path| path.starts_with("/proc/sys/")).map(str::to_owned).collect()
    };
    let only = |sign: char, these: &BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        let folders = folders(these, those);
        let is_within = |line: &str| {
            let path = line.strip_prefix("folder ").unwrap_or(line);
            folders.iter().any(|folder| {
                path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        // The hardware address of an interface that has come or gone is of no interest either, and random.
        let is_its_mac = |line: &str| {
            let name = line.split_once(" has ").map(|(interface, _)| format!("{interface} "));
            name.is_some_and(|name| these.difference(those).any(|other| other.starts_with(&name) && other != line))
        };
        let lines = these.difference(those).filter(|line| !is_within(line) && !is_its_mac(line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    [only('+', after, before), only('-', before, after)].concat()
}
