//! The error of a recipe that the user stopped.

use crate::kernel::interrupt;
use crate::model::error::OpError;

/// Its code.
pub const STOPPED: &str = "run::interrupted";

/// The error of whatever was under way when the user asked to stop.
pub fn stopped() -> OpError {
    let message = match interrupt::signal_name() {
        Some("SIGINT") => "Ctrl-C stopped the recipe.".to_owned(),
        Some("SIGHUP") => "The terminal was closed (SIGHUP), and that stopped the recipe.".to_owned(),
        Some(signal) => format!("{signal} stopped the recipe."),
        None => "The recipe was stopped.".to_owned(),
    };
    OpError::new(STOPPED, message).help("What it has made is taken down.")
}
