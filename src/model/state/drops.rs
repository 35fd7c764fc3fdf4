//! What the kernel takes away by itself: routes of an interface that goes down, addresses of one that is moved, routes whose
//! gateway nobody can reach any more. Changes that have lost something so are still on record.

use super::{ADDRESS, Home, IpNet, Key, LINK, LinkId, NETNS, PLACE, State, UP, attribute};
use crate::model::subject::{MAC, MTU, NAME, PEER, ROUTE};
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// What an interface keeps when it is moved to another namespace.
const KEPT: [&str; 6] = [LINK, MAC, MTU, NAME, PEER, PLACE];

impl State {
    /// Lets what depends on a subject fall, after that was set or is gone.
    pub(super) fn drop_after(&mut self, key: &Key, by: Option<u64>) {
        match (key.what, &key.home) {
            (UP, Home::Link(id)) if !self.is_up(*id) => self.went_down(*id),
            (PLACE, Home::Link(id)) => self.moved(*id, by),
            (ADDRESS, Home::Link(id)) if is_v4(key) && !self.has_v4(*id) => self.lost_v4(*id),
            (LINK | NETNS, _) if self.counting(key).is_none() => {
                let gone = self.users_of(key).collect();
                self.fall_all(gone);
            }
            (_, _) => {}
        }
    }

    pub(super) fn is_up(&self, id: LinkId) -> bool {
        let key = attribute(id, UP);
        // Of what is somebody else's there is no telling, and `lo` is up in every namespace.
        self.counting(&key).map_or_else(|| self.counting(&super::link_key(id)).is_none(), |held| &*held.value == "up")
    }

    fn went_down(&mut self, id: LinkId) {
        self.fall_all(self.upon(id).collect());
        self.drop_unreachable_by(id);
    }

    /// The changes that need an interface to be up.
    fn upon(&self, id: LinkId) -> impl Iterator<Item = u64> {
        self.on_up.range((id, 0)..=(id, u64::MAX)).map(|(_, n)| *n)
    }

    /// Whether an interface has an IPv4 address.
    fn has_v4(&self, id: LinkId) -> bool {
        self.of_kind(Home::Link(id), ADDRESS).any(|key| is_v4(key) && self.counting(key).is_some())
    }

    /// Its last IPv4 address is gone, and with it go all its IPv4 routes (`fib_inetaddr_event` in `net/ipv4/fib_frontend.c`).
    fn lost_v4(&mut self, id: LinkId) {
        let routes = |n: &u64| {
            self.changes.get(n).is_some_and(|entry| entry.keys.iter().any(|key| key.what == ROUTE && is_v4(key)))
        };
        self.fall_all(self.upon(id).filter(routes).collect());
    }

    /// What it had before change `by` moved it falls; all of it if that change is undone.
    fn moved(&mut self, id: LinkId, by: Option<u64>) {
        let first = Key { home: Home::Link(id), what: "", which: "".into() };
        let rest = self.held.range::<Key, _>((Bound::Included(&first), Bound::Unbounded));
        let of_link = rest.map(|(key, _)| key).take_while(|key| key.home == first.home);
        let lost: Vec<Arc<Key>> = of_link.filter(|key| !KEPT.contains(&key.what)).cloned().collect();
        let mut fallen = BTreeSet::new();
        for key in lost {
            for held in self.values_mut(&key).iter_mut().filter(|held| by.is_none_or(|by| held.n < by)) {
                held.has_fallen = true;
                fallen.insert(held.n);
            }
            self.settle_address(&key);
        }
        self.went_down(id);
        for n in fallen {
            self.drop_unreachable_of(n);
        }
    }

    fn fall_all(&mut self, changes: Vec<u64>) {
        for n in changes {
            self.fall(n);
        }
    }

    /// Marks everything that a change has as taken away.
    pub(super) fn fall(&mut self, n: u64) {
        let keys = self.changes.get(&n).map_or_else(Box::default, |entry| entry.keys.clone());
        let mut has_lost = false;
        for key in &*keys {
            let mut any = false;
            for held in self.values_mut(key).iter_mut().filter(|held| held.n == n && !held.has_fallen) {
                held.has_fallen = true;
                any = true;
            }
            if any {
                self.settle_address(key);
                if let (LINK, Home::Link(id)) = (key.what, &key.home) {
                    self.forget_link(*id);
                }
                self.drop_after(key, None);
                has_lost = true;
            }
        }
        if has_lost {
            self.drop_unreachable_of(n);
        }
    }

    /// Keeps the index of addresses true.
    pub(super) fn settle_address(&mut self, key: &Key) {
        let (ADDRESS, Home::Link(id)) = (key.what, &key.home) else { return };
        let Ok(net) = key.which.parse::<IpNet>() else { return };
        let is_there = self.counting(key).is_some();
        let homes = self.homes.entry(net.addr()).or_default();
        homes.retain(|other| other != id);
        if is_there {
            homes.push(*id);
        } else if homes.is_empty() {
            self.homes.remove(&net.addr());
        }
    }
}

/// Whether an address or a route is of IPv4.
fn is_v4(key: &Key) -> bool {
    !key.which.contains(':')
}
