//! Every [`FnDef`] as functions of the engine.
//!
//! A function is registered once for each number of arguments it takes. Only what it is called on is typed for
//! Rhai; arguments are converted here, so that a wrong one is told in our words and not as "function not found".

use super::builtins;
use super::context::Context;
use super::convert::{Due, any, describe, give, handles, take, take_options};
use super::explain::mark::{Part, mark};
use super::place::Raised;
use super::scan::offset;
use super::spans::call_at;
use crate::model::error::{OpError, OpResult};
use crate::model::names::Ns;
use crate::ops::{self, Action, Args, Call, FnDef, FnKind, Ty, Value};
use rhai::{Dynamic, Engine, NativeCallContext};
use std::any::TypeId;
use std::rc::Rc;

/// Registers the whole vocabulary.
pub fn register(engine: &mut Engine, cx: &Rc<Context>) {
    handles::register(engine);
    for def in ops::all() {
        for receiver in receivers(def) {
            for count in def.required()..=def.params.len() {
                register_form(engine, cx, def, receiver, &vec![TypeId::of::<Dynamic>(); count]);
            }
        }
    }
    // Rhai's own `sleep` cannot be interrupted, and Rhai prefers its exact types to our `Dynamic`.
    for def in ops::named("sleep").filter(|def| def.kind == FnKind::Free) {
        for exact in [TypeId::of::<i64>(), TypeId::of::<f64>()] {
            register_form(engine, cx, def, None, &[exact]);
        }
    }
}

/// What a function can be called on; nothing for a free function.
fn receivers(def: &FnDef) -> Vec<Option<Ty>> {
    match def.kind {
        FnKind::Free => vec![None],
        FnKind::InNs => vec![None, Some(Ty::Ns)],
        FnKind::Method(ty) | FnKind::Property(ty) => vec![Some(ty)],
    }
}

fn register_form(engine: &mut Engine, cx: &Rc<Context>, def: &'static FnDef, receiver: Option<Ty>, params: &[TypeId]) {
    let mut types: Vec<TypeId> = receiver.and_then(handles::type_id).into_iter().collect();
    debug_assert_eq!(
        types.len(),
        usize::from(receiver.is_some()),
        "`{}` is called on values without methods",
        def.name
    );
    types.extend_from_slice(params);
    let name = if let FnKind::Property(_) = def.kind { format!("get${}", def.name) } else { def.name.to_string() };
    let cx = Rc::clone(cx);
    engine.register_raw_fn(name, types, move |call: NativeCallContext<'_>, args: &mut [&mut Dynamic]| {
        let mut values = args.iter().map(|arg| arg.flatten_clone());
        let this = if receiver.is_some() { values.next() } else { None };
        invoke(&cx, &call, def, this.as_ref(), &values.collect::<Vec<_>>())
    });
}

/// Calls a function.
fn invoke(
    cx: &Context,
    call: &NativeCallContext<'_>,
    def: &'static FnDef,
    this: Option<&Dynamic>,
    given: &[Dynamic],
) -> Raised<Dynamic> {
    match def.run {
        Action::Script => builtins::call(cx, call, def, given),
        Action::Op(run) => {
            let is_free = this.is_none();
            let this = receiver(def, this, || cx.default_ns(call));
            let result = bind(def, given, &here(&this)).and_then(|args| {
                let mut lab = cx.lab.try_borrow_mut().map_err(|_| {
                    OpError::new("internal::lab", format!("`{}` was called in the middle of another call.", def.name))
                        .help("This is a defect of rhailab, not of the recipe; please report it.")
                })?;
                let site = cx.site(call);
                run(&mut Call { lab: &mut lab, function: def.name, this, args, site })
            });
            result.map(give).or_else(|error| {
                let error = if is_free { as_method(cx, call, def, given, error) } else { error };
                cx.raise(call, error)
            })
        }
    }
}

