//! The guard of a run on the machine: a process of its own, which undoes what the run had made should that be killed.
//!
//! It shares nothing with the run but a socket. The run writes a byte to it when it ends in order; that it is closed
//! without one means that the run is gone, however it ended, and whatever kernel this is. What the run had made the guard
//! then knows from the journal.
//!
//! From the moment that it is started it need not be waited for: it is in a process group of its own, which no terminal
//! sends signals to, and finds the socket closed whenever it comes to look.

use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::model::names::LabName;
use crate::model::process::OURSELVES;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// What the run writes when it has ended in order.
const WORD: [u8; 1] = *b".";

/// The guard of this process.
#[derive(Debug)]
pub struct Guard(UnixStream);

impl Guard {
    /// Starts a guard for the lab of that name, whose folder we have.
    pub fn start(name: &LabName) -> OpResult<Guard> {
        let start = || -> io::Result<UnixStream> {
            let (ours, theirs) = UnixStream::pair()?;
            let mut command = Command::new(OURSELVES);
            command.arg0("rhailab").args(["guard", name.as_str()]);
            // A group of its own: the terminal's Ctrl-C is meant for the run.
            command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).process_group(0).spawn()?;
            Ok(ours)
        };
        start().map(Guard).map_err(|error| unguarded(&error))
    }

    /// Tells it that we have ended in order. (What it would do otherwise comes to the same, but takes longer.)
    pub fn dismiss(self) {
        // It fails if somebody has killed it, and then nobody is left to be told.
        let _ = (&self.0).write_all(&WORD);
    }
}

/// The error of a guard that cannot be started.
pub fn unguarded(error: &io::Error) -> OpError {
    OpError::new("guard::start", "The guard, which undoes what a run has made should it be killed, cannot be started.")
        .cause(io_words(error))
        .help("Without one, add `--no-guard`; then `rhailab recover` undoes what a run that was killed has left.")
        .class(Class::Machine)
}
