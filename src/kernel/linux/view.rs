//! What is read of the machine in one go, once for each namespace.

use super::LinuxKernel;
use crate::kernel::{Done, Kernel, Observed, Refusal};
use crate::model::link_set::{HAIRPIN, LINK_LOCAL};
use crate::model::names::{IfName, Ns};
use crate::model::observe::{LinkInfo, LinkRef, Snapshot};
use crate::model::rule::saved::SavedLine;
use crate::model::subject::{ADDRESS, Fact, LINK, LOWER, LinkAt, MAC, MASTER, MTU, PEER, UP};
use nix::errno::Errno;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The machine as it was when it was first looked at.
pub(super) struct View<'a> {
    /// The kernel, for what is read one by one.
    pub(super) kernel: &'a mut LinuxKernel,
    networks: HashMap<Ns, Snapshot>,
    rules: HashMap<Ns, Vec<SavedLine>>,
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
    pub(super) fn rules(&mut self, ns: &Ns) -> Done<&[SavedLine]> {
        match self.rules.entry(ns.clone()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => {
                let saved = self.kernel.snapshot(ns)?.rules;
                Ok(place.insert(saved.iter().filter_map(|line| SavedLine::read(line)).collect()))
            }
        }
    }

    /// An interface.
    pub(super) fn link(&mut self, ns: &Ns, name: &IfName) -> Done<&LinkInfo> {
        let mut links = self.network(ns)?.links.iter();
        links.find(|link| link.name == name.as_str()).ok_or_else(|| Refusal::errno("RTM_GETLINK", Errno::ENODEV as i32))
    }

    /// The name of the interface with this index.
    fn name(&mut self, ns: &Ns, index: u32) -> Done<Option<String>> {
        let links = &self.network(ns)?.links;
        Ok(links.iter().find(|link| link.index == index).map(|link| link.name.clone()))
    }

    /// Whether the interface at a place is the other end, which has this index, of the one with index `own`: each end says
    /// the index of the other.
    fn peer(&mut self, at: &LinkAt, index: u32, own: u32) -> Done<Observed> {
        let far = match self.link(&at.0, &at.1) {
            // This is told of the other end itself.
            Err(refusal) if refusal.is(Errno::ENODEV) => return Ok(Observed::Unseen),
            far => far?,
        };
        let is_it = far.index == index && far.peer.as_ref().is_some_and(|back| back.index == own);
        Ok(if is_it { Observed::Is(far.name.clone()) } else { Observed::Not("it has another peer now".to_owned()) })
    }

    /// What there is of a fact about an interface.
    pub(super) fn attribute(&mut self, fact: &Fact) -> Done<Observed> {
        let subject = &fact.subject;
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
            HAIRPIN => Ok(link
                .port
                .map_or(Observed::Gone, |port| Observed::Is(if port.hairpin { "on" } else { "off" }.to_owned()))),
            LINK_LOCAL => Ok(link.addrgenmode.map_or(Observed::Gone, |mode| Observed::Is(mode.to_string()))),
            MASTER => {
                let master = link.master;
                let name = master.map_or(Ok(None), |index| self.name(&subject.ns, index))?;
                is(name.unwrap_or_else(|| "none".to_owned()))
            }
            LOWER => match link.lower.clone() {
                Some(LinkRef { index, nsid: None, .. }) => {
                    Ok(self.name(&subject.ns, index)?.map_or(Observed::Gone, Observed::Is))
                }
                Some(_) => Ok(Observed::Unseen),
                None => Ok(Observed::Gone),
            },
            PEER => match (fact.link.as_ref(), link.peer.clone(), link.index) {
                (Some(at), Some(peer), index) => self.peer(at, peer.index, index),
                (None, Some(_), _) => Ok(Observed::Unseen),
                (_, None, _) => Ok(Observed::Gone),
            },
            // Such as its name, under which it was found, or what is not told of an interface.
            _ => Ok(Observed::Unseen),
        }
    }
}
