//! What must hold whatever comes in, as functions of bytes that panic where it does not, and inputs to begin with.

#[path = "../../tests/fakes/mod.rs"]
#[allow(missing_docs, reason = "shared with the tests")]
pub mod fakes;

#[path = "../../tests/agreement/mod.rs"]
pub mod agreement;

pub mod agree;
pub mod journal;
pub mod making;
pub mod names;
pub mod recipe;
pub mod seeds;
