//! Running a recipe in a lab, from taking the lab's name to leaving it up or taking it down.

use super::args::{Context, OutputArgs};
use super::bury::make_way;
use super::engine::{self, Order};
use super::guard::under_watch;
use super::play::{Means, Play, Venue};
use super::progress::write_err;
use crate::lab::registry::{LabLock, Mode, Registry};
use crate::lab::{Fault, Leftover};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::LabName;
use crate::sandbox::{self, Holder, Outcome, Spec, Verdict};

/// A recipe to be run, where, and what becomes of the lab.
#[derive(Debug, Clone)]
pub struct Job {
    /// The recipe.
    pub order: Order,
    /// Where it acts.
    pub mode: Mode,
    /// Whether somebody undoes what a run on the machine made, should it be killed.
    pub guarded: bool,
    /// A mishap on purpose.
    pub fault: Option<Fault>,
    /// Whether the lab stays when the recipe has ended well.
    pub keep: bool,
    /// How much is said.
    pub output: OutputArgs,
    /// What every subcommand knows.
    pub context: Context,
}

/// Runs it under this name, or one like it if the lab does not stay, and returns the exit code.
pub fn conduct(job: &Job, name: &LabName) -> OpResult<i32> {
    match job.mode {
        Mode::Sandbox => in_sandbox(job, name),
        Mode::Host => on_host(job, name),
    }
}

/// Refuses what only root may do, before anything is written.
pub fn require_rights(mode: Mode) -> OpResult<()> {
    if mode == Mode::Sandbox || sandbox::euid() == 0 {
        return Ok(());
    }
    Err(OpError::new("host::root", "Only root can change this machine's network.")
        .help("Run it with sudo, or without --host, in a sandbox.")
        .class(Class::Machine))
}

/// Takes a name that nobody has: `exactly` this one if the lab is to be found by it later, else one like it.
pub fn take_name(name: &LabName, exactly: bool, mode: Mode, output: OutputArgs, context: Context) -> OpResult<LabLock> {
    let registry = Registry::open()?;
    if mode == Mode::Host {
        make_way(&registry.dir(name), output, context)?;
    }
    if exactly { registry.create(name) } else { registry.create_near(name) }
}

impl Job {
    fn take_name(&self, name: &LabName) -> OpResult<LabLock> {
        take_name(name, self.keep, self.mode, self.output, self.context)
    }
}

fn in_sandbox(job: &Job, name: &LabName) -> OpResult<i32> {
    let lock = job.take_name(name)?;
    let outcome = sandbox::enter(&Spec::default(), |inside| {
        let means = engine::heed_signals().and_then(|()| Means::find(job, lock.dir()));
        Play::new(job, name, engine::text(&job.order))
            .run(means, &Venue { lock: &lock, holder: inside.holder, watch: None })
    });
    let name = lock.dir().name().clone();
    let code = conclude(outcome, lock)?;
    announce(job, &name, code);
    Ok(code)
}

/// What is left to do with a lab's folder when its sandbox was left; returns the exit code.
pub fn conclude(outcome: OpResult<Outcome>, lock: LabLock) -> OpResult<i32> {
    match outcome {
        Ok(Outcome::Kept(_)) => Ok(0),
        Ok(Outcome::Ended(code)) => lock.remove().map(|()| code),
        // What matters is why there is no lab; that its folder is still there as well is found by `recover`.
        Err(error) => {
            let _ = lock.remove();
            Err(error)
        }
    }
}

fn on_host(job: &Job, name: &LabName) -> OpResult<i32> {
    engine::heed_signals()?;
    let text = engine::text(&job.order);
    let take = || {
        let lock = job.take_name(name)?;
        let means = Means::find(job, lock.dir());
        Ok((lock, (means, Holder::me())))
    };
    under_watch(job.context, job.guarded, take, |taken, watch| {
        let play = Play::new(job, name, text);
        let (lock, (means, holder)) = taken.get()?;
        let name = lock.dir().name().clone();
        let code = match play.run(means, &Venue { lock: &lock, holder, watch: Some(watch) }) {
            Verdict::Keep => 0,
            // What could not be undone stays on record.
            Verdict::End(code) if code == Class::Leftover.exit_code() => code,
            Verdict::End(code) => lock.remove().map(|()| code)?,
        };
        announce(job, &name, code);
        Ok(code)
    })
}

/// Says that a lab stays, and what can be done with it.
fn announce(job: &Job, name: &LabName, code: i32) {
    if code == 0 && job.keep && !job.output.quiet && !job.output.json {
        write_err(&format!(
            "The lab `{name}` is up. Look at it with `rhailab status {name}`, take it down with `rhailab down {name}`."
        ));
    }
}

/// The error of a teardown that left something.
pub fn leftover_error(left: &[Leftover]) -> OpError {
    let what = if left.len() == 1 { "One change".to_owned() } else { format!("{} changes", left.len()) };
    let mut error = OpError::new("lab::leftover", format!("{what} could not be undone.")).class(Class::Leftover);
    error.0.leftovers = left.iter().map(Leftover::describe).collect();
    error
}

/// The exit code of an error.
pub fn code_of(error: &OpError) -> i32 {
    if error.0.leftovers.is_empty() { error.0.class.exit_code() } else { Class::Leftover.exit_code() }
}
