//! The outer process: it makes the lab's pid 1, forwards signals to it and waits for it.

use super::wire::{self, News};
use super::{Holder, Outcome, faults};
use crate::model::error::{OpError, OpResult};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// The signals that the outer process takes in hand while a lab runs. SIGQUIT is not among them: it ends the
/// outer process at once, and with it the lab, whatever the lab is doing.
const TAKEN: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Those signals, held back and readable; dropped, they are as they were before.
pub struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    /// Holds them back.
    pub fn take() -> nix::Result<Signals> {
        let mut set = SigSet::empty();
        for signal in TAKEN {
            set.add(signal);
        }
        let fd = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = SigSet::thread_get_mask()?;
        set.thread_block()?;
        Ok(Signals { fd, before })
    }

    /// Lets them through again; for the lab's side of the clone, too.
    pub fn restore(&self) -> nix::Result<()> {
        self.before.thread_set_mask()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // It fails for bad arguments only, and these came from the kernel.
        let _ = self.restore();
    }
}

/// Makes a process that runs `made` as pid 1 of new namespaces, and ends with what that returns.
#[expect(unsafe_code, reason = "clone(2) is unsafe in itself")]
pub fn clone(mut made: impl FnMut() -> i32, stack: &mut [u8], flags: CloneFlags) -> nix::Result<Pid> {
    // Returned to the C library, it would end one thread only, and the status of the last one would be the process's
    // (synchronize_group_exit in kernel/exit.c).
    // SAFETY: has no preconditions. The exit handlers are not this copy's to run.
    let made = Box::new(|| unsafe { libc::_exit(made()) });
    // SAFETY: without CLONE_VM the new process has a copy of our memory, and as we have one thread only, no lock
    // in it is held by a thread that the copy lacks.
    unsafe { nix::sched::clone(made, stack, flags, Some(Signal::SIGCHLD as i32)) }
}

/// The lab's pid 1, as its parent has it. Dropped before it was waited for, it is killed.
pub struct InitProcess {
    pid: Pid,
    socket: UnixStream,
    signals: Signals,
    waited: bool,
}

impl InitProcess {
    /// Takes charge of a process that [`clone`] made.
    pub fn new(pid: Pid, socket: UnixStream, signals: Signals) -> InitProcess {
        InitProcess { pid, socket, signals, waited: false }
    }

    /// Lets it begin, and tells it who it is outside.
    pub fn release(&mut self) -> OpResult<()> {
        let holder = Holder::of(self.pid.as_raw()).ok_or_else(|| faults::outer("read /proc", Errno::ESRCH))?;
        wire::send_go(&self.socket, holder).map_err(|e| faults::outer("start the lab", wire::errno(&e)))
    }

    /// Waits until it ends or says that it stays. Meanwhile SIGTERM and SIGHUP are passed on; so is a SIGINT
    /// that a process sent, but not one from the terminal, which goes to the whole foreground group anyway.
    pub fn attend(mut self) -> OpResult<Outcome> {
        loop {
            let (heard, mut signalled) = self.wait_for_either()?;
            while signalled {
                match self.signals.fd.read_signal() {
                    Ok(Some(info)) => self.forward(info.ssi_signo, info.ssi_code),
                    Ok(None) => signalled = false,
                    Err(errno) => return Err(faults::outer("read a signal", errno)),
                }
            }
            if !heard {
                continue;
            }
            match wire::receive_news(&self.socket) {
                Some(News::Kept) => {
                    self.waited = true;
                    let holder = Holder::of(self.pid.as_raw());
                    return holder.map(Outcome::Kept).ok_or_else(|| faults::killed(Signal::SIGKILL));
                }
                Some(News::Failed(failure)) => return Err(faults::setup(failure)),
                None => return self.end(),
            }
        }
    }

    fn wait_for_either(&self) -> OpResult<(bool, bool)> {
        let mut fds = [
            PollFd::new(self.socket.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.signals.fd.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(fds.map(|fd| fd.any().unwrap_or(false)).into()),
            Err(errno) => Err(faults::outer("wait for the lab", errno)),
        }
    }

    fn forward(&self, number: u32, code: i32) {
        let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
        let from_terminal = code > 0;
        if let Some(signal) = signal.filter(|signal| *signal != Signal::SIGINT || !from_terminal) {
            // It can only fail because the lab has just ended, which the other descriptor says.
            let _ = kill(self.pid, signal);
        }
    }

    /// Its side of the socket is closed, so it is ending.
    fn end(&mut self) -> OpResult<Outcome> {
        let status = loop {
            match waitpid(self.pid, None) {
                Err(Errno::EINTR) => {}
                other => break other.map_err(|errno| faults::outer("wait for the lab", errno))?,
            }
        };
        self.waited = true;
        match status {
            WaitStatus::Exited(_, code) => Ok(Outcome::Ended(code)),
            WaitStatus::Signaled(_, signal, _) => Err(faults::killed(signal)),
            _ => Err(OpError::new("sandbox::wait", "The lab's process is in a state that was not asked about.")),
        }
    }
}

impl Drop for InitProcess {
    fn drop(&mut self) {
        if !self.waited {
            // Both fail only if it is gone already, which is what is wanted.
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}
