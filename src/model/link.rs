//! Interfaces.

use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use serde::{Deserialize, Serialize};

/// Make an interface (ip-link(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddLink {
    /// Where it is born.
    pub ns: Ns,
    /// What it is.
    pub link: NewLink,
}

/// An interface to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewLink {
    /// Its name.
    pub name: IfName,
    /// What kind of device.
    #[serde(flatten)]
    pub kind: LinkKind,
    /// Its MTU in bytes, if not the kind's default; a veth's peer gets the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Its hardware address, if the recipe chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The bridge to enslave it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfName>,
    /// Whether to bring it up.
    #[serde(default)]
    pub up: bool,
}

/// The kinds of interface that can be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LinkKind {
    /// One end of a virtual Ethernet pair (veth(4)).
    Veth {
        /// The other end's name.
        peer: IfName,
        /// Where the other end is born.
        peer_ns: Ns,
    },
    /// An Ethernet bridge with the spanning tree protocol off unless `stp`.
    Bridge {
        /// Whether to run the spanning tree protocol.
        stp: bool,
    },
}
