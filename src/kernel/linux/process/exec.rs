//! Commands that run to their end: captured, or on our terminal.

use super::enter::EnterNetns;
use super::launch::{Launched, Program, Relation, pipe};
use super::null;
use super::stop::GRACE;
use super::strings::reveal;
use crate::kernel::interrupt::{self, is_ready};
use crate::kernel::{Done, Refusal};
use crate::model::observe::{Command, Output};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, killpg};
use nix::unistd::{self, getpgrp};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How much of each stream is kept.
const CAPTURE: usize = 16 << 20;

/// How much is read at once: what a pipe holds (pipe(7)).
const CHUNK: usize = 64 << 10;

/// How long to go on reading once the command has ended but something that it started holds its output open.
const DRAIN: Duration = Duration::from_millis(100);

/// How often to look whether a command on our terminal was stopped.
const STOPPED: Duration = Duration::from_millis(200);

/// Runs a command and captures what it prints.
pub fn capture(ns: &str, room: Option<EnterNetns>, command: &Command) -> Done<Output> {
    let begin = Instant::now();
    let (input, feed) = match &command.stdin {
        None => (null()?, None),
        Some(text) => {
            let text = reveal(text)?;
            let (input, feed) = pipe()?;
            fcntl(&feed, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|e| Refusal::errno("fcntl", e as i32))?;
            (input, Some(Feed { fd: feed, left: text.as_bytes() }))
        }
    };
    let ((stdout, out), (stderr, err)) = (pipe()?, pipe()?);
    let relation = Relation { stdio: Some([input, out, err]), own_session: true, outlives_us: false, held: false };
    let program = Program { argv: &command.argv, env: &command.env, cwd: command.cwd.as_deref() };
    let mut child = Launched::start(ns, room, &program, relation)?;
    let mut running = Running {
        feed,
        stdout: Stream::new(stdout),
        stderr: Stream::new(stderr),
        stage: Stage::Running,
        limit: command.timeout.and_then(|time| begin.checked_add(time)),
        timed_out: false,
    };
    // An interruption drops the child, which kills it and its group.
    running.watch(&child)?;
    let time = begin.elapsed();
    // Asked only now, which spares waking up for it before.
    child.started()?;
    let timed_out = running.timed_out;
    if timed_out {
        child.signal_group(Signal::SIGKILL); // What its end left of its group.
    }
    let status = child.reap().ok_or_else(|| Refusal::errno("waitpid", Errno::ECHILD as i32))?;
    running.drain()?;
    let (stdout, dropped_out) = running.stdout.into_text();
    let (mut stderr, dropped_err) = running.stderr.into_text();
    for (stream, dropped) in [("output", dropped_out), ("error", dropped_err)] {
        if dropped > 0 {
            let note = format!("\nrhailab: the first {dropped} bytes of standard {stream} were dropped\n");
            stderr.push_str(&note);
        }
    }
    Ok(Output { status, stdout, stderr, time, timed_out })
}

/// A command while it runs.
struct Running<'a> {
    feed: Option<Feed<'a>>,
    stdout: Stream,
    stderr: Stream,
    stage: Stage,
    /// When the stage is over.
    limit: Option<Instant>,
    timed_out: bool,
}

/// What the command has been told.
#[derive(PartialEq)]
enum Stage {
    Running,
    Terminated,
    Killed,
}

impl Running<'_> {
    /// Feeds and reads until the child has ended.
    fn watch(&mut self, child: &Launched) -> Done<()> {
        loop {
            // First of all, because a command that prints without end is always ready.
            if self.limit.is_some_and(|limit| Instant::now() >= limit) {
                self.hasten(child);
            }
            if self.turn(Some(child), self.limit)? {
                return Ok(());
            }
        }
    }

    /// Reads what is left, until nobody holds the pipes open or for a moment.
    fn drain(&mut self) -> Done<()> {
        self.feed = None;
        let limit = Instant::now() + DRAIN;
        while (self.stdout.fd.is_some() || self.stderr.fd.is_some()) && Instant::now() < limit {
            self.turn(None, Some(limit))?;
        }
        Ok(())
    }

    fn hasten(&mut self, child: &Launched) {
        self.timed_out = true;
        (self.stage, self.limit) = match self.stage {
            Stage::Running => {
                child.signal_group(Signal::SIGTERM);
                (Stage::Terminated, Some(Instant::now() + GRACE))
            }
            Stage::Terminated | Stage::Killed => {
                child.signal_group(Signal::SIGKILL);
                (Stage::Killed, None)
            }
        };
    }

    /// Waits for something to do, does it, and says whether the child has ended.
    fn turn(&mut self, child: Option<&Launched>, limit: Option<Instant>) -> Done<bool> {
        let watched = [
            child.map(|child| PollFd::new(child.fd().as_fd(), PollFlags::POLLIN)),
            self.feed.as_ref().map(|feed| PollFd::new(feed.fd.as_fd(), PollFlags::POLLOUT)),
            self.stdout.fd.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)),
            self.stderr.fd.as_ref().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)),
        ];
        let open = watched.each_ref().map(Option::is_some);
        let mut fds = watched.into_iter().flatten().collect();
        interrupt::wait(&mut fds, limit)?;
        let mut polled = fds.iter().map(is_ready);
        let [ended, feed, stdout, stderr] = open.map(|open| open && polled.next().unwrap_or(false));
        if feed && self.feed.as_mut().is_some_and(Feed::is_done) {
            self.feed = None;
        }
        if stdout {
            self.stdout.read()?;
        }
        if stderr {
            self.stderr.read()?;
        }
        Ok(ended)
    }
}

