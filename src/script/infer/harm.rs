//! What may become of a variable's value where something is done to it in place.

use super::{Facts, Shape, methods_named};
use crate::ops::{self, FnKind};
use crate::script::bindings::Touch;

/// How much of what is known of a variable holds no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// All of it holds.
    None,
    /// Its value may be another one, of the same type.
    Value,
    /// It may be anything.
    Type,
}

/// Rhai's own functions that only look at a value, as far as recipes call them with names or addresses. Others of Rhai's may
/// change what they are given first.
const LOOKING: &[&str] = &[
    "abs",
    "bytes",
    "chars",
    "contains",
    "debug",
    "ends_with",
    "index_of",
    "is_empty",
    "len",
    "max",
    "min",
    "parse_float",
    "parse_int",
    "print",
    "split",
    "starts_with",
    "sub_string",
    "to_debug",
    "to_float",
    "to_int",
    "to_lower",
    "to_string",
    "to_upper",
    "type_of",
];

/// What Rhai calls with a value in place of `this`, or takes a value out of its variable with: afterwards it may be anything.
const TAKING: &[&str] = &["call", "curry", "take"];

impl Facts<'_> {
    /// What a touch does to a value of a type.
    pub(super) fn harm(&self, touch: Touch<'_>, shape: &Shape) -> Harm {
        let (name, is_method) = match touch {
            Touch::Part => return Harm::Value,
            Touch::Method(name) => (name, true),
            Touch::Function(name) => (name, false),
        };
        if LOOKING.contains(&name) && !self.is_own(name) {
            return Harm::None;
        }
        if is_method {
            // What a script has written has the variable itself as `this`: its functions, and closures in a map.
            if self.is_own(name) || TAKING.contains(&name) || matches!(shape, Shape::Map(_) | Shape::Unknown) {
                return Harm::Type;
            }
            // Ours never change the value that they are called on; Rhai's keep its type.
            let is_ours = methods_named(name, shape).next().is_some();
            return if is_ours { Harm::None } else { Harm::Value };
        }
        // Functions of the script, and ours, get copies.
        let is_ours = ops::named(name).any(|def| !matches!(def.kind, FnKind::Property(_)));
        match () {
            () if is_ours || self.tree.functions.iter().any(|function| function.name.name == name) => Harm::None,
            () if TAKING.contains(&name) => Harm::Type,
            () => Harm::Value,
        }
    }

    /// Whether the script, or a module of its, has a method of that name.
    fn is_own(&self, name: &str) -> bool {
        self.elsewhere.is_scripted(name) || self.tree.functions.iter().any(|function| function.name.name == name)
    }
}
