//! Running a recipe in a lab, from taking the lab's name to leaving it up or taking it down.

use super::args::{Context, OutputArgs};
use super::engine::{self, Order, Stage, Trouble};
use super::foretell;
use super::guard::{Watch, under_watch};
use super::progress::{Progress, write_err};
use crate::change::Change;
use crate::error::{Class, OpError, OpResult};
use crate::kernel::interrupt;
use crate::lab::registry::{Card, Claim, Mode, Registry};
use crate::lab::sandbox::{self, Holder, Outcome, Spec, Verdict};
use crate::lab::store::Journal;
use crate::lab::{Fault, Lab, Leftover, Neighbours, Record, baseline};
use crate::names::LabName;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

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

/// Runs it under a name that is taken already, and returns the exit code.
pub fn conduct(job: &Job, claim: Claim) -> OpResult<i32> {
    match job.mode {
        Mode::Sandbox => in_sandbox(job, claim),
        Mode::Host => on_host(job, claim),
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

/// A name that nobody has: this very one if the lab is to be found by it later, else one like it.
pub fn take_name(registry: &Registry, name: &LabName, exactly: bool) -> OpResult<Claim> {
    if exactly { registry.create(name) } else { registry.create_near(name) }
}

fn in_sandbox(job: &Job, claim: Claim) -> OpResult<i32> {
    let name = claim.place().name().to_owned();
    let outcome = sandbox::enter(&Spec::default(), |inside| stage(job, &claim, inside.holder, &mut Watch::default()));
    let code = conclude(outcome, claim)?;
    announce(job, &name, code);
    Ok(code)
}

/// What is left to do with a lab's folder when its sandbox was left; returns the exit code.
pub fn conclude(outcome: OpResult<Outcome>, claim: Claim) -> OpResult<i32> {
    match outcome {
        Ok(Outcome::Kept(_)) => Ok(0),
        Ok(Outcome::Ended(code)) => claim.remove().map(|()| code),
        // What matters is why there is no lab; that its folder is still there as well is found by `recover`.
        Err(error) => {
            let _ = claim.remove();
            Err(error)
        }
    }
}

fn on_host(job: &Job, claim: Claim) -> OpResult<i32> {
    let holder = Holder::me();
    under_watch(job.context, |watch| {
        let name = claim.place().name().to_owned();
        let code = match stage(job, &claim, holder, watch) {
            Verdict::Keep => 0,
            // What could not be undone stays on record.
            Verdict::End(code) if code == Class::Leftover.exit_code() => code,
            Verdict::End(code) => claim.remove().map(|()| code)?,
        };
        announce(job, &name, code);
        Ok(code)
    })
}

/// Says that a lab stays, and what can be done with it.
fn announce(job: &Job, name: &str, code: i32) {
    if code == 0 && job.keep && !job.output.quiet && !job.output.json {
        write_err(&format!(
            "The lab `{name}` is up. Look at it with `rhailab status {name}`, take it down with `rhailab down {name}`."
        ));
    }
}

/// The whole run, on its thread.
fn stage(job: &Job, claim: &Claim, holder: Holder, watch: &mut Watch<'_>) -> Verdict {
    let progress = Rc::new(RefCell::new(Progress::new(claim.place().name(), job.output, job.context)));
    let fail = |trouble: &Trouble| {
        progress.borrow_mut().error(&trouble.error, &engine::report(trouble, job.context.stderr()));
        code_of(&trouble.error)
    };
    let (code, kept) = match play(job, claim, holder, watch, &progress, &fail) {
        Ok(ending) => ending,
        Err(error) => (fail(&error.into()), false),
    };
    progress.borrow_mut().end(code, kept);
    if kept { Verdict::Keep } else { Verdict::End(code) }
}

/// Runs the recipe, and returns the exit code and whether the lab stays. An error of the recipe goes to `fail` at
/// once, before the teardown, so that it is the first thing shown.
fn play(
    job: &Job,
    claim: &Claim,
    holder: Holder,
    watch: &mut Watch<'_>,
    progress: &Rc<RefCell<Progress>>,
    fail: &dyn Fn(&Trouble) -> i32,
) -> OpResult<(i32, bool)> {
    engine::heed_signals()?;
    let place = claim.place();
    let name = LabName::new(place.name())?;
    let recipe = absolute(&job.order.recipe);
    progress.borrow_mut().start(job.mode, &recipe);
    let printer = Rc::clone(progress);
    let print = Rc::new(move |text: &str| printer.borrow_mut().print(text));
    let text = engine::text(&job.order)?;
    let mut kernel = engine::kernel(&name, place, job.mode, job.keep)?;
    if ["netns(", "import "].iter().any(|hint| text.contains(hint)) {
        // As good a guess as any: it has to be made before the recipe is understood to be of use.
        kernel.expect_netns(&baseline(), None);
    }
    let stage = match Stage::compile(&name, &job.order, &text, print) {
        Ok(stage) => stage,
        Err(trouble) => return Ok((fail(&trouble), false)),
    };
    // Only now, because a process that has a guardian is slower at everything that it does with its memory.
    if job.guarded {
        watch.begin(place, job.context)?;
    }
    let root = if job.mode == Mode::Host { Some(engine::root_netns()?) } else { None };
    let mut card = Card { holder: Some(holder), root, ..Card::new(&name, job.mode, &recipe, job.order.values()) };
    if job.mode == Mode::Host {
        let spaces = foretell::host(&name, &stage, &place.journal(), &mut progress.borrow_mut());
        kernel.expect_netns(&baseline(), spaces);
    }
    // A sandbox that ends with its process needs no journal: the kernel itself undoes all of it.
    let needs_journal = job.keep || job.mode == Mode::Host;
    let journal = if needs_journal {
        let files = place.durable(job.mode);
        Some(Journal::create(&place.journal(), &name, &recipe.to_string_lossy(), files.as_deref())?)
    } else {
        None
    };
    let mut lab = Lab::new(name, kernel, journal);
    if job.mode == Mode::Host {
        lab.know(Neighbours::new(place.clone(), root));
    }
    lab.deny(&job.order.deny);
    if let Some(fault) = job.fault {
        lab.break_off(fault);
    }
    let listener = Rc::clone(progress);
    lab.listen(Box::new(move |event| listener.borrow_mut().event(event)));
    watch.stands()?;
    // Not before, or a run that is killed in between would leave a lab with nothing in it.
    claim.write(&card)?;
    let (mut lab, result) = stage.perform(lab);
    if !(job.keep && job.mode == Mode::Sandbox) {
        // The process is about to end, and to take the engine apart takes nearly as long as to make it.
        std::mem::forget(stage);
    }
    let result = result.and_then(|()| {
        progress.borrow().delivered()?;
        if job.keep {
            lab.keep()?;
            card.kept = true;
            claim.write(&card)?;
        }
        Ok(())
    });
    let code = match result {
        Ok(()) if job.keep => {
            if job.mode == Mode::Host {
                // As with the engine: the process is about to end.
                std::mem::forget(lab);
            }
            return Ok((0, true));
        }
        Ok(()) => 0,
        Err(Trouble { error, sources }) => {
            let error = progress.borrow().why_stopped(error);
            fail(&Trouble { error, sources })
        }
    };
    // What asked the recipe to stop must not stop the teardown.
    interrupt::clear();
    progress.borrow_mut().teardown();
    if job.mode == Mode::Sandbox && !progress.borrow().shows_changes() {
        end_processes(&mut lab);
        return Ok((code, false));
    }
    let left = lab.unwind();
    // What the teardown of a sandbox could not undo goes with the sandbox.
    let gone = left.is_empty() || job.mode == Mode::Sandbox;
    if !gone {
        card.ended = true;
        // Otherwise the guardian tries in vain what was tried here, and says so again.
        let _ = claim.write(&card);
    }
    Ok((if gone { code } else { fail(&leftover_error(&left).into()) }, false))
}

/// The teardown of a sandbox that nobody watches: its network falls with its pid 1, much faster than piece by piece,
/// so that only its processes are asked to end.
fn end_processes(lab: &mut Lab) {
    let is_process = |record: &&Record| matches!(record.change, Change::Start { .. });
    let processes: Vec<u64> = lab.records().iter().filter(is_process).map(|record| record.n).collect();
    // Those that do not heed are killed with the sandbox.
    let _ = lab.revert_all(&processes);
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

/// The recipe's path from the root, for who looks at the lab from another folder.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
