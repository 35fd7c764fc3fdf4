//! Where interfaces are after the renames and moves so far: a script that deletes one must name it there.

use super::{Deed, Step};
use crate::model::change::Change;
use crate::model::link::{AddLink, LinkKind, NewLink};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use std::collections::BTreeMap;

/// The ends of the interfaces that were made, each with the number of the change that made it.
#[derive(Debug, Default)]
pub struct Places(BTreeMap<(Ns, IfName), u64>);

impl Places {
    /// Takes note of the next step.
    pub fn note(&mut self, step: &Step) {
        if step.deed != Deed::Makes {
            return;
        }
        match &step.record.change {
            Change::AddLink(AddLink { ns, link }) => {
                self.0.insert((ns.clone(), link.name.clone()), step.record.n);
                if let LinkKind::Veth { peer, peer_ns } = &link.kind {
                    self.0.insert((peer_ns.clone(), peer.clone()), step.record.n);
                }
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Name(name) }) => {
                self.to(ns, link, (ns.clone(), name.clone()));
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Ns(there) }) => {
                self.to(ns, link, (there.clone(), link.clone()));
            }
            _ => {}
        }
    }

    fn to(&mut self, ns: &Ns, link: &IfName, place: (Ns, IfName)) {
        if let Some(n) = self.0.remove(&(ns.clone(), link.clone())) {
            self.0.insert(place, n);
        }
    }

    /// Where the interface is that change `n` made; of a pair, one of its ends.
    pub fn of(&self, n: u64, ns: &Ns, link: &NewLink) -> (Ns, IfName) {
        let born = (ns.clone(), link.name.clone());
        let is_ours = |(_, made): &(&(Ns, IfName), &u64)| **made == n;
        if self.0.get(&born) == Some(&n) {
            return born;
        }
        self.0.iter().find(is_ours).map_or(born, |(place, _)| place.clone())
    }
}
