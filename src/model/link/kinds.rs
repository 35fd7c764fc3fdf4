//! The kinds of interface. Written by `scripts/kinds.sh` from the files that there are; do not edit.

use super::LinkDef;

pub mod bridge;
pub mod veth;
pub mod vxlan;

/// All of them.
pub const ALL: &[&LinkDef] = &[&bridge::DEF, &veth::DEF, &vxlan::DEF];
