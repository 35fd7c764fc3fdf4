//! Processes in namespaces: those that live as long as the lab, and commands that run to their end.
//!
//! A process to be started is forked before it is journalled and becomes its program after that, so that a crash
//! of ours at any point leaves either nothing or a journalled process. It leads a session of its own, so that its
//! process group can be ended with it. What it starts in a session of *their* own is not found again; in a sandbox
//! that ends with the sandbox.
//!
//! A child that has ended stays a zombie until it is undone: as long as it is one, its pid and process group
//! cannot become somebody else's. So nobody else in this process may reap with `waitpid(-1)`.

mod child;
mod enter;
mod exec;
pub mod guard;
pub(super) mod launch;
pub mod pidfd;
pub mod procfs;
mod stop;
pub mod strays;
mod strings;

use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::marks::random;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::identity::Identity;
use crate::model::names::Ns;
use crate::model::observe::{Command, Output, ProcState, ending};
use crate::model::process::{NewProcess, Start};
pub use child::exit;
use enter::EnterNetns;
use launch::{Launched, Program, Relation, exit_status};
use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

/// The processes of a lab.
#[derive(Debug)]
pub struct Processes {
    log_dir: PathBuf,
    etc_netns: PathBuf,
    persistent: bool,
    /// Prepared and not yet released, by change number.
    held: BTreeMap<u64, Held>,
    /// How those that were undone ended, by pid and start time.
    ended: BTreeMap<(i32, u64), ProcState>,
    secret: String,
}

/// A child that waits to be released. Dropping it kills it.
#[derive(Debug)]
struct Held {
    child: Launched,
    log: Log,
}

/// A log file, open for appending.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    /// Whether it was not there before.
    is_new: bool,
}

impl Processes {
    /// Processes that log to `log_dir/NAME.log` and see the files of `etc_netns/NAMESPACE` in `/etc`. Unless they
    /// are `persistent` they die with the calling thread (`PR_SET_PDEATHSIG(2const)`), which therefore must live as
    /// long as the lab.
    pub fn new(log_dir: PathBuf, etc_netns: PathBuf, persistent: bool) -> Processes {
        Processes {
            log_dir,
            etc_netns,
            persistent,
            held: BTreeMap::new(),
            ended: BTreeMap::new(),
            secret: String::new(),
        }
    }

    /// Forks the child of change number `n`, which waits for [`release`](Processes::release). If we die before
    /// that, it ends without having become anything.
    pub fn prepare(&mut self, spaces: &Spaces, n: u64, ns: &Ns, process: &NewProcess) -> Done<Identity> {
        let (log, file) = Log::open(&self.log_dir, &process.name)?;
        let mark = format!("{}-{n}", self.secret()?);
        match self.hold(spaces, ns, process, &mark, file) {
            Ok((child, start)) => {
                let identity = Identity::Process { pid: child.pid().as_raw(), start, log: log.path.clone(), mark };
                self.held.insert(n, Held { child, log });
                Ok(identity)
            }
            Err(refusal) => {
                log.discard();
                Err(refusal)
            }
        }
    }

    /// What nobody else's mark begins with.
    fn secret(&mut self) -> Done<&str> {
        if self.secret.is_empty() {
            self.secret = format!("{:016x}", u64::from_ne_bytes(random()?));
        }
        Ok(&self.secret)
    }

    fn hold(&self, spaces: &Spaces, ns: &Ns, process: &NewProcess, mark: &str, log: File) -> Done<(Launched, u64)> {
        let mut env = process.env.clone();
        env.push((strays::VARIABLE.to_owned(), mark.into()));
        let copy = log.try_clone().map_err(|e| Refusal::io("dup", &e))?;
        let relation = Relation {
            stdio: Some([null()?, OwnedFd::from(log), OwnedFd::from(copy)]),
            own_session: true,
            outlives_us: self.persistent,
            held: true,
        };
        let program = Program { argv: &process.argv, env: &env, cwd: process.cwd.as_deref() };
        let child = Launched::start(&ns.to_string(), self.room(spaces, ns)?, &program, relation)?;
        let found = procfs::stat(child.pid().as_raw())?;
        let found = found.ok_or_else(|| Refusal::errno("read /proc", Errno::ESRCH as i32))?;
        Ok((child, found.start))
    }

