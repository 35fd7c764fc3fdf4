//! A question to a sandbox of its own: what would a lab find here?

use super::{Exit, Inside, Outcome, SandboxSpec, enter, faults, wire};
use crate::model::error::OpResult;
use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{Read, Seek, Write};

/// Makes a sandbox, asks something in it, takes it down and returns the answer. To be called while the process has one
/// thread.
pub fn ask<T: Serialize + DeserializeOwned>(
    spec: &SandboxSpec,
    question: impl FnOnce(Inside) -> T + Send,
) -> OpResult<T> {
    // A file in memory that both processes have: unlike a pipe it takes an answer of any length before it is read.
    let slate = memfd_create("answer", MFdFlags::MFD_CLOEXEC);
    let mut slate = File::from(slate.map_err(|errno| faults::outer("make a file in memory", errno))?);
    let outcome = enter(spec, |inside| {
        let answer = serde_json::to_vec(&question(inside)).unwrap_or_default();
        Exit::End(i32::from((&slate).write_all(&answer).is_err()))
    })?;
    if outcome != Outcome::Ended(0) {
        return Err(faults::defect());
    }
    let lost = |e: std::io::Error| faults::outer("read what the sandbox wrote", wire::errno(&e));
    let mut answer = Vec::new();
    slate.rewind().map_err(lost)?;
    slate.read_to_end(&mut answer).map_err(lost)?;
    serde_json::from_slice(&answer).map_err(|_| faults::outer("read what the sandbox wrote", Errno::EBADMSG))
}
