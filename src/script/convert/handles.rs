//! The values that scripts hold: what they are called, how they print and when they are equal.

use super::text;
use crate::lab::why::Trace;
use crate::model::error::OpError;
use crate::model::names::Ns;
use crate::model::observe::{Output, Reply};
use crate::model::secret::Secret;
use crate::ops::{LinkHandle, Process, Rules, Ty, Vip};
use ipnet::IpNet;
use rhai::{Engine, FUNC_TO_DEBUG, FUNC_TO_STRING, ImmutableString};
use std::any::TypeId;
use std::fmt::Display;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// The two ends of a veth pair.
#[derive(Clone)]
pub struct Pair(pub LinkHandle, pub LinkHandle);

/// An address, with its prefix length where it has one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Addr(pub IpAddr, pub Option<u8>);

/// A bit rate, in bits per second.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub u64);

/// An error, as a script catches it.
#[derive(Clone)]
pub struct Caught(pub Rc<OpError>);

/// A type of values that scripts hold.
pub trait Handle: Clone + 'static {
    /// The type, as signatures name it.
    const TY: Ty;
    /// What `to_string`, `print` and a template show.
    fn show(&self) -> String;
    /// What `debug` and the failure of an assertion show.
    fn inspect(&self) -> String {
        format!("{}({})", Self::TY.name().replace(' ', "_"), self.show())
    }
    /// Whether it is what a text says, because `addr == "10.0.0.1/24"` must not quietly be false.
    fn is_text(&self, text: &str) -> bool {
        self.show() == text
    }
}

