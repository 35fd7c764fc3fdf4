//! Which text an error blames.

use crate::lab::STOPPED;
use crate::model::error::{Mark, OpError, Site};
use crate::ops::{self, FnKind, Ty};
use crate::script::scan::offset;
use crate::script::sources::Sources;
use crate::script::spans::{CallSpan, call_at, keys};
use std::ops::Range;

/// What to point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The whole call with what it is called on.
    Call,
    /// The name alone.
    Name,
    /// An argument, by its place.
    Arg(usize),
}

/// Marks a part of the call at a place.
pub fn mark(sources: &Sources, site: &Site, part: Part, label: &str) -> Option<Mark> {
    let text = sources.text(&site.source)?;
    let span = call_at(&text, offset(&text, site.line, site.col));
    let range = match part {
        Part::Call => span.whole(),
        Part::Name => span.name,
        Part::Arg(at) => span.args.get(at).cloned().unwrap_or_else(|| span.whole()),
    };
    Some(Mark { range, label: label.to_string() })
}

/// Marks what an error of one of our functions blames: an argument, an option, or else the call.
pub fn locate(error: &mut OpError, sources: &Sources) {
    let (Some(site), None) = (&error.0.site, &error.0.mark) else { return };
    let Some(text) = sources.text(&site.source) else { return };
    let span = call_at(&text, offset(&text, site.line, site.col));
    let blamed = error.0.arg.as_deref().and_then(|arg| argument(&text, &span, arg));
    let all = if error.0.code == STOPPED { "stopped here" } else { "failed here" };
    let (range, label) = blamed.unwrap_or((span.whole(), all));
    error.0.mark = Some(Mark { range, label: label.to_string() });
}

/// The text of the argument or option that is called `arg` in some form of the function.
fn argument(text: &str, span: &CallSpan, arg: &str) -> Option<(Range<usize>, &'static str)> {
    let name = text.get(span.name.clone())?;
    let options = span.args.last().map(|last| keys(text, last.clone())).unwrap_or_default();
    if let Some(option) = options.into_iter().find(|option| option.name == arg) {
        return Some((option.key.start..option.value.end, "this option"));
    }
    for def in ops::named(name) {
        let place = def
            .params
            .iter()
            .position(|param| param.name == arg)
            .or_else(|| def.options().iter().any(|option| option.name == arg).then(|| def.params.len() - 1));
        let Some(place) = place else { continue };
        // `addr(link, "…")` is `link.addr("…")` written as a function: what it is called on comes first.
        let receiver_is_first = span.receiver.is_none()
            && span.args.len() > def.params.len()
            && matches!(def.kind, FnKind::Method(_) | FnKind::InNs);
        let range = span.args.get(place + usize::from(receiver_is_first));
        // Options may come before parameters that were left out.
        let options_are_last = matches!(def.params.get(place).map(|param| param.ty), Some(Ty::Options(_)));
        if let Some(range) = range.or(span.args.last().filter(|_| options_are_last)) {
            return Some((range.clone(), "this argument"));
        }
    }
    None
}
