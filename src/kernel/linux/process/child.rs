//! What runs in a child between fork and exec.
//!
//! Another thread of ours may have held a lock at the fork, so only async-signal-safe calls are allowed here
//! (signal-safety(7)): system calls on what the parent prepared, no allocation, no panic.

use super::enter::{EnterNetns, Hurdle};
use super::strings::Strings;
use nix::errno::Errno;
use nix::libc;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{self, AccessFlags, Pid};
use std::ffi::{CStr, CString};
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};

/// A child's life until exec, prepared by the parent.
pub struct LaunchPlan {
    /// The files to try to execute, in order.
    pub candidates: Strings,
    /// The arguments, the program's name first.
    pub argv: Strings,
    /// The environment.
    pub env: Strings,
    /// The working folder; ours where none.
    pub cwd: Option<CString>,
    /// The namespace to enter; ours where none.
    pub room: Option<EnterNetns>,
    /// Standard input, output and error; ours where none.
    pub stdio: Option<[OwnedFd; 3]>,
    /// Whether to lead a session of its own, away from our terminal and its signals.
    pub own_session: bool,
    /// Whether to live on when we die.
    pub outlives_us: bool,
}

/// The parent's side of the child, as descriptors that the child inherited.
pub struct Ties<'fd> {
    /// Where a [`ChildFailure`] is written; closed by a successful exec.
    pub status: BorrowedFd<'fd>,
    /// What releases the child: a byte. End of file means that the parent is gone.
    pub gate: Option<BorrowedFd<'fd>>,
    /// Every descriptor above 2 that the child needs, ascending.
    pub keep: &'fd [RawFd],
    /// The parent.
    pub parent: Pid,
}

/// The steps that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ChildStep {
    /// Signals, standard streams, session.
    Basics,
    /// Entering the network namespace.
    Net,
    /// The private mount namespace.
    Mounts,
    /// Changing to the working folder.
    Folder,
    /// Becoming the program.
    Exec,
}

/// A failed step with its error number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildFailure {
    /// Which step.
    pub step: ChildStep,
    /// Why.
    pub errno: Errno,
}

impl ChildFailure {
    /// How many bytes it takes in the status pipe, less than what a pipe writes at once.
    pub const SIZE: usize = 5;

    fn to_bytes(self) -> [u8; ChildFailure::SIZE] {
        let [a, b, c, d] = (self.errno as i32).to_ne_bytes();
        [self.step as u8, a, b, c, d]
    }

    /// The failure that the child wrote.
    pub fn from_bytes([step, a, b, c, d]: [u8; ChildFailure::SIZE]) -> Option<ChildFailure> {
        let step = [ChildStep::Basics, ChildStep::Net, ChildStep::Mounts, ChildStep::Folder, ChildStep::Exec]
            .into_iter()
            .find(|known| *known as u8 == step)?;
        Some(ChildFailure { step, errno: Errno::from_raw(i32::from_ne_bytes([a, b, c, d])) })
    }
}

fn basics(errno: Errno) -> ChildFailure {
    ChildFailure { step: ChildStep::Basics, errno }
}

impl LaunchPlan {
    /// Carries it out in the forked child, where every signal is blocked.
    pub fn run(&self, ties: &Ties<'_>) -> ! {
        let failure = self.prepare(ties).err().unwrap_or_else(|| self.exec());
        // If the parent is gone too, nobody is left to be told.
        let _ = unistd::write(ties.status, &failure.to_bytes());
        exit(127)
    }