    /// Lets the child of change number `n` become its program. When it cannot, nothing of it is left.
    pub fn release(&mut self, n: u64) -> Done<()> {
        let Some(mut held) = self.held.remove(&n) else {
            return Err(Refusal::new(Why::Protocol, "start a process", format!("change {n} was not prepared")));
        };
        match held.child.release().and_then(|()| held.child.started()) {
            Ok(()) => {
                held.child.let_go();
                Ok(())
            }
            Err(refusal) => {
                held.abandon();
                Err(refusal)
            }
        }
    }

    /// Ends the child of change number `n`, which will not be needed.
    pub fn abandon(&mut self, n: u64) {
        if let Some(held) = self.held.remove(&n) {
            held.abandon();
        }
    }

    /// Ends a started process with its process group: SIGTERM, and SIGKILL for what is still there half a second
    /// later. Its log stays.
    pub fn undo(&mut self, process: &Identity) -> Done<Undone> {
        // One identity in, one answer out.
        self.undo_all(&[process]).remove(0)
    }

    /// Ends several processes like [`undo`](Processes::undo), all of them within the one grace time.
    pub fn undo_all(&mut self, processes: &[&Identity]) -> Vec<Done<Undone>> {
        stop::all(processes, &mut self.ended)
    }

    /// What a started process is doing.
    pub fn state(&self, process: &Identity) -> Done<ProcState> {
        let (pid, start, _) = parts(process)?;
        if let Some(state) = self.ended.get(&(pid, start)) {
            return Ok(*state);
        }
        match procfs::stat(pid)? {
            Some(found) if found.start == start && !found.is_zombie() => Ok(ProcState::Running),
            // WNOWAIT leaves the zombie, see above. Nobody but its parent can learn how it ended.
            Some(found) if found.start == start => {
                let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
                Ok(ProcState::Ended(exit_status(waitid(Id::Pid(Pid::from_raw(pid)), look))))
            }
            _ => Ok(ProcState::Ended(None)),
        }
    }

    /// Sends a signal to a started process and its process group; `ESRCH` where it is gone.
    pub fn signal(&self, process: &Identity, signal: i32) -> Done<()> {
        let (pid, start, _) = parts(process)?;
        let refuse = |errno: Errno| Refusal::errno(format!("signal process {pid}"), errno as i32);
        // A child of ours is pinned by its zombie. Another's could end between the look and the signal, but its pid
        // comes round again only after all the others.
        if procfs::stat(pid)?.is_none_or(|stat| stat.start != start) {
            return Err(refuse(Errno::ESRCH));
        }
        #[allow(unsafe_code)]
        // SAFETY: takes two integers. nix has no name for real-time signals, which a recipe may send.
        Errno::result(unsafe { libc::kill(-pid, signal) }).map(drop).map_err(refuse)
    }

    /// Runs a command in a namespace to its end. The command may not outlive it; what the command leaves running
    /// in the background does, and is nobody's: that is what starting a process is for.
    ///
    /// Of each stream the last 16 MiB are kept; a line added to the error text says how much was dropped.
    pub fn exec(&mut self, spaces: &Spaces, ns: &Ns, command: &Command) -> Done<Output> {
        exec::capture(&ns.to_string(), self.room(spaces, ns)?, command)
    }

    /// Runs a command on our terminal and returns its exit status. Ctrl-C and Ctrl-\ are the command's alone
    /// meanwhile; a request to stop that reaches us is passed on to it.
    pub fn spawn_interactive(&self, spaces: &Spaces, ns: &Ns, argv: &[String]) -> Done<i32> {
        exec::interactive(&ns.to_string(), self.room(spaces, ns)?, argv)
    }

