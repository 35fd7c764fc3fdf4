//! `rhailab doc`, `rhailab reference` and `rhailab definitions`: the language's functions, from their definitions.

use super::Ended;
use super::args::ReportArgs;
use super::{completions, pager};
use crate::model::error::{Class, OpError, closest, io_words};
use crate::ops::{self, reference};
use crate::output::Printing;
use crate::output::told;
use crate::script;
use crate::session::recipe::reader;
use clap::{Args, ValueHint};
use std::fs;
use std::io::{Error, Write, stdout};
use std::path::{Path, PathBuf};

/// Show what a function of the language does
#[derive(Debug, Args)]
pub struct DocArgs {
    /// The function; all of them, in a line each, if none is given
    #[arg(value_name = "FUNCTION", add = completions::functions())]
    name: Option<String>,
    /// Print it as it is, in a terminal too
    #[arg(long)]
    no_pager: bool,
    /// Print a JSON object for each function (docs/json.md)
    #[arg(long)]
    pub(super) json: bool,
}

/// Write definition files (.d.rhai), which Rhai's own tools and editors read
#[derive(Debug, Args)]
pub struct DefinitionsArgs {
    /// The folder to write them into; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// `definitions`.
pub fn definitions(args: &DefinitionsArgs) -> Ended {
    let refuse = |path: &Path, error: &Error| {
        OpError::new("definitions::write", format!("Cannot write {}: {}.", path.display(), io_words(error)))
            .help("Name a folder that you may write to.")
            .class(Class::Machine)
    };
    fs::create_dir_all(&args.dir).map_err(|error| refuse(&args.dir, &error))?;
    for (name, text) in script::definitions::files() {
        let path = args.dir.join(name);
        fs::write(&path, text).map_err(|error| refuse(&path, &error))?;
        args.report.wrote(&path)?;
    }
    Ok(0)
}

/// `reference`: Markdown.
pub fn print() -> Ended {
    told(write!(stdout(), "{}", reference::markdown()))?;
    Ok(0)
}

/// `doc`.
pub fn doc(args: &DocArgs, printing: Printing) -> Ended {
    if args.json {
        let name = args.name.as_deref().map(plain);
        let defs: Vec<_> = ops::all().filter(|def| name.is_none_or(|name| def.name == name)).collect();
        if let (Some(name), []) = (&args.name, &*defs) {
            return Err(unknown(name).into());
        }
        for def in defs {
            told(writeln!(stdout(), "{}", reference::json(def)))?;
        }
        return Ok(0);
    }
    let text = match &args.name {
        None => reference::summary(),
        Some(name) => reference::definition(plain(name)).ok_or_else(|| unknown(name))?,
    };
    pager::show(&text, printing.stdout(), !args.no_pager)?;
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
    let is_native = reader(Vec::new()).is_ok_and(|session| session.vocabulary().knows(name));
    match closest(name, ops::all().map(|def| def.name)) {
        _ if is_native => error.help("It is one of Rhai's own, which the Rhai book describes: https://rhai.rs/book"),
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help("`rhailab doc` lists them all."),
    }
}
