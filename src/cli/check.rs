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
use std::collections::{BTreeMap, BTreeSet};
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
    let mut all = Vec::new();
    for file in &files {
        let name = if is_stdin(file) { &args.stdin_name } else { file };
        all.extend(findings(&session, file, name)?.into_iter().map(|finding| (finding, &**name)));
    }
    for finding in to_tell(all) {
        tally.count(&finding);
        if args.quiet {
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

/// What tells findings apart: where they are, and what they say.
fn key(finding: &Finding) -> (Option<String>, u32, u32, String) {
    let site = finding.error.0.site.as_ref();
    let (line, col) = site.map_or((0, 0), |site| (site.line, site.col));
    (site.map(|site| site.source.to_string()), line, col, finding.error.0.message.clone())
}

/// What is to be told of what was found, each with the file it was found by: everything once, as bad as it is for any of the
/// files, and of a module that is only imported what is an error. What a module is wrong with is told when it is its turn.
fn to_tell(all: Vec<(Finding, &Path)>) -> Vec<Finding> {
    let is_own = |finding: &Finding, file: &Path| {
        finding.error.0.site.as_ref().is_none_or(|site| Path::new(&*site.source) == file)
    };
    let mut worst = BTreeMap::new();
    for (finding, file) in &all {
        let known = worst.entry(key(finding)).or_insert((finding.severity, false));
        *known = (known.0.min(finding.severity), known.1 || is_own(finding, file));
    }
    let mut seen = BTreeSet::new();
    let mut told = Vec::new();
    for (finding, file) in all {
        let key = key(&finding);
        let (severity, has_turn) = worst.get(&key).copied().unwrap_or((finding.severity, false));
        let is_turn = is_own(&finding, file) || (!has_turn && severity == Severity::Error);
        if is_turn && seen.insert(key) {
            told.push(Finding { severity, ..finding });
        }
    }
    told
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    errors: usize,
    warnings: usize,
}

impl Tally {
    fn count(&mut self, finding: &Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
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
