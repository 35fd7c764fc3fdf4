//! Going into a lab that another process holds.

use super::{Holder, LiveHolder, faults, path, terminal};
use crate::model::error::OpResult;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, killpg, raise, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setpgid};
use std::env::{current_dir, set_current_dir};
use std::fs::read_link;
use std::io::Write;

/// How what was done in a lab ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    /// The exit status; 128 + signal number where a signal ended it.
    pub status: i32,
}

/// Whose the terminal is while somebody is in a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terminal {
    /// Ours and theirs: one process group, as with a command that is not in a lab.
    Shared,
    /// Theirs alone. A shell puts the terminal back to the process group that had it, and ours has no number in the
    /// lab's pid namespace.
    Theirs,
}

/// Runs `act` in a process of its own inside the lab that `holder` holds. This process goes into the lab's
/// namespaces itself and cannot come back; it must have one thread only.
pub fn join(holder: Holder, terminal: Terminal, act: impl FnOnce() -> i32) -> OpResult<Joined> {
    let watch = LiveHolder::find(holder)?.ok_or_else(faults::gone)?;
    let mut all = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    // Entering the user namespace that one is in is refused (setns(2)).
    if read_link(format!("/proc/{}/ns/user", watch.pid())).ok() != read_link("/proc/self/ns/user").ok() {
        all |= CloneFlags::CLONE_NEWUSER;
    }
    let here = current_dir();
    setns(&watch, all).map_err(|errno| faults::join("enter", errno))?;
    // Entering a mount namespace goes to its root; the same folder may not be there, and then the root will do.
    if let Ok(here) = here {
        let _ = set_current_dir(here);
    }
    // A new pid namespace is for children only.
    match split().map_err(|errno| faults::join("fork into", errno))? {
        ForkResult::Parent { child } => {
            let status = attend(child, terminal);
            if terminal == Terminal::Theirs {
                terminal::take();
            }
            Ok(Joined { status: status? })
        }
        ForkResult::Child => {
            if terminal == Terminal::Theirs && setpgid(Pid::from_raw(0), Pid::from_raw(0)).is_ok() {
                terminal::take();
            }
            path::complete();
            let status = if prctl::set_pdeathsig(Signal::SIGKILL).is_ok() { act() } else { 1 };
            let _ = std::io::stdout().flush();
            std::process::exit(status)
        }
    }
}

#[expect(unsafe_code, reason = "fork(2) is unsafe in itself")]
fn split() -> nix::Result<ForkResult> {
    // SAFETY: we have one thread only, so no lock is held by a thread that the child lacks.
    unsafe { fork() }
}

/// Waits for the child. The keyboard's signals are for it: we get them too, as we share its terminal. If it is stopped
/// (Ctrl-Z), so are we, for the shell that started us sees only us, and when we go on, so does it.
fn attend(child: Pid, terminal: Terminal) -> OpResult<i32> {
    for number in [Signal::SIGINT, Signal::SIGQUIT] {
        ignore(number).map_err(|errno| faults::outer("ignore a signal", errno))?;
    }
    let mut flags = WaitPidFlag::empty();
    // In our group, it is stopped together with us. In its own it may just have taken the terminal when Ctrl-Z reaches us,
    // and nobody would give it back to it.
    if terminal == Terminal::Theirs {
        ignore(Signal::SIGTSTP).map_err(|errno| faults::outer("ignore a signal", errno))?;
        flags = WaitPidFlag::WUNTRACED;
    }
    loop {
        match waitpid(child, Some(flags)) {
            Ok(WaitStatus::Stopped(..)) => {
                // Where no shell could let us go on, it is ignored (setpgid(2) on orphaned groups).
                handle(Signal::SIGTSTP, SigHandler::SigDfl)
                    .and_then(|()| raise(Signal::SIGTSTP))
                    .and_then(|()| ignore(Signal::SIGTSTP))
                    .and_then(|()| {
                        terminal::pass(child);
                        killpg(child, Signal::SIGCONT)
                    })
                    .map_err(|errno| faults::outer("stop and go on", errno))?;
            }
            Ok(WaitStatus::Exited(_, status)) => return Ok(status),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(128 + signal as i32),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(faults::outer("wait for the command", errno)),
        }
    }
}

fn ignore(number: Signal) -> nix::Result<()> {
    handle(number, SigHandler::SigIgn)
}

#[expect(unsafe_code, reason = "signal(2) is unsafe in itself")]
fn handle(number: Signal, how: SigHandler) -> nix::Result<()> {
    // SAFETY: neither ignoring nor the default runs any code of ours.
    unsafe { signal(number, how) }.map(drop)
}
