//! Calls of functions that do not exist or do not take that many arguments.
//!
//! They are those of Rhai's own tree, so nothing else is checked than what Rhai will call.

use super::{Checked, CheckedRecipe, Finding};
use crate::model::error::{OpError, closest};
use crate::script::builtins::NO_EXIT;
use crate::script::compile::{CallSite, Compiled};
use crate::script::explain::functions::{counted, missing_among};
use crate::script::explain::mark::{Part, mark};
use crate::script::infer::{Shape, Worth};
use crate::script::place::is_closure;
use crate::script::scan::offset;
use crate::script::syntax::{Expr, ExprKind, Tree, each};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Rhai's functions that recipes must not use, and what to do instead.
const FORBIDDEN: &[(&str, &str)] = &[("exit", NO_EXIT)];

/// Checks every call of a text.
pub fn mistakes(checked: &Checked<'_>) -> Vec<Finding> {
    let (compiled, program) = (checked.compiled, checked.program);
    let mut receivers: Option<BTreeMap<usize, &Expr>> = None;
    let check = |call: &CallSite| {
        let error = mistake(call, compiled, program)?;
        if !call.is_method {
            return Some(Finding::error(error));
        }
        let start = offset(checked.text, call.site.line, call.site.col);
        let on =
            receivers.get_or_insert_with(|| receivers_of(&compiled.tree)).get(&start).map(|on| checked.facts.of(on));
        method(checked, &call.name, &on.unwrap_or_default()).map(|is_certain| Finding::of(error, is_certain))
    };
    compiled.calls.iter().filter_map(check).collect()
}

/// What each method is called on, by where its name begins.
fn receivers_of(tree: &Tree) -> BTreeMap<usize, &Expr> {
    let mut all = BTreeMap::new();
    each(tree, &mut |expr| {
        if let ExprKind::Call(call) = &expr.kind
            && let Some(on) = &call.on
        {
            all.insert(call.name.at.start, on);
        }
    });
    all
}

/// Whether it is certain that there is no method of a name; nothing where there may well be one: a map can have a closure
/// that is called like a method.
fn method(checked: &Checked<'_>, name: &str, on: &Worth) -> Option<bool> {
    match on.certain() {
        Some(shape) if !matches!(shape, Shape::Map(_) | Shape::Unknown) => Some(true),
        _ if checked.has_key(name) => None,
        _ => Some(false),
    }
}

fn mistake(call: &CallSite, compiled: &Compiled, program: &CheckedRecipe<'_>) -> Option<OpError> {
    let CheckedRecipe { sources, vocabulary, .. } = *program;
    if !call.path.is_empty() {
        return qualified(call, compiled, program);
    }
    if let Some((name, help)) = FORBIDDEN.iter().find(|(name, _)| *name == call.name) {
        let error = OpError::new("script::unknown_function", format!("Recipes cannot call `{name}`.")).help(*help);
        let mut error = at(error, call);
        error.0.mark = mark(sources, &call.site, Part::Name, "not available");
        return Some(error);
    }
    if compiled.has(&call.name, call.args) || (call.is_method && program.has_method(&call.name, Some(call.args))) {
        return None;
    }
    if vocabulary.takes(&call.name, call.args + usize::from(call.is_method)) {
        return None;
    }
    let receiver = call.is_method.then_some("");
    let mut forms = signatures(compiled, true);
    forms.extend(program.live.functions.iter().map(|(name, params)| format!("{name}({})", params.join(", "))));
    Some(missing_among(&call.name, call.args, receiver, &forms, &call.site, sources, vocabulary))
}

/// A call of a module's function.
fn qualified(call: &CallSite, compiled: &Compiled, program: &CheckedRecipe<'_>) -> Option<OpError> {
    let CheckedRecipe { library, sources, .. } = *program;
    let mut module: Option<Rc<Compiled>> = None;
    for name in &call.path {
        let within = module.as_deref().unwrap_or(compiled);
        // Strict variables have seen to it that the first name is imported; others may be variables.
        let import = within.imports.iter().find(|import| import.alias == *name).map(|import| &import.path);
        let path = if module.is_none() { import.or_else(|| program.live.modules.get(name)) } else { import };
        module = Some(library.get(&within.source, path?)?);
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
pub fn signatures(compiled: &Compiled, with_private: bool) -> Vec<String> {
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

fn at(mut error: OpError, call: &CallSite) -> OpError {
    error.0.site = Some(call.site.clone());
    error
}