    fn room(&self, spaces: &Spaces, ns: &Ns) -> Done<Option<EnterNetns>> {
        EnterNetns::open(spaces, ns, &self.etc_netns)
    }
}

impl Held {
    fn abandon(self) {
        drop(self.child);
        self.log.discard();
    }
}

impl Log {
    /// Opens `dir/NAME.log`; makes the folder if need be.
    fn open(dir: &Path, name: &str) -> Done<(Log, File)> {
        let is_plain =
            matches!(Path::new(name).components().collect::<Vec<_>>()[..], [Component::Normal(part)] if part == name);
        if !is_plain {
            return Err(Refusal {
                words: "a process's name must do as a file name".into(),
                ..Refusal::errno(format!("log of {name:?}"), Errno::EINVAL as i32)
            });
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|e| Refusal::io(format!("mkdir {}", dir.display()), &e))?;
        let path = dir.join(format!("{name}.log"));
        let mut options = OpenOptions::new();
        // O_NOFOLLOW: a symbolic link in place of the log must not lead us to write into another file.
        options.append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
        let opened = match options.clone().create_new(true).open(&path) {
            // Of an earlier process of that name, whose words must not be taken for this one's.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                options.open(&path).and_then(|file| file.set_len(0).map(|()| (file, false)))
            }
            other => other.map(|file| (file, true)),
        };
        let (file, is_new) = opened.map_err(|e| Refusal::io(format!("open {}", path.display()), &e))?;
        Ok((Log { path, is_new }, file))
    }

    /// Removes it, unless it was there before.
    fn discard(self) {
        if self.is_new {
            // At worst an empty log is left in the lab's own folder.
            let _ = fs::remove_file(self.path);
        }
    }
}

/// What identifies a process: pid, start time, log.
fn parts(process: &Identity) -> Done<(i32, u64, &Path)> {
    match process {
        // 0 and -1 mean other things to kill(2), and 1 is never ours.
        Identity::Process { pid, start, log, .. } if *pid > 1 => Ok((*pid, *start, log)),
        other => Err(Refusal::new(Why::Protocol, "find a process", format!("{other:?} is none"))),
    }
}

/// The mark of a process, by which those that it started are known; empty if it has none.
fn mark(process: &Identity) -> &str {
    match process {
        Identity::Process { mark, .. } => mark,
        _ => "",
    }
}

/// `/dev/null` as a standard stream.
fn null() -> Done<OwnedFd> {
    let open = OpenOptions::new().read(true).write(true).open("/dev/null");
    open.map(OwnedFd::from).map_err(|e| Refusal::io("open /dev/null", &e))
}

impl Real for Start {
    fn prepare(&self, kernel: &mut LinuxKernel, n: u64) -> Done<Identity> {
        kernel.processes.prepare(&kernel.spaces, n, &self.ns, &self.process)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        kernel.spaces.leave();
        kernel.netfilter.leave();
        kernel.processes.release(entry.n)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        kernel.processes.undo(entry.identity)
    }

    fn undo_all(&self, kernel: &mut LinuxKernel, entries: &[ChangeRef<'_>]) -> Option<Vec<Done<Undone>>> {
        let are_processes = entries.iter().all(|entry| entry.change.process().is_some());
        let processes: Vec<&Identity> = entries.iter().map(|entry| entry.identity).collect();
        are_processes.then(|| kernel.processes.undo_all(&processes))
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        Ok(vec![match view.kernel.processes.state(identity)? {
            ProcState::Running => Observed::Is(String::new()),
            ProcState::Ended(Some(status)) => Observed::Not(format!("it ended with {}", ending(status))),
            ProcState::Ended(None) => Observed::Not("it ended".to_owned()),
        }])
    }
}
