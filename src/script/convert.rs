//! Script values to [`Value`]s and back.
//!
//! A typed value may always be written as text where it is due: `"10.0.0.1/24"`, `"10ms"`, the name of a
//! namespace. What cannot be taken is an error that names the parameter, what was given and what is due.

pub mod handles;
pub mod text;

use crate::model::error::{OpError, OpResult, closest};
use crate::model::names::{ChainName, IfName, Ns, NsName};
use crate::model::secret::Secret;
use crate::ops::{LinkHandle, Opt, Ty, Value};
use handles::{Addr, Caught, Handle, Pair, Rate, quoted};
use ipnet::IpNet;
use rhai::{Array, Dynamic, ImmutableString, Map};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use text::{Parsed, Wrong};

/// Where a value is due.
#[derive(Clone, Copy)]
pub struct Due<'a> {
    /// The function that takes it.
    pub function: &'a str,
    /// The parameter or option.
    pub name: &'a str,
    /// The namespace that the name of an interface is looked up in.
    pub here: &'a Ns,
}

impl Due<'_> {
    fn refuse(&self, value: &Dynamic, wrong: Wrong) -> OpError {
        let message =
            format!("`{}` cannot take {} as its `{}`: {}.", self.function, describe(value), self.name, wrong.reason);
        OpError::new(wrong.code, message).help(wrong.help).arg(self.name)
    }

    fn mismatch(&self, value: &Dynamic, ty: Ty) -> OpError {
        let message = format!(
            "`{}` cannot take {} as its `{}`; it takes {}.",
            self.function,
            describe(value),
            self.name,
            ty.accepts()
        );
        let error = OpError::new("value::type", message).arg(self.name);
        match hint(value, ty) {
            Some(hint) => error.help(hint),
            None => error,
        }
    }
}

/// Takes a script value as what is due.
pub fn take(value: &Dynamic, ty: Ty, due: &Due<'_>) -> OpResult<Value> {
    match (taken(value, ty, due), string(value)) {
        (Some(result), _) => result,
        (None, Some(text)) => taken_text(&text, ty, due)
            .unwrap_or_else(|| Err(due.mismatch(value, ty)))
            .map_err(|error| if error.0.arg.is_none() { error.arg(due.name) } else { error }),
        (None, None) => Err(due.mismatch(value, ty)),
    }
}

/// Takes a value that is not written as text; none where it is of another type.
fn taken(value: &Dynamic, ty: Ty, due: &Due<'_>) -> Option<OpResult<Value>> {
    let parsed = |result: Parsed<Value>| result.map_err(|wrong| due.refuse(value, wrong));
    Some(Ok(match ty {
        Ty::Any => return any(value).map(Ok),
        Ty::Bool => Value::Bool(value.as_bool().ok()?),
        Ty::Int => Value::Int(value.as_int().ok()?),
        Ty::Str => Value::Str(value.as_char().ok()?.to_string()),
        Ty::Port => return Some(parsed(text::port_number(value.as_int().ok()?).map(Value::Port))),
        Ty::Duration => {
            if let Some(time) = handle::<Duration>(value) {
                Value::Duration(time)
            } else if let Ok(number) = value.as_int() {
                return Some(parsed(text::seconds(number).map(Value::Duration)));
            } else {
                return Some(parsed(text::float_seconds(value.as_float().ok()?).map(Value::Duration)));
            }
        }
        Ty::Ip => handle::<Addr>(value).map(|addr| Value::Addr(addr.0, addr.1))?,
        Ty::IfAddr => {
            let addr = text::if_addr(&handle::<Addr>(value)?.show());
            return Some(parsed(addr.map(|(ip, prefix)| Value::Addr(ip, Some(prefix)))));
        }
        Ty::Dest => match handle::<Addr>(value) {
            Some(addr) => return Some(parsed(text::dest(&addr.show()).map(destination))),
            None => Value::Subnet(handle::<IpNet>(value)?),
        },
        Ty::List(item) => return Some(list(value, *item, due)),
        Ty::Argv => return Some(argv(value.as_array_ref().ok()?.iter(), due)),
        Ty::Map => {
            let entries = value.as_map_ref().ok()?;
            return Some(map(&entries, due));
        }
        Ty::StrOrSecret => match handle::<Secret>(value) {
            Some(secret) => Value::Secret(secret),
            None => return taken(value, Ty::Str, due),
        },
        Ty::SubnetOrLink => held(value).filter(|held| is_a(held, Ty::Subnet) || is_a(held, Ty::Link))?,
        Ty::Ns
        | Ty::Link
        | Ty::Pair
        | Ty::Subnet
        | Ty::Rate
        | Ty::Secret
        | Ty::Output
        | Ty::Process
        | Ty::Rules
        | Ty::Vip
        | Ty::Reply
        | Ty::Trace
        | Ty::Error => held(value).filter(|held| is_a(held, ty))?,
        Ty::Unit | Ty::IfName | Ty::NsName | Ty::ChainName | Ty::Endpoint | Ty::Mac | Ty::Options(_) | Ty::Closure => {
            return None;
        }
    }))
}

