//! Where a new lab is made: in a sandbox of its own, or on this machine.

use super::guard::Guard;
use crate::lab::registry::{LabLock, Mode};
use crate::model::error::{Class, OpResult};
use crate::sandbox::{self, Exit, Holder, Outcome, SandboxSpec, Terminal};

/// Where a lab is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Placement {
    /// In a sandbox, or on the machine.
    pub mode: Mode,
    /// Whether somebody undoes what is made on the machine, should this process be killed.
    pub is_guarded: bool,
    /// Whose the terminal is meanwhile.
    pub terminal: Terminal,
}

/// The place of a lab, from inside.
pub struct Here<'h> {
    /// The lab's folder, which we have locked.
    pub lock: &'h LabLock,
    /// What the lab acts on.
    pub mode: Mode,
    /// The process that the lab lives with.
    pub holder: Holder,
}

/// Goes to the place where a lab is to be made and calls `act` there, on a thread with a big stack. At the end the lab's
/// folder is removed, unless the lab stays, or something of it could not be undone. To be called while the process has one
/// thread.
pub fn enter(placement: Placement, lock: LabLock, act: impl FnOnce(&Here<'_>) -> Exit + Send) -> OpResult<Exit> {
    match placement.mode {
        Mode::Sandbox => enter_sandbox(placement.terminal, lock, act),
        Mode::Host => stay_here(placement.is_guarded, lock, act),
    }
}

fn enter_sandbox(terminal: Terminal, lock: LabLock, act: impl FnOnce(&Here<'_>) -> Exit + Send) -> OpResult<Exit> {
    let spec = SandboxSpec { terminal, ..SandboxSpec::default() };
    let outcome =
        sandbox::enter(&spec, |inside| act(&Here { lock: &lock, mode: Mode::Sandbox, holder: inside.holder }));
    match outcome {
        Ok(Outcome::Kept(_)) => Ok(Exit::Keep),
        Ok(Outcome::Ended(code)) => lock.remove().map(|()| Exit::End(code)),
        // What matters is why there is no lab; that its folder is still there as well is found by `recover`.
        Err(error) => {
            let _ = lock.remove();
            Err(error)
        }
    }
}

fn stay_here(is_guarded: bool, lock: LabLock, act: impl FnOnce(&Here<'_>) -> Exit + Send) -> OpResult<Exit> {
    let guard = match is_guarded.then(|| Guard::start(lock.dir().name())).transpose() {
        Ok(guard) => guard,
        Err(error) => {
            let _ = lock.remove();
            return Err(error);
        }
    };
    let here = Here { lock: &lock, mode: Mode::Host, holder: Holder::me() };
    // Where this fails, the guard is not dismissed, and undoes what was made.
    let exit = sandbox::on_big_stack(|| act(&here))?;
    let exit = match exit {
        Exit::Keep => Ok(Exit::Keep),
        // What could not be undone stays on record.
        Exit::End(code) if code == Class::Leftover.exit_code() => Ok(Exit::End(code)),
        Exit::End(code) => lock.remove().map(|()| Exit::End(code)),
    };
    if let Some(guard) = guard {
        guard.dismiss();
    }
    exit
}
