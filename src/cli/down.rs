//! `rhailab down` and `rhailab recover`: taking labs down, those that stand and those that a crash left.

use super::Ended;
use super::args::OutputArgs;
use super::by_tag;
use super::completions;
use crate::lab::registry::{LabDir, Life, Mode, Registry};
use crate::model::error::{Class, OpError, OpResult};
use crate::output::Printing;
use crate::output::write_err;
use crate::sandbox::LiveHolder;
use crate::session::cleanup::{HANDOVER, OtherNetns, clean_up};
use crate::session::machine;
use crate::session::name::{lab_name, require_rights};
use crate::session::notice::{Notice, SharedSink};
use clap::Args;
use std::time::Duration;

/// How long a lab may take to end by itself: its processes get two seconds, its own teardown the rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// Take labs down
#[derive(Debug, Args)]
pub struct DownArgs {
    /// The labs to take down
    #[arg(value_name = "NAME", required_unless_present = "all", add = completions::labs())]
    names: Vec<String>,
    /// Take down all that stand
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Give up what a lab made in a network namespace that has ended, and undo the rest
    #[arg(long)]
    gone: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Undo what labs left that ended without being taken down
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Also look for what carries a lab's mark although no journal speaks of it, and ask before removing it
    #[arg(long)]
    by_tag: bool,
    /// Remove what --by-tag finds without asking
    #[arg(long, requires = "by_tag")]
    yes: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `down`.
pub fn down(args: &DownArgs, printing: Printing) -> Ended {
    let registry = Registry::open()?;
    let mut dirs = Vec::new();
    if args.all {
        dirs = registry.list()?;
    }
    for name in &args.names {
        dirs.push(registry.find(&lab_name(name)?)?.0);
    }
    let other = if args.gone { OtherNetns::Gone } else { OtherNetns::Refuse };
    Ok(each(&dirs, args.output, printing, |dir, progress| take_down(dir, progress, other))?)
}

/// `recover`.
pub fn recover(args: &RecoverArgs, printing: Printing) -> Ended {
    let dead = |dir: &LabDir| dir.info().map(|info| info.is_none_or(|info| info.life() == Life::Dead));
    let mut dirs = Vec::new();
    let registry = Registry::open()?;
    for dir in registry.list()? {
        if dead(&dir)? {
            dirs.push(dir);
        }
    }
    if dirs.is_empty() && !args.output.quiet && !args.output.json && !args.by_tag {
        write_err("There is nothing to recover.");
    }
    let code = each(&dirs, args.output, printing, |dir, progress| clean_up(dir, progress, OtherNetns::Refuse))?;
    if !args.by_tag {
        return Ok(code);
    }
    require_rights(Mode::Host)?;
    Ok(code.max(by_tag::recover(&registry, args.yes, args.output, printing)?))
}

/// Does the same to each lab and goes on past failures; the exit code is the gravest one.
fn each(
    dirs: &[LabDir],
    output: OutputArgs,
    printing: Printing,
    act: impl Fn(&LabDir, &SharedSink) -> OpResult<()>,
) -> OpResult<i32> {
    machine::heed_signals()?;
    let mut gravest = 0;
    for dir in dirs {
        let progress: SharedSink = output.progress(dir.name().as_str(), printing);
        let code = act(dir, &progress).map_or_else(|error| progress.borrow_mut().failed(&error.into()), |()| 0);
        progress.borrow_mut().notice(&Notice::Ended { code, kept: false });
        gravest = gravest.max(code);
    }
    Ok(gravest)
}

fn take_down(dir: &LabDir, progress: &SharedSink, other: OtherNetns) -> OpResult<()> {
    let Some(info) = dir.info()? else { return clean_up(dir, progress, other) };
    match (info.life(), info.mode) {
        (Life::Dead, _) | (Life::Up, Mode::Host) => clean_up(dir, progress, other),
        (_, mode) => end(dir, info.holder.map(LiveHolder::find).transpose()?.flatten().as_ref(), mode),
    }
}

/// Asks the lab's process to end. A sandbox that does not is killed, which undoes it just as well; what a run on
/// the machine made would stay.
pub fn end(dir: &LabDir, process: Option<&LiveHolder>, mode: Mode) -> OpResult<()> {
    if let Some(watch) = process {
        watch.ask_to_end()?;
        if !watch.wait(PATIENCE)? {
            if mode == Mode::Host {
                return Err(OpError::new(
                    "lab::stubborn",
                    format!("The run of `{}` (process {}) does not end.", dir.name(), watch.pid()),
                )
                .help(format!("Kill it with `kill -9 {}`; then `rhailab recover` undoes what it made.", watch.pid()))
                .class(Class::Leftover));
            }
            watch.kill()?;
            watch.wait(HANDOVER)?;
        }
    }
    // A `run` removes the folder itself.
    match dir.lock(HANDOVER)? {
        Some(lock) => lock.remove(),
        None => Ok(()),
    }
}
