//! Talking to an iptables tool with a bound on every wait.

use crate::kernel::linux::process::launch::{self, Program, Relation, pipe};
use crate::kernel::{Done, Refusal, Why, interrupt};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long to wait for a tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    until: Instant,
    heeds_interrupt: bool,
}

/// A second more than the tools themselves wait for the xtables lock (`-w 5`), so that their words come first.
const PATIENCE: Duration = Duration::from_secs(6);

impl Patience {
    /// For making a change of `lines` lines: Ctrl-C ends the wait.
    pub(super) fn making(lines: usize) -> Patience {
        Patience { heeds_interrupt: true, ..Patience::undoing(lines) }
    }

    /// For undoing and reading: what Ctrl-C started must not be stopped by it.
    pub(super) fn undoing(lines: usize) -> Patience {
        let more = Duration::from_millis(u64::try_from(lines).unwrap_or(u64::MAX));
        Patience { until: Instant::now() + PATIENCE + more, heeds_interrupt: false }
    }

    /// For reading.
    pub(super) fn reading() -> Patience {
        Patience::undoing(0)
    }

    /// The time to poll for, or why not to.
    fn slice(self, request: &str) -> Done<PollTimeout> {
        if self.heeds_interrupt && interrupt::pending() {
            return Err(Refusal::new(Why::Interrupted, request, ""));
        }
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Refusal::new(Why::Timeout, request, ""));
        }
        // Short slices, because the flag may be raised by a signal that another thread takes.
        Ok(PollTimeout::from(u8::try_from(left.as_millis()).unwrap_or(u8::MAX).clamp(1, 100)))
    }
}

/// How a tool ended, with what it said and nobody has read yet.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit status; 128 + signal number where a signal ended it.
    pub(super) status: i32,
    /// Its standard output.
    pub(super) stdout: String,
    /// Its standard error.
    pub(super) stderr: String,
}

/// A running tool. Dropped, it is killed: between two blocks it has nothing left to do, and in the middle of one it must
/// not go on.
#[derive(Debug)]
pub(super) struct ToolProcess {
    request: String,
    process: launch::Launched,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    said: Vec<u8>,
    complained: Vec<u8>,
}

impl ToolProcess {
    /// Starts a tool in the calling thread's network namespace. It dies with that thread: a tool that waits for the
    /// xtables lock would else go on and edit the table later.
    pub(super) fn start(program: &Path, args: &[&str]) -> Done<ToolProcess> {
        let request = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
        let name = program.to_string_lossy();
        let words: Vec<String> = [&*name].iter().chain(args).map(|word| (*word).to_owned()).collect();
        let env = [("LC_ALL".to_owned(), "C".into())];
        let ((input, stdin), (stdout, output), (stderr, error)) = (pipe()?, pipe()?, pipe()?);
        // Else a tool that stops reading to complain could wait for us while we wait for it.
        fcntl(&stdin, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|e| Refusal::errno("fcntl", e as i32))?;
        // A session of its own: the terminal's Ctrl-C is for us to answer.
        let relation =
            Relation { stdio: Some([input, output, error]), own_session: true, outlives_us: false, held: false };
        let program = Program { argv: &words, env: &env, cwd: Some(Path::new("/")) };
        let process = launch::Launched::start("", None, &program, relation)?;
        process.started().map_err(|refusal| {
            if refusal.is(Errno::ENOENT) { Refusal::new(Why::NoTool, request.as_str(), "") } else { refusal }
        })?;
        let (stdin, stdout, stderr) = (Some(stdin), Some(stdout), Some(stderr));
        Ok(ToolProcess { request, process, stdin, stdout, stderr, said: Vec::new(), complained: Vec::new() })
    }

    /// Ends its standard input.
    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Whether it has not ended.
    pub(super) fn is_running(&self) -> bool {
        !self.process.has_ended()
    }

    /// Writes `input` and reads until the tool has said `answer`, which is then forgotten with all before it:
    /// true. False when the tool closes its outputs first.
    pub(super) fn ask(&mut self, mut input: &[u8], answer: &[u8], patience: Patience) -> Done<bool> {
        let mut searched = 0;
        loop {
            if !answer.is_empty() && self.said[searched..].windows(answer.len()).any(|part| part == answer) {
                self.said.clear();
                self.complained.clear();
                return Ok(true);
            }
            searched = self.said.len().saturating_sub(answer.len());
            if self.stdout.is_none() && self.stderr.is_none() {
                return Ok(false);
            }
            let timeout = patience.slice(&self.request)?;
            if input.is_empty() && answer.is_empty() {
                self.stdin = None;
            }
            let writing = self.stdin.as_ref().filter(|_| !input.is_empty());
            let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
            fds.extend(writing.map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)));
            fds.extend(self.stdout.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            fds.extend(self.stderr.as_ref().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
            match poll(&mut fds, timeout) {
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(e) => return Err(Refusal::errno("poll", e as i32)),
            }
            let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(true)).collect::<Vec<_>>().into_iter();
            if writing.is_some() && ready.next().unwrap_or(false) {
                match write_some(&mut self.stdin, input) {
                    Some(n) => input = &input[n..],
                    // It no longer reads: what it says before it ends is the answer.
                    None => input = &[],
                }
            }
            if self.stdout.is_some() && ready.next().unwrap_or(false) {
                read_some(&mut self.stdout, &mut self.said);
            }
            if self.stderr.is_some() && ready.next().unwrap_or(false) {
                read_some(&mut self.stderr, &mut self.complained);
            }
        }
    }

    /// Whether the tool has said this since the last answer.
    pub(super) fn has_said(&self, words: &[u8]) -> bool {
        self.said.windows(words.len()).any(|part| part == words)
    }

    /// Waits for the end of a tool that has closed its outputs.
    pub(super) fn ended(&mut self) -> Ended {
        self.stdin = None;
        // It cannot be told why a wait on a descriptor of our own should fail; the status says enough.
        let _ = self.process.fd().wait_through(None);
        // No status where something else has reaped it, such as the init of a sandbox.
        let status = self.process.reap().unwrap_or(-1);
        let text = |bytes: &mut Vec<u8>| String::from_utf8_lossy(&std::mem::take(bytes)).into_owned();
        Ended { status, stdout: text(&mut self.said), stderr: text(&mut self.complained) }
    }
}

fn write_some(pipe: &mut Option<OwnedFd>, bytes: &[u8]) -> Option<usize> {
    match unistd::write(pipe.as_ref()?, bytes) {
        Ok(n) => Some(n),
        Err(Errno::EAGAIN | Errno::EINTR) => Some(0),
        Err(_) => {
            *pipe = None;
            None
        }
    }
}

fn read_some(pipe: &mut Option<OwnedFd>, into: &mut Vec<u8>) {
    let mut buffer = [0; 16 * 1024];
    match pipe.as_ref().map(|pipe| unistd::read(pipe, &mut buffer)) {
        Some(Ok(n)) if n > 0 => into.extend_from_slice(&buffer[..n]),
        Some(Err(Errno::EINTR)) => {}
        _ => *pipe = None,
    }
}

/// Runs a tool to its end in the calling thread's network namespace.
pub(super) fn run(program: &Path, args: &[&str]) -> Done<Ended> {
    let mut child = ToolProcess::start(program, args)?;
    child.ask(&[], &[], Patience::reading())?;
    Ok(child.ended())
}
