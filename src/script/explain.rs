//! What Rhai says of a failure, as an [`OpError`] in our words, with its place and the calls that led there.

pub mod functions;
pub mod mark;
pub mod syntax;

use super::builtins::THROWN;
use super::context::Context;
use super::convert::handles::Caught;
use super::limits;
use super::place::{called, site};
use super::scan;
use super::spans::call_at;
use super::vocabulary::Vocabulary;
use crate::lab::{STOPPED, stopped};
use crate::model::error::{OpError, Site, closest};
use crate::ops::{self, FnKind};
use functions::{a, nice_type};
pub use mark::locate;
use mark::{Part, mark};
use rhai::{EvalAltResult as Failure, Map, Position};
use std::sync::Arc;

/// Explains why a recipe ended.
pub fn runtime(failure: &Failure, main: &Arc<str>, cx: &Context, vocabulary: &Vocabulary<'_>) -> OpError {
    let mut walk = Walk { source: Arc::clone(main), calls: Vec::new() };
    let inner = walk.down(failure, cx);
    let place = site(&walk.source, inner.position());
    walk.calls.reverse();
    // Rhai tells of some of its own functions that call a closure, too.
    walk.calls.dedup_by(|outer, inner| outer.0 == inner.0);

    let mut error = match inner {
        Failure::ErrorRuntime(value, position) | Failure::ErrorTerminated(value, position) if value.is::<Caught>() => {
            let caught = value.read_lock::<Caught>().map(|caught| (*caught.0).clone());
            ours(caught, &place, *position, matches!(inner, Failure::ErrorTerminated(..)))
        }
        other => theirs(other, &place, cx, vocabulary),
    };
    if error.0.site.is_none() {
        // Rhai loses some positions; the call that led there is the next best.
        error.0.site = match inner.position() {
            Position::NONE if !walk.calls.is_empty() => Some(walk.calls.remove(0).0),
            _ => Some(place),
        };
    }
    if error.0.calls.is_empty() {
        error.0.calls = walk.calls;
    }
    error.0.calls.retain(|(call, _)| Some(call) != error.0.site.as_ref());
    locate(&mut error, &cx.sources);
    cx.lab.borrow_mut().explain_silence(&mut error);
    for_each_index(error, cx)
}

/// Rhai calls the closure of `for_each` with the item's number, which nobody expects.
fn for_each_index(error: OpError, cx: &Context) -> OpError {
    let is_for_each = |(site, _): &(Site, String)| {
        cx.sources.text(&site.source).is_some_and(|text| {
            let call = call_at(&text, scan::offset(&text, site.line, site.col));
            text.get(call.name) == Some("for_each")
        })
    };
    if error.0.code == "value::type" && error.0.calls.iter().any(is_for_each) {
        return error.help("In `for_each` the item is `this`; the closure's parameter is its number. `for item in list { … }` is plainer.");
    }
    error
}

/// A number with a comma before every three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let parts: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| std::str::from_utf8(part).ok()).collect();
    parts.join(",")
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The way down through the frames. A frame's position is in the source that encloses it.
struct Walk {
    source: Arc<str>,
    calls: Vec<(Site, String)>,
}

impl Walk {
    fn down<'f>(&mut self, mut failure: &'f Failure, cx: &Context) -> &'f Failure {
        loop {
            match failure {
                Failure::ErrorInFunctionCall(function, source, inner, position) => {
                    self.calls.push((site(&self.source, *position), called(function)));
                    if !source.is_empty() {
                        self.source = cx.sources.home(function, source);
                    }
                    failure = inner;
                }
                Failure::ErrorInModule(source, inner, position) => {
                    self.calls.push((site(&self.source, *position), "imported here".into()));
                    self.source = source.as_str().into();
                    failure = inner;
                }
                bottom => return bottom,
            }
        }
    }
}

/// An error that one of our functions raised, and that a script may have thrown again elsewhere.
fn ours(caught: Option<OpError>, place: &Site, position: Position, is_stop: bool) -> OpError {
    match caught {
        Some(error) if is_stop && error.0.code != STOPPED => stopped().cause(error.to_string()),
        Some(error) => match error.0.site.clone() {
            Some(origin)
                if !position.is_none()
                    && (origin.line, origin.col) != (place.line, place.col)
                    && error.0.notes.iter().all(|(noted, _)| noted != place) =>
            {
                error.note(place.clone(), "thrown again here")
            }
            _ => error,
        },
        None => stopped(),
    }
}

