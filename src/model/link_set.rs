//! One attribute of an interface with its value.

use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::subject::{MAC, MASTER, MTU, NAME, PLACE, UP};
use serde::{Deserialize, Serialize};

/// Whether a bridge's port sends frames back.
pub(crate) const HAIRPIN: &str = "hairpin";
/// How an interface makes its IPv6 link-local address.
pub(crate) const LINK_LOCAL: &str = "addrgenmode";

/// One attribute of an interface with its value; the inverse of setting it is setting the old value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkSet {
    /// Administratively up or down.
    Up(bool),
    /// The MTU in bytes.
    Mtu(u32),
    /// The hardware address.
    Mac(Mac),
    /// The bridge it is a port of.
    Master(Option<IfName>),
    /// Its name (the change renames it).
    Name(IfName),
    /// The namespace it lives in (the change moves it).
    Ns(Ns),
    /// Whether the bridge port sends frames back out of the port they came in by.
    Hairpin(bool),
    /// How the kernel makes its IPv6 link-local address: `true` for EUI-64, `false` for none.
    LinkLocal(bool),
}

impl LinkSet {
    /// What it is about.
    pub fn what(&self) -> &'static str {
        match self {
            LinkSet::Up(_) => UP,
            LinkSet::Mtu(_) => MTU,
            LinkSet::Mac(_) => MAC,
            LinkSet::Master(_) => MASTER,
            LinkSet::Name(_) => NAME,
            LinkSet::Ns(_) => PLACE,
            LinkSet::Hairpin(_) => HAIRPIN,
            LinkSet::LinkLocal(_) => LINK_LOCAL,
        }
    }

    /// The value as text.
    pub fn value(&self) -> String {
        let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
        match self {
            LinkSet::Up(up) => if *up { "up" } else { "down" }.to_owned(),
            LinkSet::Mtu(mtu) => mtu.to_string(),
            LinkSet::Mac(mac) => mac.to_string(),
            LinkSet::Master(master) => master.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string),
            LinkSet::Name(name) => name.to_string(),
            LinkSet::Ns(ns) => ns.to_string(),
            LinkSet::Hairpin(on) => on_off(*on),
            LinkSet::LinkLocal(on) => if *on { "eui64" } else { "none" }.to_owned(),
        }
    }

    /// The attribute and its value as ip-link(8) and bridge(8) have them.
    pub fn words(&self) -> String {
        let value = self.value();
        match self {
            LinkSet::Up(_) => value,
            LinkSet::Mtu(_) => format!("mtu {value}"),
            LinkSet::Mac(_) => format!("address {value}"),
            LinkSet::Master(Some(_)) => format!("master {value}"),
            LinkSet::Master(None) => "nomaster".to_owned(),
            LinkSet::Name(_) => format!("name {value}"),
            LinkSet::Ns(Ns::Named(_)) => format!("netns {value}"),
            LinkSet::Ns(Ns::Host) => "netns 1".to_owned(),
            LinkSet::Hairpin(_) => format!("hairpin {value}"),
            LinkSet::LinkLocal(_) => format!("addrgenmode {value}"),
        }
    }

    /// The same attribute with the value that this text says; none if it says none.
    pub fn parse(&self, text: &str) -> Option<LinkSet> {
        Some(match self {
            LinkSet::Up(_) => LinkSet::Up(text == "up"),
            LinkSet::Mtu(_) => LinkSet::Mtu(text.parse().ok()?),
            LinkSet::Mac(_) => LinkSet::Mac(text.parse().ok()?),
            LinkSet::Master(_) if text == "none" => LinkSet::Master(None),
            LinkSet::Master(_) => LinkSet::Master(Some(IfName::new(text).ok()?)),
            LinkSet::Name(_) => LinkSet::Name(IfName::new(text).ok()?),
            LinkSet::Ns(_) => LinkSet::Ns(text.parse().ok()?),
            LinkSet::Hairpin(_) => LinkSet::Hairpin(text == "on"),
            LinkSet::LinkLocal(_) => LinkSet::LinkLocal(text == "eui64"),
        })
    }
}
