//! What is read of the machine in one go, once for each namespace.

use super::LinuxKernel;
use crate::kernel::{Done, Kernel, Observed, Refusal};
use crate::model::names::{IfName, Ns};
use crate::model::observe::{LinkInfo, Snapshot};
use crate::model::rule::saved::Line;
use crate::model::subject::{ADDRESS, LINK, MAC, MASTER, MTU, Subject, UP};
use nix::errno::Errno;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The machine as it was when it was first looked at.
pub(super) struct View<'a> {
    /// The kernel, for what is read one by one.
    pub(super) kernel: &'a mut LinuxKernel,
    networks: HashMap<Ns, Snapshot>,
    rules: HashMap<Ns, Vec<Line>>,
}

impl<'a> View<'a> {
    pub(super) fn new(kernel: &'a mut LinuxKernel) -> View<'a> {
        View { kernel, networks: HashMap::new(), rules: HashMap::new() }
    }

    /// The interfaces and routes of a namespace.
    pub(super) fn network(&mut self, ns: &Ns) -> Done<&Snapshot> {
        match self.networks.entry(ns.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(self.kernel.network(ns)?)),
        }
    }

    /// The lines of its tables of rules.
    pub(super) fn rules(&mut self, ns: &Ns) -> Done<&[Line]> {
        match self.rules.entry(ns.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let saved = self.kernel.snapshot(ns)?.rules;
                Ok(place.insert(saved.iter().filter_map(|line| Line::read(line)).collect()))
            }
        }
    }

    /// An interface.
    pub(super) fn link(&mut self, ns: &Ns, name: &IfName) -> Done<&LinkInfo> {
        let mut links = self.network(ns)?.links.iter();
        links.find(|link| link.name == *name).ok_or_else(|| Refusal::errno("RTM_GETLINK", Errno::ENODEV as i32))
    }

    /// Something of an interface.
    pub(super) fn attribute(&mut self, subject: &Subject) -> Done<Observed> {
        let Some(name) = &subject.link else { return Ok(Observed::Unseen) };
        let link = match self.link(&subject.ns, name) {
            Err(refusal) if refusal.is(Errno::ENODEV) && subject.what == LINK => return Ok(Observed::Gone),
            link => link?,
        };
        let is = |value: String| Ok(Observed::Is(value));
        match subject.what {
            LINK => is(link.kind.clone()),
            UP => is(if link.up { "up" } else { "down" }.to_owned()),
            MTU => is(link.mtu.to_string()),
            MAC => Ok(link.mac.map_or(Observed::Gone, |mac| Observed::Is(mac.to_string()))),
            ADDRESS => {
                let has = link.addrs.iter().any(|addr| addr.to_string() == subject.key);
                Ok(if has { Observed::Is(String::new()) } else { Observed::Gone })
            }
            MASTER => {
                let master = link.master;
                let links = &self.network(&subject.ns)?.links;
                let name = links.iter().find(|link| Some(link.index) == master).map(|link| link.name.to_string());
                is(name.unwrap_or_else(|| "none".to_owned()))
            }
            // Such as its name, under which it was found, or what is not told of an interface.
            _ => Ok(Observed::Unseen),
        }
    }
}
