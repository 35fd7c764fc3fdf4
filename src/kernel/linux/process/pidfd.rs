//! Processes by descriptor: what a pidfd stands for cannot become another process (`pidfd_open(2)`).

use crate::kernel::Done;
use crate::kernel::interrupt;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Instant;

/// A process, alive or a zombie.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// The process that has this pid now; `ESRCH` where there is none.
    pub fn open(pid: i32) -> nix::Result<PidFd> {
        #[allow(unsafe_code)]
        // SAFETY: takes two integers; the flags 0 are valid.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let fd = RawFd::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
        #[allow(unsafe_code)]
        // SAFETY: the kernel just gave us this descriptor, close-on-exec, and nobody else knows it.
        Ok(PidFd(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Sends it a signal; `ESRCH` where it has been reaped.
    pub fn signal(&self, signal: i32) -> nix::Result<()> {
        let no_info: *const libc::siginfo_t = std::ptr::null();
        #[allow(unsafe_code)]
        // SAFETY: a valid descriptor; a null siginfo asks for what kill(2) would send.
        let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.0.as_raw_fd(), signal, no_info, 0) };
        Errno::result(done).map(drop)
    }

    /// Waits until it has ended, whatever the user asks for meanwhile, and says whether it has.
    pub fn wait_through(&self, deadline: impl Into<Option<Instant>>) -> Done<bool> {
        interrupt::wait_through(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], deadline.into())
    }

    /// The same, but the user's second request ends the wait.
    pub fn wait_unhurried(&self, deadline: Instant) -> Done<bool> {
        interrupt::wait_unhurried(&mut vec![PollFd::new(self.as_fd(), PollFlags::POLLIN)], Some(deadline))
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
