//! Failures as reports for people, and as JSON for programs.
//!
//! This is the only user of miette. One of its reports can point into one source only, so what happened in
//! another file follows as a report of its own.

mod report;

use crate::error::{Class, OpError, Site};
use crate::script::sources::Sources;
use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};
use report::Report;
use serde_json::{Value as Json, json};

/// How reports look.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether to use colours.
    pub color: bool,
    /// The width to wrap at, in columns.
    pub width: usize,
    /// Whether to draw with more than ASCII.
    pub unicode: bool,
}

/// A report of a failure: code, message, cause, the blamed text, the calls that led there, and what to do.
pub fn render(error: &OpError, sources: &Sources, style: Style) -> String {
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_context_lines(1)
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    // Writing to a string fails only where a span is outside its text; the message is worth showing all the same.
    if handler.render_report(&mut text, &Report::of(error, sources)).is_err() {
        text = format!("{}: {error}\n", error.0.code);
    }
    let lines: Vec<&str> = text.trim_matches('\n').lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// Everything known about a failure.
pub fn to_json(error: &OpError) -> Json {
    let fault = &error.0;
    let place = |site: &Site| json!({ "source": &*site.source, "line": site.line, "col": site.col });
    let places = |places: &[(Site, String)]| -> Json {
        places.iter().map(|(site, text)| json!({ "site": place(site), "text": text })).collect()
    };
    json!({
        "code": fault.code,
        "class": class(fault.class),
        "message": fault.message,
        "help": fault.help,
        "cause": fault.cause,
        "errno": fault.errno,
        "command": fault.command,
        "arg": fault.arg,
        "site": fault.site.as_ref().map(place),
        "mark": fault.mark.as_ref().map(|mark| {
            json!({ "start": mark.range.start, "end": mark.range.end, "label": mark.label })
        }),
        "calls": places(&fault.calls),
        "notes": places(&fault.notes),
        "leftovers": fault.leftovers,
    })
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Recipe => "recipe",
        Class::Usage => "usage",
        Class::Machine => "machine",
        Class::Leftover => "leftover",
    }
}
