//! A copy of ourselves that outlives us by a moment, to clear up should we be killed.

use super::pidfd::PidFd;
use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::Mode;
use nix::unistd::{self, ForkResult, fork, getpid};
use std::os::fd::{AsFd, AsRawFd};

/// The signals by which a user or the system asks a run to end. The run obeys; who watches over it must not.
const REQUESTS: [Signal; 4] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP];

/// Forks a process that calls `act` when this one has ended, however it ended, and then ends with what it returns. It
/// keeps nothing of ours open but standard error, and neither Ctrl-C nor the end of our terminal reaches it. To be called
/// while this process has one thread.
pub fn when_we_end(act: impl FnOnce() -> i32) -> Done<()> {
    let refuse = |call: &'static str| move |errno: Errno| Refusal::errno(call, errno as i32);
    let us = PidFd::open(getpid().as_raw()).map_err(refuse("pidfd_open"))?;
    #[allow(unsafe_code)]
    // SAFETY: there is no other thread that could hold a lock.
    match unsafe { fork() }.map_err(refuse("fork"))? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => {
            // Nobody is left to be told of a failure here; what we would have done, `recover` does.
            let status = if retire(&us).is_ok() && us.wait_through(None).is_ok() { act() } else { 1 };
            #[allow(unsafe_code)]
            // SAFETY: has no preconditions. The exit handlers are not this copy's to run.
            unsafe {
                libc::_exit(status)
            }
        }
    }
}

/// Cuts what ties us to the process we were copied from.
fn retire(us: &PidFd) -> nix::Result<()> {
    unistd::setsid()?;
    for request in REQUESTS {
        #[allow(unsafe_code)]
        // SAFETY: no handler is installed.
        unsafe { signal(request, SigHandler::SigIgn) }?;
    }
    // What tells a killed run's guardian from the run itself in `ps`.
    prctl::set_name(c"rhailab-guard")?;
    let null = nix::fcntl::open("/dev/null", OFlag::O_RDWR, Mode::empty())?;
    unistd::dup2_stdin(&null)?;
    unistd::dup2_stdout(&null)?;
    drop(null);
    // Among them the lock of the lab, which is to be free as soon as its run has ended.
    super::child::close_all_but(&[us.as_fd().as_raw_fd()])?;
    unistd::chdir("/")
}
