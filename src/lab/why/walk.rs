//! The walk of a packet: out of a namespace, over links, through others, to whom it is for; and of the answer back.

use super::Hop;
use super::end::{End, Hole, stop_at, stopped};
use super::nat::Translated;
use super::packet::Packet;
use super::segment::{Map, Place, interface, segment};
use crate::kernel::{PacketFacts, Refusal};
use crate::lab::Made;
use crate::model::error::Site;
use crate::model::forwarding::{Ask, Way};
use crate::model::names::Ns;
use crate::model::question::{Carried, Question};
use crate::model::rule::saved::Saved;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// How many namespaces a packet may pass: one that goes in circles ends here, as by its TTL.
const LONGEST: usize = 32;

/// A walk in progress.
pub struct Walk<'a> {
    pub(super) facts: &'a mut dyn PacketFacts,
    pub(super) made: &'a Made,
    pub(super) map: Map,
    pub(super) tables: BTreeMap<(Ns, bool), Vec<Saved>>,
    pub(super) nats: Vec<Translated>,
    /// What was met so far.
    pub hops: Vec<Hop>,
    /// Rules whose conditions could not be told.
    pub unclear: Vec<String>,
    /// The next hops that were taken: an interface, and whom it asked for.
    pub asked: Vec<(Place, IpAddr)>,
    holes: Vec<Hole>,
    /// The smallest MTU of the interfaces that the packet has left by, of which a router would tell.
    path_mtu: Option<u32>,
}

