//! The vocabulary of the language: every DSL function, as a [`FnDef`] with its documentation and a planner.
//!
//! A function checks its arguments, plans [`Change`](crate::model::change::Change)s and commits them to the lab; it
//! never touches the kernel itself. [`families`] is the one list that registration, `help()`, the reference,
//! completion and the meta-tests are made from. To add a function: write its `FnDef` in the file of its family
//! and put it in that family's `DEFS`.

mod accepts;
mod args;
mod attach;
mod def;
mod errors;
mod exec;
mod files;
mod hairpin;
mod ipam;
mod iptables;
mod kinds;
mod link;
mod linkset;
mod netns;
mod probe;
mod process;
pub mod reference;
mod route;
mod rules;
pub mod script;
mod secret;
mod serve;
mod value;
pub mod values;
mod vip;
pub mod why;

pub use args::{Args, Call, FromValue};
pub use def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
pub use errors::ANY;
use std::sync::LazyLock;
pub use value::{Endpoint, LinkHandle, LinkPlace, Process, Rules, Shared, Value, Vip};

/// The function families whose place in the reference is chosen.
const FAMILIES: &[(&str, &[FnDef])] = &[
    ("Namespaces", netns::DEFS),
    ("Interfaces", link::DEFS),
    ("Settings of an interface", linkset::DEFS),
    ("Joining namespaces", attach::DEFS),
    ("Routes", route::DEFS),
    ("Forwarding and NAT", rules::DEFS),
    ("Raw rules", iptables::DEFS),
    ("Virtual IPs", vip::DEFS),
    ("Commands", exec::DEFS),
    ("Processes", process::DEFS),
    ("Servers", serve::DEFS),
    ("Probes and time", probe::DEFS),
    ("Why a packet does not arrive", why::DEFS),
    ("Files and sysctls", files::DEFS),
    ("Values", values::DEFS),
    ("Secrets", secret::DEFS),
    ("Free subnets", ipam::DEFS),
    ("The script", script::DEFS),
];

/// Every function family with its title.
pub fn families() -> impl Iterator<Item = &'static (&'static str, &'static [FnDef])> {
    FAMILIES.iter().chain(kinds::FAMILIES)
}

/// Every function of the language.
pub fn all() -> impl Iterator<Item = &'static FnDef> {
    families().flat_map(|(_, defs)| defs.iter())
}

/// The functions of a name, in the order of the reference. A recipe's check asks for each of its calls more than once.
pub fn named(name: &str) -> impl Iterator<Item = &'static FnDef> {
    static BY_NAME: LazyLock<Vec<&FnDef>> = LazyLock::new(|| {
        let mut by_name: Vec<&FnDef> = all().collect();
        by_name.sort_by_key(|def| def.name);
        by_name
    });
    let from = BY_NAME.partition_point(|def| def.name < name);
    BY_NAME.iter().skip(from).take_while(move |def| def.name == name).copied()
}