/// The text for a command's standard input.
struct Feed<'a> {
    fd: OwnedFd,
    left: &'a [u8],
}

impl Feed<'_> {
    /// Writes what fits, and says whether that was the last of it.
    fn is_done(&mut self) -> bool {
        match unistd::write(&self.fd, self.left) {
            Ok(count) => {
                self.left = self.left.get(count..).unwrap_or_default();
                self.left.is_empty()
            }
            Err(Errno::EAGAIN | Errno::EINTR) => false,
            // A command need not read its input to the end (EPIPE).
            Err(_) => true,
        }
    }
}

/// The end of what a command printed.
struct Stream {
    fd: Option<OwnedFd>,
    bytes: Vec<u8>,
    dropped: usize,
}

impl Stream {
    fn new(fd: OwnedFd) -> Stream {
        Stream { fd: Some(fd), bytes: Vec::new(), dropped: 0 }
    }

    /// Reads what is there, if the stream is open.
    fn read(&mut self) -> Done<()> {
        let Some(fd) = &self.fd else { return Ok(()) };
        let kept = self.bytes.len();
        self.bytes.resize(kept + CHUNK, 0);
        let read = unistd::read(fd, self.bytes.get_mut(kept..).unwrap_or_default());
        self.bytes.truncate(kept + read.unwrap_or(0));
        match read {
            Ok(0) => self.fd = None,
            // At twice the limit, so that each byte is moved once at the most.
            Ok(_) if self.bytes.len() > 2 * CAPTURE => self.cut(),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Refusal::errno("read a pipe", errno as i32)),
        }
        Ok(())
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(CAPTURE);
        self.bytes.drain(..excess);
        self.dropped += excess;
    }

    fn into_text(mut self) -> (String, usize) {
        self.cut();
        let text = String::from_utf8(self.bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        (text, self.dropped)
    }
}

/// Runs a command on our terminal and returns its exit status.
pub fn interactive(ns: &str, room: Option<EnterNetns>, argv: &[String]) -> Done<i32> {
    let _terminal = Terminal::lend()?;
    let relation = Relation { stdio: None, own_session: false, outlives_us: false, held: false };
    let mut child = Launched::start(ns, room, &Program { argv, env: &[], cwd: None }, relation)?;
    child.started()?;
    if let Err(refusal) = attend(&child) {
        // Not killed: an editor may want to save first. It may take its time, for if we are killed it dies too.
        let signal = interrupt::signal().ok_or(refusal)?;
        child.signal_group(signal);
        child.fd().wait_through(None)?;
    }
    child.reap().ok_or_else(|| Refusal::errno("waitpid", Errno::ECHILD as i32))
}

/// Waits until it has ended. Ctrl-Z would stop it for good: in a sandbox there is no shell that could let it go on, and
/// we are pid 1, which does not stop. So it goes on at once.
fn attend(child: &Launched) -> Done<()> {
    while !interrupt::wait_readable(child.fd(), Some(Instant::now() + STOPPED))? {
        if child.is_stopped() {
            // It is in our process group, as is what it has started.
            killpg(getpgrp(), Signal::SIGCONT).map_err(|e| Refusal::errno("continue a command", e as i32))?;
        }
    }
    Ok(())
}

/// While it lives, the keys that stop a command on the terminal do not stop us.
struct Terminal {
    before: Vec<(Signal, SigAction)>,
}

impl Terminal {
    fn lend() -> Done<Terminal> {
        let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        let mut terminal = Terminal { before: Vec::new() };
        for signal in [Signal::SIGINT, Signal::SIGQUIT] {
            terminal.before.push((signal, interrupt::set_action(signal, &ignore)?));
        }
        Ok(terminal)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // Setting back what was set before cannot fail: the signal is one that can be caught.
            let _ = interrupt::set_action(*signal, before);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_stream_keeps_its_end_and_counts_what_it_dropped() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(40 << 20).unwrap();
        file.write_all_at(b"end", 40 << 20).unwrap();
        let mut stream = Stream::new(OwnedFd::from(file));
        while stream.fd.is_some() {
            stream.read().unwrap();
        }
        let (text, dropped) = stream.into_text();
        assert_eq!((text.len(), dropped), (CAPTURE, (24 << 20) + 3));
        assert!(text.ends_with("\0end"));
    }
}
