//! Ethernet bridges, with the spanning tree protocol off unless `stp`.

use crate::model::link::{Attr, AttrDef, LinkDef, Lower};

/// The kind.
pub const DEF: LinkDef = LinkDef {
    name: "bridge",
    plural: "bridges",
    module: "bridge",
    attrs: &[AttrDef {
        name: "stp",
        about: "the spanning tree protocol",
        words: |value| if *value == Attr::Bool(true) { "stp_state 1".to_owned() } else { String::new() },
    }],
    lower: Lower::None,
    example: |link| link,
};
