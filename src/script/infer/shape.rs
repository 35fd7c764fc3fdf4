//! Types, ours and Rhai's.

use super::Worth;
use crate::ops::{self, FnDef, FnKind, Ty};

/// The type of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Shape {
    /// Not known.
    #[default]
    Unknown,
    /// One that our functions take or return.
    Is(Ty),
    /// One that only Rhai has: `float`, `char`, `range`, `timestamp`.
    Rhai(&'static str),
    /// A list, with the type of what is in it.
    List(Box<Shape>),
    /// A map, with what is known of its keys.
    Map(Vec<(String, Shape)>),
}

impl Shape {
    /// The type of what a function returns.
    pub fn of(ty: Ty) -> Shape {
        match ty {
            Ty::Any => Shape::Unknown,
            Ty::Port => Shape::Is(Ty::Int),
            Ty::IfAddr => Shape::Is(Ty::Ip),
            Ty::IfName | Ty::NsName | Ty::ChainName | Ty::Mac | Ty::Endpoint | Ty::StrOrSecret => Shape::Is(Ty::Str),
            Ty::List(item) => Shape::List(Box::new(Shape::of(*item))),
            Ty::Map | Ty::Options(_) => Shape::Map(Vec::new()),
            other => Shape::Is(other),
        }
    }

    /// Whether it is one of our own values, which are nothing else.
    pub fn is_handle(&self) -> bool {
        matches!(
            self,
            Shape::Is(
                Ty::Ns
                    | Ty::Link
                    | Ty::Pair
                    | Ty::Subnet
                    | Ty::Ip
                    | Ty::Duration
                    | Ty::Rate
                    | Ty::Secret
                    | Ty::Output
                    | Ty::Process
                    | Ty::Rules
                    | Ty::Vip
                    | Ty::Reply
                    | Ty::Trace
                    | Ty::Error
            )
        )
    }

    /// What it leaves of so many names of types.
    pub(super) fn rest_of(&self, left: usize) -> Option<usize> {
        let left = left.checked_sub(1)?;
        match self {
            Shape::List(item) => item.rest_of(left),
            Shape::Map(entries) => entries.iter().try_fold(left, |left, (_, shape)| shape.rest_of(left)),
            Shape::Unknown | Shape::Is(_) | Shape::Rhai(_) => Some(left),
        }
    }

    /// What the documentation calls it.
    pub fn name(&self) -> String {
        match self {
            Shape::Unknown => "any".into(),
            Shape::Is(ty) => ty.name(),
            Shape::Rhai(name) => (*name).into(),
            Shape::List(item) if **item == Shape::Unknown => "array".into(),
            Shape::List(item) => format!("list of {}", item.name()),
            Shape::Map(_) => "map".into(),
        }
    }

    /// What Rhai calls it.
    pub fn rhai_name(&self) -> String {
        match self {
            Shape::List(_) => "array".into(),
            other => other.name(),
        }
    }
}

/// Our methods and properties of a type.
pub fn methods_of(shape: &Shape) -> impl Iterator<Item = &'static FnDef> + use<> {
    methods_among(ops::all(), shape)
}

/// Those of a name.
pub fn methods_named(name: &str, shape: &Shape) -> impl Iterator<Item = &'static FnDef> {
    methods_among(ops::named(name), shape)
}

fn methods_among<D: Iterator<Item = &'static FnDef>>(
    defs: D,
    shape: &Shape,
) -> impl Iterator<Item = &'static FnDef> + use<D> {
    let ty = match shape {
        Shape::Is(ty) => Some(*ty),
        _ => None,
    };
    defs.filter(move |def| match def.kind {
        FnKind::Method(of) | FnKind::Property(of) => ty.is_some_and(|ty| Shape::of(of) == Shape::Is(ty)),
        FnKind::InNs => ty == Some(Ty::Ns),
        FnKind::Free => false,
    })
}

/// What one of Rhai's own methods returns, as far as completion has a use for it.
pub fn native(on: &Shape, method: &str) -> Worth {
    let shape = match (on, method) {
        (_, "to_string" | "to_debug" | "type_of" | "to_upper" | "to_lower" | "sub_string") => Shape::Is(Ty::Str),
        (_, "len" | "index_of" | "to_int" | "parse_int") => Shape::Is(Ty::Int),
        (_, "contains" | "is_empty" | "starts_with" | "ends_with" | "some" | "all") => Shape::Is(Ty::Bool),
        (Shape::Is(Ty::Str), "split") | (Shape::Map(_), "keys") => Shape::List(Box::new(Shape::Is(Ty::Str))),
        (Shape::List(item), "pop" | "shift" | "remove" | "find") => (**item).clone(),
        (Shape::List(_), "filter" | "extract" | "split" | "dedup" | "drain" | "retain") => on.clone(),
        (Shape::List(_) | Shape::Rhai("range"), "map") => Shape::List(Box::default()),
        _ => Shape::Unknown,
    };
    Worth::guess(shape)
}