/// An error of Rhai's own.
fn theirs(failure: &Failure, place: &Site, cx: &Context, vocabulary: &Vocabulary<'_>) -> OpError {
    let sources = &cx.sources;
    let labelled = |mut error: OpError, part, label: &str| {
        error.0.mark = mark(sources, place, part, label);
        error
    };
    let limit =
        |code, message: &str, help: &str| labelled(OpError::new(code, message).help(help), Part::Call, "stopped here");
    match failure {
        Failure::ErrorParsing(kind, at) => {
            let error = rhai::ParseError(Box::new(kind.clone()), *at);
            syntax::syntax(&error, &place.source, sources)
        }
        Failure::ErrorRuntime(value, _) => labelled(thrown(value), Part::Call, "thrown here"),
        Failure::ErrorFunctionNotFound(signature, _) => functions::unknown(signature, place, sources, vocabulary),
        Failure::ErrorVariableNotFound(name, _) if name.starts_with("global::") => {
            let text = sources.text(&place.source).unwrap_or_else(|| "".into());
            let constant = name.rsplit("::").next().unwrap_or_default();
            labelled(no_global(constant, has_functions(&text)), Part::Name, "not known here")
        }
        Failure::ErrorVariableNotFound(name, _) => labelled(
            OpError::new("script::unknown_variable", format!("There is no variable `{name}` here.")),
            Part::Name,
            "not declared",
        ),
        Failure::ErrorModuleNotFound(name, _) => labelled(
            OpError::new("script::unknown_module", format!("No module is imported as `{name}`.")),
            Part::Name,
            "here",
        ),
        Failure::ErrorDotExpr(words, _) => labelled(unknown_property(words), Part::Name, "here"),
        Failure::ErrorDataRace(words, _) => busy(words, place, cx),
        Failure::ErrorTerminated(..) => labelled(stopped(), Part::Call, "while this ran"),
        Failure::ErrorTooManyOperations(_) => limit(
            "limit::operations",
            "The recipe has run for too long: it has used up its operations.",
            &format!(
                "It may loop for ever. If it does not, allow it more than {} with `--max-operations`.",
                grouped(limits::OPERATIONS)
            ),
        ),
        Failure::ErrorStackOverflow(_) => limit(
            "limit::calls",
            "The recipe calls functions in functions too deeply.",
            "A function may call itself for ever. The limit is fixed; use a loop where it does not suffice.",
        ),
        Failure::ErrorDataTooLarge(what, _) => limit(
            "limit::size",
            &format!("{} has grown too large.", capital(&a(what.rsplit(" of ").next().unwrap_or(what)))),
            &format!(
                "Strings have at most {} MiB, arrays and maps at most {} items. The limits are fixed.",
                limits::STRING >> 20,
                grouped(limits::ITEMS as u64)
            ),
        ),
        Failure::ErrorTooManyVariables(_) => {
            limit("limit::variables", "The recipe declares too many variables.", "The limit is fixed; use an array.")
        }
        Failure::ErrorTooManyModules(_) => {
            limit("limit::modules", "The recipe imports too many modules.", "The limit is fixed.")
        }
        Failure::ErrorAssignmentToConstant(name, _) => {
            let (error, label) = syntax::constant(name);
            labelled(error, Part::Name, label)
        }
        Failure::ErrorArrayBounds(length, index, _) => labelled(
            OpError::new("script::index", format!("There is no item {index} in a list of {length}."))
                .help("Items are counted from 0; `[-1]` is the last one."),
            Part::Name,
            "no such item",
        ),
        Failure::ErrorFor(_) => labelled(
            OpError::new("script::not_iterable", "`for` cannot go through this value.")
                .help("It goes through arrays, maps, strings and ranges such as `1..=3`."),
            Part::Call,
            "here",
        ),
        Failure::ErrorMismatchDataType(due, given, _) if !due.is_empty() => labelled(
            OpError::new(
                "script::type",
                format!("What is due here is {}, not {}.", a(&nice_type(due)), a(&nice_type(given))),
            ),
            Part::Call,
            "here",
        ),
        other => {
            let words = other.to_string();
            let words = words.rsplit_once(" (line ").map_or(words.as_str(), |(words, _)| words);
            labelled(OpError::new("script::error", format!("{}.", words.trim_end_matches('.'))), Part::Call, "here")
        }
    }
}

