//! The fake's network: namespaces with links, routes and rules.

use super::FakeKernel;
use crate::kernel::{Done, Errno, Refusal, Undone, Why};
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::link::{LinkKind, NewLink};
use crate::model::link_attr::LinkSet;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::netns::Settings;
use crate::model::route::Route;
use crate::model::rule;
use crate::model::rules::{EditRules, RuleEdit, Table};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Space {
    pub(super) cookie: u64,
    pub(super) links: BTreeMap<IfName, Link>,
    pub(super) routes: Vec<Route>,
    /// Those that were set since it was made.
    pub(super) sysctls: BTreeMap<String, String>,
    /// Those that it was made with.
    pub(super) base: Settings,
    /// Those that are not built in, and those that have rules.
    pub(super) chains: BTreeMap<(Family, Table, String), Vec<Rule>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) kind: &'static str,
    /// The address that it was made with, which identifies it.
    pub(super) born: Mac,
    pub(super) mac: Mac,
    pub(super) mtu: u32,
    pub(super) up: bool,
    pub(super) master: Option<IfName>,
    pub(super) hairpin: bool,
    pub(super) makes_local: bool,
    pub(super) addrs: Vec<IpNet>,
    pub(super) peer: Option<u32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) rule: rule::Rule,
    pub(super) tag: String,
}

fn is_built_in(table: Table, chain: &str) -> bool {
    table.built_in(chain).is_some()
}

impl Space {
    pub(super) fn new(cookie: u64) -> Space {
        let mut space = Space { cookie, ..Space::default() };
        if let Ok(name) = IfName::new("lo") {
            let lo = Link {
                // Cookies and indexes are counted together, so that this is no other link's.
                index: u32::try_from(cookie).unwrap_or(u32::MAX),
                kind: "",
                born: Mac([0; 6]),
                mac: Mac([0; 6]),
                mtu: 65536,
                up: true,
                master: None,
                hairpin: false,
                makes_local: false,
                addrs: Vec::new(),
                peer: None,
            };
            space.links.insert(name, lo);
        }
        space
    }

    /// What a sysctl was when the namespace was made.
    pub(super) fn base(&self, key: &str) -> &str {
        self.base.iter().find(|(other, _)| other == key).map_or("0", |(_, value)| value)
    }

    pub(super) fn link(&mut self, name: &IfName) -> Done<&mut Link> {
        self.links.get_mut(name).ok_or_else(|| Refusal::errno("RTM_GETLINK", Errno::ENODEV as i32))
    }
}

impl FakeKernel {
    pub(super) fn add_link(&mut self, ns: &Ns, new: &NewLink, mac: Mac, peer_mac: Option<Mac>) -> Done<()> {
        let exists = || Refusal::errno("RTM_NEWLINK", Errno::EEXIST as i32);
        let (kind, peer) = match &new.kind {
            LinkKind::Veth { peer, peer_ns } => ("veth", Some((peer_ns, peer))),
            LinkKind::Bridge { .. } => ("bridge", None),
        };
        if self.space(ns)?.links.contains_key(&new.name) || (peer == Some((ns, &new.name))) {
            return Err(exists());
        }
        if let Some(master) = &new.master {
            self.space(ns)?.link(master)?;
        }
        let (index, far) = (self.count(), self.count());
        let link = Link {
            index,
            kind,
            born: mac,
            mac,
            mtu: new.mtu.unwrap_or(1500),
            up: new.up,
            master: new.master.clone(),
            hairpin: false,
            makes_local: true,
            addrs: Vec::new(),
            peer: peer.is_some().then_some(far),
        };
        if let Some((peer_ns, peer)) = peer {
            let there = self.space(peer_ns)?;
            if there.links.contains_key(peer) {
                return Err(exists());
            }
            let far = Link {
                index: far,
                born: peer_mac.unwrap_or(mac),
                mac: peer_mac.unwrap_or(mac),
                up: false,
                master: None,
                peer: Some(index),
                ..link.clone()
            };
            there.links.insert(peer.clone(), far);
        }
        self.space(ns)?.links.insert(new.name.clone(), link);
        Ok(())
    }

    pub(super) fn remove_link(&mut self, index: u32) {
        let mut peer = None;
        for space in self.spaces.values_mut() {
            let name = space.links.iter().find(|(_, link)| link.index == index).map(|(name, _)| name.clone());
            if let Some(name) = name {
                peer = space.links.remove(&name).and_then(|link| link.peer);
                space.routes.retain(|route| route.dev.as_ref() != Some(&name));
                for link in space.links.values_mut().filter(|link| link.master.as_ref() == Some(&name)) {
                    link.master = None;
                }
                Self::drop_unreachable(space);
            }
        }
        if let Some(peer) = peer
            && self.spaces.values().any(|space| space.links.values().any(|link| link.index == peer))
        {
            self.remove_link(peer);
        }
    }

