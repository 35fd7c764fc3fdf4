//! Undoing what a lab left on this machine that no process holds any more.

use super::elsewhere::{is_here_or_gone, require_here};
use super::failure::leftover_error;
use super::lab::{listen, open_journal, resume};
use super::notice::{NewSink, Notice, SharedSink};
use crate::lab::journal::Contents;
use crate::lab::recover::{LabStatus, judge};
use crate::lab::registry::{LabDir, LabInfo, Life, Mode};
use crate::lab::{Record, store};
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::model::kind::{Kind, Phase};
use crate::model::names::Ns;
use std::time::Duration;

/// How long another process may take to let go of a lab that has ended.
pub const HANDOVER: Duration = Duration::from_secs(5);

/// What becomes of what a lab made in a network namespace that nobody is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherNetns {
    /// It is an error: the namespace may be there all the same.
    Refuse,
    /// It is taken for gone, as the user says.
    Gone,
}

/// Removes a lab that no process holds, and undoes what it made on the machine, as far as it is provably the lab's.
pub fn clean_up(dir: &LabDir, sink: &SharedSink, other: OtherNetns) -> OpResult<()> {
    let Some(lock) = dir.lock(HANDOVER)? else { return Ok(()) };
    match dir.info()? {
        Some(info) if info.mode == Mode::Host => undo(dir, &info, sink, other)?,
        _ => {}
    }
    lock.remove()
}

fn undo(dir: &LabDir, info: &LabInfo, sink: &SharedSink, other: OtherNetns) -> OpResult<()> {
    let path = dir.journal();
    if !path.exists() {
        return Ok(());
    }
    let records = standing(&store::read(&path)?, info, other)?;
    let mut lab = resume(dir, info, open_journal(dir, info)?, records)?;
    listen(&mut lab, sink);
    let left = lab.unwind();
    if left.is_empty() { Ok(()) } else { Err(leftover_error(&left)) }
}

/// The changes of a journal that may stand.
fn standing(state: &Contents, info: &LabInfo, other: OtherNetns) -> OpResult<Vec<Record>> {
    match judge(state) {
        LabStatus::Ended => Ok(Vec::new()),
        // Nothing of a network of another boot is left to be elsewhere.
        LabStatus::Rebooted(records) => Ok(records),
        // Nobody has it, because we do.
        LabStatus::Dead(_) | LabStatus::Kept | LabStatus::Running => {
            let is_here = match other {
                OtherNetns::Gone => is_here_or_gone(info)?,
                OtherNetns::Refuse => require_here(info).map(|()| true)?,
            };
            let mut records = state.records();
            records.retain(|record| is_here || is_findable(&record.change));
            Ok(records)
        }
    }
}

/// Whether a change is found again from another network namespace: it has a name in the file system, or a pid.
fn is_findable(change: &Change) -> bool {
    let has_name = matches!(change.phase(), Phase::Processes | Phase::Namespaces | Phase::Files);
    has_name || change.ns() != Ns::Host
}

/// Undoes what an earlier run of the same lab left, and says so, so that the name is free.
pub fn make_way(dir: &LabDir, sink: NewSink<'_>) -> OpResult<()> {
    let Some(info) = dir.info()? else { return Ok(()) };
    if info.mode != Mode::Host || info.life() != Life::Dead {
        return Ok(());
    }
    let sink = sink(dir.name().as_str());
    sink.borrow_mut().notice(&Notice::Recovering { started: &info.started });
    clean_up(dir, &sink, OtherNetns::Refuse)
}
