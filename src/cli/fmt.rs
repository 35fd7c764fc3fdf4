//! `rhailab fmt`: the layout of recipes.

use super::Ended;
use super::args::{ReportArgs, is_stdin};
use super::check::recipes;
use super::completions;
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::output::Printing;
use crate::output::{CLOSED, fail, told};
use crate::script::{self, read_text, standard_input};
use clap::Args;
use serde_json::json;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

/// Indent the lines of recipes, and nothing else
#[derive(Debug, Args)]
#[command(after_help = "\
What is within a line stays as it is. Blank lines at the beginning and end of a file and all but one between two lines \
go, and so do spaces at the ends of lines. With -, standard input is laid out and printed.")]
pub struct FmtArgs {
    /// Recipes and modules, folders of them, or - for standard input
    #[arg(value_name = "FILE", required = true, add = completions::recipes())]
    files: Vec<PathBuf>,
    /// Only name the files that would change; the exit code is 2 if there are any
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// `fmt`. A file that cannot be laid out keeps no other from it.
pub fn fmt(args: &FmtArgs, printing: Printing) -> Ended {
    let mut code = 0;
    for file in recipes(&args.files)? {
        match one(&file, args.check, args.report) {
            Ok(true) if args.check => code = code.max(Class::Usage.exit_code()),
            Ok(_) => {}
            Err(error) if error.0.code == CLOSED => return Err(error.into()),
            Err(error) => code = code.max(fail(&error.into(), printing)),
        }
    }
    Ok(code)
}

/// Lays a file out, or only names it, and says whether it has changed or would.
fn one(file: &Path, only_name: bool, report: ReportArgs) -> OpResult<bool> {
    let is_stdin = is_stdin(file);
    let text = if is_stdin { standard_input()? } else { read_text(file)? };
    let laid_out = script::format::format(&text).ok_or_else(|| unclear(file))?;
    let differs = laid_out != text;
    match (only_name, is_stdin) {
        (true, _) if differs && report.json => {
            told(writeln!(stdout(), "{}", json!({ "event": "differs", "file": file })))?;
        }
        (true, _) if differs && !report.quiet => told(writeln!(stdout(), "{}", file.display()))?,
        (false, true) => told(write!(stdout(), "{laid_out}"))?,
        (false, false) if differs => {
            write(file, &laid_out)?;
            report.wrote(file)?;
        }
        _ => {}
    }
    Ok(differs)
}

fn unclear(file: &Path) -> OpError {
    OpError::new("fmt::unclear", format!("The brackets or strings of `{}` do not match.", file.display()))
        .help(format!("`rhailab check {}` says where.", file.display()))
        .usage()
}

fn write(file: &Path, text: &str) -> OpResult<()> {
    fs::write(file, text).map_err(|error| {
        OpError::new("fmt::write", format!("Cannot write {}: {}.", file.display(), io_words(&error)))
            .help("Check that you may write to it: `ls -l`.")
            .class(Class::Machine)
    })
}
