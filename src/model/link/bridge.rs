//! Ethernet bridges, with the spanning tree protocol off unless `stp`.

use super::{Attr, AttrDef, LinkDef};

pub(super) const DEF: LinkDef = LinkDef {
    name: "bridge",
    plural: "bridges",
    module: "bridge",
    attrs: &[AttrDef {
        name: "stp",
        about: "the spanning tree protocol",
        words: |value| if *value == Attr::Bool(true) { "stp_state 1".to_owned() } else { String::new() },
    }],
    example: |link| link,
};
