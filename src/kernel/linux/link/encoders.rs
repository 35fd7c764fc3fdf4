//! What encodes and reads the attributes of each kind of interface. Written by `scripts/kinds.sh` from the files that there
//! are; do not edit.

use super::encode::{Encode, OwnLower};

mod bridge;
mod vxlan;

/// All of them, by the name of the kind.
pub(super) const ALL: &[(&str, Encode, OwnLower)] =
    &[("bridge", bridge::encode, bridge::lower), ("vxlan", vxlan::encode, vxlan::lower)];
