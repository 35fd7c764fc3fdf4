//! The values of a prompt's variables.

use super::Shown;
use crate::ops::{Process, Ty, Value};
use crate::script::convert;
use crate::script::infer::Shape;
use rhai::{Array, Dynamic, Engine, FnPtr, Map};
use std::rc::Rc;

/// A value, for who looks at it.
pub fn show(engine: &Engine, value: &Dynamic) -> Shown {
    if value.is_fnptr() {
        return Shown { value: None, text: "a closure".to_owned(), ty: Ty::Closure.name() };
    }
    let mut scope = rhai::Scope::new();
    scope.push_dynamic("value", value.clone());
    let text = engine.eval_with_scope::<String>(&mut scope, "value.to_debug()");
    let text = text.unwrap_or_else(|_| value.to_string());
    Shown { value: convert::any(value), text, ty: shape(value).name() }
}

/// The type of a value.
pub fn shape(value: &Dynamic) -> Shape {
    if let Ok(items) = value.as_array_ref() {
        return Shape::List(Box::new(items.first().map(shape).unwrap_or_default()));
    }
    if let Ok(map) = value.as_map_ref() {
        return Shape::Map(map.iter().map(|(key, value)| (key.to_string(), shape(value))).collect());
    }
    if value.is_float() {
        return Shape::Rhai("float");
    }
    if value.is_char() {
        return Shape::Rhai("char");
    }
    if value.is_fnptr() {
        return Shape::Is(Ty::Closure);
    }
    let Some(value) = convert::any(value) else { return Shape::Unknown };
    Shape::Is(match value {
        Value::Unit => Ty::Unit,
        Value::Bool(_) => Ty::Bool,
        Value::Int(_) | Value::Port(_) => Ty::Int,
        Value::Ns(_) => Ty::Ns,
        Value::Link(_) => Ty::Link,
        Value::Pair(..) => Ty::Pair,
        Value::Subnet(_) => Ty::Subnet,
        Value::Addr(..) => Ty::Ip,
        Value::Duration(_) => Ty::Duration,
        Value::Rate(_) => Ty::Rate,
        Value::Secret(_) => Ty::Secret,
        Value::Output(_) => Ty::Output,
        Value::Reply(_) => Ty::Reply,
        Value::Trace(_) => Ty::Trace,
        Value::Process(_) => Ty::Process,
        Value::Rules(_) => Ty::Rules,
        Value::Vip(_) => Ty::Vip,
        Value::Error(_) => Ty::Error,
        Value::List(_) | Value::Map(_) => return Shape::Unknown,
        Value::Str(_)
        | Value::IfName(_)
        | Value::NsName(_)
        | Value::ChainName(_)
        | Value::Mac(_)
        | Value::Endpoint(_) => Ty::Str,
    })
}

/// Calls `see` for a value and everything in it, also what a closure has captured.
pub fn each(value: &Dynamic, see: &mut dyn FnMut(&Dynamic)) {
    see(value);
    if let Ok(items) = value.as_array_ref() {
        items.iter().for_each(|item| each(item, see));
    } else if let Ok(map) = value.as_map_ref() {
        map.values().for_each(|value| each(value, see));
    } else if let Some(closure) = value.read_lock::<FnPtr>() {
        closure.iter_curry().for_each(|captured| each(captured, see));
    }
}

/// Puts another process in the place of each for which there is one.
pub fn renew(value: &mut Dynamic, renewed: &dyn Fn(&Process) -> Option<Process>) {
    if let Some(mut process) = value.write_lock::<Rc<Process>>() {
        if let Some(other) = renewed(&process) {
            *process = Rc::new(other);
        }
        return;
    }
    if let Some(mut items) = value.write_lock::<Array>() {
        items.iter_mut().for_each(|item| renew(item, renewed));
        return;
    }
    if let Some(mut map) = value.write_lock::<Map>() {
        map.values_mut().for_each(|value| renew(value, renewed));
    }
}