impl<'a> Walk<'a> {
    /// Reads the interfaces of all namespaces.
    pub fn new(facts: &'a mut dyn PacketFacts, made: &'a Made) -> Result<Walk<'a>, Refusal> {
        let map = facts.all_links()?.into_iter().collect();
        Ok(Walk {
            facts,
            made,
            map,
            tables: BTreeMap::new(),
            nats: Vec::new(),
            hops: Vec::new(),
            unclear: Vec::new(),
            asked: Vec::new(),
            holes: Vec::new(),
            path_mtu: None,
        })
    }

    /// Follows a packet there, and its answer back.
    pub fn go(&mut self, question: &Question) -> Result<(), End> {
        let first = Packet::first(question.carried, question.to);
        let (there, arrived, sent) = match self.travel(&question.from, first) {
            Err(End::Unseen) => return Ok(()),
            travelled => travelled?,
        };
        self.deliver(&there, &arrived)?;
        let (back, answer, _) = match self.travel(&there, arrived.answer()) {
            Err(End::Unseen) => return Ok(()),
            travelled => travelled?,
        };
        if back != question.from || answer.src != sent.dst || answer.dst != sent.src {
            return Err(self.bypassed(&there, &back, &sent, &answer));
        }
        self.hop(&back, &answer, "the answer arrives".to_owned(), None);
        match self.hole(&question.from, &there) {
            Some(hole) => Err(self.black_hole(&hole)),
            None => Ok(()),
        }
    }

    /// Takes a packet from the namespace that sends it to the one that it is for. Returns that, the packet as it arrives,
    /// and as it was sent.
    fn travel(&mut self, from: &Ns, mut packet: Packet) -> Result<(Ns, Packet, Packet), End> {
        self.path_mtu = None;
        let ask = Ask { to: packet.dst.ip(), from: packet.answers.then(|| packet.src.ip()), by: None };
        let mut way = self.way(from, &packet, ask)?;
        if !packet.answers {
            packet.src.set_ip(way.src.unwrap_or(if way.local { packet.dst.ip() } else { packet.src.ip() }));
        }
        let sent = packet.clone();
        self.leaves(from, &mut packet, &way);
        self.filter(from, &["raw", "mangle"], "OUTPUT", &packet)?;
        let loopback =
            if packet.dst.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]) };
        if self.translate(from, "OUTPUT", &mut packet, Some(loopback))? {
            way = self.way(from, &packet, Ask { to: packet.dst.ip(), from: None, by: None })?;
            self.leaves(from, &mut packet, &way);
        }
        self.filter(from, &["filter"], "OUTPUT", &packet)?;
        let mut here = from.clone();
        for _ in 0..LONGEST {
            if way.local {
                self.filter(&here, &["mangle", "filter"], "INPUT", &packet)?;
                self.restore(&here, &mut packet, true);
                self.restore(&here, &mut packet, false);
                return Ok((here, packet, sent));
            }
            let Some(dev) = way.dev else { return Err(End::Unseen) };
            let (there, by) = self.cross(&here, dev, &way, &mut packet)?;
            way = self.enter(&there, by, &mut packet)?;
            here = there;
        }
        Err(stopped(stop_at("loop", &here, &packet, format!("{packet} goes in circles from here"))))
    }

    /// Where a packet goes from a namespace; the stop, if nowhere.
    fn way(&mut self, ns: &Ns, packet: &Packet, ask: Ask) -> Result<Way, End> {
        self.facts.way(ns, &ask).map_err(|refusal| self.no_way(ns, packet, ask.by, &refusal))
    }

    /// Notes where a packet goes from a namespace.
    fn leaves(&mut self, ns: &Ns, packet: &mut Packet, way: &Way) {
        packet.to_local = way.local;
        let name = way.dev.and_then(|dev| interface(&self.map, &(ns.clone(), dev))).map(|link| link.name.clone());
        packet.leaves.clone_from(&name);
        let what = match (&name, way.via, way.local) {
            (_, _, true) => format!("{packet}: it is for this namespace"),
            (Some(name), Some(via), _) => format!("{packet}: by {name} to the router {via}"),
            (Some(name), None, _) => format!("{packet}: directly by {name}"),
            (None, ..) => packet.to_string(),
        };
        let site = self.site_of_route(ns, packet.dst.ip(), way, name.as_deref());
        self.hop(ns, packet, what, site);
    }

    /// Takes a packet over the link of an interface to whom its next hop is.
    fn cross(&mut self, ns: &Ns, dev: u32, way: &Way, packet: &mut Packet) -> Result<Place, End> {
        let from = (ns.clone(), dev);
        let Some(sender) = interface(&self.map, &from).cloned() else { return Err(End::Unseen) };
        let next = way.via.unwrap_or(packet.dst.ip());
        self.filter(ns, &["mangle"], "POSTROUTING", packet)?;
        let own = sender.addrs.iter().map(ipnet::IpNet::addr).find(|ip| ip.is_ipv4() == next.is_ipv4());
        self.translate(ns, "POSTROUTING", packet, way.src.or(own))?;
        self.restore(ns, packet, true);
        if self.path_mtu.is_none() {
            self.path_mtu = Some(sender.mtu);
        }
        let segment = segment(&self.map, &from);
        let Some(reached) = segment.taker(&self.map, next).cloned() else {
            if segment.beyond.is_empty() && sender.kind != "lo" {
                return Err(self.nobody(&from, &sender, &segment, way, packet));
            }
            let what = format!("it leaves by {}, and what is beyond cannot be seen from here", sender.name);
            self.hop(ns, packet, what, None);
            return Err(End::Unseen);
        };
        if let Some(trouble) = &reached.trouble {
            return Err(self.broken(ns, packet, trouble));
        }
        if next.is_ipv6() && !packet.from_local && !sender.addrs.iter().any(is_link_local) {
            return Err(self.no_link_local(ns, &sender, packet));
        }
        for bridge in reached.bridges.iter().filter(|bridge| **bridge != reached.at) {
            self.bridged(bridge, packet)?;
        }
        self.asked.push((from, next));
        if let Some((size, at)) = reached.narrow.filter(|(size, _)| *size < sender.mtu) {
            self.holes.push(Hole { size, at, wanted: sender.mtu, silenced: None });
        }
        Ok(reached.at)
    }

    /// Rules may see what a bridge passes on (`bridge-nf-call-iptables`).
    fn bridged(&mut self, (ns, bridge): &Place, packet: &Packet) -> Result<(), End> {
        let key = if packet.dst.is_ipv4() { "ip" } else { "ip6" };
        let called = self.facts.setting(ns, &format!("net.bridge.bridge-nf-call-{key}tables"));
        // Where there is no such sysctl, no rule sees them.
        if !called.is_ok_and(|value| value.trim() == "1") {
            return Ok(());
        }
        let name = interface(&self.map, &(ns.clone(), *bridge)).map(|link| link.name.clone());
        let seen = Packet { arrives: name.clone(), leaves: name, ..packet.clone() };
        self.filter(ns, &["filter"], "FORWARD", &seen)
    }

    /// Takes a packet into a namespace, and returns where it goes from there.
    fn enter(&mut self, ns: &Ns, by: u32, packet: &mut Packet) -> Result<Way, End> {
        let arrival = interface(&self.map, &(ns.clone(), by)).cloned();
        packet.arrives = arrival.as_ref().map(|link| link.name.clone());
        packet.leaves = None;
        packet.from_local = false;
        packet.original = None;
        let owns = |map: &Map, ip| map.get(ns).is_some_and(|terrain| terrain.owner(ip).is_some());
        packet.to_local = owns(&self.map, packet.dst.ip());
        self.filter(ns, &["raw", "mangle"], "PREROUTING", packet)?;
        let own = arrival.iter().flat_map(|link| &link.addrs).map(ipnet::IpNet::addr);
        let own = own.into_iter().find(|ip| ip.is_ipv4() == packet.dst.is_ipv4());
        self.translate(ns, "PREROUTING", packet, own)?;
        self.restore(ns, packet, false);
        packet.to_local = owns(&self.map, packet.dst.ip());
        let ask = Ask { to: packet.dst.ip(), from: Some(packet.src.ip()), by: Some(by) };
        if !packet.to_local
            && let Some(arrival) = &arrival
            && !self.forwards(ns, &arrival.name, packet)?
        {
            return Err(self.no_forwarding(ns, packet));
        }
        let way = self.way(ns, packet, ask)?;
        self.leaves(ns, packet, &way);
        if !way.local {
            self.filter(ns, &["mangle", "filter"], "FORWARD", packet)?;
            self.fits(ns, by, &way, packet)?;
        }
        Ok(way)
    }

    /// Whether a namespace forwards what comes in by an interface.
    fn forwards(&mut self, ns: &Ns, dev: &str, packet: &Packet) -> Result<bool, End> {
        // A dot in an interface's name is no separator (sysctl(8)).
        let key = if packet.dst.is_ipv4() {
            format!("net.ipv4.conf.{}.forwarding", dev.replace('.', "/"))
        } else {
            "net.ipv6.conf.all.forwarding".to_owned()
        };
        Ok(self.facts.setting(ns, &key)?.trim() != "0")
    }

    /// Notes where a router cannot pass on large packets, and a rule keeps it from saying so.
    fn fits(&mut self, ns: &Ns, by: u32, way: &Way, packet: &Packet) -> Result<(), End> {
        let Some(out) = way.dev.and_then(|dev| interface(&self.map, &(ns.clone(), dev))).cloned() else {
            return Ok(());
        };
        if self.path_mtu.is_some_and(|mtu| out.mtu < mtu) {
            let complaint = Packet {
                carried: Carried::Echo,
                dst: packet.src,
                answers: true,
                leaves: interface(&self.map, &(ns.clone(), by)).map(|link| link.name.clone()),
                arrives: None,
                from_local: true,
                ..packet.clone()
            };
            if let Some(blame) = self.is_dropped(ns, "OUTPUT", &complaint)? {
                let wanted = self.path_mtu.unwrap_or(out.mtu);
                let hole = Hole { size: out.mtu, at: (ns.clone(), out.index), wanted, silenced: Some(blame) };
                self.holes.push(hole);
            }
            self.path_mtu = Some(out.mtu);
        }
        Ok(())
    }

    /// The narrowest place where large packets of a connection vanish: both ends tell each other how much they take.
    fn hole(&self, from: &Ns, to: &Ns) -> Option<Hole> {
        let end = |ns: &Ns| {
            let asked = self.asked.iter().find(|((there, _), _)| there == ns);
            asked.and_then(|(place, _)| interface(&self.map, place)).map(|link| link.mtu)
        };
        let ends = end(from)?.min(end(to)?);
        self.holes.iter().filter(|hole| hole.size < ends).min_by_key(|hole| hole.size).cloned()
    }

    /// Adds what was met.
    pub(super) fn hop(&mut self, ns: &Ns, packet: &Packet, what: String, site: Option<Site>) {
        self.hops.push(Hop { ns: ns.to_string(), what, site, back: packet.answers });
    }
}

fn is_link_local(net: &ipnet::IpNet) -> bool {
    matches!(net.addr(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}
