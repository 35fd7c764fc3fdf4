//! What the kernel in memory shows of its network.

use super::FakeKernel;
use crate::kernel::{Done, Errno, Refusal};
use crate::model::change::Change;
use crate::model::link_set::{HAIRPIN, LINK_LOCAL};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{AddrGenMode, LinkInfo, LinkRef, Port, RouteAnswer};
use crate::model::route::Route;
use crate::model::rules::{EditRules, Tables};
use crate::model::subject::{LINK, LOWER, MAC, MASTER, MTU, PEER, PROCESS, ROUTE, RULES, Subject, UP, VIP};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

impl FakeKernel {
    /// Everything that is there, a line each, without what identifies it.
    pub fn outline(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (subject, _, value) in self.state.facts() {
            match (subject.what, &subject.link) {
                // Random, numbered, or told below.
                (MAC | PROCESS | RULES | VIP, _) => {}
                (PEER, Some(link)) => {
                    let peer = self.state.other_end(&subject.ns, link);
                    lines.push(format!("{link} in {} is joined to {peer:?}", subject.ns));
                }
                (_, _) => lines.push(format!("{subject}: {value}")),
            }
        }
        for made in self.changes.values() {
            if let Change::AddNetns(netns) = &made.0 {
                lines.extend(netns.sysctls.iter().map(|(key, value)| format!("{} has {key} = {value}", netns.name)));
            }
        }
        for ns in self.state.spaces() {
            let rules = self.rules(ns);
            lines.extend(rules.into_iter().enumerate().map(|(at, rule)| format!("rule {at} in {ns}: {rule}")));
        }
        lines
    }

    pub(super) fn is_up(&self, ns: &Ns, name: &IfName) -> bool {
        self.attribute(ns, name, UP).is_none_or(|up| up == "up")
    }

    fn attribute(&self, ns: &Ns, name: &IfName, what: &'static str) -> Option<String> {
        self.current(&Subject::on(ns, name, what, String::new()))
    }

    pub(super) fn link_info(&self, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
        let subject = Subject::link(ns, name);
        if !self.has(&subject) {
            return Err(super::missing(&subject));
        }
        let is_lo = name.as_str() == "lo";
        let text = |what| self.attribute(ns, name, what);
        let mac = text(MAC).and_then(|mac| mac.parse().ok()).unwrap_or(Mac([0; 6]));
        let master = self.state.joined(ns, name, MASTER).and_then(|(there, master)| self.state.id(there, master));
        let joined = |what| {
            let (there, other) = self.state.joined(ns, name, what)?;
            Some(LinkRef { index: self.state.id(there, other)?, nsid: None, ns: Some(there.clone()) })
        };
        let usual = if is_lo { 65536 } else { 1500 };
        Ok(LinkInfo {
            index: if is_lo { 1 } else { self.state.id(ns, name).unwrap_or(1) },
            name: name.to_string(),
            kind: text(LINK).unwrap_or_default(),
            mac: Some(mac),
            mtu: text(MTU).and_then(|mtu| mtu.parse().ok()).unwrap_or(usual),
            up: self.is_up(ns, name),
            master,
            group: 1,
            alias: None,
            peer: joined(PEER),
            lower: joined(LOWER),
            port: master.is_some().then_some(Port {
                hairpin: self.is_hairpin(ns, name),
                forwards: true,
                isolated: false,
            }),
            addrgenmode: text(LINK_LOCAL)
                .map(|mode| if mode == "none" { AddrGenMode::None } else { AddrGenMode::Eui64 }),
            addrs: self.state.addresses(ns, name).unwrap_or_default(),
        })
    }

    pub(super) fn links(&self, ns: &Ns) -> Done<Vec<LinkInfo>> {
        let lo = IfName::new("lo").ok();
        let names: Vec<IfName> = lo.into_iter().chain(self.state.links_in(ns).cloned()).collect();
        names.iter().map(|name| self.link_info(ns, name)).collect()
    }

    /// The routes of a namespace that have not fallen, in the order in which they were added.
    pub(super) fn routes(&self, ns: &Ns) -> Vec<Route> {
        // The others are not looked at: every virtual IP asks for the routes.
        let standing: BTreeSet<u64> = self.state.holders_in(ns, ROUTE).collect();
        let present = standing.iter().filter_map(|n| Some(self.state.present(*n, &self.changes.get(n)?.0)));
        let route = |change| {
            let Change::AddRoute(added) = change else { return None };
            (added.ns == *ns).then_some(added.route)
        };
        present.filter_map(route).collect()
    }

    pub(super) fn route_answer(&self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
        let on_link = |link: &LinkInfo| {
            let net: Option<&IpNet> = link.addrs.iter().find(|net| net.contains(&to));
            net.map(|net| RouteAnswer { dev: IfName::new(&link.name).ok(), via: None, src: Some(net.addr()) })
        };
        if let Some(answer) = self.links(ns)?.iter().find_map(on_link) {
            return Ok(answer);
        }
        let routes = self.routes(ns);
        let best = routes.iter().filter(|route| route.to.contains(&to)).max_by_key(|route| route.to.prefix_len());
        let route = best.ok_or_else(|| Refusal::errno("RTM_GETROUTE", Errno::ENETUNREACH as i32))?;
        Ok(RouteAnswer { dev: route.dev.clone(), via: route.via, src: None })
    }

    /// The rules of a namespace in their order.
    pub(super) fn rules(&self, ns: &Ns) -> Vec<String> {
        let standing = self.changes.iter().filter(|(n, _)| self.state.has(**n));
        let rules = standing.filter_map(|(n, made)| Some((*n, made.0.rules()?.clone())));
        let here: Vec<(u64, EditRules)> = rules.filter(|(_, rules)| rules.ns == *ns).collect();
        Tables::of(here.iter().map(|(n, rules)| (*n, rules))).lines()
    }

    /// Whether a bridge's port sends frames back.
    pub fn is_hairpin(&self, ns: &Ns, name: &IfName) -> bool {
        self.attribute(ns, name, HAIRPIN).is_some_and(|value| value == "on")
    }
}