    /// Routes whose gateway is on no subnet any more go with the address, as in the kernel.
    pub(super) fn drop_unreachable(space: &mut Space) {
        let nets: Vec<IpNet> = space.links.values().flat_map(|link| link.addrs.clone()).collect();
        space.routes.retain(|route| route.via.is_none_or(|via| nets.iter().any(|net| net.contains(&via))));
    }

    pub(super) fn set_link(&mut self, ns: &Ns, name: &IfName, set: &LinkSet) -> Done<()> {
        let errno = |errno: Errno| Refusal::errno("RTM_SETLINK", errno as i32);
        if let LinkSet::Master(Some(master)) = set {
            self.space(ns)?.link(master)?;
        }
        match set {
            LinkSet::Name(new) => {
                let space = self.space(ns)?;
                if space.links.contains_key(new) {
                    return Err(errno(Errno::EEXIST));
                }
                let link = space.links.remove(name).ok_or_else(|| errno(Errno::ENODEV))?;
                space.links.insert(new.clone(), link);
                for route in space.routes.iter_mut().filter(|route| route.dev.as_ref() == Some(name)) {
                    route.dev = Some(new.clone());
                }
            }
            LinkSet::Ns(there) => {
                if self.space(there)?.links.contains_key(name) {
                    return Err(errno(Errno::EEXIST));
                }
                let mut link = self.space(ns)?.links.remove(name).ok_or_else(|| errno(Errno::ENODEV))?;
                // A move takes the addresses, the master and the up flag away.
                link.addrs.clear();
                link.master = None;
                link.up = false;
                self.space(there)?.links.insert(name.clone(), link);
            }
            _ => {
                let link = self.space(ns)?.link(name)?;
                match set {
                    LinkSet::Up(up) => link.up = *up,
                    LinkSet::Mtu(mtu) if !(68..=65535).contains(mtu) => return Err(errno(Errno::EINVAL)),
                    LinkSet::Mtu(mtu) => link.mtu = *mtu,
                    LinkSet::Mac(mac) => link.mac = *mac,
                    LinkSet::Master(master) => link.master.clone_from(master),
                    LinkSet::Hairpin(on) => link.hairpin = *on,
                    LinkSet::LinkLocal(on) => link.makes_local = *on,
                    LinkSet::Name(_) | LinkSet::Ns(_) => {}
                }
            }
        }
        Ok(())
    }

    pub(super) fn current(&mut self, ns: &Ns, name: &IfName, set: &LinkSet) -> Done<LinkSet> {
        let link = self.space(ns)?.link(name)?;
        Ok(match set {
            LinkSet::Up(_) => LinkSet::Up(link.up),
            LinkSet::Mtu(_) => LinkSet::Mtu(link.mtu),
            LinkSet::Mac(_) => LinkSet::Mac(link.mac),
            LinkSet::Master(_) => LinkSet::Master(link.master.clone()),
            LinkSet::Name(_) => LinkSet::Name(name.clone()),
            LinkSet::Ns(_) => LinkSet::Ns(ns.clone()),
            LinkSet::Hairpin(_) => LinkSet::Hairpin(link.hairpin),
            LinkSet::LinkLocal(_) => LinkSet::LinkLocal(link.makes_local),
        })
    }

    pub(super) fn add_route(&mut self, ns: &Ns, route: &Route) -> Done<()> {
        let errno = |errno: Errno| Refusal::errno("RTM_NEWROUTE", errno as i32);
        let space = self.space(ns)?;
        if let Some(dev) = &route.dev
            && !space.link(dev)?.up
        {
            return Err(errno(Errno::ENETDOWN));
        }
        let reachable =
            |via: IpAddr| space.links.values().any(|link| link.up && link.addrs.iter().any(|net| net.contains(&via)));
        if route.via.is_some_and(|via| !reachable(via)) {
            return Err(errno(Errno::ENETUNREACH));
        }
        if space.routes.iter().any(|other| other.to == route.to && other.metric == route.metric) {
            return Err(errno(Errno::EEXIST));
        }
        space.routes.push(route.clone());
        Ok(())
    }

