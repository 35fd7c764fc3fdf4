//! Calls that match no function.

use super::mark::{Part, mark};
use crate::model::error::{OpError, Site, closest};
use crate::ops::{self, FnDef, FnKind};
use crate::script::place::is_closure;
use crate::script::scan::{TokenKind, offset, scan};
use crate::script::sources::Sources;
use crate::script::spans::call_at;
use crate::script::vocabulary::Vocabulary;

/// Where a value that is none may come from.
const NOTHING: &str = "A missing key of a map and a function without a result give `()`.";

/// Explains "function not found" with the signature that Rhai gives: `name (type, type)`.
pub fn unknown(signature: &str, site: &Site, sources: &Sources, vocabulary: &Vocabulary<'_>) -> OpError {
    let (name, types) = signature.split_once(" (").unwrap_or((signature, ""));
    let types = split_types(types.strip_suffix(')').unwrap_or(types));
    let name = name.rsplit("::").next().unwrap_or(name);
    let is_word = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let (error, part, label) = if is_closure(name) {
        let count = types.len();
        let bars: Vec<String> = ('a'..='z').take(count).map(String::from).collect();
        let message = format!("The closure given here is called with {}.", counted(count, "argument"));
        let error = OpError::new("args::closure", message).help(format!("Write it as `|{}| …`.", bars.join(", ")));
        (error, Part::Call, "its closure takes another number".to_string())
    } else if is_word {
        return of_name(name, &types, site, sources, vocabulary);
    } else {
        let operands: Vec<String> = types.iter().map(|ty| a(ty)).collect();
        let message = format!("The operator `{name}` does not work on {}.", operands.join(" and "));
        let error = OpError::new("script::operator", message);
        let error = if types.iter().any(|ty| ty == "()") { error.help(NOTHING) } else { error };
        (error, Part::Name, types.join(&format!(" {name} ")))
    };
    placed(error, site, sources, part, &label)
}

fn of_name(name: &str, types: &[String], site: &Site, sources: &Sources, vocabulary: &Vocabulary<'_>) -> OpError {
    let text = sources.text(&site.source).unwrap_or_else(|| "".into());
    let span = call_at(&text, offset(&text, site.line, site.col));
    let written = text.get(span.name).and_then(|written| written.rsplit("::").next());
    if written.is_some_and(|written| written != name) && !vocabulary.knows(name) {
        // A function that is called by its name, which is in a variable.
        let error = OpError::new("script::unknown_function", format!("There is no function `{name}`."));
        let error = error.help(meant(closest(name, vocabulary.names())));
        return placed(error, site, sources, Part::Call, &format!("calls `{name}`"));
    }
    let is_method = span.receiver.is_some();
    match types.first() {
        Some(receiver) if is_method && !vocabulary.takes(name, types.len()) => {
            missing(name, types.len() - 1, Some(receiver), site, sources, vocabulary)
        }
        Some(receiver) if is_method => {
            let (message, label) =
                (format!("`{name}` is not a method of {}.", a(receiver)), format!("called on {}", a(receiver)));
            let help = if receiver == "()" { NOTHING.to_owned() } else { forms(name, &[], vocabulary) };
            placed(OpError::new("script::receiver", message).help(help), site, sources, Part::Name, &label)
        }
        _ if !vocabulary.knows(name) => missing(name, types.len(), None, site, sources, vocabulary),
        _ => {
            let message = format!("`{name}` cannot be called with ({}).", types.join(", "));
            let error = OpError::new("args::types", message).help(forms(name, &[], vocabulary));
            placed(error, site, sources, Part::Call, "called with these")
        }
    }
}

/// Explains a call of a name that does not exist, or not with that number of arguments.
pub fn missing(
    name: &str,
    args: usize,
    receiver: Option<&str>,
    site: &Site,
    sources: &Sources,
    vocabulary: &Vocabulary<'_>,
) -> OpError {
    missing_among(name, args, receiver, &[], site, sources, vocabulary)
}

