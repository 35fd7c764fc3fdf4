//! A call of a function: its checked arguments and the lab it acts on.

use super::value::{Endpoint, LinkHandle, Value};
use crate::lab::Lab;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult, Site};
use crate::model::mac::Mac;
use crate::model::names::{ChainName, IfName, Ns, NsName};
use crate::model::secret::Text;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// A call in progress.
pub struct Call<'a> {
    /// The lab it acts on.
    pub lab: &'a mut Lab,
    /// The function's name.
    pub function: &'static str,
    /// What it was called on; `host()` for a free function of a namespace, nothing for other free functions.
    pub this: Value,
    /// Its arguments.
    pub args: Args,
    /// Where the recipe calls it.
    pub site: Site,
}

impl Call<'_> {
    /// Commits changes in order, all or none, and returns their numbers.
    pub fn commit(&mut self, changes: Vec<Change>) -> OpResult<Vec<u64>> {
        self.lab.commit(&self.site, changes)
    }

    /// Makes changes and alters change `n` in place, all or none.
    pub fn alter(&mut self, n: u64, change: Change, first: Vec<Change>) -> OpResult<Vec<u64>> {
        self.lab.alter(&self.site, n, change, first)
    }

    /// The namespace it was called on.
    pub fn ns(&self) -> OpResult<Ns> {
        match &self.this {
            Value::Ns(ns) => Ok(ns.clone()),
            _ => Err(self.misused("a namespace")),
        }
    }

    /// The error of a planner that expected to be called on something else.
    pub fn misused(&self, wanted: &str) -> OpError {
        internal(self.function, "this", wanted)
    }

    /// The link it was called on.
    pub fn link(&self) -> OpResult<LinkHandle> {
        match &self.this {
            Value::Link(link) => Ok(link.clone()),
            _ => Err(self.misused("a link")),
        }
    }
}

/// Checked arguments and options by name. The script layer has converted each to its [`Ty`](super::Ty), so a
/// getter fails only if a definition and its planner disagree.
#[derive(Debug, Default)]
pub struct Args {
    /// The function's name, for errors.
    pub function: &'static str,
    /// Values by parameter or option name; an omitted one is absent.
    pub values: Vec<(&'static str, Value)>,
}

pub(super) fn internal(function: &str, name: &str, wanted: &str) -> OpError {
    OpError::new("internal::argument", format!("`{function}` expected `{name}` to be {wanted}."))
        .help("This is a defect of rhailab, not of the recipe; please report it.")
}

/// A type that an argument can be taken as.
pub trait FromValue: Sized {
    /// What errors call it.
    const NOUN: &'static str;
    /// Takes the value, or gives it up.
    fn from_value(value: Value) -> Option<Self>;
}

impl Args {
    /// An argument or option, if it was given.
    pub fn opt<T: FromValue>(&self, name: &str) -> OpResult<Option<T>> {
        match self.values.iter().find(|(key, _)| *key == name) {
            None => Ok(None),
            Some((_, value)) => {
                T::from_value(value.clone()).map(Some).ok_or_else(|| internal(self.function, name, T::NOUN))
            }
        }
    }

    /// A required argument.
    pub fn req<T: FromValue>(&self, name: &str) -> OpResult<T> {
        self.opt(name)?.ok_or_else(|| internal(self.function, name, T::NOUN))
    }

    /// An option that is a number, if it was given. One that its type does not hold, or that does not fit, ends with the error
    /// that `bad` makes of it.
    pub fn number<T: TryFrom<i64>>(
        &self,
        name: &'static str,
        fits: impl FnOnce(&T) -> bool,
        bad: impl FnOnce(i64) -> OpError,
    ) -> OpResult<Option<T>> {
        let Some(given) = self.opt::<i64>(name)? else { return Ok(None) };
        let number = T::try_from(given).ok().filter(fits);
        number.map(Some).ok_or_else(|| bad(given).arg(name))
    }

    /// An argument or option, or `fallback` if it was not given.
    pub fn or<T: FromValue>(&self, name: &str, fallback: T) -> OpResult<T> {
        Ok(self.opt(name)?.unwrap_or(fallback))
    }
}

/// Implements [`FromValue`] for a type that is one variant of [`Value`].
macro_rules! from_variant {
    ($($ty:ty, $noun:literal, $pattern:pat => $value:expr;)*) => {$(
        impl FromValue for $ty {
            const NOUN: &'static str = $noun;
            fn from_value(value: Value) -> Option<Self> {
                match value {
                    $pattern => Some($value),
                    _ => None,
                }
            }
        }
    )*};
}

from_variant! {
    bool, "a bool", Value::Bool(b) => b;
    i64, "an int", Value::Int(n) => n;
    String, "a string", Value::Str(s) => s;
    IfName, "an interface name", Value::IfName(name) => name;
    NsName, "a namespace name", Value::NsName(name) => name;
    ChainName, "a chain name", Value::ChainName(name) => name;
    Ns, "a namespace", Value::Ns(ns) => ns;
    LinkHandle, "a link", Value::Link(link) => link;
    IpNet, "a subnet", Value::Subnet(net) => net;
    (IpAddr, Option<u8>), "an address", Value::Addr(ip, prefix) => (ip, prefix);
    IpAddr, "an address", Value::Addr(ip, _) => ip;
    Mac, "a MAC address", Value::Mac(mac) => mac;
    u16, "a port", Value::Port(port) => port;
    Endpoint, "an address and port", Value::Endpoint(endpoint) => endpoint;
    Duration, "a duration", Value::Duration(time) => time;
}

impl FromValue for Text {
    const NOUN: &'static str = "a string or a secret";
    fn from_value(value: Value) -> Option<Text> {
        match value {
            Value::Str(text) => Some(Text::Plain(text)),
            Value::Secret(secret) => Some(Text::Secret(secret)),
            _ => None,
        }
    }
}

impl FromValue for Value {
    const NOUN: &'static str = "a value";
    fn from_value(value: Value) -> Option<Value> {
        Some(value)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const NOUN: &'static str = "a list";
    fn from_value(value: Value) -> Option<Vec<T>> {
        match value {
            Value::List(items) => items.into_iter().map(T::from_value).collect(),
            _ => None,
        }
    }
}