    pub(super) fn edit_rules(&mut self, change: &Change, tag: &str) -> Done<()> {
        let Change::EditRules(EditRules { ns, family, table, edits }) = change else { return Ok(()) };
        let refuse = |words: String| Refusal::new(Why::Tool(1), family.iptables(), words);
        let (family, table) = (*family, *table);
        let chains = &mut self.space(ns)?.chains;
        let key = |chain: &str| (family, table, chain.to_owned());
        let tag_of = |owner: &u64| format!("rhailab:{owner}");
        // All or nothing, as a commit of iptables-restore is: first everything is looked at, then it is done.
        let mut fresh: Vec<&str> = Vec::new();
        for edit in edits {
            match edit {
                RuleEdit::NewChain(name) => {
                    let name = name.as_str();
                    if chains.contains_key(&key(name)) || is_built_in(table, name) || fresh.contains(&name) {
                        return Err(refuse("Chain already exists".into()));
                    }
                    fresh.push(name);
                }
                RuleEdit::Append { chain, .. } | RuleEdit::Insert { chain, .. } => {
                    let is_known = is_built_in(table, chain) || fresh.contains(&chain.as_str());
                    if !is_known && !chains.contains_key(&key(chain)) {
                        return Err(refuse(format!("Chain '{chain}' does not exist")));
                    }
                }
                RuleEdit::Delete { chain, rule: old, owner } => {
                    let rules = chains.get(&key(chain)).map(Vec::as_slice).unwrap_or_default();
                    if !rules.iter().any(|rule| rule.rule == *old && rule.tag == tag_of(owner)) {
                        return Err(refuse("Bad rule (does a matching rule exist in that chain?)".into()));
                    }
                }
            }
        }
        for edit in edits {
            match edit {
                RuleEdit::NewChain(name) => drop(chains.insert(key(name.as_str()), Vec::new())),
                RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => {
                    let rules = chains.entry(key(chain)).or_default();
                    let place = match edit {
                        RuleEdit::Insert { at, .. } => usize::try_from(at.saturating_sub(1)).unwrap_or(usize::MAX),
                        _ => rules.len(),
                    };
                    rules.insert(place.min(rules.len()), Rule { rule: rule.clone(), tag: tag.to_owned() });
                }
                RuleEdit::Delete { chain, rule: old, owner } => {
                    let rules = chains.entry(key(chain)).or_default();
                    if let Some(at) = rules.iter().position(|rule| rule.rule == *old && rule.tag == tag_of(owner)) {
                        rules.remove(at);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn undo_rules(&mut self, change: &Change, tag: &str) -> Undone {
        let Change::EditRules(EditRules { ns, family, table, edits }) = change else { return Undone::AlreadyGone };
        let Some(space) = self.spaces.get_mut(ns) else { return Undone::AlreadyGone };
        let mut any = false;
        for edit in edits.iter().rev() {
            match edit {
                RuleEdit::NewChain(name) => {
                    let key = (*family, *table, name.to_string());
                    match space.chains.get(&key) {
                        Some(rules) if !rules.is_empty() => {
                            return Undone::NotOurs(format!("chain {name} holds rules of somebody else"));
                        }
                        found => any |= found.is_some(),
                    }
                    space.chains.remove(&key);
                }
                RuleEdit::Append { chain, rule: old } | RuleEdit::Insert { chain, rule: old, .. } => {
                    if let Some(rules) = space.chains.get_mut(&(*family, *table, chain.clone())) {
                        let before = rules.len();
                        rules.retain(|rule| !(rule.tag == tag && rule.rule == *old));
                        any |= rules.len() < before;
                    }
                }
                RuleEdit::Delete { chain, rule: old, owner } => {
                    let key = (*family, *table, chain.clone());
                    if is_built_in(*table, chain) || space.chains.contains_key(&key) {
                        let rule = Rule { rule: old.clone(), tag: format!("rhailab:{owner}") };
                        space.chains.entry(key).or_default().push(rule);
                        any = true;
                    }
                }
            }
        }
        space.chains.retain(|(_, table, chain), rules| !rules.is_empty() || !is_built_in(*table, chain));
        if any { Undone::Yes } else { Undone::AlreadyGone }
    }

    pub(super) fn undo_set(&mut self, ns: &Ns, link: &IfName, set: &LinkSet, old: &LinkSet) -> Done<Undone> {
        let (ns, link) = match set {
            LinkSet::Name(new) => (ns, new),
            LinkSet::Ns(there) => (there, link),
            _ => (ns, link),
        };
        match self.current(ns, link, set) {
            Ok(now) if now == *set => self.set_link(ns, link, old).map(|()| Undone::Yes),
            Ok(now) => Ok(Undone::NotOurs(format!("it is {now:?} now"))),
            Err(_) => Ok(Undone::AlreadyGone),
        }
    }
}
