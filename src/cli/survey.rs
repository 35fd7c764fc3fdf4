//! Whether the changes of a lab still stand, asked of the kernel for one namespace after the other.

use crate::kernel::{Done, Errno, Kernel, Refusal};
use crate::lab::{LinkAt, Moves, Record};
use crate::model::addr::AddAddr;
use crate::model::change::{Change, Identity};
use crate::model::file::WriteFile;
use crate::model::link::AddLink;
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::observe::{LinkInfo, ProcState, Snapshot, ending};
use crate::model::route::AddRoute;
use crate::model::rule::saved::Line;
use crate::model::rules::{EditRules, RuleEdit};
use crate::model::sysctl::SetSysctl;
use crate::model::tag::Tag;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::mem::{Discriminant, discriminant};

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Yes,
    /// A later change of the lab took its place.
    Superseded,
    /// It does not; the reason is given.
    No(String),
}

/// Asks for every change, in order.
pub fn survey(kernel: &mut dyn Kernel, records: &[Record]) -> Vec<Standing> {
    let (moves, replaced) = (Moves::of(records), replaced(records));
    let mut survey = Survey { kernel, moves, replaced, networks: HashMap::new(), rules: HashMap::new() };
    let last: HashMap<Value<'_>, u64> =
        records.iter().filter_map(|record| Some((survey.value(record)?, record.n))).collect();
    let mut all = Vec::with_capacity(records.len());
    for record in records {
        let superseded = survey.value(record).and_then(|value| last.get(&value)).is_some_and(|n| *n > record.n);
        all.push(match if superseded { Ok(Standing::Superseded) } else { survey.check(record) } {
            Ok(standing) => standing,
            Err(refusal) if refusal.is(Errno::ENODEV) => Standing::No("the interface is gone".into()),
            Err(refusal) if refusal.is(Errno::ENOENT) => Standing::No("it is gone".into()),
            Err(refusal) => Standing::No(refusal.to_string()),
        });
    }
    all
}

/// Something that has one value at a time, of which the last one counts.
#[derive(PartialEq, Eq, Hash)]
enum Value<'a> {
    Link(LinkAt, Discriminant<LinkSet>),
    Sysctl(&'a Ns, &'a str),
}

struct Survey<'a> {
    kernel: &'a mut dyn Kernel,
    /// Where interfaces went.
    moves: Moves,
    /// The numbers of changes whose rules a later change took away to put others in their place.
    replaced: HashSet<u64>,
    /// Read once for each namespace.
    networks: HashMap<Ns, Snapshot>,
    /// Likewise, the rules.
    rules: HashMap<Ns, Vec<Line>>,
}

fn replaced(records: &[Record]) -> HashSet<u64> {
    let edits = records.iter().filter_map(|record| match &record.change {
        Change::EditRules(EditRules { edits, .. }) => Some(edits),
        _ => None,
    });
    let owners = edits.flatten().filter_map(|edit| match edit {
        RuleEdit::Delete { owner, .. } => Some(*owner),
        _ => None,
    });
    owners.collect()
}

impl Survey<'_> {
    /// What a change gives a value to, if it is of that sort.
    fn value<'r>(&self, Record { n, change, .. }: &'r Record) -> Option<Value<'r>> {
        match change {
            Change::SetLink(SetLink { ns, link, set }) => {
                Some(Value::Link(self.moves.now(n.saturating_sub(1), ns, link), discriminant(set)))
            }
            Change::SetSysctl(SetSysctl { ns, key, .. }) => Some(Value::Sysctl(ns, key)),
            _ => None,
        }
    }

    fn check(&mut self, record: &Record) -> Done<Standing> {
        let stands = |yes: bool, why: &str| if yes { Standing::Yes } else { Standing::No(why.to_owned()) };
        match &record.change {
            Change::AddNetns(AddNetns { name, .. }) => {
                Ok(stands(self.kernel.netns_exists(&Ns::Named(name.clone()))?, "the namespace is gone"))
            }
            Change::AddLink(AddLink { ns, link }) => self.link(record.n, ns, &link.name).map(|_| Standing::Yes),
            Change::SetLink(SetLink { ns, link, set }) => {
                let master = match set {
                    LinkSet::Master(Some(master)) => Some(self.link(record.n, ns, master)?.index),
                    _ => None,
                };
                let info = self.link(record.n.saturating_sub(1), ns, link)?;
                Ok(stands(has(info, set, master), "it has another value"))
            }
            Change::AddAddr(AddAddr { ns, link, addr }) => {
                let info = self.link(record.n, ns, link)?;
                Ok(stands(info.addrs.contains(addr), "the address is gone"))
            }
            Change::AddRoute(AddRoute { ns, route }) => {
                let routes = &self.network(ns)?.routes;
                let there = routes.iter().any(|other| {
                    (other.to, other.via) == (route.to, route.via) && (route.dev.is_none() || other.dev == route.dev)
                });
                Ok(stands(there, "the route is gone"))
            }
            Change::SetSysctl(SetSysctl { ns, key, value }) => {
                let now = self.kernel.sysctl(ns, key)?;
                Ok(stands(now.trim() == value, &format!("it is {} now", now.trim())))
            }
            Change::EditRules(EditRules { ns, edits, .. }) => {
                let mut chains = edits.iter().filter_map(|edit| Some(edit.new_chain()?.as_str()));
                let replaced = self.replaced.contains(&record.n);
                let adds = edits.iter().any(|edit| edit.added().is_some());
                let kernel = &mut *self.kernel;
                let lines = once(&mut self.rules, ns, || {
                    Ok(kernel.snapshot(ns)?.rules.iter().filter_map(|line| Line::read(line)).collect())
                })?;
                let declares = |line: &Line, name: &str| matches!(line, Line::Chain(chain) if chain.name == name);
                let chains_stand = chains.all(|chain| lines.iter().any(|line| declares(line, chain)));
                let rules_stand = match &record.identity {
                    Identity::Rules { tag, .. } if adds && !replaced => {
                        let carries =
                            |tag: &Tag, line: &Line| matches!(line, Line::Rule(rule) if rule.tags.contains(tag));
                        Tag::parse(tag).is_some_and(|tag| lines.iter().any(|line| carries(&tag, line)))
                    }
                    _ => true,
                };
                Ok(stands(chains_stand && rules_stand, "the rules are gone"))
            }
            Change::WriteFile(WriteFile { path, text }) => {
                let same = std::fs::read_to_string(path).is_ok_and(|now| now == *text);
                Ok(stands(same, "the file is gone, or was changed"))
            }
            Change::Start(_) => Ok(match self.kernel.process(&record.identity)? {
                ProcState::Running => Standing::Yes,
                ProcState::Ended(Some(status)) => Standing::No(format!("it ended with {}", ending(status))),
                ProcState::Ended(None) => Standing::No("it ended".into()),
            }),
        }
    }

    /// The interface that had this name after change number `n`, wherever it is now.
    fn link(&mut self, n: u64, ns: &Ns, name: &IfName) -> Done<&LinkInfo> {
        let (ns, name) = self.moves.now(n, ns, name);
        let mut links = self.network(&ns)?.links.iter();
        links.find(|link| link.name == name).ok_or_else(|| Refusal::errno("RTM_GETLINK", Errno::ENODEV as i32))
    }

    fn network(&mut self, ns: &Ns) -> Done<&Snapshot> {
        let kernel = &mut *self.kernel;
        once(&mut self.networks, ns, || kernel.network(ns))
    }
}

