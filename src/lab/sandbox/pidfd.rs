//! A process that is not our child, watched without the risk of meeting another one under its pid (pidfd_open(2)).

use super::{Holder, faults};
use crate::error::OpResult;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A holder that was alive when it was found.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
    pid: i32,
}

/// Whether a process ended in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It did.
    Yes,
    /// It still runs.
    NotYet,
}

impl Watch {
    /// Finds a holder; none if that very process is gone.
    pub fn find(holder: Holder) -> OpResult<Option<Watch>> {
        let fd = match open(holder.pid) {
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
        match send(&self.fd, signal) {
            // Gone already, which is what is wanted.
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(errno) => Err(faults::join("signal", errno)),
        }
    }

    /// Waits for its end.
    pub fn wait(&self, time: Duration) -> OpResult<Ended> {
        let until = Instant::now() + time;
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            // Rounded up, so as not to spin through the last millisecond.
            let timeout = PollTimeout::try_from(rest.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.fd.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(0) if rest.is_zero() => return Ok(Ended::NotYet),
                Ok(0) | Err(Errno::EINTR) => {}
                Ok(_) => return Ok(Ended::Yes),
                Err(errno) => return Err(faults::join("wait for", errno)),
            }
        }
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[expect(unsafe_code, reason = "nix has no pidfd_open")]
fn open(pid: i32) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers; a descriptor that it returns is new and ours.
    let fd = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::EBADF)?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[expect(unsafe_code, reason = "nix has no pidfd_send_signal")]
fn send(fd: &OwnedFd, signal: Signal) -> nix::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open, and a null siginfo means the one that kill(2) would send.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd.as_raw_fd(), signal as i32, none, 0) };
    Errno::result(sent).map(drop)
}
