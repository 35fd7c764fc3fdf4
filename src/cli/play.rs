//! A run on its thread: the engine, the rehearsal, the recipe, the teardown.

use super::conduct::{Job, code_of, leftover_error};
use super::engine::{self, Stage, Trouble};
use super::foretell::Foretold;
use super::guard::Watch;
use super::progress::Progress;
use crate::kernel::{Kernel, interrupt};
use crate::lab::registry::{LabDir, LabInfo, LabLock, Mode};
use crate::lab::store::Journal;
use crate::lab::{Lab, Neighbours, Record};
use crate::model::baseline::baseline;
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::model::names::LabName;
use crate::sandbox::{Holder, Verdict};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// What a run needs besides its recipe.
pub struct Means {
    kernel: Box<dyn Kernel + Send>,
    /// The network namespace that it acts in, if that is the machine's.
    root: Option<u64>,
    /// None for a sandbox that ends with its process: the kernel itself undoes all of it.
    journal: Option<Journal>,
}

impl Means {
    /// Found on any thread, in the lab's root namespace.
    pub fn find(job: &Job, dir: &LabDir) -> OpResult<Means> {
        let root = if job.mode == Mode::Host { Some(engine::root_netns()?) } else { None };
        let mut kernel = engine::kernel(dir.name(), dir, job.mode, job.keep)?;
        // Hardly a recipe makes none; how many, its rehearsal may tell.
        kernel.expect_netns(&baseline(), None);
        let journal = if job.keep || job.mode == Mode::Host { Some(journal(job, dir)?) } else { None };
        Ok(Means { kernel, root, journal })
    }
}

fn journal(job: &Job, dir: &LabDir) -> OpResult<Journal> {
    let recipe = job.order.dir();
    Journal::create(&dir.journal(), dir.name(), &recipe.to_string_lossy(), dir.durable(job.mode).as_deref())
}

/// Where a run takes place, and who sees to it that nothing is left.
pub struct Venue<'v> {
    /// The lab's folder.
    pub lock: &'v LabLock,
    /// The process that the lab lives with.
    pub holder: Holder,
    /// Who watches over it; nobody over what goes with its process anyway.
    pub watch: Option<&'v Watch>,
}

/// A run, on its thread.
pub struct Play<'j> {
    job: &'j Job,
    progress: Rc<RefCell<Progress>>,
    stage: Result<Stage, Trouble>,
    /// Nothing where the lab has a network of its own.
    foretold: Option<Foretold>,
}

impl Play<'_> {
    /// With the recipe understood, for a lab which may come by another name yet.
    pub fn new<'j>(job: &'j Job, name: &LabName, text: OpResult<String>) -> Play<'j> {
        let progress = Rc::new(RefCell::new(Progress::new(name.as_str(), job.output, job.context)));
        let printer = Rc::clone(&progress);
        let print = Rc::new(move |text: &str| printer.borrow_mut().print(text));
        let stage = text.map_err(Trouble::from).and_then(|text| Stage::of(&text, name, &job.order, print));
        let foretold = stage.as_ref().ok().filter(|_| job.mode == Mode::Host).map(Foretold::of);
        Play { job, progress, stage, foretold }
    }

    /// All of it.
    pub fn run(self, means: OpResult<Means>, venue: &Venue<'_>) -> Verdict {
        let Play { job, progress, stage, foretold } = self;
        let fail = |trouble: &Trouble| {
            progress.borrow_mut().error(&trouble.error, &engine::report(trouble, job.context.stderr()));
            code_of(&trouble.error)
        };
        progress.borrow_mut().rename(venue.lock.dir().name().as_str());
        let recipe = job.order.dir();
        progress.borrow_mut().start(job.mode, &recipe);
        let ended = means.map_err(Trouble::from).and_then(|mut means| {
            let stage = stage?;
            if let Some(foretold) = foretold {
                let dir = venue.lock.dir();
                progress.borrow_mut().note(&foretold.tell(dir.name(), &dir.journal()));
                means.kernel.expect_netns(&baseline(), foretold.spaces());
                if let Some(journal) = means.journal.as_mut().filter(|_| foretold.has_files()) {
                    journal.expect_files()?.into_iter().for_each(|errand| means.kernel.afterwards(errand));
                }
                if foretold.has_rules() {
                    means.kernel.expect_rules();
                }
            }
            Ok(play(job, &recipe, stage, means, venue, &progress, &fail)?)
        });
        let (code, kept) = ended.unwrap_or_else(|trouble| (fail(&trouble), false));
        progress.borrow_mut().end(code, kept);
        if kept { Verdict::Keep } else { Verdict::End(code) }
    }
}

/// Runs the recipe, and returns the exit code and whether the lab stays. An error of the recipe goes to `fail` at
/// once, before the teardown, so that it is the first thing shown.
fn play(
    job: &Job,
    recipe: &Path,
    stage: Stage,
    Means { kernel, root, journal }: Means,
    venue: &Venue<'_>,
    progress: &Rc<RefCell<Progress>>,
    fail: &dyn Fn(&Trouble) -> i32,
) -> OpResult<(i32, bool)> {
    let Venue { lock, holder, watch } = *venue;
    let dir = lock.dir();
    let name = dir.name().clone();
    let mut info = LabInfo { holder: Some(holder), root, ..LabInfo::new(&name, job.mode, recipe, job.order.values()) };
    let mut lab = Lab::new(name, kernel, journal);
    if job.mode == Mode::Host {
        lab.know(Neighbours::new(dir.clone(), root));
    }
    lab.deny(&job.order.deny);
    if let Some(fault) = job.fault {
        lab.break_off(fault);
    }
    let listener = Rc::clone(progress);
    lab.listen(Box::new(move |event| listener.borrow_mut().event(event)));
    watch.map_or(Ok(()), Watch::stands)?;
    // Not before, or a run that is killed in between would leave a lab with nothing in it.
    lock.write(&info)?;
    let (mut lab, result) = stage.perform(lab);
    if !(job.keep && job.mode == Mode::Sandbox) {
        // The process is about to end, and to take the engine apart takes nearly as long as to make it.
        std::mem::forget(stage);
    }
    let result = result.and_then(|()| {
        progress.borrow().delivered()?;
        if job.keep {
            lab.keep()?;
            info.kept = true;
            lock.write(&info)?;
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
        info.ended = true;
        // Otherwise the guardian tries in vain what was tried here, and says so again.
        let _ = lock.write(&info);
    }
    Ok((if gone { code } else { fail(&leftover_error(&left).into()) }, false))
}

/// The teardown of a sandbox that nobody watches: its network falls with its pid 1, much faster than piece by piece,
/// so that only its processes are asked to end.
fn end_processes(lab: &mut Lab) {
    let is_process = |record: &&Record| matches!(record.change, Change::Start(_));
    let processes: Vec<u64> = lab.records().filter(is_process).map(|record| record.n).collect();
    // Those that do not heed are killed with the sandbox.
    let _ = lab.revert_all(&processes);
}
