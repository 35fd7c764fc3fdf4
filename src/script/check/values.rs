//! Arguments that are the same in every run and cannot be taken: names, addresses, times, ports, option keys.

use super::{Checked, Finding};
use crate::model::error::OpError;
use crate::model::names::Ns;
use crate::ops::{FnDef, Ty};
use crate::script::convert::{Due, take, unknown_option};
use crate::script::infer::Meant;
use crate::script::register::by_signature;
use crate::script::syntax::{Call, Expr, ExprKind, MapEntry};
use std::ops::Range;

/// Every argument of a text that its function will refuse; where it may be another function's, that is a guess.
pub fn mistakes(checked: &Checked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    checked.each_call(&mut |call, at| {
        let Some(meant) = checked.meant(call) else { return };
        let mut errors = Arguments { checked, call, meant }.errors();
        if errors.is_empty() {
            errors.extend(outside(checked, call, &meant, at));
        }
        found.extend(errors.into_iter().map(|error| Finding::of(error, meant.is_certain)));
    });
    found
}

struct Arguments<'a> {
    checked: &'a Checked<'a>,
    call: &'a Call,
    meant: Meant,
}

impl Arguments<'_> {
    /// What is wrong with the arguments, as a call binds them.
    fn errors(&self) -> Vec<OpError> {
        let Meant { def, is_certain, receivers: Some(receivers) } = self.meant else { return Vec::new() };
        let args = self.call.args.get(receivers..).unwrap_or_default();
        let mut errors = Vec::new();
        for (at, (arg, param)) in args.iter().zip(def.params).enumerate() {
            let skips = at + 1 == args.len() && at >= def.required() && !matches!(param.ty, Ty::Map | Ty::Any);
            match (&arg.kind, param.ty) {
                (ExprKind::Map(entries), Ty::Options(_)) => errors.extend(self.options(def, entries)),
                (ExprKind::Map(entries), _) if skips && !def.options().is_empty() => {
                    errors.extend(self.options(def, entries));
                }
                (_, Ty::Options(_) | Ty::Closure) => {}
                _ if is_certain || self.call.on.is_some() => {
                    let refused = self.refused(arg, param.ty, param.name, "this argument", &arg.at);
                    errors.extend(refused.into_iter().map(|error| by_signature(error, def)));
                }
                _ => {}
            }
        }
        errors
    }

    /// What is wrong with the keys and values of a map of options.
    fn options(&self, def: &FnDef, entries: &[MapEntry]) -> Vec<OpError> {
        let mut errors = Vec::new();
        // A key whose text is not plain may be any.
        for MapEntry { key, value } in entries.iter().filter(|entry| !entry.key.name.is_empty()) {
            match def.options().iter().find(|option| option.name == key.name) {
                None => {
                    let error = unknown_option(def.name, &key.name, def.options());
                    errors.push(self.at(error, key.at.clone(), "no such option"));
                }
                Some(option) => {
                    let range = key.at.start..value.at.end;
                    errors.extend(self.refused(value, option.ty, option.name, "this option", &range));
                }
            }
        }
        errors
    }

    /// The error of taking a value that is known and cannot be taken; of a list, those of what is in it.
    fn refused(&self, value: &Expr, ty: Ty, name: &str, label: &str, range: &Range<usize>) -> Vec<OpError> {
        if let (ExprKind::List(items), Ty::List(item)) = (&value.kind, ty) {
            return items.iter().flat_map(|value| self.refused(value, *item, name, label, &value.at)).collect();
        }
        let Some(value) = self.checked.facts.of(value).value else { return Vec::new() };
        let due = Due { function: self.meant.def.name, name, here: &Ns::Host };
        let error = take(&value, ty, &due).err();
        error.map(|error| self.at(error, range.clone(), label)).into_iter().collect()
    }

    fn at(&self, error: OpError, range: Range<usize>, label: &str) -> OpError {
        self.checked.at(error, self.call.name.at.start, range, label)
    }
}

/// The error of a calculation that has no result: an address outside its subnet.
fn outside(checked: &Checked<'_>, call: &Call, meant: &Meant, at: &Range<usize>) -> Option<OpError> {
    let error = checked.facts.outcome(meant, call).err()?;
    let blamed = meant.def.params.iter().zip(&call.args).find(|(param, _)| error.0.arg.as_deref() == Some(param.name));
    let (range, label) = match blamed {
        Some((_, arg)) => (arg.at.clone(), "this argument"),
        None => (at.clone(), "fails here"),
    };
    Some(checked.at(error, call.name.at.start, range, label))
}
