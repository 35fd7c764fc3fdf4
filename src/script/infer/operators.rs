//! What operators make of what is known.

use super::{Shape, Worth};
use crate::model::names::Ns;
use crate::ops::Ty;
use crate::script::convert::handles::{Addr, Handle};
use ipnet::IpNet;
use rhai::Dynamic;

/// An operator before its operand.
pub fn unary(operator: &str, operand: Worth) -> Worth {
    let number = operand.value.as_ref().and_then(|value| value.as_int().ok());
    match (operator, number) {
        ("!", _) => Worth::of(Shape::Is(Ty::Bool)),
        ("-", Some(number)) => Worth { value: number.checked_neg().map(Dynamic::from), ..operand },
        ("-", None) => Worth { value: None, ..operand },
        _ => operand,
    }
}

/// An operator between its operands.
pub fn binary(operator: &str, left: &Worth, right: &Worth) -> Worth {
    let both = |ty: Ty| left.shape == Shape::Is(ty) && right.shape == Shape::Is(ty);
    let is_certain = left.is_certain && right.is_certain;
    match operator {
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "&&" | "||" | "in" | "!in" => Worth::of(Shape::Is(Ty::Bool)),
        ".." | "..=" => Worth::of(Shape::Rhai("range")),
        "??" => Worth::guess(if left.shape == Shape::Is(Ty::Unit) { right.shape.clone() } else { left.shape.clone() }),
        "+" if left.shape == Shape::Is(Ty::Str) || right.shape == Shape::Is(Ty::Str) => {
            let texts = (left.value.as_ref().and_then(text), right.value.as_ref().and_then(text));
            let value = match texts {
                (Some(left), Some(right)) => Some(Dynamic::from(format!("{left}{right}"))),
                _ => None,
            };
            let is_text = left.certain() == Some(&Shape::Is(Ty::Str));
            Worth { shape: Shape::Is(Ty::Str), is_certain: is_certain || is_text, value }
        }
        "+" | "-" | "*" | "/" | "%" | "**" if both(Ty::Int) => {
            let int = |worth: &Worth| worth.value.as_ref().and_then(|value| value.as_int().ok());
            let value = int(left).zip(int(right)).and_then(|(left, right)| match operator {
                "+" => left.checked_add(right),
                "-" => left.checked_sub(right),
                "*" => left.checked_mul(right),
                "/" => left.checked_div(right),
                "%" => left.checked_rem(right),
                _ => left.checked_pow(u32::try_from(right).ok()?),
            });
            Worth { shape: Shape::Is(Ty::Int), is_certain, value: value.map(Dynamic::from) }
        }
        // Lists and maps can be added to.
        "+" => Worth::guess(left.shape.clone()),
        _ => Worth::default(),
    }
}

/// A value as a template shows it, where that is plain.
pub fn text(value: &Dynamic) -> Option<String> {
    if value.is_string() || value.is_int() || value.is_bool() {
        return Some(value.to_string());
    }
    value
        .read_lock::<Addr>()
        .map(|addr| addr.show())
        .or_else(|| value.read_lock::<IpNet>().map(|net| net.show()))
        .or_else(|| value.read_lock::<Ns>().map(|ns| ns.show()))
}
