//! `rhailab doc` and `rhailab reference`: the language's functions, from their definitions.

use super::args::Context;
use super::engine::{self, Ended};
use super::{completions, pager, told};
use crate::error::{Class, OpError, closest};
use crate::ops::{self, reference};
use clap::Args;
use std::io::{Write, stdout};

/// Show what a function of the language does
#[derive(Debug, Args)]
pub struct DocArgs {
    /// The function; all of them, in a line each, if none is given
    #[arg(value_name = "FUNCTION", add = completions::functions())]
    name: Option<String>,
    /// Print it as it is, in a terminal too
    #[arg(long)]
    no_pager: bool,
}

/// `reference`: Markdown.
pub fn print() -> Ended {
    told(write!(stdout(), "{}", reference::markdown()))?;
    Ok(0)
}

/// `doc`.
pub fn doc(args: &DocArgs, context: Context) -> Ended {
    let text = match &args.name {
        None => reference::summary(),
        Some(name) => reference::definition(plain(name)).ok_or_else(|| unknown(name))?,
    };
    pager::show(&text, context.stdout(), !args.no_pager)?;
    Ok(0)
}

/// The name alone of a function as a recipe writes it: `link` of `ns.link(…)`.
fn plain(written: &str) -> &str {
    let name = written.split('(').next().unwrap_or(written);
    name.rsplit(['.', ']']).next().unwrap_or(name).trim()
}

fn unknown(written: &str) -> OpError {
    let name = plain(written);
    let error = OpError::new("doc::unknown", format!("There is no function `{name}`.")).class(Class::Usage);
    let is_native = engine::reader(Vec::new()).is_ok_and(|session| session.knows(name));
    match closest(name, ops::all().map(|def| def.name)) {
        _ if is_native => error.help("It is one of Rhai's own, which the Rhai book describes: https://rhai.rs/book"),
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help("`rhailab doc` lists them all."),
    }
}
