//! The process that a lab lives with.

use super::{faults, wire};
use crate::kernel::linux::process::pidfd::PidFd;
use crate::kernel::linux::process::procfs::start_time;
use crate::model::error::OpResult;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// The process that a lab exists with: its pid 1, as the outside sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its pid outside the lab.
    pub pid: i32,
    /// Its start time (field 22 of `/proc/PID/stat`); a pid is reused, a pid with its start time is not.
    pub start: u64,
}

/// A holder that was alive when it was found, without the risk of meeting another process under its pid.
#[derive(Debug)]
pub struct LiveHolder {
    fd: PidFd,
    pid: i32,
}

impl Holder {
    /// This process.
    pub fn me() -> Holder {
        let pid = i32::try_from(std::process::id()).unwrap_or(0);
        Holder::of(pid).unwrap_or(Holder { pid, start: 0 })
    }

    /// The process of that pid, if there is one.
    pub fn of(pid: i32) -> Option<Holder> {
        let start = start_time(pid.unsigned_abs())?;
        Some(Holder { pid, start })
    }

    /// Whether that very process is still there.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid.unsigned_abs()) == Some(self.start)
    }
}

impl LiveHolder {
    /// Finds a holder; none if that very process is gone.
    pub fn find(holder: Holder) -> OpResult<Option<LiveHolder>> {
        let fd = match PidFd::open(holder.pid) {
            Ok(fd) => fd,
            Err(Errno::ESRCH) => return Ok(None),
            Err(errno) => return Err(faults::join("find", errno)),
        };
        // Compared after the descriptor is held: it stands for one process, whatever becomes of the pid.
        Ok(holder.is_alive().then_some(LiveHolder { fd, pid: holder.pid }))
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

impl AsFd for LiveHolder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
