//! Taking a lab's name.

use super::cleanup::make_way;
use super::notice::NewSink;
use crate::lab::registry::{LabLock, Mode, Registry};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::LabName;
use crate::sandbox;

/// Refuses what only root may do, before anything is written.
pub fn require_rights(mode: Mode) -> OpResult<()> {
    if mode == Mode::Sandbox || sandbox::euid() == 0 {
        return Ok(());
    }
    Err(OpError::new("host::root", "Only root can change this machine's network.")
        .help("Run it with sudo, or without --host, in a sandbox.")
        .class(Class::Machine))
}

/// A lab's name as the user gave it.
pub fn lab_name(text: &str) -> OpResult<LabName> {
    LabName::new(text).map_err(|error| OpError::from(error).usage())
}

/// Takes a name that nobody has: `exactly` this one if the lab is to be found by it later, else one like it. On the machine,
/// what an earlier run of the same lab left is undone first, so that the name is free.
pub fn take_name(name: &LabName, exactly: bool, mode: Mode, sink: NewSink<'_>) -> OpResult<LabLock> {
    let registry = Registry::open()?;
    if mode == Mode::Host {
        make_way(&registry.dir(name), sink)?;
    }
    if exactly { registry.create(name) } else { registry.create_near(name) }
}
