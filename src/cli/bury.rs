//! Undoing what a lab left on this machine that no process holds any more.

use super::args::{Context, OutputArgs};
use super::conduct::leftover_error;
use super::elsewhere::{is_here_or_gone, require_here};
use super::engine;
use super::progress::Progress;
use crate::lab::recover::{Verdict, judge};
use crate::lab::registry::{LabDir, LabInfo, Life, Mode};
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
pub fn bury(dir: &LabDir, progress: &Rc<RefCell<Progress>>, elsewhere: Elsewhere) -> OpResult<()> {
    let Some(lock) = dir.lock(HANDOVER)? else { return Ok(()) };
    match dir.info()? {
        Some(info) if info.mode == Mode::Host => undo(dir, &info, progress, elsewhere)?,
        _ => {}
    }
    lock.remove()
}

fn undo(dir: &LabDir, info: &LabInfo, progress: &Rc<RefCell<Progress>>, elsewhere: Elsewhere) -> OpResult<()> {
    let path = dir.journal();
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
                Elsewhere::Gone => is_here_or_gone(info)?,
                Elsewhere::Refuse => require_here(info).map(|()| true)?,
            };
            let mut records = state.records();
            records.retain(|record| is_here || is_findable(&record.change));
            records
        }
    };
    records.sort_by_key(|record: &Record| record.n);
    let kernel = engine::kernel(&info.name, dir, info.mode, true)?;
    let journal = Journal::open(&path, dir.durable(info.mode).as_deref())?;
    let mut lab = Lab::resume(info.name.clone(), kernel, Some(journal), records);
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
pub fn make_way(dir: &LabDir, output: OutputArgs, context: Context) -> OpResult<()> {
    let Some(info) = dir.info()? else { return Ok(()) };
    if info.mode != Mode::Host || info.life() != Life::Dead {
        return Ok(());
    }
    let progress = Rc::new(RefCell::new(Progress::new(dir.name().as_str(), output, context)));
    progress.borrow_mut().recovery(&info.started);
    bury(dir, &progress, Elsewhere::Refuse)
}
