//! A recipe from beginning to end.

use super::enter::{Here, Placement, enter};
use super::failure::leftover_error;
use super::lab::NewLab;
use super::machine::heed_signals;
use super::name::take_name;
use super::notice::{NewSink, Notice, SharedSink};
use super::rehearsal::Rehearsal;
use super::{Failure, Input, LoadedRecipe};
use crate::kernel::interrupt;
use crate::lab::registry::{LabInfo, Mode};
use crate::lab::{Fault, Lab, STOPPED};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::names::LabName;
use crate::sandbox::{Exit, Terminal};
use std::rc::Rc;

/// A recipe to be run, where, and what becomes of the lab.
#[derive(Debug, Clone)]
pub struct Run {
    /// The recipe.
    pub input: Input,
    /// Where it acts.
    pub mode: Mode,
    /// Whether somebody undoes what a run on the machine made, should it be killed.
    pub is_guarded: bool,
    /// A mishap on purpose.
    pub fault: Option<Fault>,
    /// Whether the lab stays when the recipe has ended well.
    pub keep: bool,
}

/// What became of a run.
#[derive(Debug)]
pub struct Finished {
    /// The lab's name.
    pub name: LabName,
    /// What became of the lab.
    pub exit: Exit,
}

/// Runs a recipe under this name, or one like it if the lab does not stay. What happens goes to sinks that `sink` makes.
/// To be called while the process has one thread.
pub fn run(run: &Run, name: &LabName, sink: NewSink<'_>) -> OpResult<Finished> {
    // The text may come through a pipe, and the wait for it be broken off.
    heed_signals()?;
    let text = run.input.text()?;
    let lock = take_name(name, run.keep, run.mode, sink)?;
    let name = lock.dir().name().clone();
    let placement = Placement { mode: run.mode, is_guarded: run.is_guarded, terminal: Terminal::Shared };
    let exit = enter(placement, lock, |here| {
        let sink = sink(here.lock.dir().name().as_str());
        run.follow(&text, here, &sink)
    })?;
    Ok(Finished { name, exit })
}

impl Run {
    /// All that happens where the lab is made.
    fn follow(&self, text: &str, here: &Here<'_>, sink: &SharedSink) -> Exit {
        let tell = |notice: &Notice<'_>| sink.borrow_mut().notice(notice);
        tell(&Notice::Started { mode: self.mode, recipe: &self.input.path() });
        let made = self.make(text, here, sink);
        let exit = made.unwrap_or_else(|failure| Exit::End(sink.borrow_mut().failed(&failure)));
        match exit {
            Exit::Keep => tell(&Notice::Ended { code: 0, kept: true }),
            Exit::End(code) => tell(&Notice::Ended { code, kept: false }),
        }
        exit
    }

    /// Checks the recipe, rehearses it where it acts on the machine, and makes the lab.
    fn make(&self, text: &str, here: &Here<'_>, sink: &SharedSink) -> Result<Exit, Failure> {
        let name = here.lock.dir().name();
        let mut new = NewLab::prepare(here, &self.input.path(), self.input.values(), self.keep)?;
        let printer = Rc::clone(sink);
        let print = Rc::new(move |text: &str| printer.borrow_mut().notice(&Notice::Printed(text)));
        let recipe = LoadedRecipe::of(text, name, &self.input, print)?;
        if self.mode == Mode::Host {
            let rehearsal = Rehearsal::of(&recipe);
            let announcement = rehearsal.announcement(name, &here.lock.dir().journal());
            sink.borrow_mut().notice(&Notice::Remark(&announcement));
            new.expect(&rehearsal)?;
        }
        let (mut lab, info) = new.begin(here, sink)?;
        lab.deny(&self.input.deny);
        if let Some(fault) = self.fault {
            lab.break_off(fault);
        }
        let (mut lab, result) = recipe.perform(lab);
        let result = result.and_then(|()| self.settle(&mut lab, &info, here, sink));
        let exit = self.end(&mut lab, result, info, here, sink)?;
        if !(exit == Exit::Keep && self.mode == Mode::Sandbox) {
            // The process is about to end, and to take these apart takes nearly as long as to make them.
            std::mem::forget(recipe);
            std::mem::forget(lab);
        }
        Ok(exit)
    }

    /// A recipe that has ended well: its output must have arrived, and its lab may be to stay.
    fn settle(&self, lab: &mut Lab, info: &LabInfo, here: &Here<'_>, sink: &SharedSink) -> Result<(), Failure> {
        if let Some(error) = sink.borrow().undelivered() {
            return Err(error.into());
        }
        if self.keep {
            lab.keep()?;
            here.lock.write(&LabInfo { kept: true, ..info.clone() })?;
        }
        Ok(())
    }

    /// Leaves the lab up, or takes it down. An error of the recipe is told at once, before the teardown, so that it is the
    /// first thing shown.
    fn end(
        &self,
        lab: &mut Lab,
        result: Result<(), Failure>,
        info: LabInfo,
        here: &Here<'_>,
        sink: &SharedSink,
    ) -> Result<Exit, Failure> {
        let code = match result {
            Ok(()) if self.keep => return Ok(Exit::Keep),
            Ok(()) => 0,
            Err(Failure { error, sources }) => {
                let error = why_stopped(error, sink);
                sink.borrow_mut().failed(&Failure { error, sources })
            }
        };
        // What asked the recipe to stop must not stop the teardown.
        interrupt::clear();
        sink.borrow_mut().notice(&Notice::TearingDown);
        if self.mode == Mode::Sandbox && !sink.borrow().wants_changes() {
            end_processes(lab);
            return Ok(Exit::End(code));
        }
        let left = lab.unwind();
        // What the teardown of a sandbox could not undo goes with the sandbox.
        if left.is_empty() || self.mode == Mode::Sandbox {
            return Ok(Exit::End(code));
        }
        // Otherwise the guard tries in vain what was tried here, and says so again.
        let _ = here.lock.write(&LabInfo { ended: true, ..info });
        Err(leftover_error(&left).into())
    }
}

/// The error of a recipe that was stopped: that of its output, if it was the output that stopped it.
fn why_stopped(error: OpError, sink: &SharedSink) -> OpError {
    let Some(mut why) = sink.borrow().broken().filter(|_| error.0.code == STOPPED) else { return error };
    (why.0.site, why.0.mark, why.0.calls) = (error.0.site, error.0.mark, error.0.calls);
    why
}

/// The teardown of a sandbox that nobody watches: its network falls with its pid 1, much faster than piece by piece,
/// so that only its processes are asked to end.
fn end_processes(lab: &mut Lab) {
    let is_process = |change: &Change| matches!(change, Change::Start(_));
    let processes: Vec<u64> =
        lab.records().filter(|record| is_process(&record.change)).map(|record| record.n).collect();
    // Those that do not heed are killed with the sandbox.
    let _ = lab.revert_all(&processes);
}