/// Takes a text as what is due; none where no text can be that.
fn taken_text(text: &str, ty: Ty, due: &Due<'_>) -> Option<OpResult<Value>> {
    let parsed = match ty {
        Ty::Str | Ty::StrOrSecret => Ok(Value::Str(text.to_string())),
        Ty::IfName => return Some(IfName::new(text).map(Value::IfName).map_err(Into::into)),
        Ty::NsName => return Some(NsName::new(text).map(Value::NsName).map_err(Into::into)),
        Ty::ChainName => return Some(ChainName::new(text).map(Value::ChainName).map_err(Into::into)),
        Ty::Ns if text == "host" => Ok(Value::Ns(Ns::Host)),
        Ty::Ns => return Some(NsName::new(text).map(|name| Value::Ns(Ns::Named(name))).map_err(Into::into)),
        Ty::Link => {
            return Some(
                IfName::new(text)
                    .map(|name| Value::Link(LinkHandle::new(due.here.clone(), name, None)))
                    .map_err(Into::into),
            );
        }
        Ty::SubnetOrLink => return taken_text(text, if text.contains('/') { Ty::Subnet } else { Ty::Link }, due),
        Ty::Subnet => text::subnet(text).map(Value::Subnet),
        Ty::IfAddr => text::if_addr(text).map(|(ip, prefix)| Value::Addr(ip, Some(prefix))),
        Ty::Ip => text::ip(text).map(|(ip, prefix)| Value::Addr(ip, prefix)),
        Ty::Dest => text::dest(text).map(destination),
        Ty::Endpoint => text::endpoint(text).map(Value::Endpoint),
        Ty::Port => text::port(text).map(Value::Port),
        Ty::Mac => text::mac(text).map(Value::Mac),
        Ty::Duration => text::duration(text).map(Value::Duration),
        Ty::Rate => text::rate(text).map(Value::Rate),
        Ty::Argv => match text::words(text) {
            Ok(words) => return Some(argv(words.into_iter().map(Dynamic::from).collect::<Vec<_>>().iter(), due)),
            Err(wrong) => Err(wrong),
        },
        _ => return None,
    };
    Some(parsed.map_err(|wrong| due.refuse(&Dynamic::from(text.to_string()), wrong)))
}

/// The default route has no subnet until its next hop says which family it is of.
fn destination(net: Option<IpNet>) -> Value {
    net.map_or_else(|| Value::Str("default".into()), Value::Subnet)
}

/// Takes an options map, whose keys must be among `options`.
pub fn take_options(map: &Map, options: &'static [Opt], due: &Due<'_>) -> OpResult<Vec<(&'static str, Value)>> {
    map.iter()
        .map(|(key, value)| match options.iter().find(|option| option.name == key.as_str()) {
            Some(option) => Ok((option.name, take(value, option.ty, &Due { name: option.name, ..*due })?)),
            None => Err(unknown_option(due.function, key, options)),
        })
        .collect()
}

/// The error of an option that a function does not have.
pub fn unknown_option(function: &str, key: &str, options: &'static [Opt]) -> OpError {
    let names: Vec<&str> = options.iter().map(|option| option.name).collect();
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let help = match closest(key, names.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`? Its options are {list}."),
        None => format!("Its options are {list}."),
    };
    OpError::new("args::option", format!("`{function}` has no option `{key}`.")).help(help).arg(key)
}

fn list(value: &Dynamic, item: Ty, due: &Due<'_>) -> OpResult<Value> {
    match value.as_array_ref() {
        Ok(items) => items.iter().map(|value| take(value, item, due)).collect::<OpResult<_>>().map(Value::List),
        Err(_) => Ok(Value::List(vec![take(value, item, due)?])),
    }
}

fn argv<'a>(words: impl Iterator<Item = &'a Dynamic>, due: &Due<'_>) -> OpResult<Value> {
    let words: Vec<Value> = words.map(|word| scalar(word, Ty::Argv, due).map(Value::Str)).collect::<OpResult<_>>()?;
    if words.is_empty() {
        let message = format!("`{}` cannot take an empty command as its `{}`.", due.function, due.name);
        return Err(OpError::new("value::command", message).help("Name a program: `[\"true\"]`.").arg(due.name));
    }
    Ok(Value::List(words))
}

