//! Values as text, for programs that embed the language: what a recipe writes where a value is due, and what it prints.

use super::convert::handles::{Addr, Handle, Rate};
use super::convert::{Due, take};
use crate::model::error::OpResult;
use crate::model::names::Ns;
use crate::ops::{Ty, Value};

/// Takes a text as a value, as a function of the language does where it takes one of that type.
pub fn value(text: &str, ty: Ty) -> OpResult<Value> {
    take(&text.into(), ty, &Due { function: "value", name: "text", here: &Ns::Host })
}

/// The text that a value is taken from again; none if it cannot be written as text.
pub fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Str(text) => text.clone(),
        Value::IfName(name) => name.to_string(),
        Value::NsName(name) => name.to_string(),
        Value::ChainName(name) => name.to_string(),
        Value::Ns(ns) => ns.show(),
        Value::Link(link) => link.show(),
        Value::Subnet(net) => net.show(),
        Value::Addr(ip, prefix) => Addr(*ip, *prefix).show(),
        Value::Mac(mac) => mac.to_string(),
        Value::Port(port) => port.to_string(),
        Value::Endpoint(endpoint) => endpoint.to_string(),
        Value::Duration(time) => time.show(),
        Value::Rate(bits) => Rate(*bits).show(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_as_it_is_taken() {
        for (ty, text) in [
            (Ty::IfName, "eth0"),
            (Ty::Subnet, "10.0.0.0/24"),
            (Ty::IfAddr, "fd00::1/64"),
            (Ty::Mac, "02:00:00:00:00:0f"),
            (Ty::Endpoint, "[fd00::1]:53/udp"),
            (Ty::Duration, "1m 30s"),
            (Ty::Rate, "1500kbit"),
        ] {
            assert_eq!(super::text(&value(text, ty).unwrap()).as_deref(), Some(text));
        }
        assert_eq!(value("eth 0", Ty::IfName).unwrap_err().0.code, "name::interface");
    }
}
