//! An error as miette takes it.

use super::fold::fold;
use crate::model::error::{Fault, OpError, Site};
use crate::script::scan::offset;
use crate::script::sources::Sources;
use crate::script::spans::call_at;
use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};
use std::error::Error;
use std::fmt;
use std::ops::Range;

/// How many of the commands that do the same are shown: enough to see what was asked of the kernel.
const COMMANDS: usize = 2;

/// One report about one source, with those about others.
#[derive(Debug)]
pub struct Report {
    code: Option<&'static str>,
    message: String,
    cause: Option<Cause>,
    severity: Severity,
    help: Option<String>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    related: Vec<Report>,
}

#[derive(Debug)]
struct Cause(String);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}

/// A place to point at.
struct Spot {
    site: Site,
    range: Range<usize>,
    /// The name of the call that is there.
    name: Range<usize>,
    label: String,
}

impl Spot {
    fn overlaps(&self, other: &Spot) -> bool {
        let (a, b) = (&self.range, &other.range);
        self.site.source == other.site.source && a.start < b.end && b.start < a.end
    }
}

impl Report {
    /// The report of an error.
    pub fn of(error: &OpError, sources: &Sources, width: usize) -> Report {
        let fold = |text: &str, prefix: &str| fold(text, width.saturating_sub(prefix.chars().count()));
        let fault = &error.0;
        let mut spots = spots(fault, sources);
        let mut report = Report {
            code: Some(fault.code),
            message: fold(&fault.message, "  × "),
            cause: fault.cause.as_deref().filter(|cause| !cause.is_empty()).map(|cause| Cause(fold(cause, "  ╰─▶ "))),
            severity: Severity::Error,
            help: help(fault).map(|help| fold(&help, "  help: ")),
            source: None,
            labels: Vec::new(),
            related: Vec::new(),
        };
        if spots.is_empty() {
            return report;
        }
        // Nobody can mend a line of the standard library: show the recipe's own line first.
        let first = spots.iter().position(|spot| !is_std(&spot.site)).unwrap_or(0);
        let first = spots.remove(first);
        report.source = named(&first.site, sources);
        report.labels.push(LabeledSpan::new_primary_with_span(Some(first.label), first.range));
        let (same, others): (Vec<Spot>, Vec<Spot>) =
            spots.into_iter().partition(|spot| spot.site.source == first.site.source);
        for spot in same {
            report.labels.push(LabeledSpan::new_with_span(Some(spot.label), spot.range));
        }
        let (std, own): (Vec<Spot>, Vec<Spot>) = others.into_iter().partition(|spot| is_std(&spot.site));
        report.related = own.into_iter().chain(std).map(|spot| Report::advice(spot, sources)).collect();
        report
    }

    /// The same, as something less bad.
    pub fn into_warning(self) -> Report {
        Report { severity: Severity::Warning, ..self }
    }

    fn advice(spot: Spot, sources: &Sources) -> Report {
        Report {
            code: None,
            message: spot.label,
            cause: None,
            severity: Severity::Advice,
            help: None,
            source: named(&spot.site, sources),
            labels: vec![LabeledSpan::new_primary_with_span(None, spot.range)],
            related: Vec::new(),
        }
    }
}

/// Every place that an error speaks of: its own, the calls that led there, and those of its notes.
fn spots(fault: &Fault, sources: &Sources) -> Vec<Spot> {
    let own = fault.site.as_ref().and_then(|site| match &fault.mark {
        Some(mark) => spot(site, Some(&mark.range), &mark.label, sources),
        None => spot(site, None, "here", sources),
    });
    let others = fault.calls.iter().chain(&fault.notes).filter_map(|(site, text)| spot(site, None, text, sources));
    let mut spots: Vec<Spot> = Vec::new();
    for spot in own.into_iter().chain(others) {
        // Two things to say about the same text: a loop comes to the same call again.
        match spots.iter_mut().find(|same| same.site.source == spot.site.source && same.range == spot.range) {
            Some(same) if same.label.ends_with(&spot.label) => {}
            Some(same) => same.label = format!("{}; {}", same.label, spot.label),
            None => spots.push(spot),
        }
    }
    part(&mut spots);
    spots
}

/// Of a call around another one only the name is pointed at: nobody could tell lines under each other apart.
fn part(spots: &mut [Spot]) {
    for at in 0..spots.len() {
        let Some(spot) = spots.get(at) else { continue };
        let is_around = |other: &Spot| spot.overlaps(other) && spot.range.len() > other.range.len();
        if spots.iter().any(is_around) {
            let name = spot.name.clone();
            if let Some(spot) = spots.get_mut(at) {
                spot.range = name;
            }
        }
    }
}

fn spot(site: &Site, range: Option<&Range<usize>>, label: &str, sources: &Sources) -> Option<Spot> {
    let text = sources.text(&site.source)?;
    // miette panics at a span outside its text.
    let range = range.filter(|range| text.get((*range).clone()).is_some()).cloned();
    let call = call_at(&text, offset(&text, site.line, site.col));
    let range = first_line(&text, range.unwrap_or_else(|| call.whole()));
    Some(Spot { site: site.clone(), range, name: call.name, label: label.to_string() })
}

/// As much of a span as is on its first line, lest a call with a long closure fill the screen.
fn first_line(text: &str, range: Range<usize>) -> Range<usize> {
    let spanned = text.get(range.clone()).unwrap_or_default();
    let line = spanned.split('\n').next().unwrap_or_default().trim_end();
    range.start..range.start + line.len()
}

fn is_std(site: &Site) -> bool {
    site.source.starts_with("std/")
}

fn named(site: &Site, sources: &Sources) -> Option<NamedSource<String>> {
    Some(NamedSource::new(&*site.source, sources.text(&site.source)?.to_string()))
}

/// What to do: the advice, the same thing as a command, and what is left to clean up.
fn help(fault: &Fault) -> Option<String> {
    let command = fault.command.as_ref().map(|commands| {
        let mut lines = commands.lines();
        let first: Vec<&str> = lines.by_ref().take(COMMANDS).collect();
        let more = if lines.next().is_some() { "; …" } else { "" };
        format!("The same by hand: {}{more}", first.join("; "))
    });
    let leftovers = match fault.leftovers.as_slice() {
        [] => None,
        left => Some(format!("Could not be undone:\n  {}", left.join("\n  "))),
    };
    let parts: Vec<String> = fault.help.clone().into_iter().chain(command).chain(leftovers).collect();
    if parts.is_empty() { None } else { Some(parts.join("\n")) }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Report {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as &dyn Error)
    }
}

impl Diagnostic for Report {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.code.map(|code| Box::new(code) as Box<dyn fmt::Display>)
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() { None } else { Some(Box::new(self.labels.iter().cloned())) }
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.related.is_empty() {
            return None;
        }
        Some(Box::new(self.related.iter().map(|report| report as &dyn Diagnostic)))
    }
}
