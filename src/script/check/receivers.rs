//! Methods and properties of values that do not have them.

use super::Checked;
use crate::model::error::OpError;
use crate::ops::{self, FnDef, FnKind};
use crate::script::explain::functions::{a, forms};
use crate::script::explain::property;
use crate::script::infer::{Shape, methods_named};
use crate::script::syntax::{Call, ExprKind, Ident, each};

/// Every use of a value that it is not made for, where its type is certain.
pub fn mistakes(checked: &Checked<'_>) -> Vec<OpError> {
    let mut found = Vec::new();
    checked.each_call(&mut |call, _| found.extend(method(checked, call)));
    let caught = super::caught(checked.facts.tree);
    each(checked.facts.tree, &mut |expr| {
        if let ExprKind::Property { on, name } = &expr.kind
            && !caught.iter().any(|range| range.contains(&expr.at.start))
            && let Some(shape) = checked.facts.of(on).certain()
        {
            found.extend(missing_property(checked, shape, name));
        }
    });
    found
}

fn method(checked: &Checked<'_>, call: &Call) -> Option<OpError> {
    let (name, count) = (call.name.name.as_str(), call.args.len());
    let on = checked.facts.of(call.on.as_ref()?);
    let shape = on.certain().filter(|shape| shape.is_handle())?;
    let takes = |def: &FnDef, count: usize| (def.required()..=def.params.len()).contains(&count);
    let is_function = |def: &FnDef| matches!(def.kind, FnKind::Free | FnKind::InNs) && takes(def, count + 1);
    let own = &checked.compiled.functions;
    let can_be = own.contains_key(name)
        // A module may have a method of that name for this type.
        || checked.program.has_method(name, None)
        || methods_named(name, shape).any(|def| !is_property(def) && takes(def, count))
        // `x.f(y)` is `f(x, y)` too.
        || ops::named(name).any(is_function)
        || checked.program.vocabulary.is_for_any(name, count + 1)
        // No value has such a method, which is told already.
        || !checked.program.vocabulary.takes(name, count + 1);
    if can_be {
        return None;
    }
    let ty = shape.name();
    let known = methods_named(name, shape).next();
    let (code, message, label) = match known {
        Some(def) if is_property(def) => (
            "script::receiver",
            format!("`{name}` is a property of {}, not a method.", a(&ty)),
            format!("called on {}", a(&ty)),
        ),
        Some(_) => {
            let count = crate::script::explain::functions::counted(count, "argument");
            ("args::count", format!("`{name}` of {} cannot be called with {count}.", a(&ty)), format!("{count} given"))
        }
        None => {
            ("script::receiver", format!("`{name}` is not a method of {}.", a(&ty)), format!("called on {}", a(&ty)))
        }
    };
    let help = match known {
        Some(def) if is_property(def) => format!("Write it without brackets: `.{name}`."),
        Some(def) => format!("It is called as `{}`.", def.signature()),
        None => forms(name, &[], checked.program.vocabulary),
    };
    let error = OpError::new(code, message).help(help);
    Some(checked.at(error, call.name.at.start, call.name.at.clone(), &label))
}

fn is_property(def: &FnDef) -> bool {
    matches!(def.kind, FnKind::Property(_))
}

fn missing_property(checked: &Checked<'_>, shape: &Shape, name: &Ident) -> Option<OpError> {
    let is_there = methods_named(&name.name, shape).any(is_property);
    if is_there || !shape.is_handle() || name.name.is_empty() {
        return None;
    }
    let error = property(&name.name, &shape.name());
    Some(checked.at(error, name.at.start, name.at.clone(), "here"))
}