/// Whether a text has functions or closures.
fn has_functions(text: &str) -> bool {
    let tree = super::syntax::parse(text);
    let mut has = !tree.functions.is_empty();
    super::syntax::each(&tree, &mut |expr| has |= matches!(expr.kind, super::syntax::ExprKind::Closure { .. }));
    has
}

/// A constant that `global` does not have.
pub fn no_global(name: &str, has_functions: bool) -> OpError {
    if has_functions {
        return OpError::new("script::unknown_variable", format!("There is no constant `global::{name}`."))
            .help(format!("Declare it outside of functions and blocks, before it is used: `const {name} = …;`."));
    }
    OpError::new("script::unknown_variable", format!("`global::{name}` is known only where the text has functions."))
        .help(format!("Outside of functions write `{name}`."))
}

/// What a script throws itself: a text, or a map with the fields of an error.
fn thrown(value: &rhai::Dynamic) -> OpError {
    match value.read_lock::<Map>() {
        Some(map) => {
            let field = |name: &str| map.get(name).filter(|value| !value.is_unit()).map(ToString::to_string);
            let error = OpError::new(THROWN, field("message").unwrap_or_else(|| value.to_string()));
            match (field("help"), field("code")) {
                (Some(help), None) => error.help(help),
                (Some(help), Some(code)) => error.help(help).cause(code),
                (None, Some(code)) => error.cause(code),
                (None, None) => error,
            }
        }
        None if value.is_unit() => OpError::new(THROWN, "The recipe threw an error without a message."),
        None => OpError::new(THROWN, value.to_string()),
    }
}

/// Rhai: "Unknown property 'x' - a getter is not registered for type 'T'", or "No writable property …".
fn unknown_property(words: &str) -> OpError {
    let mut quoted = words.split('\'').skip(1).step_by(2);
    let (Some(name), Some(ty)) = (quoted.next(), quoted.next()) else {
        return OpError::new("script::unknown_property", format!("{}.", words.trim_end_matches('.')));
    };
    let ty = nice_type(ty);
    if words.starts_with("No writable") {
        let message = format!("The property `{name}` of {} cannot be assigned.", a(&ty));
        return OpError::new("script::unknown_property", message).help("Handles are changed by their methods.");
    }
    property(name, &ty)
}

/// A property that values of a type do not have.
pub fn property(name: &str, ty: &str) -> OpError {
    let of_type = |kind: FnKind| match kind {
        FnKind::Property(of) => of.name() == ty,
        _ => false,
    };
    let error = OpError::new("script::unknown_property", format!("There is no property `{name}` of {}.", a(ty)));
    let properties: Vec<&str> = ops::all().filter(|def| of_type(def.kind)).map(|def| def.name).collect();
    let is_method = ops::named(name).any(|def| !matches!(def.kind, FnKind::Property(_)));
    match closest(name, properties.iter().copied()) {
        _ if is_method => error.help(format!("`{name}` is a method: write `.{name}(…)`.")),
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if properties.is_empty() => error,
        None => error.help(format!("Its properties are `{}`.", properties.join("`, `"))),
    }
}

/// A value that a closure uses while the method that was given the closure has it. Rhai gives no position: it is
/// that of the method's only call, if there is just one.
fn busy(words: &str, place: &Site, cx: &Context) -> OpError {
    let function = words.split('\'').nth(1).unwrap_or("it");
    let text = cx.sources.text(&place.source).unwrap_or_else(|| "".into());
    let tokens = scan::scan(&text).tokens;
    let mut calls = tokens.windows(2).filter(|pair| pair[0].text(&text) == "." && pair[1].text(&text) == function);
    let place = match (calls.next(), calls.next()) {
        (Some(call), None) => {
            let (line, col) = scan::line_col(&text, call[1].at.start);
            Site { line, col, ..place.clone() }
        }
        _ => place.clone(),
    };
    let mut error =
        OpError::new("script::busy", format!("The object of `.{function}(…)` is used in the closure given to it."))
            .help(format!("Use the closure's parameter instead: `x.{function}(|it| it.…)`."));
    error.0.mark = mark(&cx.sources, &place, Part::Call, "busy while this runs");
    error.0.site = Some(place);
    error
}
