//! Undoing what a lab left on this machine that no process holds any more.

use super::args::{Context, OutputArgs};
use super::conduct::leftover_error;
use super::elsewhere::{is_here_or_gone, require_here};
use super::engine;
use super::progress::Progress;
use crate::lab::recover::{Verdict, judge};
use crate::lab::registry::{Card, Life, Mode, Place};
use crate::lab::store::{self, Journal};
use crate::lab::{Lab, Record};
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::model::kind::{Kind, Phase};
use crate::model::names::Ns;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long another process may take to let go of a lab that has ended.
pub const HANDOVER: Duration = Duration::from_secs(5);

/// What becomes of what a lab made in a network namespace that nobody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elsewhere {
    /// It is an error: the namespace may be there all the same.
    Refuse,
    /// It is taken for gone, as the user says.
    Gone,
}

/// Removes a lab that no process holds, and undoes what it made on the machine, as far as it is provably the lab's.
pub fn bury(place: &Place, progress: &Rc<RefCell<Progress>>, elsewhere: Elsewhere) -> OpResult<()> {
    let Some(claim) = place.claim(HANDOVER)? else { return Ok(()) };
    match place.card()? {
        Some(card) if card.mode == Mode::Host => undo(place, &card, progress, elsewhere)?,
        _ => {}
    }
    claim.remove()
}

fn undo(place: &Place, card: &Card, progress: &Rc<RefCell<Progress>>, elsewhere: Elsewhere) -> OpResult<()> {
    let path = place.journal();
    if !path.exists() {
        return Ok(());
    }
    let state = store::read(&path)?;
    let mut records = match judge(&state) {
        Verdict::Ended => return Ok(()),
        // Nothing of a network of another boot is left to be elsewhere.
        Verdict::Rebooted(records) => records,
        // Nobody has it, because we do.
        Verdict::Dead(_) | Verdict::Kept | Verdict::Running => {
            let is_here = match elsewhere {
                Elsewhere::Gone => is_here_or_gone(card)?,
                Elsewhere::Refuse => require_here(card).map(|()| true)?,
            };
            let mut records = state.records();
            records.retain(|record| is_here || is_findable(&record.change));
            records
        }
    };
    records.sort_by_key(|record: &Record| record.n);
    let kernel = engine::kernel(&card.name, place, card.mode, true)?;
    let journal = Journal::open(&path, place.durable(card.mode).as_deref())?;
    let mut lab = Lab::resume(card.name.clone(), kernel, Some(journal), records);
    let listener = Rc::clone(progress);
    lab.listen(Box::new(move |event| listener.borrow_mut().event(event)));
    let left = lab.unwind();
    if left.is_empty() { Ok(()) } else { Err(leftover_error(&left)) }
}

/// Whether a change is found again from another network namespace: it has a name in the file system, or a pid.
fn is_findable(change: &Change) -> bool {
    let has_name = matches!(change.phase(), Phase::Processes | Phase::Namespaces | Phase::Files);
    has_name || change.ns() != Ns::Host
}

/// Undoes what an earlier run of the same lab left, and says so, so that the name is free.
pub fn make_way(place: &Place, output: OutputArgs, context: Context) -> OpResult<()> {
    let Some(card) = place.card()? else { return Ok(()) };
    if card.mode != Mode::Host || card.life() != Life::Dead {
        return Ok(());
    }
    let progress = Rc::new(RefCell::new(Progress::new(place.name().as_str(), output, context)));
    progress.borrow_mut().recovery(&card.started);
    bury(place, &progress, Elsewhere::Refuse)
}
