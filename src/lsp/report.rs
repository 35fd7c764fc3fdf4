//! What is found wrong with a document, as diagnostics.

use super::documents::{Document, uri_of};
use super::position::Lines;
use crate::model::error::Site;
use crate::script::scan::offset;
use crate::script::sources::Sources;
use crate::script::spans::call_at;
use crate::script::{Finding, Session, Severity};
use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, DiagnosticTag, Location, NumberOrString, Range,
};
use std::path::Path;

/// Everything wrong with a document. What is wrong with a module is told where that is imported.
pub fn diagnostics(session: &Session, document: &Document) -> Vec<Diagnostic> {
    let id = match document.file.display().to_string() {
        file if file.is_empty() => document.uri.as_str().to_owned(),
        file => file,
    };
    let findings = session.check_text(&id, &document.page.text, &document.file);
    let lines = Lines::of(&document.page.text);
    let mut all: Vec<Diagnostic> = Vec::new();
    for finding in findings {
        let found = diagnostic(&finding, &id, session.sources(), &lines);
        // A module with several mistakes is one mistake of the import.
        all.extend(found.filter(|found| all.iter().all(|other| other != found)));
    }
    all
}

fn diagnostic(finding: &Finding, id: &str, sources: &Sources, lines: &Lines<'_>) -> Option<Diagnostic> {
    let fault = &finding.error.0;
    let is_here = fault.site.as_ref().is_none_or(|site| &*site.source == id);
    let (range, message) = if is_here {
        let range = finding.range(sources).unwrap_or(0..0);
        (lines.range(&range), fault.message.clone())
    } else {
        let (import, _) = fault.calls.iter().find(|(site, _)| &*site.source == id)?;
        if finding.severity == Severity::Warning {
            return None;
        }
        let place = fault.site.as_ref().map(|site| format!("{site}: ")).unwrap_or_default();
        let (_, range) = place_of(import, sources)?;
        (range, format!("The module has a mistake. {place}{}", fault.message))
    };
    let message = match (&fault.cause, &fault.help) {
        (Some(cause), Some(help)) => format!("{message} ({cause})\n{help}"),
        (Some(cause), None) => format!("{message} ({cause})"),
        (None, Some(help)) => format!("{message}\n{help}"),
        (None, None) => message,
    };
    let related: Vec<DiagnosticRelatedInformation> = fault
        .notes
        .iter()
        .filter_map(|(site, message)| {
            let (location, _) = place_of(site, sources)?;
            Some(DiagnosticRelatedInformation { location, message: message.clone() })
        })
        .collect();
    let is_unused = fault.code.starts_with("unused::") || fault.code == "duplicate::import";
    Some(Diagnostic {
        range,
        severity: Some(match finding.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(fault.code.to_owned())),
        source: Some("rhailab".to_owned()),
        message,
        related_information: Some(related).filter(|related| !related.is_empty()),
        // Editors show such things faintly.
        tags: is_unused.then(|| vec![DiagnosticTag::UNNECESSARY]),
        ..Diagnostic::default()
    })
}

/// Where a place is, for the client.
fn place_of(site: &Site, sources: &Sources) -> Option<(Location, Range)> {
    let text = sources.text(&site.source)?;
    let range = Lines::of(&text).range(&call_at(&text, offset(&text, site.line, site.col)).name);
    Some((Location::new(uri_of(Path::new(&*site.source))?, range), range))
}
