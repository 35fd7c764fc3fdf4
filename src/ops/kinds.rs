//! The functions of kinds that have a family of their own. Written by `scripts/kinds.sh` from the files that there are; do
//! not edit.

use super::FnDef;

mod ip_rule;
mod policy;
mod vxlan;

/// All of them, each with its title.
pub const FAMILIES: &[(&str, &[FnDef])] =
    &[(ip_rule::TITLE, ip_rule::DEFS), (policy::TITLE, policy::DEFS), (vxlan::TITLE, vxlan::DEFS)];
