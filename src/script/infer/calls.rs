//! Which function a call means, and what it gives where that is the same in every run.

use super::{Facts, Shape, methods_named};
use crate::kernel::fake::FakeKernel;
use crate::lab::Lab;
use crate::model::error::{OpResult, Site};
use crate::model::names::{LabName, Ns};
use crate::ops::{self, Action, FnDef, FnKind, Value, values};
use crate::script::convert::{any, give};
use crate::script::register::bind;
use crate::script::syntax::{Call, Function};
use rhai::Dynamic;

/// What a call means.
#[derive(Clone, Copy)]
pub struct Meant {
    /// The function.
    pub def: &'static FnDef,
    /// Whether it cannot be another one.
    pub is_certain: bool,
    /// How many arguments come before those of its signature: one where a method is written as a function; none
    /// where that cannot be told.
    pub receivers: Option<usize>,
}

impl Facts<'_> {
    /// Which of our functions a call means, where it is plain.
    pub fn meant(&self, call: &Call) -> Option<Meant> {
        let (name, count) = (call.name.name.as_str(), call.args.len());
        let is_own_method = |function: &Function| function.is_method && function.name.name == name;
        let is_of_script = self.own(call).is_some()
            || (call.on.is_some()
                && (self.elsewhere.is_scripted(name) || self.tree.functions.iter().any(is_own_method)));
        if !call.modules.is_empty() || is_of_script {
            return None;
        }
        let takes = |def: &FnDef, count: usize| (def.required()..=def.params.len()).contains(&count);
        let named = || ops::named(name).filter(|def| !matches!(def.kind, FnKind::Property(_)));
        let Some(on) = &call.on else {
            let free = named().find(|def| matches!(def.kind, FnKind::Free | FnKind::InNs) && takes(def, count));
            // `up(link)` is `link.up()`.
            let is_method = |def: &&FnDef| {
                matches!(def.kind, FnKind::Method(_) | FnKind::InNs) && count > 0 && takes(def, count - 1)
            };
            let is_certain = !self.elsewhere.is_native(name, count);
            let first = call.args.first().map(|arg| self.of(arg)).unwrap_or_default();
            return match first.certain() {
                _ if !named().any(|def| is_method(&def)) => {
                    free.map(|def| Meant { def, is_certain, receivers: Some(0) })
                }
                Some(shape) => match methods_named(name, shape).find(is_method) {
                    Some(def) => Some(Meant { def, is_certain: true, receivers: Some(1) }),
                    None => free.map(|def| Meant { def, is_certain, receivers: Some(0) }),
                },
                None => {
                    let free = free.filter(|free| named().filter(is_method).all(|def| def.kind == free.kind));
                    free.map(|def| Meant { def, is_certain, receivers: None })
                }
            };
        };
        let on = self.of(on);
        let is_method = |def: &&FnDef| matches!(def.kind, FnKind::Method(_) | FnKind::InNs) && takes(def, count);
        if on.is_certain && on.shape != Shape::Unknown {
            return methods_named(name, &on.shape).find(is_method).map(|def| Meant {
                def,
                is_certain: true,
                receivers: Some(0),
            });
        }
        let as_function = |def: &&FnDef| matches!(def.kind, FnKind::Free | FnKind::InNs) && takes(def, count + 1);
        let mut all = named().filter(|def| is_method(def) || as_function(def));
        let (first, second) = (all.next()?, all.next());
        let is_only = second.is_none() && is_method(&first) && !self.elsewhere.is_native(name, count + 1);
        let guessed = methods_named(name, &on.shape).find(is_method);
        let def = if is_only { Some(first) } else { guessed };
        def.map(|def| Meant { def, is_certain: false, receivers: Some(0) })
    }

    /// What a call gives, if that is the same in every run.
    pub fn outcome(&self, meant: &Meant, call: &Call) -> OpResult<Option<Dynamic>> {
        let this = match &call.on {
            Some(on) => match self.of(on).value {
                Some(value) => Some(value),
                None => return Ok(None),
            },
            None => None,
        };
        let args: Option<Vec<Dynamic>> = call.args.iter().map(|arg| self.of(arg).value).collect();
        match args {
            Some(args) if meant.receivers == Some(0) => run(meant.def, this.as_ref(), &args),
            _ => Ok(None),
        }
    }
}

/// Runs a function that only calculates.
pub(super) fn run(def: &'static FnDef, this: Option<&Dynamic>, args: &[Dynamic]) -> OpResult<Option<Dynamic>> {
    let only_calculates = values::DEFS.iter().any(|pure| (pure.name, pure.kind) == (def.name, def.kind));
    let (true, Action::Op(run)) = (only_calculates, &def.run) else { return Ok(None) };
    let args = bind(def, args, &Ns::Host)?;
    let this = this.and_then(any).unwrap_or(Value::Unit);
    let mut lab = Lab::new(LabName::new("check")?, Box::new(FakeKernel::new()), None);
    let site = Site { source: "".into(), line: 1, col: 1 };
    run(&mut ops::Call { lab: &mut lab, function: def.name, this, args, site }).map(|value| Some(give(value)))
}
