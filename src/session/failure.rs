//! How a session fails: an error, with the texts that it points into.

use crate::lab::Leftover;
use crate::model::error::{Class, OpError};
use crate::model::names::BadName;
use crate::script::sources::Sources;

/// An error with the texts that it points into.
#[derive(Debug)]
pub struct Failure {
    /// The error.
    pub error: OpError,
    /// The recipe and its modules.
    pub sources: Sources,
}

impl From<OpError> for Failure {
    fn from(error: OpError) -> Failure {
        Failure { error, sources: Sources::default() }
    }
}

impl From<BadName> for Failure {
    fn from(error: BadName) -> Failure {
        OpError::from(error).into()
    }
}

/// The exit code of an error.
pub fn exit_code(error: &OpError) -> i32 {
    if error.0.leftovers.is_empty() { error.0.class.exit_code() } else { Class::Leftover.exit_code() }
}

/// The error of a teardown that left something.
pub fn leftover_error(left: &[Leftover]) -> OpError {
    let what = if left.len() == 1 { "One change".to_owned() } else { format!("{} changes", left.len()) };
    let mut error = OpError::new("lab::leftover", format!("{what} could not be undone.")).class(Class::Leftover);
    error.0.leftovers = left.iter().map(Leftover::describe).collect();
    error
}
