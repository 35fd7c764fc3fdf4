//! What encodes the attributes of each kind of interface. Written by `scripts/kinds.sh` from the files that there are; do
//! not edit.

use super::create::Encode;

mod bridge;
mod vxlan;

/// All of them, by the name of the kind.
pub(super) const ALL: &[(&str, Encode)] = &[("bridge", bridge::encode), ("vxlan", vxlan::encode)];
