//! The real kernel of this machine.

pub mod probe;
pub mod process;
pub mod serve;
pub mod spaces;