/// Texts, but an address stays one, and so does a secret: what takes the map knows whether the prefix length matters, and
/// where a secret may go.
fn map(map: &Map, due: &Due<'_>) -> OpResult<Value> {
    let entry = |(key, value): (&rhai::Identifier, &Dynamic)| {
        let value = if let Some(Addr(ip, prefix)) = handle::<Addr>(value) {
            Value::Addr(ip, prefix)
        } else if let Some(secret) = handle::<Secret>(value) {
            Value::Secret(secret)
        } else {
            Value::Str(scalar(value, Ty::Map, due)?)
        };
        Ok((key.to_string(), value))
    };
    map.iter().map(entry).collect::<OpResult<BTreeMap<_, _>>>().map(Value::Map)
}

/// The text of a string, number, truth value, or a value that is written as text.
fn scalar(value: &Dynamic, ty: Ty, due: &Due<'_>) -> OpResult<String> {
    if let Some(text) = string(value) {
        return Ok(text.to_string());
    }
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return Ok(value.to_string());
    }
    let shown = handle::<Addr>(value)
        .map(|addr| addr.show())
        .or_else(|| handle::<IpNet>(value).map(|net| net.show()))
        .or_else(|| handle::<LinkHandle>(value).map(|link| link.show()))
        .or_else(|| handle::<Ns>(value).map(|ns| ns.show()));
    shown.ok_or_else(|| due.mismatch(value, ty))
}

/// Any value but a closure.
pub fn any(value: &Dynamic) -> Option<Value> {
    if value.is_unit() {
        Some(Value::Unit)
    } else if let Ok(truth) = value.as_bool() {
        Some(Value::Bool(truth))
    } else if let Ok(number) = value.as_int() {
        Some(Value::Int(number))
    } else if let Some(text) = string(value) {
        Some(Value::Str(text.to_string()))
    } else if value.is_float() || value.is_char() {
        Some(Value::Str(value.to_string()))
    } else if let Ok(items) = value.as_array_ref() {
        items.iter().map(any).collect::<Option<_>>().map(Value::List)
    } else if let Ok(map) = value.as_map_ref() {
        map.iter().map(|(key, value)| Some((key.to_string(), any(value)?))).collect::<Option<_>>().map(Value::Map)
    } else {
        held(value)
    }
}

/// A value of one of our own types.
fn held(value: &Dynamic) -> Option<Value> {
    handle::<Ns>(value)
        .map(Value::Ns)
        .or_else(|| handle(value).map(Value::Link))
        .or_else(|| handle::<Pair>(value).map(|pair| Value::Pair(pair.0, pair.1)))
        .or_else(|| handle(value).map(Value::Subnet))
        .or_else(|| handle::<Addr>(value).map(|addr| Value::Addr(addr.0, addr.1)))
        .or_else(|| handle(value).map(Value::Duration))
        .or_else(|| handle::<Rate>(value).map(|rate| Value::Rate(rate.0)))
        .or_else(|| handle(value).map(Value::Secret))
        .or_else(|| handle(value).map(Value::Output))
        .or_else(|| handle(value).map(Value::Reply))
        .or_else(|| handle(value).map(Value::Trace))
        .or_else(|| handle(value).map(Value::Process))
        .or_else(|| handle(value).map(Value::Rules))
        .or_else(|| handle(value).map(Value::Vip))
        .or_else(|| handle::<Caught>(value).map(|caught| Value::Error((*caught.0).clone())))
}

fn is_a(value: &Value, ty: Ty) -> bool {
    matches!(
        (value, ty),
        (Value::Ns(_), Ty::Ns)
            | (Value::Link(_), Ty::Link)
            | (Value::Pair(..), Ty::Pair)
            | (Value::Subnet(_), Ty::Subnet)
            | (Value::Rate(_), Ty::Rate)
            | (Value::Secret(_), Ty::Secret)
            | (Value::Output(_), Ty::Output)
            | (Value::Process(_), Ty::Process)
            | (Value::Rules(_), Ty::Rules)
            | (Value::Vip(_), Ty::Vip)
            | (Value::Reply(_), Ty::Reply)
            | (Value::Trace(_), Ty::Trace)
            | (Value::Error(_), Ty::Error)
    )
}

fn handle<T: Clone + 'static>(value: &Dynamic) -> Option<T> {
    value.read_lock::<T>().map(|value| value.clone())
}

fn string(value: &Dynamic) -> Option<ImmutableString> {
    value.as_immutable_string_ref().ok().map(|text| text.clone())
}

