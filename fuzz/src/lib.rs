//! What must hold whatever comes in, as functions of bytes that panic where it does not, and inputs to begin with.

#[path = "../../tests/fakes/mod.rs"]
#[allow(missing_docs, reason = "shared with the tests")]
pub mod fakes;

pub mod journal;
pub mod names;
pub mod recipe;
pub mod seeds;
