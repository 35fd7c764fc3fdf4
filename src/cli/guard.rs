//! The guardian of a run on the machine: it undoes what the run had made, should that be killed.

use super::args::{Context, OutputArgs};
use super::bury::{Elsewhere, bury};
use super::engine::{self, Ended};
use super::progress::{Progress, changes, write_err};
use crate::error::OpResult;
use crate::kernel::linux::process::guardian::{self, Guardian};
use crate::lab::registry::{Life, Place, Registry};
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

/// Posts a guardian that calls [`guard`] when this process has ended.
pub fn watch_over(place: &Place, context: Context) -> OpResult<Guardian> {
    let color = context.color.to_string();
    Guardian::post(&["--color", &color, "guard", place.name()]).map_err(|refusal| engine::refused(&refusal))
}

/// Waits until it stands, if one was posted; nothing may be made before.
pub fn await_guardian(guardian: Option<&Guardian>) -> OpResult<()> {
    guardian.map_or(Ok(()), Guardian::stands).map_err(|refusal| engine::refused(&refusal))
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
    let progress = Rc::new(RefCell::new(Progress::new(place.name(), output, context)));
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
