//! `rhailab journal`: what a lab has done, from its journal.

use super::Ended;
use super::completions;
use crate::lab::Made;
use crate::lab::journal::JournalEntry;
use crate::lab::registry::Registry;
use crate::lab::store;
use crate::model::error::{Class, OpError, io_words};
use crate::output::Printing;
use crate::output::change::entry;
use crate::output::told;
use crate::session::name::lab_name;
use clap::Args;
use std::fs;
use std::io::{Write, stdout};

/// Show the changes of a lab that stand, each with what would undo it
#[derive(Debug, Args)]
pub struct JournalArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// Print the journal itself: JSON, one record per line
    #[arg(long)]
    pub(super) json: bool,
}

/// `journal`.
pub fn journal(args: &JournalArgs, printing: Printing) -> Ended {
    let (place, _) = Registry::open()?.find(&lab_name(&args.lab)?)?;
    let path = place.journal();
    if !path.exists() {
        return Err(none(&args.lab).into());
    }
    let mut out = stdout().lock();
    if args.json {
        let text = fs::read(&path).map_err(|e| {
            OpError::new("journal::io", format!("Cannot read {}: {}.", path.display(), io_words(&e)))
                .class(Class::Machine)
        })?;
        told(out.write_all(&text))?;
        return Ok(0);
    }
    let style = printing.stdout();
    let state = store::read(&path)?;
    let made = Made::of(state.records());
    for JournalEntry { record, done } in state.standing.values() {
        told(write!(out, "{}", entry(&made, record, *done, style)))?;
    }
    Ok(0)
}

/// The error about a lab that writes no journal.
pub fn none(lab: &str) -> OpError {
    OpError::new("journal::none", format!("The lab `{lab}` has no journal."))
        .help("A `run` in a sandbox writes none: it ends with its process. `rhailab up` makes a lab that has one.")
        .class(Class::Usage)
}
