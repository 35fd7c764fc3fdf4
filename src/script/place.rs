//! Places in sources, and what is said there.

use crate::model::error::Site;
use rhai::{EvalAltResult, Position};
use std::sync::Arc;

/// A result as Rhai's functions return it.
pub type Raised<T> = Result<T, Box<EvalAltResult>>;

/// The place at a position of a source; the start of the source where Rhai lost the position.
pub fn site(source: &Arc<str>, position: Position) -> Site {
    let number = |place: Option<usize>| place.and_then(|place| u32::try_from(place).ok()).unwrap_or(1);
    Site { source: Arc::clone(source), line: number(position.line()), col: number(position.position()) }
}

/// What to say at the place where a function is called.
pub fn called(function: &str) -> String {
    if is_closure(function) { "in a closure that this calls".into() } else { format!("in this call of `{function}`") }
}

/// Whether Rhai made up this function's name.
pub fn is_closure(function: &str) -> bool {
    function.starts_with("anon$")
}
