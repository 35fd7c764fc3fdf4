//! Failures as reports for people, and as JSON for programs.
//!
//! This is the only user of miette. One of its reports can point into one source only, so what happened in
//! another file follows as a report of its own.

mod fold;
mod report;

use crate::model::error::{Class, OpError, Site};
use crate::script::scan::line_col;
use crate::script::sources::Sources;
use crate::script::{Finding, Severity};
use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};
use report::Report;
use serde_json::{Value as Json, json};

/// How reports look.
#[derive(Debug, Clone, Copy)]
pub struct ReportStyle {
    /// Whether to use colours.
    pub color: bool,
    /// The width to wrap at, in columns.
    pub width: usize,
    /// Whether to draw with more than ASCII.
    pub unicode: bool,
}

/// A report of a failure: code, message, cause, the blamed text, the calls that led there, and what to do.
pub fn render(error: &OpError, sources: &Sources, style: ReportStyle) -> String {
    draw(&Report::of(error, sources, style.width), error, style)
}

/// A report of something that was found in a text.
pub fn render_finding(finding: &Finding, sources: &Sources, style: ReportStyle) -> String {
    let report = Report::of(&finding.error, sources, style.width);
    let report = match finding.severity {
        Severity::Error => report,
        Severity::Warning => report.into_warning(),
    };
    draw(&report, &finding.error, style)
}

fn draw(report: &Report, error: &OpError, style: ReportStyle) -> String {
    let theme = GraphicalTheme {
        characters: if style.unicode { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_context_lines(1)
        .with_links(false)
        .without_syntax_highlighting();
    let mut text = String::new();
    // Writing to a string fails only where a span is outside its text; the message is worth showing all the same.
    if handler.render_report(&mut text, report).is_err() {
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

/// Something that was found in a text, with its place from 1 in lines and characters.
pub fn finding_to_json(finding: &Finding, sources: &Sources) -> Json {
    let fault = &finding.error.0;
    let text = fault.site.as_ref().and_then(|site| sources.text(&site.source));
    let place = finding.range(sources).zip(text).map(|(range, text)| {
        let (start, end) = (line_col(&text, range.start), line_col(&text, range.end));
        (start, json!({ "line": end.0, "col": end.1 }))
    });
    json!({
        "file": fault.site.as_ref().map(|site| &*site.source),
        "line": place.as_ref().map(|(start, _)| start.0),
        "col": place.as_ref().map(|(start, _)| start.1),
        "end": place.map(|(_, end)| end),
        "severity": match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "code": fault.code,
        "message": fault.message,
        "cause": fault.cause,
        "help": fault.help,
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

#[cfg(test)]
mod tests {
    use super::{ReportStyle, render, to_json};
    use crate::model::error::{Class, Mark, OpError, Site};
    use crate::script::sources::Sources;

    const PLAIN: ReportStyle = ReportStyle { color: false, width: 80, unicode: false };

    fn error() -> OpError {
        let mut error = OpError::new("link::exists", "Interface `br0` already exists.")
            .cause("RTM_NEWLINK: File exists")
            .command("ip link add br0 type bridge")
            .class(Class::Leftover);
        error.0.leftovers.push("ip link del br0".into());
        error.0.site = Some(Site { source: "a.rhai".into(), line: 2, col: 1 });
        error.0.mark = Some(Mark { range: 3..16, label: "failed here".into() });
        error
    }

    #[test]
    fn a_report_in_ascii_shows_what_is_left_and_how_to_do_it_by_hand() {
        let sources = Sources::default();
        sources.add("a.rhai", "\n\n bridge(\"br0\")\n");
        let report = render(&error(), &sources, PLAIN);
        for part in
            ["link::exists", "RTM_NEWLINK", "a.rhai:3:2", "failed here", "by hand: ip link add", "  ip link del br0"]
        {
            assert!(report.contains(part), "{part} in\n{report}");
        }
        assert!(report.is_ascii(), "{report}");
        assert!(render(&error(), &sources, ReportStyle { color: true, ..PLAIN }).contains("\u{1b}["));
    }

    #[test]
    fn a_report_does_without_its_source_and_survives_a_wrong_span() {
        let sources = Sources::default();
        assert!(render(&error(), &sources, PLAIN).contains("already exists"));
        sources.add("a.rhai", "é");
        assert!(render(&error(), &sources, PLAIN).contains("already exists"));
    }

    #[test]
    fn json_has_every_field() {
        let json = to_json(&error());
        assert_eq!(
            (&json["class"], &json["site"]["line"], &json["mark"]["start"]),
            (&"leftover".into(), &2.into(), &3.into())
        );
        assert_eq!(json["leftovers"][0], "ip link del br0");
        assert!(json["help"].is_null() && json["calls"].as_array().is_some_and(Vec::is_empty));
    }
}
