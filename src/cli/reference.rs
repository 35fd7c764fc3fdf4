//! `rhailab doc` and `rhailab reference`: the language's functions, from their definitions.

use super::engine::Ended;
use super::told;
use crate::error::{Class, OpError, closest};
use crate::ops::{self, reference};
use clap::Args;
use std::io::{Write, stdout};

/// Show what a function of the language does
#[derive(Debug, Args)]
pub struct DocArgs {
    /// The function; all of them, in a line each, if none is given
    #[arg(value_name = "FUNCTION")]
    name: Option<String>,
}

/// `reference`: Markdown.
pub fn print() -> Ended {
    told(write!(stdout(), "{}", reference::markdown()))?;
    Ok(0)
}

/// `doc`.
pub fn doc(args: &DocArgs) -> Ended {
    let text = match &args.name {
        None => reference::summary(),
        Some(name) => reference::definition(name).ok_or_else(|| unknown(name))?,
    };
    told(writeln!(stdout(), "{text}"))?;
    Ok(0)
}

fn unknown(name: &str) -> OpError {
    let error = OpError::new("doc::unknown", format!("There is no function `{name}`.")).class(Class::Usage);
    match closest(name, ops::all().map(|def| def.name)) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help("`rhailab doc` lists them all."),
    }
}
