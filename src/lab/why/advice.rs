//! What stops a packet, in words: whose doing it is, and the line that is missing.

mod links;
mod listener;

use super::end::{End, Hole, stop_at, stopped};
use super::packet::Packet;
use super::segment::{Place, Trouble, interface, segment};
use super::tables::Blame;
use super::walk::Walk;
use super::{Stop, maker};
use crate::kernel::{Errno, Refusal};
use crate::lab::Record;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::Site;
use crate::model::family::Family;
use crate::model::forwarding::{Ask, Way};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::kinds::policy::SetPolicy;
use crate::model::known::Known;
use crate::model::names::{IfName, Ns};
use crate::model::observe::LinkInfo;
use crate::model::question::Carried;
use crate::model::route::{AddRoute, Route};
use crate::model::subject::{MTU, Subject};
use crate::model::sysctl::SetSysctl;
use crate::model::tag::Tag;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr};

/// How a recipe calls something in a namespace.
fn at(ns: &Ns) -> String {
    ns.name().map_or_else(|| "host()".to_owned(), |name| format!("ns(\"{name}\")"))
}

fn iface(ns: &Ns, name: &str) -> String {
    format!("{}.iface(\"{name}\")", at(ns))
}

impl Walk<'_> {
    /// A rule or policy that drops.
    pub fn dropped(&self, ns: &Ns, packet: &Packet, chain: &str, blame: Blame, how: &str) -> End {
        let count = if blame.packets == 1 { "1 packet".to_owned() } else { format!("{} packets", blame.packets) };
        let reason = format!("{packet} is {how} by {} ({count} so far)", blame.describe());
        let missing = match (&packet.arrives, &packet.leaves) {
            (Some(one), Some(other)) if chain == "FORWARD" => {
                let other = if one == other { String::new() } else { format!(", \"{other}\"") };
                let first = if blame.rule.is_some() { ", #{ first: true }" } else { "" };
                format!("{}.forward(\"{one}\"{other}{first});", at(ns))
            }
            _ => format!("{}.iptables({:?});", at(ns), accept(chain, packet)),
        };
        let family = Family::of(packet.dst.ip());
        let policy = blame.rule.is_none().then(|| SetPolicy::subject(ns, family, &blame.table, &blame.chain));
        let site = self.site_of_tag(blame.tag()).or_else(|| self.made.site(&policy?));
        let stop = stop_at("rule", ns, packet, reason);
        stopped(Stop { site, missing: Some(missing), blame: Some(blame), ..stop })
    }

    /// The kernel finds no way, or drops the packet before it has one.
    pub fn no_way(&mut self, ns: &Ns, packet: &Packet, by: Option<u32>, refusal: &Refusal) -> End {
        if let Some(kind) = self.refusing_route(ns, packet.dst.ip()) {
            let to = packet.dst.ip();
            let reason = format!("a route of the kind `{kind}` refuses what goes to {to} (`ip route get {to}` there)");
            return stopped(stop_at("refusing_route", ns, packet, reason));
        }
        // Newer kernels refuse with the same number what the reverse path filter drops and a source that cannot be.
        if let Some(by) = by
            && (refusal.is(Errno::EXDEV) || refusal.is(Errno::EINVAL))
        {
            let keys = self.path_filters(ns, by);
            if !keys.is_empty() && self.map.get(ns).is_none_or(|there| there.owner(packet.src.ip()).is_none()) {
                return self.filtered_by_path(ns, packet, by, &keys);
            }
            let reason = format!("the source {} cannot be that of a packet that comes in there", packet.src.ip());
            return stopped(stop_at("martian", ns, packet, reason));
        }
        if !(refusal.is(Errno::ENETUNREACH) || refusal.is(Errno::EHOSTUNREACH) || refusal.is(Errno::ESRCH)) {
            return End::Failed(refusal.clone());
        }
        let to = packet.dst.ip();
        // The routes of an interface go when it goes down.
        let links: Vec<LinkInfo> = self.map.get(ns).map(|terrain| terrain.links.clone()).unwrap_or_default();
        let lost = |link: &&LinkInfo| {
            !link.up && (link.addrs.iter().any(|net| net.contains(&to)) || self.route_by(ns, to, link).is_some())
        };
        if let Some(down) = links.iter().find(lost) {
            return self.broken(ns, packet, &Trouble::Down((ns.clone(), down.index)));
        }
        let what = if packet.answers { "no way back" } else { "no route" };
        for own in &links {
            let link = segment(&self.map, &(ns.clone(), own.index));
            if let Some(wide) =
                link.reached.iter().find_map(|reached| mask_towards(interface(&self.map, &reached.at)?, to))
                && let Some(narrow) = own.addrs.iter().find(|net| wide.contains(&net.addr()) && !net.contains(&to))
            {
                let reason = format!(
                    "there is {what} to {to}: it is on the link of {}, but not in the subnet of its address {narrow}",
                    own.name
                );
                return self.wrong_mask(ns, packet, own, narrow, wide.prefix_len(), reason);
            }
        }
        let reason = format!("there is {what} to {to}");
        let missing = self
            .router_for(ns, &links, to)
            .map(|(router, target)| format!("{}.route(\"{target}\", \"{router}\");", at(ns)));
        let stop = stop_at("no_route", ns, packet, reason);
        stopped(Stop { missing, ..stop })
    }

    /// The kind of a route that is there to refuse what it is for (ip-route(8)), if that is the route to an address. It
    /// tells by its error whatever comes from there; a packet that comes in can be refused with the same for its source.
    fn refusing_route(&mut self, ns: &Ns, to: IpAddr) -> Option<&'static str> {
        let refusal = self.facts.way(ns, &Ask { to, from: None, by: None }).err()?;
        let kinds = [(Errno::EACCES, "prohibit"), (Errno::EINVAL, "blackhole"), (Errno::EHOSTUNREACH, "unreachable")];
        kinds.into_iter().find(|(errno, _)| refusal.is(*errno)).map(|(_, kind)| kind)
    }

    /// A route that the recipe made there by an interface or a router beyond it.
    fn route_by(&self, ns: &Ns, to: IpAddr, own: &LinkInfo) -> Option<Site> {
        let leads = |route: &Route| {
            let by_name = route.dev.as_ref().is_some_and(|dev| dev.as_str() == own.name);
            let by_router = route.via.is_some_and(|via| own.addrs.iter().any(|net| net.contains(&via)));
            route.to.contains(&to) && (by_name || by_router)
        };
        maker(self.made, |change| change.ns() == *ns && change.route().is_some_and(leads))
    }

    /// A router on one of these links that knows a way, and what to send to it.
    fn router_for(&mut self, ns: &Ns, links: &[LinkInfo], to: IpAddr) -> Option<(IpAddr, String)> {
        let mut others = Vec::new();
        for own in links.iter().filter(|link| link.up) {
            for reached in segment(&self.map, &(ns.clone(), own.index)).reached {
                let Some(there) = interface(&self.map, &reached.at).filter(|_| reached.at.0 != *ns) else { continue };
                let router = there.addrs.iter().map(IpNet::addr);
                let mut usable = router.filter(|ip| own.addrs.iter().any(|net| net.contains(ip) && net.addr() != *ip));
                others.extend(usable.next().map(|router| (reached.at.clone(), router)));
            }
        }
        let knows = |walk: &mut Self, place: &Place| {
            walk.facts
                .way(&place.0, &Ask { to, from: None, by: None })
                .is_ok_and(|way| way.local || way.dev != Some(place.1))
        };
        let at = others.iter().position(|(place, _)| knows(self, place))?;
        let (_, router) = others.get(at)?;
        // Without any other default route, that one is what is usual.
        let has_default = self.made.records().any(|record| {
            matches!(&record.change, Change::AddRoute(AddRoute { ns: there, route }) if there == ns && route.to.prefix_len() == 0)
        });
        let target = if has_default { self.subnet_of(to) } else { "default".to_owned() };
        Some((*router, target))
    }

    /// The subnet that an address of some namespace is in.
    fn subnet_of(&self, ip: IpAddr) -> String {
        let links = self.map.values().flat_map(|terrain| &terrain.links);
        let net = links.flat_map(|link| &link.addrs).find(|net| net.contains(&ip));
        net.map_or_else(|| ip.to_string(), |net| net.trunc().to_string())
    }

    /// The sysctls that turn the reverse path filter on for an interface (`rp_filter` in the kernel's ip-sysctl.rst).
    fn path_filters(&mut self, ns: &Ns, by: u32) -> Vec<String> {
        let name = self.name(&(ns.clone(), by));
        let keys = ["all", &name].map(|dev| format!("net.ipv4.conf.{}.rp_filter", dev.replace('.', "/")));
        let is_on = |walk: &mut Self, key: &String| walk.facts.setting(ns, key).is_ok_and(|value| value.trim() != "0");
        keys.into_iter().filter(|key| is_on(self, key)).collect()
    }

    fn filtered_by_path(&mut self, ns: &Ns, packet: &Packet, by: u32, keys: &[String]) -> End {
        let back = self.facts.way(ns, &Ask { to: packet.src.ip(), from: None, by: None }).ok();
        let back = match back.and_then(|way| way.dev) {
            Some(dev) => format!("the way back is by {}", self.name(&(ns.clone(), dev))),
            None => "there is no way back".to_owned(),
        };
        let name = self.name(&(ns.clone(), by));
        let keys_text = keys.join(", ");
        let reason =
            format!("the reverse path filter drops {packet}, which comes in by {name}, but {back} ({keys_text})");
        let site = maker(
            self.made,
            |change| matches!(change, Change::SetSysctl(SetSysctl { ns: there, key, .. }) if there == ns && keys.contains(key)),
        );
        let lines: Vec<String> = keys.iter().map(|key| format!("{}.sysctl(\"{key}\", 0);", at(ns))).collect();
        let stop = stop_at("rp_filter", ns, packet, reason);
        stopped(Stop { site, missing: Some(lines.join(" ")), ..stop })
    }

    /// The name of an interface.
    fn name(&self, place: &Place) -> String {
        interface(&self.map, place).map(|link| link.name.clone()).unwrap_or_default()
    }

    /// A namespace that takes packets in and does not pass them on.
    pub fn no_forwarding(&self, ns: &Ns, packet: &Packet) -> End {
        let (key, options) = if packet.dst.is_ipv4() {
            ("net.ipv4.ip_forward", "true")
        } else {
            ("net.ipv6.conf.all.forwarding", "true, #{ ipv6: true }")
        };
        let reason = format!("it does not forward packets, such as {packet} ({key} is 0)");
        let site = maker(
            self.made,
            |change| matches!(change, Change::SetSysctl(SetSysctl { ns: there, key: other, .. }) if there == ns && other.contains("forward")),
        );
        let stop = stop_at("forwarding", ns, packet, reason);
        stopped(Stop { site, missing: Some(format!("{}.ip_forward({options});", at(ns))), ..stop })
    }

    /// A router that has no address to ask for IPv6 neighbours from (RFC 4861, section 7.2.2).
    pub fn no_link_local(&self, ns: &Ns, own: &LinkInfo, packet: &Packet) -> End {
        let name = &own.name;
        let reason = format!("{name} has no link-local address, without which it asks nobody where to send {packet}");
        let stop = stop_at("link_local", ns, packet, reason);
        // One that is as different from others on the link as the one that it has.
        let own = own.addrs.iter().find_map(|net| match net.addr() {
            IpAddr::V6(ip) => Some(ip.segments()),
            IpAddr::V4(_) => None,
        });
        let [.., a, b, c, d] = own.unwrap_or([0, 0, 0, 0, 0, 0, 0, 1]);
        let address = Ipv6Addr::new(0xfe80, 0, 0, 0, a, b, c, d);
        let (site, missing) = (self.site_of_link(ns, name), format!("{}.addr(\"{address}/64\");", iface(ns, name)));
        stopped(Stop { site, missing: Some(missing), ..stop })
    }

    /// The answer comes back as if from somebody else, because it has not passed where it would be translated back.
    pub fn bypassed(&self, there: &Ns, back: &Ns, sent: &Packet, answer: &Packet) -> End {
        let missed = self.nats.iter().find(|nat| !nat.is_back);
        let at_ns = missed.map_or(there, |nat| &nat.ns);
        let reason = format!(
            "the answer reaches `{back}` from {}, which had asked {}: it has not come by `{at_ns}`, where it would have been translated back",
            answer.end(answer.src),
            answer.end(sent.dst)
        );
        let site = missed.and_then(|nat| self.site_of_tag(nat.tag.as_ref()));
        let missing = missed.map(|nat| {
            let net = self.subnet_of(nat.before.0.ip());
            format!("{}.masquerade(\"{net}\");", at(&nat.ns))
        });
        let stop = stop_at("hairpin", at_ns, answer, reason);
        stopped(Stop { site, missing, ..stop })
    }

    /// Large packets vanish.
    pub fn black_hole(&self, hole: &Hole) -> End {
        let (ns, _) = &hole.at;
        let name = self.name(&hole.at);
        let (largest, wanted) = (hole.size, hole.wanted);
        let why = match &hole.silenced {
            Some(blame) => format!("{} drops what would tell their sender", blame.describe()),
            None => "nobody tells their sender".to_owned(),
        };
        let reason = format!(
            "small packets pass, but those of more than {largest} bytes vanish at {name}, whose MTU is {largest} where the way before has {wanted}; {why}"
        );
        let site = self.site_of(ns, &name, MTU);
        let site = site.or_else(|| self.site_of_link(ns, &name));
        let missing = Some(format!("{}.mtu({wanted});", iface(ns, &name)));
        stopped(Stop { site, missing, ..Stop::new("mtu", ns, reason) })
    }

    /// The change that carries a mark.
    fn record_of_tag(&self, tag: Option<&Tag>) -> Option<&Record> {
        let text = tag?.to_string();
        let is_its = |record: &&Record| matches!(&record.identity, Identity::Rules { tag, .. } if *tag == text);
        self.made.records().find(is_its)
    }

    /// The recipe line whose change carries a mark.
    pub(super) fn site_of_tag(&self, tag: Option<&Tag>) -> Option<Site> {
        self.record_of_tag(tag).map(|record| record.site.clone())
    }

    /// The recipe line that made an interface.
    pub(super) fn site_of_link(&self, ns: &Ns, name: &str) -> Option<Site> {
        self.made.site(&Subject::link(ns, &IfName::new(name).ok()?))
    }

    /// The recipe line that gave an attribute of an interface its value.
    pub(super) fn site_of(&self, ns: &Ns, name: &str, what: &'static str) -> Option<Site> {
        self.made.site(&Subject::on(ns, &IfName::new(name).ok()?, what, String::new()))
    }

    /// The recipe line that made a route: itself, or the address whose subnet it leads to.
    pub(super) fn site_of_route(&self, ns: &Ns, to: IpAddr, way: &Way, dev: Option<&str>) -> Option<Site> {
        let is_route = |route: &Route| way.via.is_some() && route.via == way.via && route.to.contains(&to);
        let is_address = |added: &AddAddr| {
            way.via.is_none() && added.addr.contains(&to) && (way.local || dev == Some(added.link.as_str()))
        };
        maker(self.made, |change| {
            let added = if let Change::AddAddr(added) = change { Some(added) } else { None };
            change.ns() == *ns && (change.route().is_some_and(is_route) || added.is_some_and(is_address))
        })
    }
}

/// The subnet of an interface's address that an address is in.
fn mask_towards(link: &LinkInfo, to: IpAddr) -> Option<IpNet> {
    link.addrs.iter().find(|net| net.addr() == to).map(IpNet::trunc)
}

/// The rule that would let a packet pass.
fn accept(chain: &str, packet: &Packet) -> String {
    let (protocol, option) = (packet.proto(), if packet.answers { "--sport" } else { "--dport" });
    let port = if packet.answers { packet.src.port() } else { packet.dst.port() };
    let ports = if packet.carried == Carried::Echo { String::new() } else { format!(" {option} {port}") };
    format!("-I {chain} -p {protocol}{ports} -j ACCEPT")
}
