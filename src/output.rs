//! What is printed: progress, events as JSON, tables, colours. The command line and the prompt share it.

pub mod baseline;
pub mod change;
pub mod json;
pub mod progress;
pub mod standing;
pub mod style;
pub mod table;

use crate::diagnostics;
use crate::export::StepKind;
use crate::model::error::{OpError, OpResult, Site, io_words};
use crate::model::names::LabName;
use crate::script::Finding;
use crate::script::sources::Sources;
use crate::session::Failure;
use crate::session::failure::exit_code;
use clap::ColorChoice;
use json::Json;
use std::io::{Error, ErrorKind, Write, stderr, stdout};
use style::{Ink, Style};

/// The code of the error that says that nobody reads our output any more.
pub const CLOSED: &str = "output::closed";

/// How a subcommand prints.
#[derive(Debug, Clone, Copy)]
pub struct Printing {
    /// Whether to colour.
    pub color: ColorChoice,
    /// Whether the output is for a program.
    pub json: bool,
}

impl Printing {
    /// The style of standard output.
    pub fn stdout(self) -> Style {
        Style::stdout(self.color)
    }

    /// The style of standard error.
    pub fn stderr(self) -> Style {
        Style::stderr(self.color)
    }
}

/// Reports an error, for a person on standard error or for a program on standard output, and returns its exit code.
pub fn fail(failure: &Failure, printing: Printing) -> i32 {
    let error = &failure.error;
    if error.0.code == CLOSED {
        return 0;
    }
    if printing.json {
        write_out(&Json::failure(error).line());
    } else {
        write_err(&report(failure, printing.stderr()));
    }
    exit_code(error)
}

/// The report of an error, for a person.
pub fn report(failure: &Failure, style: Style) -> String {
    diagnostics::render(&failure.error, &failure.sources, style.into()).trim_end().to_owned()
}

/// The report of something found in a recipe, for a person.
pub fn report_finding(finding: &Finding, sources: &Sources, style: Style) -> String {
    diagnostics::render_finding(finding, sources, style.into())
}

/// "1 change", "2 changes".
pub fn changes(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// That a lab stays, and what can be done with it.
pub fn is_up(name: &LabName) -> String {
    format!("The lab `{name}` is up. Look at it with `rhailab status {name}`, take it down with `rhailab down {name}`.")
}

/// How the lines of a step begin, and their colour.
pub fn sign(kind: StepKind) -> (char, Ink) {
    match kind {
        StepKind::Makes => ('+', Ink::Made),
        StepKind::Alters => ('~', Ink::Made),
        StepKind::Undoes | StepKind::Falls => ('-', Ink::Undone),
    }
}

/// A place as comments name it: the file and the line, where it is one of a recipe.
pub fn place(site: &Site) -> String {
    if site.line == 0 { site.source.to_string() } else { format!("{}:{}", site.source, site.line) }
}

/// Prints a line on standard output after which nothing follows, so that it does not matter whether anybody reads it.
pub fn write_out(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// Prints a line on standard error; there is nowhere to say that this failed.
pub fn write_err(text: &str) {
    raw_err(&format!("{text}\n"));
}

fn raw_err(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}

/// The outcome of printing. That a reader like `head` has seen enough is no failure of ours.
pub fn told(result: Result<(), Error>) -> OpResult<()> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => OpError::new(CLOSED, "Nobody reads the output."),
        _ => OpError::new("output::write", format!("Cannot write the output: {}.", io_words(&error))),
    })
}
