//! What a text declares without using it, and names that it hides.

use super::Checked;
use crate::model::error::OpError;
use crate::ops::{self, FnKind};
use crate::script::bindings::{Binding, BindingKind};
use crate::script::syntax::{ExprKind, Function};
use std::ops::Range;

/// What an author may want to know of a text that is not wrong.
pub fn remarks(checked: &Checked<'_>) -> Vec<OpError> {
    let mut found = Vec::new();
    let all = &checked.facts.bindings.all;
    for (at, binding) in all.iter().enumerate() {
        match binding.kind {
            // Meant somewhere, but not seen there: that is told already.
            _ if checked.undeclared.contains(&binding.ident.name) => {}
            BindingKind::Let(_) | BindingKind::Const(_) => found.extend(variable(checked, binding)),
            BindingKind::Import(_) => found.extend(import(checked, binding, &all[..at])),
            _ => {}
        }
    }
    found.extend(checked.facts.tree.functions.iter().filter_map(|function| hidden(checked, function)));
    found
}

fn remark(checked: &Checked<'_>, code: &'static str, message: String, help: &str, at: &Range<usize>) -> OpError {
    checked.at(OpError::new(code, message).help(help), at.start, at.clone(), "here")
}

fn variable(checked: &Checked<'_>, binding: &Binding<'_>) -> Option<OpError> {
    let name = &binding.ident.name;
    if !binding.reads.is_empty() || name.starts_with('_') {
        return None;
    }
    let (message, help) = if !binding.writes.is_empty() {
        (format!("The variable `{name}` is given values, but none is read."), "Leave it out.".to_owned())
    } else if matches!(binding.kind, BindingKind::Const(_)) {
        (format!("The constant `{name}` is not used."), format!("Leave it out, or call it `_{name}`."))
    } else {
        (format!("The variable `{name}` is not used."), format!("Leave out `let {name} =`, or call it `_{name}`."))
    };
    Some(remark(checked, "unused::variable", message, &help, &binding.ident.at))
}

fn import(checked: &Checked<'_>, binding: &Binding<'_>, before: &[Binding<'_>]) -> Option<OpError> {
    let BindingKind::Import(path) = binding.kind else { return None };
    let ExprKind::Str(Some(text)) = &path.kind else { return None };
    let is_same = |other: &&Binding<'_>| {
        other.function == binding.function
            && other.scope.contains(&binding.scope.start)
            && matches!(other.kind, BindingKind::Import(path) if matches!(&path.kind, ExprKind::Str(Some(other)) if other == text))
    };
    if let Some(first) = before.iter().find(is_same) {
        let alias = &first.ident.name;
        let message = format!("The module `{text}` is imported already, as `{alias}`.");
        let error = remark(checked, "duplicate::import", message, "Use that one.", &binding.ident.at);
        return Some(error.note(checked.site(first.ident.at.start), "imported here first"));
    }
    let module = checked.program.library.get(&checked.compiled.source, text)?;
    // Methods of types are used without the module's name.
    let has_methods = module.tree.functions.iter().any(|function| function.is_method);
    if binding.reads.is_empty() && !has_methods {
        let message = format!("The module `{}` is imported, but not used.", binding.ident.name);
        return Some(remark(checked, "unused::import", message, "Leave it out.", &binding.ident.at));
    }
    None
}

/// A function of the script that is called in place of one of ours.
fn hidden(checked: &Checked<'_>, function: &Function) -> Option<OpError> {
    let (name, count) = (&function.name.name, function.params.len());
    let hides = ops::all().find(|def| {
        def.name == *name
            && match def.kind {
                FnKind::Free => (def.required()..=def.params.len()).contains(&count),
                FnKind::InNs => (def.required()..=def.params.len() + 1).contains(&count),
                FnKind::Method(_) | FnKind::Property(_) => false,
            }
    })?;
    let message = format!("The function `{name}` takes the place of the language's own.");
    let help = format!("Give it another name if `{}` is wanted too.", hides.signature());
    Some(remark(checked, "hidden::function", message, &help, &function.name.at))
}
