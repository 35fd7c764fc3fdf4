//! Which addresses a namespace can reach, and the routes that fall once nobody reaches their gateway.
//!
//! Both are found by subnet: neither takes longer for all else that the namespace has.

use super::{ADDRESS, Home, IpAddr, IpNet, LinkId, Ns, State};
use crate::model::subject::{Fact, ROUTE};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::successors;

/// What leads to addresses, and what needs to reach them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reach {
    /// By namespace and subnet the changes that lead there without a next hop, fallen or not.
    leading: HashMap<Ns, BTreeMap<IpNet, BTreeSet<u64>>>,
    /// By namespace and address the changes that need to reach it.
    waiting: HashMap<Ns, BTreeMap<IpAddr, BTreeSet<u64>>>,
}

impl State {
    /// Notes that a change leads to a subnet.
    pub(super) fn lead(&mut self, n: u64, (ns, net): &(Ns, IpNet)) {
        self.reach.leading.entry(ns.clone()).or_default().entry(*net).or_default().insert(n);
    }

    pub(super) fn unlead(&mut self, n: u64, (ns, net): &(Ns, IpNet)) {
        take_out(&mut self.reach.leading, ns, net, n);
    }

    /// Notes that a change leads to these subnets now, which it led to elsewhere before.
    pub(super) fn lead_again(&mut self, n: u64, leads: Vec<(Ns, IpNet)>) {
        let before = self.changes.get(&n).map_or_else(Vec::new, |entry| entry.leads.clone());
        for lead in &before {
            self.unlead(n, lead);
        }
        for lead in &leads {
            self.lead(n, lead);
        }
        if let Some(entry) = self.changes.get_mut(&n) {
            entry.leads = leads;
        }
    }

    /// Notes that a change needs to reach an address.
    pub(super) fn wait(&mut self, n: u64, (ns, ip): &(Ns, IpAddr)) {
        self.reach.waiting.entry(ns.clone()).or_default().entry(*ip).or_default().insert(n);
    }

    pub(super) fn unwait(&mut self, n: u64, (ns, ip): &(Ns, IpAddr)) {
        take_out(&mut self.reach.waiting, ns, ip, n);
    }

    /// Whether an address is in a subnet of an interface that is up, or on a route without a next hop.
    pub fn reaches(&self, ns: &Ns, ip: IpAddr) -> bool {
        let Some(leading) = self.reach.leading.get(ns) else { return false };
        let subnets = successors(Some(IpNet::from(ip)), IpNet::supernet);
        subnets.filter_map(|net| leading.get(&net)).flatten().any(|n| self.leads(*n, ns))
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
        let waiting = self.reach.waiting.get(ns).into_iter();
        let waiting = waiting.flat_map(|all| all.range(net.network()..=net.broadcast()));
        let waiting: Vec<(IpAddr, Vec<u64>)> = waiting.map(|(ip, all)| (*ip, all.iter().copied().collect())).collect();
        for (ip, numbers) in waiting {
            if !self.reaches(ns, ip) {
                for n in numbers {
                    self.fall(n);
                }
            }
        }
    }

    /// The same for the subnets that a change led to.
    pub(super) fn drop_unreachable_of(&mut self, n: u64) {
        let leads = self.changes.get(&n).map_or_else(Vec::new, |entry| entry.leads.clone());
        for lead in &leads {
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

fn take_out<K: Ord>(all: &mut HashMap<Ns, BTreeMap<K, BTreeSet<u64>>>, ns: &Ns, key: &K, n: u64) {
    let Some(here) = all.get_mut(ns) else { return };
    if let Some(numbers) = here.get_mut(key) {
        numbers.remove(&n);
        if numbers.is_empty() {
            here.remove(key);
        }
    }
    if here.is_empty() {
        all.remove(ns);
    }
}
