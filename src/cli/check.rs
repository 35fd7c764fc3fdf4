//! `rhailab check`: everything wrong with recipes, without running them.

use super::Ended;
use super::args::{folders, is_stdin};
use super::completions;
use crate::diagnostics::finding_to_json;
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::output::Printing;
use crate::output::report_finding;
use crate::output::told;
use crate::output::write_err;
use crate::script::{Finding, Session, Severity, standard_input};
use crate::session::recipe::reader;
use clap::Args;
use std::collections::BTreeSet;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

/// Say what is wrong with recipes, without running them
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0, nothing is wrong; 2, there are errors, or warnings with --deny-warnings.")]
pub struct CheckArgs {
    /// Recipes and modules, folders of them, or - for standard input
    #[arg(value_name = "FILE", required = true, add = completions::recipes())]
    files: Vec<PathBuf>,
    /// Let recipes import modules from this folder too
    #[arg(long, value_name = "DIR")]
    module_path: Vec<PathBuf>,
    /// Fail if there are warnings, too
    #[arg(long)]
    deny_warnings: bool,
    /// What to call the text from standard input; imports are relative to it
    #[arg(long, value_name = "FILE", default_value = "stdin", hide_default_value = true)]
    stdin_name: PathBuf,
    /// Say nothing; the exit code tells
    #[arg(short, long)]
    quiet: bool,
    /// Print a JSON object for each finding, one per line (docs/json.md)
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
}

/// `check`.
pub fn check(args: &CheckArgs, printing: Printing) -> Ended {
    let files = recipes(&args.files)?;
    let session = reader(folders(&args.module_path)?)?;
    let mut tally = Tally::default();
    for file in &files {
        let name = if is_stdin(file) { &args.stdin_name } else { file };
        for finding in findings(&session, file, name)? {
            if !tally.counts(&finding, name, &files) || args.quiet {
                continue;
            }
            let mut out = stdout().lock();
            if args.json {
                told(writeln!(out, "{}", finding_to_json(&finding, session.sources())))?;
            } else {
                let report = report_finding(&finding, session.sources(), printing.stdout());
                told(writeln!(out, "{report}"))?;
            }
        }
    }
    if !args.json && !args.quiet {
        write_err(&tally.summary(files.len()));
    }
    Ok(if tally.errors > 0 || (args.deny_warnings && tally.warnings > 0) { Class::Usage.exit_code() } else { 0 })
}

fn findings(session: &Session, file: &Path, name: &Path) -> OpResult<Vec<Finding>> {
    if !is_stdin(file) {
        return Ok(session.check_file(file));
    }
    Ok(session.check_text(&name.display().to_string(), &standard_input()?, name))
}

/// The files that are meant, with the recipes in folders and the folders in them.
pub(super) fn recipes(named: &[PathBuf]) -> OpResult<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files)?;
        if files.len() == before {
            let message = format!("There is no recipe in the folder `{}`.", path.display());
            return Err(OpError::new("check::empty", message).help("Recipes end in `.rhai`.").usage());
        }
    }
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> OpResult<()> {
    let unreadable = |error: std::io::Error| {
        OpError::new("check::unreadable", format!("The folder `{}` cannot be read.", folder.display()))
            .cause(io_words(&error))
            .help("Check that you may read it: `ls -ld`.")
            .usage()
    };
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        // Links to folders may go in circles.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        entries.push((entry.file_name(), is_folder));
    }
    entries.sort();
    for (name, is_folder) in entries {
        let path = if folder == Path::new(".") { PathBuf::from(&name) } else { folder.join(&name) };
        let name = name.to_string_lossy();
        // Definition files, which `rhailab definitions` writes, are no recipes.
        let is_recipe = name.ends_with(".rhai") && !name.ends_with(".d.rhai");
        if is_folder && !name.starts_with('.') {
            walk(&path, files)?;
        } else if !is_folder && is_recipe {
            files.push(path);
        }
    }
    Ok(())
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    errors: usize,
    warnings: usize,
    seen: BTreeSet<(Option<String>, u32, u32, String)>,
}

impl Tally {
    /// Whether a finding is to be told: once, and of a module that is only imported if it is an error.
    fn counts(&mut self, finding: &Finding, file: &Path, files: &[PathBuf]) -> bool {
        let site = finding.error.0.site.as_ref();
        let source = site.map(|site| Path::new(&*site.source));
        let is_of_module = source.is_some_and(|source| source != file);
        let is_checked_itself = is_of_module && files.iter().any(|file| Some(&**file) == source);
        if is_checked_itself || (is_of_module && finding.severity == Severity::Warning) {
            return false;
        }
        let (line, col) = site.map_or((0, 0), |site| (site.line, site.col));
        let source = source.map(|source| source.display().to_string());
        if !self.seen.insert((source, line, col, finding.error.0.message.clone())) {
            return false;
        }
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        true
    }

    fn summary(&self, files: usize) -> String {
        let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
        let checked = format!("{} checked", count(files, "file"));
        match (self.errors, self.warnings) {
            (0, 0) => format!("{checked}: nothing is wrong."),
            (errors, 0) => format!("{checked}: {}.", count(errors, "error")),
            (0, warnings) => format!("{checked}: {}.", count(warnings, "warning")),
            (errors, warnings) => format!("{checked}: {}, {}.", count(errors, "error"), count(warnings, "warning")),
        }
    }
}
