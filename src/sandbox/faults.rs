//! Why there is no sandbox, and what would give one.

use super::barrier::UserNsSettings;
use super::wire::{SetupFailure, SetupStep};
use crate::model::error::{Class, OpError};
use nix::errno::Errno;
use nix::sys::signal::Signal;
use std::io;

/// A step of the outer process failed that normally cannot.
pub fn outer(what: &str, errno: Errno) -> OpError {
    machine("sandbox::process", format!("rhailab cannot {what}: {}.", errno.desc()), errno)
}

/// The thread of a run panicked.
pub fn defect() -> OpError {
    OpError::new("internal::panic", "The run ended by a defect of rhailab, described above.")
        .help("Please report it, with the recipe. `rhailab recover` undoes what a run with --host left.")
}

/// The lab's process was killed.
pub fn killed(signal: Signal) -> OpError {
    OpError::new(
        "sandbox::killed",
        format!("The lab's process was ended by {signal}; everything in the lab went with it."),
    )
    .help("If nobody sent that signal, the kernel may have run out of memory: see `dmesg`.")
}

/// The lab's holder is gone.
pub fn gone() -> OpError {
    OpError::new("lab::gone", "The lab's process has ended, and its network with it.")
        .help("`rhailab ls` shows the labs that stand.")
}

/// A lab could not be joined.
pub fn join(verb: &str, errno: Errno) -> OpError {
    let error = machine("sandbox::join", format!("Cannot {verb} the lab's process: {}.", errno.desc()), errno);
    match errno {
        Errno::ENOSYS | Errno::EINVAL => error.help("Joining a lab needs Linux 5.8 or newer (setns with a pidfd)."),
        Errno::EPERM => {
            error.help("Only the user who started a lab, and root in the same state directory, can join it.")
        }
        _ => error,
    }
}

/// A map of the user namespace could not be written.
pub fn map(file: &str, error: &io::Error) -> OpError {
    let errno = super::wire::errno(error);
    let fault = machine("sandbox::map", format!("Cannot write the sandbox's {file}: {}.", errno.desc()), errno);
    match UserNsSettings::read().barrier(errno) {
        Some(barrier) => fault.help(barrier.help()),
        None if is_refusal(error) => {
            fault.help("A security module or an unreadable rhailab binary forbids it: check that you may read the binary, and see `dmesg`.")
        }
        None => fault,
    }
}

/// The namespaces could not be made.
pub fn clone(errno: Errno, user_ns: bool) -> OpError {
    let why = words(errno);
    let message = if user_ns {
        format!("This machine does not let {} make a user namespace: {why}.", who())
    } else {
        format!("Cannot make the sandbox's namespaces: {why}.")
    };
    let error = machine("sandbox::namespaces", message, errno);
    let help = match errno {
        Errno::EINVAL => Some(
            "The kernel lacks one of CONFIG_USER_NS, CONFIG_NET_NS, CONFIG_PID_NS, CONFIG_UTS_NS and CONFIG_IPC_NS."
                .to_owned(),
        ),
        Errno::EAGAIN | Errno::ENOMEM => Some("There are too many processes, or too little memory.".to_owned()),
        _ => UserNsSettings::read().barrier(errno).map(|barrier| barrier.help()),
    };
    error.help(help.unwrap_or_else(|| "Run it as root, or see `dmesg` for what refused.".to_owned()))
}

/// A step inside the new namespaces failed.
pub fn setup(failure: SetupFailure) -> OpError {
    let SetupFailure { step, errno } = failure;
    let what = match step {
        SetupStep::Watch => "tie the lab to this process",
        SetupStep::Private => "separate the lab's mounts from the machine's",
        SetupStep::Run => "give the lab a /run of its own",
        SetupStep::Proc => "give the lab a /proc of its own",
        SetupStep::Sys => "give the lab a /sys of its own",
        SetupStep::Etc => "give the lab an /etc that it can write",
        SetupStep::Network => "set the lab's network namespace up",
        SetupStep::Thread => "start the recipe's thread",
        SetupStep::Session => "detach the lab from this terminal",
    };
    let error = machine("sandbox::setup", format!("Cannot {what}: {}.", words(errno)), errno);
    let refused = matches!(errno, Errno::EPERM | Errno::EACCES);
    match (step, UserNsSettings::read().barrier(errno)) {
        (SetupStep::Proc, None) if refused => error.help(
            "The kernel mounts a new /proc only where the present one is not partly covered, as container runtimes do. \
             Start the container with `--security-opt systempaths=unconfined` (docker) or \
             `--security-opt unmask=ALL` (podman).",
        ),
        (_, Some(barrier)) if refused || step == SetupStep::Network => error.help(barrier.help()),
        _ => error,
    }
}

/// What an error number means to namespaces: for their limits the kernel says "no space left on device".
fn words(errno: Errno) -> &'static str {
    if errno == Errno::ENOSPC { "a limit is reached" } else { errno.desc() }
}

fn machine(code: &'static str, message: String, errno: Errno) -> OpError {
    let mut error = OpError::new(code, message).class(Class::Machine);
    error.0.errno = Some(errno as i32);
    error
}

fn who() -> &'static str {
    if nix::unistd::geteuid().is_root() { "a root without CAP_SYS_ADMIN" } else { "an ordinary user" }
}

/// Whether the error number means that the map's file refused us.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EPERM | Errno::EACCES))
}
