//! Starting a child and learning whether it became the program it was meant to be.
//!
//! A child that becomes its program at once is made as vfork(2) makes it: it shares our memory until then, while we wait.
//! A copy of our memory would take a millisecond, and another one for the pages that are copied when we go on. Only a
//! child that has to wait for us is forked.

use super::child::{ChildFailure, ChildStep, LaunchPlan, Ties};
use super::enter::EnterNetns;
use super::pidfd::PidFd;
use super::strings::{Strings, c_string, candidates, env_strings, environment};
use crate::kernel::{Cause, Done, Refusal, interrupt};
use crate::model::secret::Text;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sched::CloneFlags;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{self, ForkResult, Pid, fork, getpid, pipe2};
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// The stack of a child that shares our memory, in bytes.
pub(super) const STACK: usize = 16 << 10;

/// How long a killed process may take to be gone; only one that is stuck in the kernel takes longer.
pub const KILL_WAIT: Duration = Duration::from_secs(2);

/// A program to become.
pub struct Program<'a> {
    /// Its name and arguments.
    pub argv: &'a [String],
    /// Variables added to the environment.
    pub env: &'a [(String, Text)],
    /// Its working folder; ours where none.
    pub cwd: Option<&'a Path>,
}

/// How the child relates to us.
pub struct Relation {
    /// Its standard streams; ours where none.
    pub stdio: Option<[OwnedFd; 3]>,
    /// Whether it leads a session, and so a process group, of its own.
    pub own_session: bool,
    /// Whether it lives on when we die.
    pub outlives_us: bool,
    /// Whether it waits for [`Launched::release`] before it becomes the program.
    pub held: bool,
}

/// A child of ours. Dropping it kills and reaps it, unless it was [let go](Launched::let_go).
#[derive(Debug)]
pub struct Launched {
    pid: Pid,
    fd: PidFd,
    status: OwnedFd,
    held: bool,
    gate: Option<OwnedFd>,
    names: Names,
    reaped: bool,
}

/// How errors call what the child was to do.
#[derive(Debug)]
struct Names {
    program: String,
    ns: String,
    cwd: String,
}

impl Launched {
    /// Starts a child that enters the room and becomes the program.
    pub fn start(ns: &str, room: Option<EnterNetns>, program: &Program<'_>, relation: Relation) -> Done<Launched> {
        let Some(name) = program.argv.first() else {
            return Err(Refusal::errno("exec of an empty command", Errno::EINVAL as i32).because(Cause::Exec));
        };
        let cwd = program.cwd.map(|dir| dir.display().to_string()).unwrap_or_default();
        let names = Names { program: name.clone(), ns: ns.to_owned(), cwd };
        let env = environment(program.env)?;
        let held = relation.held;
        let plan = LaunchPlan {
            candidates: candidates(name, env.get(OsStr::new("PATH")).map(OsString::as_os_str))?,
            argv: Strings::new(program.argv.iter().map(c_string).collect::<Done<_>>()?),
            env: env_strings(&env)?,
            cwd: program.cwd.map(c_string).transpose()?,
            room,
            stdio: relation.stdio,
            own_session: relation.own_session,
            outlives_us: relation.outlives_us,
        };
        Launched::run(&plan, held, names)
    }

