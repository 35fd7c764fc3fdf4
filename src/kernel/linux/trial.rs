//! Trying what a lab would do, each time in a network namespace that goes with the try.

use super::programs;
use super::spaces::Spaces;
use super::{LinuxKernel, Setup, sysctl};
use crate::kernel::{Done, Errno, Kernel, Refusal, Why};
use crate::model::change::Change;
use crate::model::names::LabName;
use std::path::PathBuf;

/// Something to try.
#[derive(Debug, Clone, PartialEq)]
pub enum Attempt {
    /// Make these changes, in order, in a namespace where nothing was made yet.
    Make(Vec<Change>),
    /// Open a sysctl for writing. It is not written, for it may be the whole machine's.
    Set(String),
    /// Find a program.
    Find(String),
}

/// Why it cannot be done here; none if it can.
pub fn refusal(spaces: &Spaces, attempt: &Attempt) -> Option<Refusal> {
    let tried = match attempt {
        Attempt::Make(changes) => spaces.inside_new(|| make(changes)),
        Attempt::Set(key) => spaces.inside_new(|| sysctl::may_write(key)),
        Attempt::Find(program) => programs::find(program)
            .map(drop)
            .ok_or_else(|| Refusal::errno(format!("exec {program}"), Errno::ENOENT as i32)),
    };
    tried.err()
}

/// Makes the changes; what was made goes with its namespace.
fn make(changes: &[Change]) -> Done<()> {
    let lab = LabName::new("try").map_err(|error| Refusal::new(Why::Protocol, "the try", error.to_string()))?;
    // Folders for processes, of which none is started.
    let none = PathBuf::new();
    let setup = Setup { lab, log_dir: none.clone(), etc_netns: none, persistent: false, ledger: None, sandboxed: true };
    let mut kernel = LinuxKernel::new(setup)?;
    for (n, change) in (1..).zip(changes) {
        let identity = kernel.prepare(n, change)?;
        kernel.apply(n, change, &identity)?;
        if let Some((_, refusal)) = kernel.settle().into_iter().chain(kernel.settle_files()).next() {
            return Err(refusal);
        }
    }
    Ok(())
}