/// What was read of a namespace, or is read now.
fn once<'a, T>(known: &'a mut HashMap<Ns, T>, ns: &Ns, read: impl FnOnce() -> Done<T>) -> Done<&'a T> {
    match known.entry(ns.clone()) {
        Entry::Occupied(entry) => Ok(entry.into_mut()),
        Entry::Vacant(entry) => Ok(entry.insert(read()?)),
    }
}

fn has(info: &LinkInfo, set: &LinkSet, master: Option<u32>) -> bool {
    match set {
        LinkSet::Up(up) => info.up == *up,
        LinkSet::Mtu(mtu) => info.mtu == *mtu,
        LinkSet::Mac(mac) => info.mac == Some(*mac),
        LinkSet::Master(_) => info.master == master,
        // Found under that name and there, or not seen in what the kernel tells of an interface.
        LinkSet::Name(_) | LinkSet::Ns(_) | LinkSet::Hairpin(_) | LinkSet::LinkLocal(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeKernel;
    use crate::model::error::Site;
    use crate::model::link::{LinkKind, NewLink};
    use crate::model::names::NsName;
    use crate::model::route::Route;

    fn name(text: &str) -> IfName {
        IfName::new(text).unwrap()
    }

    fn made(changes: Vec<Change>) -> (FakeKernel, Vec<Record>) {
        let mut kernel = FakeKernel::new();
        let mut records = Vec::new();
        for (n, change) in (1..).zip(changes) {
            let identity = kernel.prepare(n, &change).unwrap();
            kernel.apply(n, &change, &identity).unwrap();
            let site = Site { source: "t".into(), line: 1, col: 1 };
            records.push(Record { n, site, change, identity });
        }
        (kernel, records)
    }

    fn bridge() -> Change {
        let link = NewLink {
            name: name("br0"),
            kind: LinkKind::Bridge { stp: false },
            mtu: None,
            mac: None,
            master: None,
            up: false,
        };
        Change::AddLink(AddLink { ns: Ns::Host, link })
    }

    fn set(link: &str, set: LinkSet) -> Change {
        Change::SetLink(SetLink { ns: Ns::Host, link: name(link), set })
    }

    #[test]
    fn what_stands_is_told_from_what_was_replaced_and_what_is_gone() {
        let addr = Change::AddAddr(AddAddr { ns: Ns::Host, link: name("br0"), addr: "10.0.0.1/24".parse().unwrap() });
        let ns = NsName::new("web").unwrap();
        let (mut kernel, records) = made(vec![
            Change::AddNetns(AddNetns { name: ns, sysctls: [].into() }),
            bridge(),
            set("br0", LinkSet::Up(true)),
            addr,
            set("br0", LinkSet::Name(name("br1"))),
            set("br1", LinkSet::Up(false)),
            set("br1", LinkSet::Mtu(1400)),
        ]);
        let mut expected = vec![Standing::Yes; records.len()];
        expected[2] = Standing::Superseded;
        assert_eq!(survey(&mut kernel, &records), expected);

        let last = records.last().unwrap();
        kernel.undo(crate::kernel::Entry { change: &last.change, identity: &last.identity }).unwrap();
        assert_eq!(survey(&mut kernel, &records).last(), Some(&Standing::No("it has another value".into())));
        let empty = survey(&mut FakeKernel::new(), &records);
        assert!(empty.iter().all(|standing| *standing != Standing::Yes), "{empty:?}");
    }

    #[test]
    fn a_route_is_found_by_where_it_goes() {
        let route = Route { to: "10.9.0.0/24".parse().unwrap(), via: None, dev: Some(name("br0")), metric: None };
        let (mut kernel, records) =
            made(vec![bridge(), set("br0", LinkSet::Up(true)), Change::AddRoute(AddRoute { ns: Ns::Host, route })]);
        assert_eq!(survey(&mut kernel, &records).last(), Some(&Standing::Yes));
    }
}
