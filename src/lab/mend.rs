//! Putting back what the kernel has dropped by itself: with an interface that goes down, or elsewhere, go routes,
//! addresses and more that nobody has deleted, so that they stand on record. When the interface is as it was, they are to
//! be as they were, too.

use super::{Lab, Leftover, Record};
use crate::kernel::{Done, Errno};
use crate::model::addr::AddAddr;
use crate::model::change::{Change, Identity};
use crate::model::link::AddLink;
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::observe::Snapshot;
use crate::model::route::{AddRoute, Route};
use crate::model::sysctl::SetSysctl;
use std::collections::{BTreeSet, HashMap};
use std::mem::discriminant;

/// An interface's namespace and name.
pub type LinkAt = (Ns, IfName);

/// Where interfaces went.
#[derive(Debug, Default)]
pub struct Moves {
    /// By the number of the change, from where to where.
    all: Vec<(u64, LinkAt, LinkAt)>,
}

impl Moves {
    /// The renames and moves among some changes.
    pub fn of(records: &[Record]) -> Moves {
        let all = records.iter().filter_map(|record| match &record.change {
            Change::SetLink(SetLink { ns, link, set: LinkSet::Name(name) }) => {
                Some((record.n, (ns.clone(), link.clone()), (ns.clone(), name.clone())))
            }
            Change::SetLink(SetLink { ns, link, set: LinkSet::Ns(there) }) => {
                Some((record.n, (ns.clone(), link.clone()), (there.clone(), link.clone())))
            }
            _ => None,
        });
        Moves { all: all.collect() }
    }

    /// Where the interface is now that had this name after change number `n`.
    pub fn now(&self, n: u64, ns: &Ns, name: &IfName) -> LinkAt {
        let mut place = (ns.clone(), name.clone());
        for (number, from, to) in &self.all {
            if *number > n && *from == place {
                place = to.clone();
            }
        }
        place
    }
}

/// Whether a change that was made may have the kernel drop something that was there before.
pub fn drops(change: &Change) -> bool {
    let Change::SetLink(SetLink { set, .. }) = change else { return false };
    matches!(set, LinkSet::Up(false) | LinkSet::Ns(_) | LinkSet::Name(_) | LinkSet::Mtu(_) | LinkSet::Master(_))
}

/// Something that a change on record has made.
struct Part {
    /// The change's number.
    n: u64,
    /// What makes it where the interface is now.
    change: Change,
}

impl Lab {
    /// The numbers of the changes on record of which something is missing.
    pub fn dropped(&mut self) -> BTreeSet<u64> {
        self.missing().into_iter().map(|part| part.n).collect()
    }

    /// Makes again what is missing of these changes, and returns of how many, and what could not be made.
    pub fn mend(&mut self, numbers: &BTreeSet<u64>) -> (usize, Vec<Leftover>) {
        let mut mended = BTreeSet::new();
        let mut left = Vec::new();
        for Part { n, change } in self.missing() {
            if !numbers.contains(&n) {
                continue;
            }
            match self.kernel.apply(n, &change, &Identity::Spec) {
                Ok(()) => {
                    mended.insert(n);
                }
                // It came back by itself with another one.
                Err(refusal) if refusal.is(Errno::EEXIST) => {}
                Err(refusal) => {
                    let error = self.explain(&refusal, &change);
                    left.extend(
                        self.made
                            .iter()
                            .find(|record| record.n == n)
                            .map(|record| Leftover { record: Record { change, ..record.clone() }, error }),
                    );
                }
            }
        }
        (mended.len(), left)
    }

    fn missing(&mut self) -> Vec<Part> {
        let mut networks = HashMap::new();
        let mut missing = parts(&self.made);
        // Of what cannot be looked at, such as an interface that is gone, nothing can be put back.
        missing.retain(|part| !self.stands(part, &mut networks).unwrap_or(true));
        missing
    }

    fn stands(&mut self, Part { n, change }: &Part, networks: &mut HashMap<Ns, Snapshot>) -> Done<bool> {
        Ok(match change {
            Change::SetLink(SetLink { ns, link, .. }) => match self.kernel.prepare(*n, change) {
                Ok(identity) => identity == Identity::Already,
                // As of an interface that is no bridge's port now, which could send frames back.
                Err(_) => self.kernel.link(ns, link).is_err(),
            },
            Change::AddAddr(AddAddr { ns, link, addr }) => self.kernel.link(ns, link)?.addrs.contains(addr),
            Change::AddRoute(AddRoute { ns, route }) => {
                if !networks.contains_key(ns) {
                    networks.insert(ns.clone(), self.kernel.network(ns)?);
                }
                let is_it = |other: &Route| {
                    (other.to, other.via) == (route.to, route.via)
                        && (route.dev.is_none() || other.dev == route.dev)
                        && (route.metric.is_none() || other.metric == route.metric)
                };
                networks.get(ns).is_some_and(|network| network.routes.iter().any(is_it))
            }
            Change::SetSysctl(SetSysctl { ns, key, value }) => self.kernel.sysctl(ns, key)?.trim() == value,
            _ => true,
        })
    }
}

/// What changes have made that the kernel can drop, each at the place where it is now, in order; of what has one value at
/// a time, only the last one.
fn parts(records: &[Record]) -> Vec<Part> {
    let moves = Moves::of(records);
    let mut all: Vec<Part> = Vec::new();
    for record in records.iter().filter(|record| record.identity != Identity::Already) {
        for change in made(record, &moves) {
            all.retain(|earlier| !is_replaced(&earlier.change, &change));
            all.push(Part { n: record.n, change });
        }
    }
    all
}

