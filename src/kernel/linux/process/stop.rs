//! Ending started processes, if they are provably ours.

use super::launch::{KILL_WAIT, reap};
use super::pidfd::PidFd;
use super::strays::Strays;
use super::{mark, parts, procfs};
use crate::kernel::{Done, Refusal, Undone, Why, interrupt};
use crate::model::identity::Identity;
use crate::model::observe::ProcState;
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a process group may take to end after SIGTERM.
pub const GRACE: Duration = Duration::from_millis(500);

/// How long to wait for killed grandchildren to disappear. They cannot refuse; who reaps them may be slow.
const SWEEP_WAIT: Duration = Duration::from_millis(200);

/// How often to look whether a process group is empty, which no descriptor tells.
const SWEEP_STEP: Duration = Duration::from_millis(1);

/// A started process that is to end.
enum Target {
    /// It is gone, or not ours.
    Decided(Done<Undone>),
    /// It leads a process group.
    Group(Group),
}

/// A process with its group. While one of them is there, the kernel gives its number to nobody else.
struct Group {
    leader: Pid,
    start: u64,
    fd: PidFd,
    /// What the leader is doing.
    state: ProcState,
    is_empty: bool,
    answer: Undone,
}

/// How long to wait after a signal.
struct Patience {
    /// For the leader of a group.
    leader: Instant,
    /// For the rest of it.
    group: Instant,
    /// Whether a second Ctrl-C ends the wait.
    may_be_cut: bool,
}

impl Patience {
    fn none() -> Patience {
        Patience { leader: Instant::now(), group: Instant::now(), may_be_cut: false }
    }

    fn wait(&self, fd: &PidFd) -> Done<bool> {
        if self.may_be_cut { fd.wait_unhurried(self.leader) } else { fd.wait_through(self.leader) }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.group || (self.may_be_cut && interrupt::hurried())
    }
}

/// Ends processes with all that they have started; the answers are in the order given. How they ended goes to `ended`, by
/// pid and start time.
pub fn all(processes: &[&Identity], ended: &mut BTreeMap<(i32, u64), ProcState>) -> Vec<Done<Undone>> {
    let mut strays = Strays::new(processes.iter().map(|process| mark(process).to_owned()));
    let mut targets: Vec<Target> =
        processes.iter().map(|process| Target::find(process).unwrap_or_else(|r| Target::Decided(Err(r)))).collect();
    let groups: Vec<i32> = targets.iter().filter_map(Target::group).collect();
    for (signal, leader, group) in [(Signal::SIGTERM, GRACE, GRACE), (Signal::SIGKILL, KILL_WAIT, SWEEP_WAIT)] {
        let may_be_cut = signal == Signal::SIGTERM;
        for target in &targets {
            target.signal(signal);
        }
        let asked = if may_be_cut { strays.ask(&groups) } else { Vec::new() };
        let now = Instant::now();
        let patience = Patience { leader: now + leader, group: now + group, may_be_cut };
        for target in &mut targets {
            if let Err(refusal) = target.wait(&patience) {
                *target = Target::Decided(Err(refusal));
            }
        }
        for fd in &asked {
            // A wait that fails is one that is over.
            let _ = patience.wait(fd);
        }
    }
    let strays = strays.end(KILL_WAIT);
    let answers = targets.into_iter().map(|target| target.finish(ended));
    answers.zip(processes).map(|(answer, process)| with_strays(answer, mark(process), &strays)).collect()
}

/// What became of a process, and of those that it started.
fn with_strays(answer: Done<Undone>, mark: &str, strays: &Done<BTreeSet<String>>) -> Done<Undone> {
    match (answer?, strays) {
        (_, Err(refusal)) if !mark.is_empty() => Err(refusal.clone()),
        (Undone::AlreadyGone, Ok(ended)) if ended.contains(mark) => Ok(Undone::Yes),
        (undone, _) => Ok(undone),
    }
}

impl Target {
    fn find(process: &Identity) -> Done<Target> {
        let (pid, start, _) = parts(process)?;
        let gone = Ok(Target::Decided(Ok(Undone::AlreadyGone)));
        // First the descriptor, then the look: if the look finds our process, the descriptor stands for it.
        let fd = match PidFd::open(pid) {
            Ok(fd) => fd,
            Err(Errno::ESRCH) => return gone,
            Err(errno) => return Err(Refusal::errno("pidfd_open", errno as i32)),
        };
        let Some(found) = procfs::stat(pid)? else { return gone };
        if found.start != start {
            let reason = format!("pid {pid} now belongs to a process that was started at another time");
            return Ok(Target::Decided(Ok(Undone::NotOurs(reason))));
        }
        let leader = Pid::from_raw(pid);
        let mut group = Group { leader, start, fd, state: ProcState::Running, is_empty: false, answer: Undone::Yes };
        if found.is_zombie() {
            group.wait(&Patience::none())?;
            if group.is_empty {
                group.answer = Undone::AlreadyGone;
            }
        }
        Ok(Target::Group(group))
    }

    fn group(&self) -> Option<i32> {
        match self {
            Target::Group(group) => Some(group.leader.as_raw()),
            Target::Decided(_) => None,
        }
    }

    fn signal(&self, signal: Signal) {
        // ESRCH says that it is gone, which is what `wait` waits for. EPERM says that it has become another user's;
        // then it stays, and `finish` reports it.
        match self {
            Target::Group(group) if !group.is_empty => {
                let _ = killpg(group.leader, signal);
            }
            Target::Group(_) | Target::Decided(_) => {}
        }
    }

    fn wait(&mut self, patience: &Patience) -> Done<()> {
        match self {
            Target::Decided(_) => Ok(()),
            Target::Group(target) => target.wait(patience),
        }
    }

    fn finish(self, ended: &mut BTreeMap<(i32, u64), ProcState>) -> Done<Undone> {
        match self {
            Target::Decided(answer) => answer,
            Target::Group(Group { leader, start, state, answer, .. }) => {
                if state == ProcState::Running {
                    return Err(Refusal::new(Why::Timeout, format!("kill process {leader}"), "it did not end"));
                }
                ended.insert((leader.as_raw(), start), state);
                Ok(answer)
            }
        }
    }
}

impl Group {
    fn wait(&mut self, patience: &Patience) -> Done<()> {
        if self.state == ProcState::Running {
            if !patience.wait(&self.fd)? {
                return Ok(());
            }
            self.state = ProcState::Ended(reap(self.leader));
        }
        while !self.is_empty {
            self.reap_members();
            self.is_empty = self.has_no_members()?;
            if patience.is_over() {
                break;
            }
            if !self.is_empty {
                std::thread::sleep(SWEEP_STEP);
            }
        }
        Ok(())
    }

    fn has_no_members(&self) -> Done<bool> {
        if killpg(self.leader, None) == Err(Errno::ESRCH) {
            return Ok(true);
        }
        // Somebody else's child stays in its group as a zombie until that somebody reaps it.
        let is_child = self.state != ProcState::Ended(None);
        Ok(!is_child && !procfs::group_runs(self.leader.as_raw())?)
    }

    /// Where we are pid 1, orphaned members have become our children.
    fn reap_members(&self) {
        let all = Pid::from_raw(-self.leader.as_raw());
        while matches!(waitpid(all, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
    }
}
