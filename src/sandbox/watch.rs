//! The holder of a lab, watched without the risk of meeting another process under its pid.

use super::{Holder, faults, wire};
use crate::kernel::linux::process::pidfd::PidFd;
use crate::model::error::OpResult;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// A holder that was alive when it was found.
#[derive(Debug)]
pub struct Watch {
    fd: PidFd,
    pid: i32,
}

impl Watch {
    /// Finds a holder; none if that very process is gone.
    pub fn find(holder: Holder) -> OpResult<Option<Watch>> {
        let fd = match PidFd::open(holder.pid) {
            Ok(fd) => fd,
            Err(Errno::ESRCH) => return Ok(None),
            Err(errno) => return Err(faults::join("find", errno)),
        };
        // Compared after the descriptor is held: it stands for one process, whatever becomes of the pid.
        Ok(holder.is_alive().then_some(Watch { fd, pid: holder.pid }))
    }

    /// Its pid, good for reading `/proc` while it lives.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Asks it to end in order.
    pub fn ask_to_end(&self) -> OpResult<()> {
        self.signal(Signal::SIGTERM)
    }

    /// Kills it.
    pub fn kill(&self) -> OpResult<()> {
        self.signal(Signal::SIGKILL)
    }

    fn signal(&self, signal: Signal) -> OpResult<()> {
        match self.fd.signal(signal as i32) {
            // Gone already, which is what is wanted.
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(faults::join("signal", errno)),
        }
    }

    /// Waits for its end, and says whether it has come.
    pub fn wait(&self, time: Duration) -> OpResult<bool> {
        self.fd
            .wait_through(Instant::now() + time)
            .map_err(|refusal| faults::join("wait for", wire::errno_of(&refusal)))
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