/// Whether the later change gives another value to the same thing.
fn is_replaced(earlier: &Change, later: &Change) -> bool {
    match (earlier, later) {
        (
            Change::SetLink(SetLink { ns, link, set }),
            Change::SetLink(SetLink { ns: there, link: other, set: value }),
        ) => (ns, link) == (there, other) && discriminant(set) == discriminant(value),
        (Change::SetSysctl(SetSysctl { ns, key, .. }), Change::SetSysctl(SetSysctl { ns: there, key: other, .. })) => {
            (ns, key) == (there, other)
        }
        _ => false,
    }
}

/// What a change has made that the kernel can drop, as changes of what is where it is now.
fn made(Record { n, change, .. }: &Record, moves: &Moves) -> Vec<Change> {
    let set = |ns: &Ns, link: &IfName, set: LinkSet| {
        let (ns, link) = moves.now(*n, ns, link);
        Change::SetLink(SetLink { ns, link, set })
    };
    let master = |ns: &Ns, master: &IfName| LinkSet::Master(Some(moves.now(*n, ns, master).1));
    match change {
        Change::AddLink(AddLink { ns, link }) => {
            let master = link.master.as_ref().map(|name| master(ns, name));
            let values = master.into_iter().chain(link.up.then_some(LinkSet::Up(true)));
            values.map(|value| set(ns, &link.name, value)).collect()
        }
        Change::SetLink(SetLink { set: LinkSet::Name(_) | LinkSet::Ns(_), .. }) => Vec::new(),
        Change::SetLink(SetLink { ns, link, set: LinkSet::Master(Some(name)) }) => {
            vec![set(ns, link, master(ns, name))]
        }
        Change::SetLink(SetLink { ns, link, set: value }) => vec![set(ns, link, value.clone())],
        Change::AddAddr(AddAddr { ns, link, addr }) => {
            let (ns, link) = moves.now(*n, ns, link);
            vec![Change::AddAddr(AddAddr { ns, link, addr: *addr })]
        }
        Change::AddRoute(AddRoute { ns, route }) => {
            let dev = route.dev.as_ref().map(|dev| moves.now(*n, ns, dev).1);
            vec![Change::AddRoute(AddRoute { ns: ns.clone(), route: Route { dev, ..route.clone() } })]
        }
        Change::SetSysctl(SetSysctl { key, .. }) if is_of_an_interface(key) => vec![change.clone()],
        _ => Vec::new(),
    }
}

/// Whether a sysctl is an interface's, with which it goes, such as `net.ipv4.conf.eth0.rp_filter`. Others stay as they
/// are, or were set by somebody else.
fn is_of_an_interface(key: &str) -> bool {
    let mut parts = key.split(['.', '/']).skip(2);
    matches!(parts.next(), Some("conf" | "neigh")) && !matches!(parts.next(), None | Some("all" | "default"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Entry;
    use crate::kernel::fake::FakeKernel;
    use crate::model::error::Site;
    use crate::model::link::{LinkKind, NewLink};
    use crate::model::names::LabName;

    #[test]
    fn a_sysctl_of_an_interface_goes_with_it() {
        assert!(
            is_of_an_interface("net.ipv4.conf.eth0.rp_filter")
                && is_of_an_interface("net/ipv6/neigh/a.1/gc_stale_time")
        );
        for key in ["net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net/ipv4/conf/default/forwarding"] {
            assert!(!is_of_an_interface(key), "{key}");
        }
    }

    #[test]
    fn what_was_dropped_is_found_where_it_is_now_and_put_back() {
        let mut lab = Lab::new(LabName::new("t").unwrap(), Box::new(FakeKernel::new()), None);
        let (one, two) = (IfName::new("br0").unwrap(), IfName::new("br1").unwrap());
        let kind = LinkKind::Bridge { stp: false };
        let link = NewLink { name: one.clone(), kind, mtu: None, mac: None, master: None, up: true };
        let addr = "10.0.0.1/24".parse().unwrap();
        let set = |link: &IfName, set| Change::SetLink(SetLink { ns: Ns::Host, link: link.clone(), set });
        let changes = vec![
            Change::AddLink(AddLink { ns: Ns::Host, link }),
            set(&one, LinkSet::Mtu(1400)),
            Change::AddAddr(AddAddr { ns: Ns::Host, link: one.clone(), addr }),
            set(&one, LinkSet::Name(two.clone())),
            set(&two, LinkSet::Mtu(1300)),
        ];
        lab.commit(&Site { source: "t".into(), line: 1, col: 1 }, changes).unwrap();
        assert_eq!(lab.dropped(), BTreeSet::new());
        let address = Change::AddAddr(AddAddr { ns: Ns::Host, link: two.clone(), addr });
        lab.kernel.undo(Entry { change: &address, identity: &Identity::Spec }).unwrap();
        lab.kernel.apply(9, &set(&two, LinkSet::Up(false)), &Identity::Spec).unwrap();
        lab.kernel.apply(9, &set(&two, LinkSet::Mtu(1500)), &Identity::Spec).unwrap();
        assert_eq!(lab.dropped(), [1, 3, 5].into());
        let (count, left) = lab.mend(&[1, 3].into());
        assert_eq!((count, left.len()), (2, 0));
        assert_eq!(lab.dropped(), [5].into());
        let info = lab.link(&Ns::Host, &two).unwrap();
        assert_eq!((info.up, info.addrs), (true, vec![addr]));
    }
}