/// Gives a value to the script.
pub fn give(value: Value) -> Dynamic {
    match value {
        Value::Unit => Dynamic::UNIT,
        Value::Bool(truth) => truth.into(),
        Value::Int(number) => number.into(),
        Value::Str(text) => text.into(),
        Value::List(items) => items.into_iter().map(give).collect::<Array>().into(),
        Value::Map(map) => map.into_iter().map(|(key, value)| (key.into(), give(value))).collect::<Map>().into(),
        Value::IfName(name) => name.to_string().into(),
        Value::NsName(name) => name.to_string().into(),
        Value::ChainName(name) => name.to_string().into(),
        Value::Mac(mac) => mac.to_string().into(),
        Value::Endpoint(endpoint) => endpoint.to_string().into(),
        Value::Port(port) => i64::from(port).into(),
        Value::Ns(ns) => Dynamic::from(ns),
        Value::Link(link) => Dynamic::from(link),
        Value::Pair(a, b) => Dynamic::from(Pair(a, b)),
        Value::Subnet(net) => Dynamic::from(net),
        Value::Addr(ip, prefix) => Dynamic::from(Addr(ip, prefix)),
        Value::Duration(time) => Dynamic::from(time),
        Value::Rate(bits) => Dynamic::from(Rate(bits)),
        Value::Secret(secret) => Dynamic::from(secret),
        Value::Output(output) => Dynamic::from(output),
        Value::Reply(reply) => Dynamic::from(reply),
        Value::Trace(trace) => Dynamic::from(trace),
        Value::Process(process) => Dynamic::from(process),
        Value::Rules(rules) => Dynamic::from(rules),
        Value::Vip(vip) => Dynamic::from(vip),
        Value::Error(error) => Dynamic::from(Caught(Rc::new(error))),
    }
}

/// What was given, for a message.
pub fn describe(value: &Dynamic) -> String {
    if let Some(text) = string(value) {
        return quoted(text);
    }
    match any(value) {
        Some(Value::Unit) => "`()`".into(),
        Some(Value::Bool(truth)) => format!("`{truth}`"),
        Some(Value::Int(number)) => format!("the number {number}"),
        Some(Value::Str(number)) => format!("the number {number}"),
        Some(Value::List(items)) => format!("a list of {}", items.len()),
        Some(Value::Map(_)) => "a map".into(),
        Some(Value::Ns(ns)) => format!("the namespace `{ns}`"),
        Some(Value::Link(link)) => format!("the interface `{}`", link.place().name),
        Some(Value::Pair(..)) => "a veth pair".into(),
        Some(Value::Subnet(net)) => format!("the subnet {net}"),
        Some(Value::Addr(ip, prefix)) => format!("the address {}", Addr(ip, prefix).show()),
        Some(Value::Duration(time)) => format!("the time {}", time.show()),
        Some(Value::Rate(bits)) => format!("the rate {}", text::show_rate(bits)),
        Some(Value::Secret(secret)) => format!("the secret `{}`", secret.name()),
        Some(Value::Output(_)) => "the output of a command".into(),
        Some(Value::Process(process)) => format!("the process `{}`", process.name),
        Some(Value::Rules(_)) => "a set of rules".into(),
        Some(Value::Vip(vip)) => format!("the virtual IP {}", vip.endpoint),
        Some(Value::Reply(_)) => "the answer to a probe".into(),
        Some(Value::Trace(_)) => "the way of a packet".into(),
        Some(Value::Error(_)) => "an error".into(),
        _ if value.is_fnptr() => "a closure".into(),
        _ => format!("a value of type {}", value.type_name()),
    }
}

/// What a common mistake was meant to be.
fn hint(value: &Dynamic, ty: Ty) -> Option<String> {
    let ty = if let Ty::List(item) = ty { *item } else { ty };
    Some(match (any(value)?, ty) {
        (Value::Unit, _) => "A missing key of a map and a function without a result give `()`.".into(),
        (Value::Pair(..), Ty::Link | Ty::SubnetOrLink) => "Name one of its ends: `.a` or `.b`.".into(),
        (Value::Subnet(_), Ty::IfAddr | Ty::Ip) => "Name an address in it: `.host(1)`.".into(),
        (Value::Addr(..), Ty::Subnet) => "This is one address; keep the subnet it came from and pass that.".into(),
        (Value::Addr(..), Ty::Endpoint) => "Add a port: `.port(8080)`.".into(),
        (Value::Link(_), Ty::Ns) => "Pass the namespace that it is in.".into(),
        (Value::Secret(_), Ty::Argv) => {
            "Everybody can read a program's arguments: pass it by `env` or `stdin`, as in `#{ env: #{ TOKEN: token } }`.".into()
        }
        (Value::Secret(_), _) => "Programs are given secrets by `env` and `stdin`, and nothing else takes one.".into(),
        (Value::Int(number), Ty::Rate) => format!("Say in which unit: `\"{number}mbit\"`."),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
