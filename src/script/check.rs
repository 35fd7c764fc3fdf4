//! What can be known to be wrong with a text before any of it runs: calls of functions that do not exist or do
//! not take that many arguments, and option keys that a function does not have.

use super::compile::{CallSite, Compiled};
use super::context::is_closure;
use super::convert::unknown_option;
use super::explain::functions::{counted, missing_among};
use super::explain::mark::{Part, mark};
use super::modules::Library;
use super::scan::offset;
use super::sources::Sources;
use super::spans::{call_at, keys};
use super::vocabulary::Vocabulary;
use crate::error::{Class, Mark, OpError, OpResult, closest};
use crate::ops::{self, FnDef, Kind};
use std::rc::Rc;

/// Rhai's functions that recipes must not use, and what to do instead.
const FORBIDDEN: &[(&str, &str)] =
    &[("exit", "An early end would look like a success: use `return` in a function and `throw` to fail.")];

/// How many more mistakes are told with the first one.
const MORE: usize = 4;

/// Checks every call of a text.
pub fn check(compiled: &Compiled, library: &Library, sources: &Sources, vocabulary: &Vocabulary<'_>) -> OpResult<()> {
    let mut mistakes: Vec<OpError> =
        compiled.calls.iter().filter_map(|call| mistake(call, compiled, library, sources, vocabulary)).collect();
    mistakes.sort_by_key(|error| error.0.site.as_ref().map(|site| (site.line, site.col)));
    let mut mistakes = mistakes.into_iter();
    let Some(first) = mistakes.next() else { return Ok(()) };
    let told =
        mistakes.take(MORE).filter_map(|more| Some((more.0.site?, more.0.message.trim_end_matches('.').to_string())));
    let error = told.fold(first, |error, (site, message)| error.note(site, message));
    Err(error.class(Class::Usage))
}

fn mistake(
    call: &CallSite,
    compiled: &Compiled,
    library: &Library,
    sources: &Sources,
    vocabulary: &Vocabulary<'_>,
) -> Option<OpError> {
    if !call.path.is_empty() {
        return qualified(call, compiled, library, sources);
    }
    if let Some((name, help)) = FORBIDDEN.iter().find(|(name, _)| *name == call.name) {
        let error = OpError::new("script::unknown_function", format!("Recipes cannot call `{name}`.")).help(*help);
        let mut error = at(error, call);
        error.0.mark = mark(sources, &call.site, Part::Name, "not available");
        return Some(error);
    }
    if compiled.has(&call.name, call.args) {
        return None;
    }
    if vocabulary.takes(&call.name, call.args + usize::from(call.is_method)) {
        return option(call, sources);
    }
    let receiver = call.is_method.then_some("");
    Some(missing_among(&call.name, call.args, receiver, &signatures(compiled, true), &call.site, sources, vocabulary))
}

/// A call of a module's function.
fn qualified(call: &CallSite, compiled: &Compiled, library: &Library, sources: &Sources) -> Option<OpError> {
    let mut module: Option<Rc<Compiled>> = None;
    for name in &call.path {
        let within = module.as_deref().unwrap_or(compiled);
        // Strict variables have seen to it that the first name is imported; others may be variables.
        let import = within.imports.iter().find(|import| import.alias == *name)?;
        module = Some(library.get(&within.source, &import.path)?);
    }
    let module = module?;
    if module.has(&call.name, call.args) && !module.private.contains(&call.name) {
        return None;
    }
    let public = signatures(&module, false);
    let path = call.path.join("::");
    let forms: Vec<&str> =
        public.iter().filter(|form| form.split('(').next() == Some(&call.name)).map(String::as_str).collect();
    let error = if forms.is_empty() {
        let error =
            OpError::new("script::unknown_function", format!("The module `{path}` has no function `{}`.", call.name));
        let names = public.iter().map(|form| form.split('(').next().unwrap_or_default());
        match closest(&call.name, names) {
            Some(near) => error.help(format!("Did you mean `{path}::{near}`?")),
            None if public.is_empty() => error,
            None => error.help(format!("It has `{}`.", public.join("`, `"))),
        }
    } else {
        let count = counted(call.args, "argument");
        OpError::new("args::count", format!("`{path}::{}` cannot be called with {count}.", call.name))
            .help(format!("It is called as `{path}::{}`.", forms.join("`, `")))
    };
    let mut error = at(error, call);
    error.0.mark =
        mark(sources, &call.site, Part::Name, if forms.is_empty() { "no such function" } else { "called here" });
    Some(error)
}

/// The functions of a text, as `name(a, b)`.
fn signatures(compiled: &Compiled, with_private: bool) -> Vec<String> {
    let mut signatures: Vec<String> = compiled
        .ast
        .iter_functions()
        .filter(|function| !is_closure(function.name))
        .filter(|function| with_private || !compiled.private.contains(function.name))
        .map(|function| format!("{}({})", function.name, function.params.join(", ")))
        .collect();
    signatures.sort();
    signatures
}

/// A key of a literal options map that the function does not have, where it is plain which function is called.
fn option(call: &CallSite, sources: &Sources) -> Option<OpError> {
    let fits = |def: &&FnDef| {
        let kind = match def.kind {
            Kind::Free => !call.is_method,
            Kind::InNs => true,
            Kind::Method(_) => call.is_method,
            Kind::Property(_) => false,
        };
        def.name == call.name && kind && (def.required()..=def.params.len()).contains(&call.args)
    };
    if call.keys.is_empty() {
        return None;
    }
    let mut forms = ops::all().filter(fits);
    let (Some(def), None) = (forms.next(), forms.next()) else { return None };
    if def.options().is_empty() {
        return None;
    }
    let key = call.keys.iter().find(|key| def.options().iter().all(|option| option.name != **key))?;
    let mut error = at(unknown_option(def.name, key, def.options()), call);
    let text = sources.text(&call.site.source)?;
    let span = call_at(&text, offset(&text, call.site.line, call.site.col));
    let place = keys(&text, span.args.last()?.clone()).into_iter().find(|place| place.name == *key)?;
    error.0.mark = Some(Mark { range: place.key, label: "no such option".into() });
    Some(error)
}

fn at(mut error: OpError, call: &CallSite) -> OpError {
    error.0.site = Some(call.site.clone());
    error
}
