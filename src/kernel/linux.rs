//! The real kernel of this machine.

pub mod spaces;
