//! Attributes of interfaces.

use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use serde::{Deserialize, Serialize};

/// Set one attribute of an interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetLink {
    /// Where it is.
    pub ns: Ns,
    /// Its name there, before the change.
    pub link: IfName,
    /// The attribute and its new value.
    pub set: LinkSet,
}

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
