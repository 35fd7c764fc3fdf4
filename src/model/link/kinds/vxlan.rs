//! VXLAN tunnels (RFC 7348; ip-link(8)): Ethernet over UDP, to one other end, to a multicast group, or to whom the forwarding
//! table names.

use crate::model::link::{Attr, AttrDef, LinkDef, Lower};

/// The names of the attributes.
pub mod names {
    /// The network's number, 24 bits.
    pub const ID: &str = "id";
    /// The address that its packets are sent from.
    pub const LOCAL: &str = "local";
    /// The address of the only other end.
    pub const REMOTE: &str = "remote";
    /// The multicast group that all other ends are in.
    pub const GROUP: &str = "group";
    /// The UDP port.
    pub const PORT: &str = "port";
    /// The time to live of its packets; 0 for that of the packets within.
    pub const TTL: &str = "ttl";
    /// Whether it learns which end a hardware address is behind.
    pub const LEARNING: &str = "learning";
}

const fn attr(name: &'static str, words: fn(&Attr) -> String) -> AttrDef {
    AttrDef { name, about: "", words }
}

/// The kind.
pub const DEF: LinkDef = LinkDef {
    name: "vxlan",
    plural: "VXLAN tunnels",
    module: "vxlan",
    attrs: &[
        attr(names::ID, |value| format!("id {value}")),
        attr(names::LOCAL, |value| format!("local {value}")),
        attr(names::REMOTE, |value| format!("remote {value}")),
        attr(names::GROUP, |value| format!("group {value}")),
        attr(names::PORT, |value| format!("dstport {value}")),
        attr(names::TTL, |value| format!("ttl {value}")),
        attr(names::LEARNING, |value| if *value == Attr::Bool(false) { "nolearning".into() } else { String::new() }),
    ],
    lower: Lower::Dev,
    example: |link| link.with(names::ID, Some(Attr::Int(1))).with(names::PORT, Some(Attr::Int(4789))),
};
