//! Which addresses a namespace can reach, and the routes that fall once nobody reaches their gateway.
//!
//! Both are found by subnet: neither takes longer for all else that the namespace has.

use super::{ADDRESS, Home, IpAddr, IpNet, LinkId, Ns, State};
use crate::model::subject::{Fact, ROUTE};
use std::collections::BTreeSet;
use std::iter::successors;

/// What leads to addresses, and what needs to reach them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reach {
    /// The changes that lead to a subnet without a next hop, fallen or not.
    leading: BTreeSet<(Ns, IpNet, u64)>,
    /// The changes that need to reach an address.
    waiting: BTreeSet<(Ns, IpAddr, u64)>,
}

impl State {
    /// Notes that a change leads to a subnet.
    pub(super) fn lead(&mut self, n: u64, (ns, net): &(Ns, IpNet)) {
        self.reach.leading.insert((ns.clone(), *net, n));
    }

    pub(super) fn unlead(&mut self, n: u64, (ns, net): &(Ns, IpNet)) {
        self.reach.leading.remove(&(ns.clone(), *net, n));
    }

    /// Notes that a change leads to these subnets now, which it led to elsewhere before.
    pub(super) fn lead_again(&mut self, n: u64, leads: Vec<(Ns, IpNet)>) {
        let before = self.changes.get(&n).map_or_else(Box::default, |entry| entry.leads.clone());
        for lead in &*before {
            self.unlead(n, lead);
        }
        for lead in &leads {
            self.lead(n, lead);
        }
        if let Some(entry) = self.changes.get_mut(&n) {
            entry.leads = leads.into();
        }
    }

    /// Notes that a change needs to reach an address.
    pub(super) fn wait(&mut self, n: u64, (ns, ip): &(Ns, IpAddr)) {
        self.reach.waiting.insert((ns.clone(), *ip, n));
    }

    pub(super) fn unwait(&mut self, n: u64, (ns, ip): &(Ns, IpAddr)) {
        self.reach.waiting.remove(&(ns.clone(), *ip, n));
    }

    /// Whether an address is in a subnet of an interface that is up, or on a route without a next hop.
    pub fn reaches(&self, ns: &Ns, ip: IpAddr) -> bool {
        let subnets = successors(Some(IpNet::from(ip)), IpNet::supernet);
        let to = |net: IpNet| self.reach.leading.range((ns.clone(), net, 0)..=(ns.clone(), net, u64::MAX));
        subnets.flat_map(to).any(|(ns, _, n)| self.leads(*n, ns))
    }

    /// Whether what a change leads by stands and is up, in that namespace.
    fn leads(&self, n: u64, ns: &Ns) -> bool {
        let keys = self.changes.get(&n).map_or(&[][..], |entry| &entry.keys);
        let mut ways = keys.iter().filter(|key| matches!(key.what, ADDRESS | ROUTE));
        ways.any(|key| {
            let is_open = match &key.home {
                Home::Link(id) => self.is_up(*id) && self.links.get(id).is_some_and(|(there, _)| there == ns),
                Home::Ns(_) => true,
            };
            is_open && self.counting(key).is_some_and(|held| held.n == n)
        })
    }

    /// Lets what needs to reach an address of a subnet fall, after a way there is gone.
    pub(super) fn drop_unreachable(&mut self, (ns, net): &(Ns, IpNet)) {
        let range = (ns.clone(), net.network(), 0)..=(ns.clone(), net.broadcast(), u64::MAX);
        let waiting: Vec<(IpAddr, u64)> = self.reach.waiting.range(range).map(|(_, ip, n)| (*ip, *n)).collect();
        for (ip, n) in waiting {
            if !self.reaches(ns, ip) {
                self.fall(n);
            }
        }
    }

    /// The same for the subnets that a change led to.
    pub(super) fn drop_unreachable_of(&mut self, n: u64) {
        let leads = self.changes.get(&n).map_or_else(Box::default, |entry| entry.leads.clone());
        for lead in &*leads {
            self.drop_unreachable(lead);
        }
    }

    /// The same for the subnets of all addresses of an interface, after it went down.
    pub(super) fn drop_unreachable_by(&mut self, id: LinkId) {
        let Some((ns, _)) = self.links.get(&id).cloned() else { return };
        let nets: BTreeSet<IpNet> = self.addresses_of(id).iter().map(IpNet::trunc).collect();
        for net in nets {
            self.drop_unreachable(&(ns.clone(), net));
        }
    }
}

/// The subnet that a fact leads to without a next hop.
pub(super) fn subnet(fact: &Fact) -> Option<(Ns, IpNet)> {
    let to = match fact.subject.what {
        ADDRESS => Some(fact.subject.key.as_str()),
        ROUTE if !fact.value.contains("via") => fact.subject.key.split(' ').next(),
        _ => None,
    };
    Some((fact.subject.ns.clone(), to?.parse::<IpNet>().ok()?.trunc()))
}