/// As [`missing`], where the script itself has the functions `own`: `name(a, b)`.
pub fn missing_among(
    name: &str,
    args: usize,
    receiver: Option<&str>,
    own: &[String],
    site: &Site,
    sources: &Sources,
    vocabulary: &Vocabulary<'_>,
) -> OpError {
    let forms = forms(name, own, vocabulary);
    if !forms.is_empty() {
        let message = format!("`{name}` cannot be called with {}.", counted(args, "argument"));
        let error = OpError::new("args::count", message).help(forms);
        return placed(error, site, sources, Part::Call, &format!("{} given", counted(args, "argument")));
    }
    let what = if receiver.is_some() { "method" } else { "function" };
    let message = match receiver.filter(|receiver| !receiver.is_empty()) {
        Some(receiver) => format!("There is no method `{name}` of {}.", a(receiver)),
        None => format!("There is no {what} `{name}`."),
    };
    let own_names = own.iter().map(|form| form.split('(').next().unwrap_or_default());
    let near = closest(name, vocabulary.names().chain(own_names));
    let error = OpError::new("script::unknown_function", message);
    let error = match near {
        _ if receiver.is_none() && is_variable(name, site, sources) => {
            error.help(format!("`{name}` is a variable; the closure in it is called with `{name}.call(…)`."))
        }
        near => error.help(meant(near)),
    };
    placed(error, site, sources, Part::Name, &format!("no such {what}"))
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(|| "`rhailab doc` lists all functions.".to_owned(), |near| format!("Did you mean `{near}`?"))
}

/// How a function can be called: ours, the script's own, and Rhai's.
pub fn forms(name: &str, own: &[String], vocabulary: &Vocabulary<'_>) -> String {
    let ours: Vec<&FnDef> = ops::named(name).filter(|def| !matches!(def.kind, FnKind::Property(_))).collect();
    let mut forms: Vec<String> = ours.iter().map(|def| def.signature()).collect();
    forms.extend(own.iter().filter(|form| form.split('(').next() == Some(name)).cloned());
    if ours.is_empty() {
        forms.extend(vocabulary.signatures(name));
    }
    match forms.as_slice() {
        [] if ops::named(name).next().is_some() => format!("`{name}` is a property: write it without brackets."),
        [] => String::new(),
        [one] => format!("It is called as `{one}`."),
        many => {
            format!("It is called as:\n{}", many.iter().map(|form| format!("  {form}")).collect::<Vec<_>>().join("\n"))
        }
    }
}

fn placed(mut error: OpError, site: &Site, sources: &Sources, part: Part, label: &str) -> OpError {
    error.0.site = Some(site.clone());
    error.0.mark = mark(sources, site, part, label);
    error
}

fn is_variable(name: &str, site: &Site, sources: &Sources) -> bool {
    let text = sources.text(&site.source).unwrap_or_else(|| "".into());
    let tokens = scan(&text).tokens;
    tokens.windows(2).any(|pair| {
        matches!(pair[0].text(&text), "let" | "const") && pair[1].kind == TokenKind::Name && pair[1].text(&text) == name
    })
}

/// A type with its article: "a link", "an address".
pub fn a(ty: &str) -> String {
    match ty {
        "()" => "`()`".into(),
        "rules" => "a set of rules".into(),
        _ if ty.starts_with(['a', 'e', 'i', 'o', 'u']) => format!("an {ty}"),
        _ => format!("a {ty}"),
    }
}

/// "1 argument", "2 arguments".
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The types of a signature, as our documentation calls them.
fn split_types(types: &str) -> Vec<String> {
    types.split(", ").filter(|ty| !ty.is_empty()).map(nice_type).collect()
}

/// What our documentation calls a type of Rhai's.
pub fn nice_type(ty: &str) -> String {
    let ty = ty.trim();
    match ty {
        "&str | ImmutableString | String" | "&str" | "ImmutableString" | "String" => "string",
        "i64" | "INT" => "int",
        "f64" | "FLOAT" => "float",
        "Fn" | "FnPtr" => "closure",
        "Dynamic" | "?" | "" => "any",
        _ => ty.rsplit("::").next().unwrap_or(ty),
    }
    .to_string()
}
