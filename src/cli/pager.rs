//! Long texts in a terminal, through the user's pager.

use crate::model::error::OpResult;
use crate::output::style::Style;
use crate::output::told;
use crate::session::machine;
use std::io::{Write, stdout};
use std::process::{Command, Stdio};

/// The pager where the user names none: it ends at once where the text fits on the screen, leaves it there, and shows
/// colours.
const PAGER: &str = "less -FRX";

/// Prints a text; in a terminal, if `may_page`, through a pager.
pub fn show(text: &str, style: Style, may_page: bool) -> OpResult<()> {
    if style.is_terminal && may_page && paged(text) {
        return Ok(());
    }
    told(writeln!(stdout(), "{}", text.trim_end()))
}

/// Whether a pager has shown the text.
fn paged(text: &str) -> bool {
    let pager = std::env::var("PAGER").unwrap_or_else(|_| PAGER.to_owned());
    let words = shell_words::split(&pager).unwrap_or_default();
    // An empty `PAGER`, or `cat`, means that no pager is wanted, as with git and man.
    let Some((program, args)) = words.split_first().filter(|(program, _)| *program != "cat") else { return false };
    // The pager takes Ctrl-C for itself; were we to end by it, the pager and the shell would share the terminal.
    if machine::heed_signals().is_err() {
        return false;
    }
    let Ok(mut child) = Command::new(program).args(args).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // Who has read enough ends the pager early, and the pipe with it.
        let _ = input.write_all(text.as_bytes());
        let _ = input.write_all(b"\n");
    }
    child.wait().is_ok()
}