/// The error of a function that was called like a method of something it is not a method of: for Rhai, that is its
/// first argument.
fn as_method(cx: &Context, call: &NativeCallContext<'_>, def: &FnDef, given: &[Dynamic], error: OpError) -> OpError {
    let first = def.params.first().map(|param| param.name);
    if error.0.arg.is_none() || error.0.arg.as_deref() != first {
        return error;
    }
    let site = cx.site(call);
    let Some(text) = cx.sources.text(&site.source) else { return error };
    if call_at(&text, offset(&text, site.line, site.col)).receiver.is_none() {
        return error;
    }
    let given = given.first().map_or_else(|| "this".into(), describe);
    let mut error = OpError::new("script::receiver", format!("`{}` is not a method of {given}.", def.name))
        .help(format!("Its signature is `{}`.", def.signature()));
    error.0.mark = mark(&cx.sources, &site, Part::Name, "not a method of it");
    error
}

/// What a function is called on, as its planner sees it.
fn receiver(def: &FnDef, this: Option<&Dynamic>, here: impl FnOnce() -> Ns) -> Value {
    match (this, def.kind) {
        (Some(this), _) => any(this).unwrap_or(Value::Unit),
        (None, FnKind::InNs) => Value::Ns(here()),
        (None, _) => Value::Unit,
    }
}

/// The namespace that an interface's name means one of.
fn here(this: &Value) -> Ns {
    match this {
        Value::Ns(ns) => ns.clone(),
        Value::Link(link) | Value::Pair(link, _) => link.place().ns,
        Value::Vip(vip) => vip.ns.clone(),
        Value::Rules(rules) => rules.ns.clone(),
        Value::Process(process) => process.ns.clone(),
        _ => Ns::Host,
    }
}

/// Converts the arguments of a call. A map in the last place may skip optional parameters before the options.
pub fn bind(def: &'static FnDef, given: &[Dynamic], here: &Ns) -> OpResult<Args> {
    let mut args = Args { function: def.name, values: Vec::with_capacity(given.len()) };
    let due = Due { function: def.name, name: "", here };
    for (at, (value, param)) in given.iter().zip(def.params).enumerate() {
        let is_last = at + 1 == given.len();
        let skips =
            is_last && at >= def.required() && !def.options().is_empty() && !matches!(param.ty, Ty::Map | Ty::Any);
        match (value.as_map_ref(), param.ty) {
            (_, Ty::Closure) => {}
            (Ok(map), Ty::Options(_)) => args.values.extend(take_options(&map, def.options(), &due)?),
            (Ok(map), _) if skips => args.values.extend(take_options(&map, def.options(), &due)?),
            _ => {
                let due = Due { name: param.name, ..due };
                args.values.push((param.name, take(value, param.ty, &due).map_err(|error| by_signature(error, def))?));
            }
        }
    }
    Ok(args)
}

/// Adds how a function is called to an error that comes without advice.
pub fn by_signature(error: OpError, def: &FnDef) -> OpError {
    match error.0.help {
        None => error.help(format!("Its signature is `{}`.", def.signature())),
        Some(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{FnParam, Opt};

    static ATTACH: FnDef = FnDef {
        name: "attach",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "bridge", ty: Ty::Link, default: None, doc: "the bridge" },
            FnParam { name: "address", ty: Ty::IfAddr, default: Some("none"), doc: "its address" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[Opt { name: "mtu", ty: Ty::Int, default: "1500", doc: "the MTU" }]),
                default: Some("#{}"),
                doc: "more",
            },
        ],
        returns: Ty::Link,
        summary: "Attaches.",
        details: "",
        example: "",
        errors: &[],
        run: Action::Script,
    };

    fn bound(given: &[Dynamic]) -> OpResult<Args> {
        bind(&ATTACH, given, &Ns::Host)
    }

    fn options(mtu: i64) -> Dynamic {
        rhai::Map::from([("mtu".into(), mtu.into())]).into()
    }

    #[test]
    fn options_may_follow_any_number_of_optional_arguments() {
        for given in [vec!["br0".into(), "10.0.0.1/24".into(), options(1400)], vec!["br0".into(), options(1400)]] {
            assert_eq!(bound(&given).unwrap().opt::<i64>("mtu").unwrap(), Some(1400));
        }
        assert_eq!(bound(&["br0".into()]).unwrap().opt::<i64>("mtu").unwrap(), None);
    }

    #[test]
    fn a_map_is_not_options_where_something_is_still_required() {
        let error = bound(&[options(1)]).unwrap_err();
        assert_eq!((error.0.code, error.0.arg.as_deref()), ("value::type", Some("bridge")));
        let help = error.0.help.unwrap_or_default();
        assert!(help.contains("attach(bridge"), "the signature is shown: {help}");
    }
}
