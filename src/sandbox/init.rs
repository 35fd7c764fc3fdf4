//! Pid 1 of a sandbox: it makes the sandbox from within, runs the recipe's thread, reaps orphans, and holds a
//! lab that stays.

use super::outer::Signals;
use super::wire::{self, News, SetupFailure, SetupStep};
use super::{Exit, Holder, Inside, STACK, Terminal, mounts, path, terminal};
use crate::kernel::linux::netns_setup::set_up;
use crate::kernel::linux::sysctl::Preset;
use crate::model::baseline::baseline;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, close, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long processes of a lab that is told to end may take to end by themselves.
const GRACE: Duration = Duration::from_secs(2);

/// The exit code when the run's thread dies of a defect.
const DEFECT: i32 = 70;

/// What pid 1 must know of how it was made.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Whether it has a user namespace of its own.
    pub user_ns: bool,
    /// Whose the terminal is.
    pub terminal: Terminal,
}

/// The whole life of pid 1; what it returns is its exit code. `outer` is the other process's end of the socket,
/// of which we have a copy.
pub fn main<F: FnOnce(Inside) -> Exit + Send>(
    outer: &UnixStream,
    socket: &UnixStream,
    signals: &Signals,
    setting: Setting,
    inside: Option<F>,
) -> i32 {
    // Without our copy, the socket tells when the outer process is gone.
    let closed = close(outer.as_raw_fd()).and_then(|()| signals.restore());
    let (Ok(()), Some(inside)) = (closed, inside) else { return finish(DEFECT) };
    let built = build(socket, setting.user_ns);
    if setting.terminal == Terminal::Theirs && built.is_ok() && terminal::own_group().is_ok() {
        terminal::take();
    }
    let verdict = match built {
        Ok(holder) => run(|| inside(Inside { holder })),
        Err(failure) => Err(failure),
    };
    let kept = match verdict {
        Ok(Exit::End(code)) => return finish(code),
        Ok(Exit::Keep) => settle(socket),
        Err(failure) => Err(failure),
    };
    match kept {
        Ok(()) => hold(),
        // If the outer process cannot be told, it is gone.
        Err(failure) => {
            let _ = wire::send_news(socket, News::Failed(failure));
            1
        }
    }
}

fn build(socket: &UnixStream, user_ns: bool) -> Result<Holder, SetupFailure> {
    let watch = |errno| SetupFailure { step: SetupStep::Watch, errno };
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(watch)?;
    // It may have died before the line above; then its end of the socket is closed by now.
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::empty())];
    if poll(&mut fds, PollTimeout::ZERO).map_err(watch)? > 0 {
        return Err(watch(Errno::ESRCH));
    }
    let holder = wire::receive_go(socket).map_err(|e| watch(wire::errno(&e)))?;
    // Making a network namespace takes as long as all the mounts together, so both are done at once.
    let network = thread::Builder::new().spawn(own_network);
    let network = network.map_err(|e| SetupFailure { step: SetupStep::Thread, errno: wire::errno(&e) })?;
    let mounted = mounts::make(user_ns);
    let network = network.join().unwrap_or(Err(Errno::EFAULT));
    mounted?;
    let entered = network.and_then(|network| setns(network, CloneFlags::CLONE_NEWNET));
    entered.map_err(|errno| SetupFailure { step: SetupStep::Network, errno })?;
    mounts::sys()?;
    path::complete();
    Ok(holder)
}

/// A network namespace for the lab's root. It is not made together with the user namespace: before ids are mapped it
/// would get files under /proc/net that belong to nobody (xt_proto_init in net/netfilter/x_tables.c), which iptables
/// then cannot read.
fn own_network() -> nix::Result<File> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let network = Preset::new(&baseline()).and_then(|sysctls| set_up(&sysctls, None));
    network.map(|network| network.file).map_err(|refusal| wire::errno_of(&refusal))
}

/// Runs the recipe on its thread. This thread meanwhile reaps the orphans that pid 1 inherits, and those only:
/// the recipe's own children are waited for by the thread that made them.
fn run(inside: impl FnOnce() -> Exit + Send) -> Result<Exit, SetupFailure> {
    let orphans = WaitPidFlag::__WNOTHREAD | WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
    thread::scope(|scope| {
        let (done, ended) = sync_channel::<()>(1);
        let run = thread::Builder::new().name("run".into()).stack_size(STACK).spawn_scoped(scope, move || {
            // Dropped at the end, also by a panic, and that is what the other side waits for.
            let _done = done;
            inside()
        });
        let run = run.map_err(|e| SetupFailure { step: SetupStep::Thread, errno: wire::errno(&e) })?;
        // Nothing waits for an orphan, so that a second late is soon enough; a SIGCHLD could be taken by either
        // thread and would interrupt the recipe's system calls.
        while ended.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
            reap(orphans);
        }
        Ok(run.join().unwrap_or(Exit::End(DEFECT)))
    })
}

/// Reaps what has ended; false when there is no child left at all.
fn reap(flags: WaitPidFlag) -> bool {
    loop {
        match waitpid(None, Some(flags)) {
            Ok(WaitStatus::StillAlive) => return true,
            Err(Errno::ECHILD) => return false,
            // EINTR, or a child that has ended: ask again.
            _ => {}
        }
    }
}

/// What a lab's pid 1 returns does not pass through `exit`, so what is buffered is written here.
fn finish(code: i32) -> i32 {
    // Standard output may be closed, and there is nobody else to tell.
    let _ = std::io::stdout().flush();
    code
}

/// Cuts the lab loose from the process and the terminal that it was started from, and says that it stays.
fn settle(socket: &UnixStream) -> Result<(), SetupFailure> {
    let at = |errno| SetupFailure { step: SetupStep::Session, errno };
    finish(0);
    match setsid() {
        // We lead a group, of those whose the terminal was. In their session we stay, but what becomes of the terminal is
        // no matter of ours any more.
        Err(Errno::EPERM) => terminal::give_up(),
        other => drop(other.map_err(at)?),
    }
    let null = OpenOptions::new().read(true).write(true).open("/dev/null").map_err(|e| at(wire::errno(&e)))?;
    dup2_stdin(&null).map_err(at)?;
    dup2_stdout(&null).map_err(at)?;
    dup2_stderr(&null).map_err(at)?;
    prctl::set_pdeathsig(None).map_err(at)?;
    wire::send_news(socket, News::Kept).map_err(|e| at(wire::errno(&e)))
}

/// Reaps until SIGTERM comes, then asks every process of the lab to end and gives them some time. The kernel
/// kills the rest with us, and takes the network down.
fn hold() -> i32 {
    let mut set = SigSet::empty();
    set.add(Signal::SIGCHLD);
    set.add(Signal::SIGTERM);
    if set.thread_block().is_err() {
        return 1;
    }
    loop {
        reap(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL);
        match set.wait() {
            Ok(Signal::SIGTERM) => break,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return 1,
        }
    }
    // It fails when there is no other process, which is as good.
    let _ = kill(Pid::from_raw(-1), Signal::SIGTERM);
    let until = Instant::now() + GRACE;
    while reap(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL) && Instant::now() < until {
        thread::sleep(Duration::from_millis(2));
    }
    0
}
