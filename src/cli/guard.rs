//! The guardian of a run on the machine: it undoes what the run had made, should that be killed.

use super::args::{Context, OutputArgs};
use super::bury::{Elsewhere, bury};
use super::engine::{self, Ended};
use super::progress::{Progress, changes, write_err};
use crate::kernel::linux::process;
use crate::kernel::linux::process::guardian::{self, Guardian};
use crate::lab::registry::{LabDir, LabLock, Life, Registry};
use crate::model::error::OpResult;
use crate::model::names::LabName;
use crate::sandbox;
use clap::Args;
use std::cell::RefCell;
use std::io::{Write, stdout};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver};

/// Undo what the run of a lab had made, if it was killed
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The lab
    name: String,
}

/// Who watches over a run on the machine.
#[derive(Debug)]
pub struct Watch(Option<Guardian>);

/// A lab's name that is being taken, and what else is looked for then.
#[derive(Debug)]
pub struct Taken<T>(Receiver<OpResult<(LabLock, T)>>);

/// Has `run` do all that this process is there for, on a thread with a big stack and until nothing is left to be done; the
/// process ends with the exit code that it returns. Beside it, this thread takes the lab's name, and then, if the run is to
/// be guarded, posts a guardian that calls [`guard`] when this process has ended.
pub fn under_watch<T: Send>(
    context: Context,
    guarded: bool,
    take: impl FnOnce() -> OpResult<(LabLock, T)>,
    run: impl FnOnce(Taken<T>, &Watch) -> OpResult<i32> + Send,
) -> OpResult<i32> {
    let wanted = if guarded { Some(Guardian::wanted().map_err(|refusal| engine::refused(&refusal))?) } else { None };
    let (guardian, vacancy) = wanted.unzip();
    let (sender, receiver) = mpsc::sync_channel(1);
    let act = move || {
        let watch = Watch(guardian);
        let code = run(Taken(receiver), &watch).unwrap_or_else(|error| super::fail(&error.into(), context));
        drop(watch);
        // What cannot be printed any more, nobody reads.
        let _ = stdout().flush();
        // From here: the thread that waits for this one has lent its place to the guardian. And at once: nothing is left to be
        // put in order, and to unmap what is about to go takes as long as some changes.
        process::exit(code)
    };
    sandbox::on_big_stack(act, move || {
        let taken = take();
        let dir = taken.as_ref().ok().map(|(lock, _)| lock.dir().clone());
        // Whoever has asked waits for it.
        let _ = sender.send(taken);
        if let (Some(vacancy), Some(dir)) = (vacancy, dir) {
            vacancy.fill(&["--color", &context.color.to_string(), "guard", dir.name().as_str()]);
        }
    })
}

impl<T> Taken<T> {
    /// Waits until it is taken.
    pub fn get(self) -> OpResult<(LabLock, T)> {
        self.0.recv().unwrap_or_else(|_| Err(sandbox::defect()))
    }
}

impl Watch {
    /// Waits until the guardian stands, if there is to be one; nothing may be made before.
    pub fn stands(&self) -> OpResult<()> {
        self.0.as_ref().map_or(Ok(()), Guardian::stands).map_err(|refusal| engine::refused(&refusal))
    }
}

/// `guard`.
pub fn guard(args: &GuardArgs, context: Context) -> Ended {
    guardian::take_name().map_err(|refusal| engine::refused(&refusal))?;
    let dir = Registry::open()?.dir(&LabName::new(&args.name)?);
    match dir.info()? {
        Some(info) if info.life() == Life::Dead && !info.ended => {}
        None => return Ok(remove_unbegun(&dir).map(|()| 0)?),
        // It has ended in order.
        _ => return Ok(0),
    }
    let output = OutputArgs { verbose: false, quiet: true, json: false };
    let progress = Rc::new(RefCell::new(Progress::new(dir.name().as_str(), output, context)));
    bury(&dir, &progress, Elsewhere::Refuse)?;
    let count = changes(progress.borrow().undone());
    write_err(&format!("The run of `{}` was killed. What it had made was undone: {count}.", dir.name()));
    Ok(0)
}

/// Removes the folder of a run that was killed before it had said what it is, and so before it had made anything; unless
/// its name is another run's by now.
fn remove_unbegun(dir: &LabDir) -> OpResult<()> {
    match dir.try_lock()? {
        Some(lock) if dir.info()?.is_none() => lock.remove(),
        _ => Ok(()),
    }
}
