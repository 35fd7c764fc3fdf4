//! Whole processes, from the call that spawns one to the call that reaps it.

use nix::libc;
use rhailab_bench::{Context as _, Result};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a process cost, with the children it waited for.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Milliseconds from spawn to exit.
    pub wall: f64,
    /// Milliseconds of processor time, user and system.
    pub cpu: f64,
    /// The most memory that any one process of them held at a time, in MiB.
    pub peak: f64,
}

/// A process that was started and not yet waited for.
pub struct Started {
    pid: libc::pid_t,
    /// When it was spawned.
    pub at: Instant,
    what: String,
}

/// Starts a program with nothing on its standard input and output; its standard error goes to a file, to be quoted
/// when it fails.
pub fn start(argv: &[String], env: &[(String, String)], stderr: &Path) -> Result<Started> {
    let (program, rest) = argv.split_first().ok_or("an empty command")?;
    let mut command = Command::new(program);
    command.args(rest).envs(env.iter().cloned()).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(stderr).context(stderr.display())?);
    let at = Instant::now();
    let child = command.spawn().context(program)?;
    let pid = libc::pid_t::try_from(child.id())?;
    Ok(Started { pid, at, what: argv.join(" ") })
}

impl Started {
    /// Waits for its end.
    pub fn finish(self, stderr: &Path) -> Result<Cost> {
        let (status, usage) = wait(self.pid)?;
        let wall = milliseconds(self.at);
        if status != 0 {
            let words = std::fs::read_to_string(stderr).unwrap_or_default();
            return Err(format!("`{}` ended with wait status {status:#x}: {}", self.what, words.trim()).into());
        }
        let time = |t: libc::timeval| float(t.tv_sec) * 1e3 + float(t.tv_usec) / 1e3;
        Ok(Cost { wall, cpu: time(usage.ru_utime) + time(usage.ru_stime), peak: float(usage.ru_maxrss) / 1024.0 })
    }
}

/// Runs a program to its end.
pub fn run(argv: &[String], env: &[(String, String)], stderr: &Path) -> Result<Cost> {
    start(argv, env, stderr)?.finish(stderr)
}

/// The time since then.
pub fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

#[allow(clippy::cast_precision_loss)] // seconds, microseconds and KiB of one process: far below 2^52
fn float(number: i64) -> f64 {
    number as f64
}

/// wait4(2), which alone gives one child's own usage.
#[allow(unsafe_code)]
fn wait(pid: libc::pid_t) -> Result<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: rusage is a plain C struct of integers, for which all zeros is a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to live, writable locals of the types that the call fills in.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } == pid {
            return Ok((status, usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error).context("wait4");
        }
    }
}
