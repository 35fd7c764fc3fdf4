//! What the calling thread's network namespace is like, as far as a lab that acts in it cares: facts, without judgement.

use super::netfilter::inventory::{self, Drop, Held};
use super::spaces::Spaces;
use super::{netns, observe, sysctl};
use crate::kernel::Done;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::route::Route;
use std::collections::BTreeMap;

/// The network, as plain data.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// What is in its iptables tables.
    pub tables: Result<Vec<Held>, Unread>,
    /// The nft chains that drop forwarded packets, as far as we may look.
    pub drops: Vec<Drop>,
    /// Its interfaces.
    pub links: Vec<IfName>,
    /// The routes of its main table.
    pub routes: Vec<Route>,
    /// The namespaces that have a name.
    pub names: Vec<NsName>,
    /// The sysctls of [`SYSCTLS`] that are there.
    pub sysctls: BTreeMap<&'static str, String>,
}

/// Why rules were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// We may not.
    Denied,
    /// It failed, for this reason.
    Failed(String),
}

/// The sysctls that decide how labs fare.
pub const SYSCTLS: [&str; 5] = [
    "net.ipv4.ip_forward",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.default.rp_filter",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
];

fn tables(spaces: &Spaces) -> Result<Vec<Held>, Unread> {
    match inventory::held(spaces) {
        Ok(held) => held.ok_or(Unread::Denied),
        Err(refusal) => Err(Unread::Failed(refusal.to_string())),
    }
}

/// Looks at it.
pub fn network() -> Done<Network> {
    let spaces = Spaces::new()?;
    let seen = observe::snapshot(&spaces, &Ns::Host)?;
    // One that is not there belongs to a module that is not loaded.
    let value = |key: &'static str| Some((key, sysctl::read(&spaces, &Ns::Host, key).ok()?));
    Ok(Network {
        tables: tables(&spaces),
        drops: inventory::drops()?,
        links: seen.links.into_iter().filter_map(|link| IfName::new(&link.name).ok()).collect(),
        routes: seen.routes,
        names: netns::list()?,
        sysctls: SYSCTLS.into_iter().filter_map(value).collect(),
    })
}