impl Handle for Ns {
    const TY: Ty = Ty::Ns;
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Handle for LinkHandle {
    const TY: Ty = Ty::Link;
    fn show(&self) -> String {
        self.place().name.to_string()
    }
    fn inspect(&self) -> String {
        let place = self.place();
        format!("link({} in {})", place.name, place.ns)
    }
}

impl Handle for Pair {
    const TY: Ty = Ty::Pair;
    fn show(&self) -> String {
        format!("{} and {}", self.0.show(), self.1.show())
    }
}

impl Handle for IpNet {
    const TY: Ty = Ty::Subnet;
    fn show(&self) -> String {
        self.to_string()
    }
    fn is_text(&self, text: &str) -> bool {
        text::subnet(text).is_ok_and(|net| net == *self)
    }
}

impl Handle for Addr {
    const TY: Ty = Ty::Ip;
    fn show(&self) -> String {
        self.1.map_or_else(|| self.0.to_string(), |prefix| format!("{}/{prefix}", self.0))
    }
    fn is_text(&self, text: &str) -> bool {
        text::ip(text).is_ok_and(|(ip, prefix)| Addr(ip, prefix) == *self)
    }
}

impl Handle for Duration {
    const TY: Ty = Ty::Duration;
    fn show(&self) -> String {
        humantime::format_duration(*self).to_string()
    }
    fn is_text(&self, text: &str) -> bool {
        text::duration(text).is_ok_and(|time| time == *self)
    }
}

impl Handle for Rate {
    const TY: Ty = Ty::Rate;
    fn show(&self) -> String {
        text::show_rate(self.0)
    }
    fn is_text(&self, text: &str) -> bool {
        text::rate(text).is_ok_and(|bits| bits == self.0)
    }
}

impl Handle for Secret {
    const TY: Ty = Ty::Secret;
    fn show(&self) -> String {
        self.to_string()
    }
    fn inspect(&self) -> String {
        self.to_string()
    }
    fn is_text(&self, text: &str) -> bool {
        self.reveal() == Some(text)
    }
}

impl Handle for Rc<Output> {
    const TY: Ty = Ty::Output;
    fn show(&self) -> String {
        self.stdout.trim_end().to_string()
    }
    fn inspect(&self) -> String {
        format!("output(status {}, stdout {:?}, stderr {:?})", self.status, self.stdout, self.stderr)
    }
}

impl Handle for Rc<Reply> {
    const TY: Ty = Ty::Reply;
    fn show(&self) -> String {
        self.text.clone()
    }
    fn inspect(&self) -> String {
        format!("reply(status {}, text {:?}, time {})", self.status, self.text, self.time.show())
    }
}

impl Handle for Rc<Trace> {
    const TY: Ty = Ty::Trace;
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Handle for Rc<Process> {
    const TY: Ty = Ty::Process;
    fn show(&self) -> String {
        self.name.clone()
    }
}

impl Handle for Rc<Rules> {
    const TY: Ty = Ty::Rules;
    fn show(&self) -> String {
        self.what.clone()
    }
}

impl Handle for Rc<Vip> {
    const TY: Ty = Ty::Vip;
    fn show(&self) -> String {
        self.endpoint.to_string()
    }
}

impl Handle for Caught {
    const TY: Ty = Ty::Error;
    fn show(&self) -> String {
        format!("{}: {}", self.0.0.code, self.0)
    }
}

/// The Rust type that stands for a type of receivers in Rhai; none for types that have no methods.
pub fn type_id(ty: Ty) -> Option<TypeId> {
    Some(match ty {
        Ty::Bool => TypeId::of::<bool>(),
        Ty::Int | Ty::Port => TypeId::of::<i64>(),
        Ty::Str => TypeId::of::<ImmutableString>(),
        Ty::Ns => TypeId::of::<Ns>(),
        Ty::Link => TypeId::of::<LinkHandle>(),
        Ty::Pair => TypeId::of::<Pair>(),
        Ty::Subnet => TypeId::of::<IpNet>(),
        Ty::Ip | Ty::IfAddr => TypeId::of::<Addr>(),
        Ty::Duration => TypeId::of::<Duration>(),
        Ty::Rate => TypeId::of::<Rate>(),
        Ty::Secret => TypeId::of::<Secret>(),
        Ty::Output => TypeId::of::<Rc<Output>>(),
        Ty::Reply => TypeId::of::<Rc<Reply>>(),
        Ty::Trace => TypeId::of::<Rc<Trace>>(),
        Ty::Process => TypeId::of::<Rc<Process>>(),
        Ty::Rules => TypeId::of::<Rc<Rules>>(),
        Ty::Vip => TypeId::of::<Rc<Vip>>(),
        Ty::Error => TypeId::of::<Caught>(),
        _ => return None,
    })
}

/// Tells the engine how the values print, and how they compare.
pub fn register(engine: &mut Engine) {
    register_handle::<Rc<Output>>(engine);
    register_handle::<Rc<Reply>>(engine);
    register_handle::<Rc<Trace>>(engine);
    register_handle::<Rc<Process>>(engine);
    register_handle::<Rc<Rules>>(engine);
    register_handle::<Rc<Vip>>(engine);
    register_handle::<Caught>(engine);
    register_handle::<Pair>(engine);
    register_handle::<LinkHandle>(engine);
    register_handle::<Ns>(engine);
    register_handle::<IpNet>(engine);
    register_handle::<Addr>(engine);
    register_handle::<Duration>(engine);
    register_handle::<Rate>(engine);
    register_handle::<Secret>(engine);

    register_equality::<Pair>(engine, |a, b| a.0.place() == b.0.place() && a.1.place() == b.1.place());
    register_equality::<LinkHandle>(engine, |a, b| a.place() == b.place());
    register_equality::<Ns>(engine, PartialEq::eq);
    register_equality::<IpNet>(engine, PartialEq::eq);
    register_equality::<Addr>(engine, PartialEq::eq);
    register_equality::<Duration>(engine, PartialEq::eq);
    register_equality::<Rate>(engine, PartialEq::eq);
    // Of a rehearsal, only the names are known.
    register_equality::<Secret>(engine, |a, b| a == b || (a.reveal().is_some() && a.reveal() == b.reveal()));

    register_order::<Duration>(engine);
    register_order::<Rate>(engine);
}

/// Rhai's `print` and `debug` go by these, too.
fn register_handle<T: Handle>(engine: &mut Engine) {
    engine.register_type_with_name::<T>(&T::TY.name());
    engine.register_fn(FUNC_TO_STRING, |value: &mut T| value.show());
    engine.register_fn(FUNC_TO_DEBUG, |value: &mut T| value.inspect());
}

fn register_equality<T: Handle>(engine: &mut Engine, same: fn(&T, &T) -> bool) {
    for (name, is) in [("==", true), ("!=", false)] {
        engine.register_fn(name, move |a: &mut T, b: T| same(a, &b) == is);
        engine.register_fn(name, move |a: &mut T, b: ImmutableString| a.is_text(&b) == is);
        engine.register_fn(name, move |a: ImmutableString, b: T| b.is_text(&a) == is);
    }
}

fn register_order<T: Handle + PartialOrd>(engine: &mut Engine) {
    let mut order = |name, holds: fn(&T, &T) -> bool| {
        engine.register_fn(name, move |a: &mut T, b: T| holds(a, &b));
    };
    order("<", T::lt);
    order("<=", T::le);
    order(">", T::gt);
    order(">=", T::ge);
}

/// Shows a value that has a plain text, quoted if it is one.
pub fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short:?}…") } else { format!("{text:?}") }
}