    fn run(plan: &LaunchPlan, held: bool, names: Names) -> Done<Launched> {
        let refuse = |errno: Errno| Refusal::errno("sigprocmask", errno as i32);
        let (status, status_in_child) = pipe()?;
        let (gate_in_child, gate) = if held { Some(pipe()?) } else { None }.unzip();
        let mut keep: Vec<_> = [Some(status_in_child.as_raw_fd())]
            .into_iter()
            .chain([gate_in_child.as_ref().map(AsRawFd::as_raw_fd), plan.room.as_ref().map(EnterNetns::fd)])
            .flatten()
            .collect();
        keep.sort_unstable();
        let ties = Ties {
            status: status_in_child.as_fd(),
            gate: gate_in_child.as_ref().map(AsFd::as_fd),
            keep: &keep,
            parent: getpid(),
        };
        // Blocked, so that the child cannot run our handlers on what it shares with us before it has reset them.
        let mask = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).map_err(refuse)?;
        let pid = if held { copied(plan, &ties) } else { borrowed(plan, &ties) };
        mask.thread_set_mask().map_err(refuse)?;
        let pid = pid.map_err(|errno| Refusal::errno("fork", errno as i32))?;
        match PidFd::open(pid.as_raw()) {
            Ok(fd) => Ok(Launched { pid, fd, status, held, gate, names, reaped: false }),
            Err(errno) => {
                // There are no descriptors left. Without one the child cannot be supervised, so it must not go on.
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
                reap(pid);
                Err(Refusal::errno("pidfd_open", errno as i32))
            }
        }
    }

    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// A descriptor that is readable once it has ended.
    pub fn fd(&self) -> &PidFd {
        &self.fd
    }

    /// Lets a held child go on.
    pub fn release(&mut self) -> Done<()> {
        if let Some(gate) = self.gate.take() {
            unistd::write(gate, &[1]).map_err(|e| Refusal::errno("release a child", e as i32))?;
        }
        Ok(())
    }

    /// Waits until it has become the program, or says what kept it from that. Only a held child makes us wait.
    pub fn started(&self) -> Done<()> {
        let mut bytes = [0; ChildFailure::SIZE];
        if self.held {
            interrupt::wait_readable(&self.status, None)?;
        }
        // A pipe hands over so few bytes at once or not at all.
        match unistd::read(&self.status, &mut bytes).map_err(|e| Refusal::errno("read a pipe", e as i32))? {
            0 => Ok(()),
            _ => Err(self.explain(ChildFailure::from_bytes(bytes))),
        }
    }

    fn explain(&self, failure: Option<ChildFailure>) -> Refusal {
        let Names { program, ns, cwd } = &self.names;
        let Some(ChildFailure { step, errno }) = failure else {
            return Refusal::new(crate::kernel::Why::Protocol, format!("exec {program}"), "its status is garbled");
        };
        let (request, cause) = match step {
            ChildStep::Basics => (format!("set up {program}"), Cause::Unknown),
            ChildStep::Net => (format!("setns {ns}"), Cause::Unknown),
            ChildStep::Mounts => (format!("unshare the mounts of {ns}"), Cause::Unknown),
            ChildStep::Folder => (format!("chdir {cwd}"), Cause::Folder(cwd.clone())),
            ChildStep::Exec => (format!("exec {program}"), Cause::Exec),
        };
        Refusal::errno(request, errno as i32).because(cause)
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        // What cannot be polled is gone.
        self.fd.wait_through(Instant::now()).unwrap_or(true)
    }

    /// Sends a signal to it and to what it started in its process group.
    pub fn signal_group(&self, signal: Signal) {
        // Before setsid(2) it has no group. ESRCH, the only error there can be with a child of our own, says that it
        // is gone, which every caller finds out by itself.
        if killpg(self.pid, signal).is_err() {
            let _ = self.fd.signal(signal as i32);
        }
    }

    /// Whether it was stopped (Ctrl-Z) since the last time.
    pub fn is_stopped(&self) -> bool {
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
        matches!(waitid(Id::Pid(self.pid), flags), Ok(WaitStatus::Stopped(..)))
    }

    /// Its exit status, once it has ended, and the end of its zombie.
    pub fn reap(&mut self) -> Option<i32> {
        self.reaped = true;
        reap(self.pid)
    }

    /// Leaves it running, and unreaped when it ends.
    pub fn let_go(mut self) {
        self.reaped = true;
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.signal_group(Signal::SIGKILL);
        // It cannot refuse; if it is stuck in the kernel, it ends when it gets out, and so does our wait.
        let _ = self.fd.wait_through(Instant::now() + KILL_WAIT);
        reap(self.pid);
    }
}

/// A child with a copy of our memory.
fn copied(plan: &LaunchPlan, ties: &Ties<'_>) -> nix::Result<Pid> {
    #[allow(unsafe_code)]
    // SAFETY: `LaunchPlan::run` makes only async-signal-safe calls and never returns.
    match unsafe { fork() }? {
        ForkResult::Child => plan.run(ties),
        ForkResult::Parent { child } => Ok(child),
    }
}

/// A child that has our memory until it becomes its program or ends. We wait for that.
fn borrowed(plan: &LaunchPlan, ties: &Ties<'_>) -> nix::Result<Pid> {
    let mut stack = vec![0; STACK];
    let child = Box::new(|| -> isize { plan.run(ties) });
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    #[allow(unsafe_code)]
    // SAFETY: as above. It runs on a stack of its own and only reads our memory, which nobody but it uses meanwhile
    // except other threads, which it takes no lock from.
    unsafe {
        nix::sched::clone(child, &mut stack, flags, Some(Signal::SIGCHLD as i32))
    }
}

/// A pipe's end to read from and its end to write to; neither survives an exec.
pub fn pipe() -> Done<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC).map_err(|e| Refusal::errno("pipe", e as i32))
}

/// The exit status of a child that has ended, and the end of its zombie; nothing where it still runs or is none
/// of ours.
pub fn reap(pid: Pid) -> Option<i32> {
    exit_status(waitpid(pid, Some(WaitPidFlag::WNOHANG)))
}

/// The exit status, 128 + signal number where a signal ended it, as shells have it.
pub fn exit_status(waited: nix::Result<WaitStatus>) -> Option<i32> {
    match waited {
        Ok(WaitStatus::Exited(_, status)) => Some(status),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some(128 + signal as i32),
        _ => None,
    }
}
