//! What a lab knows of its own network without reading all its changes.

use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::link::{AddLink, LinkKind};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{ChainName, IfName, Ns};
use crate::model::rule::{Match, NatKind};
use crate::model::rules::{EditRules, RuleEdit, Table};
use ipnet::IpNet;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// An interface: its namespace and its name there.
type Place = (Ns, IfName);

/// What the changes that stand say about addresses, veth pairs, masquerading and chains.
#[derive(Debug, Default)]
pub struct Index {
    /// The addresses that were given, by interface.
    addresses: HashMap<Place, Vec<IpNet>>,
    /// The interface that was given an address last.
    homes: HashMap<IpAddr, Place>,
    /// The other end of each veth end.
    peers: HashMap<Place, Place>,
    /// The subnets that a rule masquerades wherever their packets go.
    hidden: Vec<(Ns, IpNet)>,
    /// The chains that were made.
    chains: HashSet<(Ns, Family, Table, ChainName)>,
}

impl Index {
    /// The index of changes that stand, in the order they were made.
    pub fn of<'a>(changes: impl Iterator<Item = &'a Change>) -> Index {
        let mut index = Index::default();
        for change in changes {
            index.add(change);
        }
        index
    }

    /// Takes a change that was made into the index.
    pub fn add(&mut self, change: &Change) {
        match change {
            Change::AddLink(AddLink { ns, link }) => {
                if let LinkKind::Veth { peer, peer_ns } = &link.kind {
                    self.join((ns.clone(), link.name.clone()), (peer_ns.clone(), peer.clone()));
                }
            }
            Change::AddAddr(AddAddr { ns, link, addr }) => {
                let place = (ns.clone(), link.clone());
                self.homes.insert(addr.addr(), place.clone());
                self.addresses.entry(place).or_default().push(*addr);
            }
            Change::SetLink(SetLink { set: LinkSet::Name(name), ns, link }) => {
                let (from, to) = ((ns.clone(), link.clone()), (ns.clone(), name.clone()));
                for addr in self.addresses.remove(&from).unwrap_or_default() {
                    self.homes.insert(addr.addr(), to.clone());
                    self.addresses.entry(to.clone()).or_default().push(addr);
                }
                self.follow(&from, to);
            }
            Change::SetLink(SetLink { set: LinkSet::Ns(there), ns, link }) => {
                let from = (ns.clone(), link.clone());
                // The kernel takes an interface's addresses away when it is moved.
                for addr in self.addresses.remove(&from).unwrap_or_default() {
                    self.homes.remove(&addr.addr());
                }
                self.follow(&from, (there.clone(), link.clone()));
            }
            Change::EditRules(EditRules { ns, family, table, edits }) => {
                self.chains.extend(edits.iter().filter_map(|edit| match edit {
                    RuleEdit::NewChain(chain) => Some((ns.clone(), *family, *table, chain.clone())),
                    _ => None,
                }));
                self.hidden.extend(edits.iter().filter_map(masqueraded).map(|net| (ns.clone(), net)));
            }
            _ => {}
        }
    }

    fn join(&mut self, one: Place, other: Place) {
        self.peers.insert(one.clone(), other.clone());
        self.peers.insert(other, one);
    }

    fn follow(&mut self, from: &Place, to: Place) {
        if let Some(peer) = self.peers.remove(from) {
            self.join(to, peer);
        }
    }

    /// The addresses that an interface was given, oldest first; none if it was given none.
    pub fn addresses(&self, ns: &Ns, link: &IfName) -> Option<&[IpNet]> {
        self.addresses.get(&(ns.clone(), link.clone())).map(Vec::as_slice)
    }

    /// The subnets that interfaces were given addresses in.
    pub fn subnets(&self) -> impl Iterator<Item = IpNet> {
        self.addresses.values().flatten().map(IpNet::trunc)
    }

    /// Whether a rule masquerades all packets from a subnet.
    pub fn masquerades(&self, ns: &Ns, net: &IpNet) -> bool {
        self.hidden.iter().any(|(there, hidden)| there == ns && hidden.contains(net))
    }

    /// Whether a chain was made.
    pub fn has_chain(&self, ns: &Ns, family: Family, table: Table, chain: &ChainName) -> bool {
        self.chains.contains(&(ns.clone(), family, table, chain.clone()))
    }

    /// The other end of a veth pair.
    pub fn other_end(&self, ns: &Ns, link: &IfName) -> Option<&Place> {
        self.peers.get(&(ns.clone(), link.clone()))
    }

    /// The interface in `ns` at the other end of the veth pair that carries an address.
    pub fn end_towards(&self, ns: &Ns, ip: IpAddr) -> Option<&IfName> {
        let (there, name) = self.peers.get(self.homes.get(&ip)?)?;
        (there == ns).then_some(name)
    }
}

/// The subnet whose packets an edit masquerades, whatever their destination.
fn masqueraded(edit: &RuleEdit) -> Option<IpNet> {
    let (_, rule) = edit.added().filter(|(chain, _)| Hook::parse(chain) == Some(Hook::Postrouting))?;
    let spec = rule.spec();
    match (&spec.matches()?[..], spec.nat()?.kind) {
        ([Match::Source(net)], NatKind::Masquerade) => Some(*net),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::link::NewLink;
    use crate::model::names::NsName;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    fn ns(text: &str) -> Ns {
        Ns::Named(NsName::new(text).unwrap())
    }

    fn pair() -> Change {
        let kind = LinkKind::Veth { peer: name("eth0"), peer_ns: ns("web") };
        let link = NewLink { name: name("v-web"), kind, mtu: None, mac: None, master: None, up: false };
        Change::AddLink(AddLink { ns: Ns::Host, link })
    }

    fn addr(at: &Ns, link: &str) -> Change {
        Change::AddAddr(AddAddr { ns: at.clone(), link: name(link), addr: "10.0.0.2/24".parse().unwrap() })
    }

    fn set(at: &Ns, link: &str, set: LinkSet) -> Change {
        Change::SetLink(SetLink { ns: at.clone(), link: name(link), set })
    }

    #[test]
    fn the_way_to_an_address_follows_renames_and_moves() {
        let (web, ip) = (ns("web"), "10.0.0.2".parse().unwrap());
        let mut changes = vec![pair(), addr(&web, "eth0")];
        let towards = |changes: &[Change], from: &Ns| Index::of(changes.iter()).end_towards(from, ip).cloned();
        assert_eq!(towards(&changes, &Ns::Host), Some(name("v-web")));
        assert_eq!(towards(&changes, &web), None, "the other end is elsewhere");
        changes.push(set(&web, "eth0", LinkSet::Name(name("eth1"))));
        changes.push(set(&Ns::Host, "v-web", LinkSet::Name(name("port"))));
        assert_eq!(towards(&changes, &Ns::Host), Some(name("port")));
        assert_eq!(Index::of(changes.iter()).addresses(&web, &name("eth1")).map(<[IpNet]>::len), Some(1));
        changes.push(set(&web, "eth1", LinkSet::Ns(ns("db"))));
        assert_eq!(towards(&changes, &Ns::Host), None, "a moved interface has lost its addresses");
        changes.push(addr(&ns("db"), "eth1"));
        assert_eq!(towards(&changes, &Ns::Host), Some(name("port")));
    }
}
