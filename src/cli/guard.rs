//! The guardian of a run on the machine: it undoes what the run had made, should that be killed.

use super::args::{Context, OutputArgs};
use super::bury::{Elsewhere, bury};
use super::engine::{self, Ended};
use super::progress::{Progress, changes, write_err};
use crate::error::OpResult;
use crate::kernel::linux::process::guardian::{self, Guardian};
use crate::lab::registry::{Claim, Life, Place, Registry};
use crate::lab::sandbox::{self, Later, Waiting};
use crate::names::LabName;
use clap::Args;
use std::cell::RefCell;
use std::rc::Rc;

/// Undo what the run of a lab had made, if it was killed
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The lab
    name: String,
}

/// Who watches over a run on the machine: nobody at first.
#[derive(Debug)]
pub struct Watch<'e> {
    waiting: Waiting<'e>,
    context: Context,
    guardian: Option<Guardian>,
}

/// Has `run` do all that this process is there for, on a thread with a big stack and until nothing is left to be done; the
/// process ends with the exit code that it returns.
pub fn under_watch<'e>(context: Context, run: impl FnOnce(&mut Watch<'e>) -> OpResult<i32> + Send) -> OpResult<i32> {
    sandbox::on_big_stack(|waiting| {
        let mut watch = Watch { waiting, context, guardian: None };
        let code = run(&mut watch).unwrap_or_else(|error| super::fail(&error.into(), context));
        drop(watch);
        // From here: to wake the thread that waits for this one, only for it to do the same, takes as long as some changes.
        // And the guardian has its place.
        std::process::exit(code)
    })
}

/// A lab's name that is taken, with what else was found.
pub type Taken<T> = OpResult<(Claim, T)>;

impl<'e> Watch<'e> {
    /// Has the thread that waits take a lab's name, and then, if it is to, post a guardian that calls [`guard`] when this
    /// process has ended.
    pub fn meanwhile<T>(
        &mut self,
        guarded: bool,
        take: impl FnOnce() -> Taken<T> + Send + 'e,
    ) -> OpResult<Later<Taken<T>>>
    where
        T: Send + 'e,
    {
        let mut vacancy = None;
        if guarded {
            let (guardian, wanted) = Guardian::wanted().map_err(|refusal| engine::refused(&refusal))?;
            (self.guardian, vacancy) = (Some(guardian), Some(wanted));
        }
        let color = self.context.color.to_string();
        Ok(self.waiting.make(move |found| {
            let taken = take();
            let place = taken.as_ref().ok().map(|(claim, _)| claim.place().clone());
            // Whoever has asked waits for it.
            let _ = found.send(taken);
            if let (Some(vacancy), Some(place)) = (vacancy, place) {
                vacancy.fill(&["--color", &color, "guard", place.name().as_str()]);
            }
        }))
    }

    /// Waits until the guardian stands, if there is to be one; nothing may be made before.
    pub fn stands(&self) -> OpResult<()> {
        self.guardian.as_ref().map_or(Ok(()), Guardian::stands).map_err(|refusal| engine::refused(&refusal))
    }
}

/// `guard`.
pub fn guard(args: &GuardArgs, context: Context) -> Ended {
    guardian::take_name().map_err(|refusal| engine::refused(&refusal))?;
    let place = Registry::open()?.place(&LabName::new(&args.name)?);
    match place.card()? {
        Some(card) if card.life() == Life::Dead && !card.ended => {}
        None => return Ok(remove_unbegun(&place).map(|()| 0)?),
        // It has ended in order.
        _ => return Ok(0),
    }
    let output = OutputArgs { verbose: false, quiet: true, json: false };
    let progress = Rc::new(RefCell::new(Progress::new(place.name().as_str(), output, context)));
    bury(&place, &progress, Elsewhere::Refuse)?;
    let count = changes(progress.borrow().undone());
    write_err(&format!("The run of `{}` was killed. What it had made was undone: {count}.", place.name()));
    Ok(0)
}

/// Removes the folder of a run that was killed before it had said what it is, and so before it had made anything; unless
/// its name is another run's by now.
fn remove_unbegun(place: &Place) -> OpResult<()> {
    match place.try_claim()? {
        Some(claim) if place.card()?.is_none() => claim.remove(),
        _ => Ok(()),
    }
}
