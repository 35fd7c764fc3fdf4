//! Virtual Ethernet pairs (veth(4)).

use crate::model::link::{LinkDef, Lower, NewLink, Peer};
use crate::model::names::{IfName, Ns};

/// The kind.
pub const DEF: LinkDef = LinkDef {
    name: "veth",
    plural: "veth pairs",
    module: "veth",
    attrs: &[],
    lower: Lower::None,
    example: |link| match IfName::new("try1") {
        Ok(name) => NewLink { peer: Some(Peer { name, ns: Ns::Host }), ..link },
        Err(_) => link,
    },
};