    fn prepare(&self, ties: &Ties<'_>) -> Result<(), ChildFailure> {
        if let Some([input, output, error]) = &self.stdio {
            unistd::dup2_stdin(input).map_err(basics)?;
            unistd::dup2_stdout(output).map_err(basics)?;
            unistd::dup2_stderr(error).map_err(basics)?;
        }
        // Closed now and not by exec: a child that waits must not keep the parent's pipes open, among them those
        // of its siblings.
        close_all_but(ties.keep).map_err(basics)?;
        reset_signals().map_err(basics)?;
        set_pdeathsig(Signal::SIGKILL).map_err(basics)?;
        if unistd::getppid() != ties.parent {
            exit(0); // It died before the line above could notice.
        }
        if self.own_session {
            unistd::setsid().map_err(basics)?;
        }
        if let Some(room) = &self.room {
            room.enter().map_err(|(hurdle, errno)| {
                let step = match hurdle {
                    Hurdle::Net => ChildStep::Net,
                    Hurdle::Mounts => ChildStep::Mounts,
                };
                ChildFailure { step, errno }
            })?;
        }
        if let Some(cwd) = &self.cwd {
            unistd::chdir(cwd.as_c_str()).map_err(|errno| ChildFailure { step: ChildStep::Folder, errno })?;
        }
        SigSet::empty().thread_set_mask().map_err(basics)?;
        if let Some(gate) = ties.gate {
            match unistd::read(gate, &mut [0; 1]) {
                Ok(1) => {}
                _ => exit(0),
            }
        }
        if self.outlives_us {
            set_pdeathsig(None).map_err(basics)?;
        }
        Ok(())
    }

    /// Whether a candidate is what was asked for, and not where PATH led.
    fn is_named(&self, file: &CStr) -> bool {
        self.argv.iter().next() == Some(file)
    }

    /// Becomes the program; returns only what kept it from that, as execvp(3) would report it. A script without
    /// `#!` is refused and not handed to a shell.
    fn exec(&self) -> ChildFailure {
        let mut worst = Errno::ENOENT;
        for file in self.candidates.iter() {
            #[allow(unsafe_code)]
            // SAFETY: the three are NUL-terminated strings and null-terminated arrays of such, alive in `self`.
            unsafe {
                libc::execve(file.as_ptr(), self.argv.as_ptr(), self.env.as_ptr());
            }
            match Errno::last() {
                // In a folder of PATH that we may not search, it is not there for us.
                Errno::EACCES if self.is_named(file) || unistd::access(file, AccessFlags::F_OK).is_ok() => {
                    worst = Errno::EACCES;
                }
                Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES => {}
                errno => return ChildFailure { step: ChildStep::Exec, errno },
            }
        }
        ChildFailure { step: ChildStep::Exec, errno: worst }
    }
}

/// Undoes our handlers, and Rust's ignoring of SIGPIPE, which a program would inherit.
fn reset_signals() -> nix::Result<()> {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
        #[allow(unsafe_code)]
        // SAFETY: no handler is installed, only the default action.
        unsafe { sigaction(signal, &default) }?;
    }
    Ok(())
}

/// Closes every descriptor above 2 but these, which are ascending.
pub(super) fn close_all_but(keep: &[RawFd]) -> nix::Result<()> {
    let mut first = 3;
    for fd in keep {
        close_range(first, fd - 1)?;
        first = fd + 1;
    }
    close_range(first, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> nix::Result<()> {
    if first > last {
        return Ok(());
    }
    #[allow(unsafe_code)]
    // SAFETY: nothing in this child uses a descriptor that it closes, and no destructor will run. By number,
    // because older C libraries lack the function (close_range(2)).
    let done = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Errno::result(done).map(drop)
}

/// Ends the process at once, with no exit handler: in a child those are its parent's, as are the buffers.
pub fn exit(status: i32) -> ! {
    #[allow(unsafe_code)]
    // SAFETY: has no preconditions.
    unsafe {
        libc::_exit(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_pipe() {
        let failure = ChildFailure { step: ChildStep::Folder, errno: Errno::ENOTDIR };
        assert_eq!(ChildFailure::from_bytes(failure.to_bytes()), Some(failure));
        assert_eq!(ChildFailure::from_bytes([99, 0, 0, 0, 0]), None);
    }
}
