//! The sandbox: a lab runs as pid 1 of namespaces of its own, so that the kernel removes everything when that
//! process ends, however it ends (user_namespaces(7), pid_namespaces(7)).
//!
//! ```text
//! outer process ──clone(NEWUSER? NEWNS NEWPID NEWUTS NEWIPC)──► pid 1 of the lab
//!   writes the id maps, says go                                   network namespace, `lo`, sysctls, mounts
//!   forwards signals, waits    ◄── failed(step, errno) | kept ──  thread `run`: the recipe
//!                                                                 main: reaps orphans; holds a kept lab
//! ```
//!
//! The outer process must have one thread only: the clone has no other.

mod ask;
mod barrier;
mod faults;
mod holder;
mod idmap;
mod init;
mod join;
mod mounts;
mod outer;
mod path;
mod terminal;
mod wire;

use crate::model::error::OpResult;
use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::geteuid;
use std::os::unix::net::UnixStream;

pub use ask::ask;
pub use barrier::{Barrier, UserNsSettings};
pub use holder::{Holder, LiveHolder};
pub use idmap::{Grants, grants};
pub use join::{Joined, Terminal, join};
pub use mounts::RUN;
pub use terminal::take as take_terminal;

/// The stack of the thread that runs a recipe: scripts nest deeply, and an interpreter recurses.
pub const STACK: usize = 64 << 20;

/// How a sandbox is to be made.
#[derive(Debug, Clone)]
pub struct SandboxSpec {
    /// Whether to map the user's whole range of subordinate ids, where there is one (subuid(5)). Programs that
    /// give up privileges need it.
    pub subids: bool,
    /// Whose the terminal is while the sandbox runs.
    pub terminal: Terminal,
}

impl Default for SandboxSpec {
    fn default() -> SandboxSpec {
        SandboxSpec { subids: true, terminal: Terminal::Shared }
    }
}

/// What the inside knows about its sandbox.
#[derive(Debug, Clone, Copy)]
pub struct Inside {
    /// The lab's pid 1, as the outside sees it.
    pub holder: Holder,
}

/// What the inside wants to become of the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ends, with this exit code.
    End(i32),
    /// It stays until it is told to end.
    Keep,
}

/// What became of a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It ended with this exit code, and everything in it is gone.
    Ended(i32),
    /// It stays, held by its pid 1.
    Kept(Holder),
}

/// Makes a sandbox and runs `inside` in it, on a thread of its own with a big stack. To be called while the
/// process has one thread.
pub fn enter(spec: &SandboxSpec, inside: impl FnOnce(Inside) -> Exit + Send) -> OpResult<Outcome> {
    let signals = outer::Signals::take().map_err(|errno| faults::outer("watch for signals", errno))?;
    let (ours, theirs) = UnixStream::pair().map_err(|e| faults::outer("make a socket pair", wire::errno(&e)))?;
    let mut inside = Some(inside);
    let mut stack = vec![0_u8; 512 << 10];
    let mut start = |flags: CloneFlags| {
        let user_ns = flags.contains(CloneFlags::CLONE_NEWUSER);
        let setting = init::Setting { user_ns, terminal: spec.terminal };
        let born = || init::main(&ours, &theirs, &signals, setting, inside.take());
        outer::clone(born, &mut stack, flags)
    };
    let all = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
    // A root without CAP_SYS_ADMIN, as in a container, is no better off than an ordinary user.
    let mut user_ns = !geteuid().is_root();
    let mut child = if user_ns { Err(Errno::EPERM) } else { start(all) };
    if child == Err(Errno::EPERM) {
        user_ns = true;
        child = start(all | CloneFlags::CLONE_NEWUSER);
    }
    let child = child.map_err(|errno| faults::clone(errno, user_ns))?;
    drop(theirs);
    let mut lab = outer::InitProcess::new(child, ours, signals);
    if user_ns {
        idmap::write(child, spec.subids)?;
    }
    lab.release()?;
    let outcome = lab.attend();
    if spec.terminal == Terminal::Theirs {
        terminal::take();
    }
    outcome
}

/// Runs `act` on a thread with a stack as big as the one inside a sandbox has.
pub fn on_big_stack<T: Send>(act: impl FnOnce() -> T + Send) -> OpResult<T> {
    std::thread::scope(|scope| {
        let run = std::thread::Builder::new().name("run".into()).stack_size(STACK).spawn_scoped(scope, act);
        let run = run.map_err(|e| faults::outer("start a thread", wire::errno(&e)))?;
        let before = terminal::leave_stopping().map_err(|errno| faults::outer("block a signal", errno))?;
        let result = run.join().map_err(|_| faults::defect());
        before.thread_set_mask().map_err(|errno| faults::outer("unblock a signal", errno))?;
        result
    })
}

/// Who we are, as the kernel judges us.
pub fn euid() -> u32 {
    geteuid().as_raw()
}
