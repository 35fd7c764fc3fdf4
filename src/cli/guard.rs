//! `rhailab guard`: the process that undoes what a run on the machine had made, should that be killed.

use super::Ended;
use super::args::OutputArgs;
use crate::model::names::LabName;
use crate::output::{Printing, changes, write_err};
use crate::session::notice::SharedSink;
use crate::session::stand_guard::stand_guard;
use clap::Args;

/// Undo what the run of a lab had made, if it was killed
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The lab
    name: String,
}

/// `guard`.
pub fn guard(args: &GuardArgs, printing: Printing) -> Ended {
    let progress = OutputArgs::QUIET.progress(&args.name, printing);
    let sink: SharedSink = progress.clone();
    if stand_guard(&LabName::new(&args.name)?, &sink)? {
        let count = changes(progress.borrow().undone());
        write_err(&format!("The run of `{}` was killed. What it had made was undone: {count}.", args.name));
    }
    Ok(0)
}
