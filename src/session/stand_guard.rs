//! What a guard does in its own process.

use super::cleanup::{HANDOVER, OtherNetns, clean_up};
use super::guard::unguarded;
use super::machine::refused;
use super::notice::SharedSink;
use crate::kernel::linux::process::guard::stay_behind;
use crate::lab::registry::{LabDir, Life, Registry};
use crate::model::error::OpResult;
use crate::model::names::LabName;
use crate::sandbox::LiveHolder;
use std::io::{ErrorKind, Read, stdin};

/// Stands guard in a process that [`Guard::start`](super::guard::Guard::start) made: waits until the run of that lab has
/// ended, and undoes what it left, if it was killed. Says whether it was.
pub fn stand_guard(name: &LabName, sink: &SharedSink) -> OpResult<bool> {
    stay_behind().map_err(|refusal| refused(&refusal))?;
    // A byte says that the run has ended in order.
    match stdin().read_exact(&mut [0]) {
        Ok(()) => return Ok(false),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(unguarded(&error)),
    }
    let dir = Registry::open()?.dir(name);
    let info = dir.info()?;
    // A process closes its files a moment before it is gone.
    if let Some(run) = info.as_ref().and_then(|info| info.holder) {
        LiveHolder::find(run)?.map_or(Ok(true), |run| run.wait(HANDOVER))?;
    }
    match info {
        Some(info) if info.life() == Life::Dead && !info.ended => {
            clean_up(&dir, sink, OtherNetns::Refuse)?;
            Ok(true)
        }
        None => remove_unbegun(&dir).map(|()| false),
        // It has ended in order.
        Some(_) => Ok(false),
    }
}

/// Removes the folder of a run that was killed before it had said what it is, and so before it had made anything; unless
/// its name is another run's by now.
fn remove_unbegun(dir: &LabDir) -> OpResult<()> {
    match dir.lock(HANDOVER)? {
        Some(lock) if dir.info()?.is_none() => lock.remove(),
        _ => Ok(()),
    }
}
