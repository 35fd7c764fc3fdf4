//! The rules on the way, namespace by namespace.

use super::end::End;
use super::nat::Translated;
use super::packet::Packet;
use super::tables::{self, RuleOutcome, Translation};
use super::walk::Walk;
use crate::model::names::Ns;
use std::net::IpAddr;

impl Walk<'_> {
    /// The tables of a namespace, read once.
    fn tables(&mut self, ns: &Ns, v6: bool) -> Result<(), End> {
        if !self.tables.contains_key(&(ns.clone(), v6)) {
            let tables = self.facts.rules(ns, v6)?;
            self.tables.insert((ns.clone(), v6), tables);
        }
        Ok(())
    }

    fn fate(&mut self, ns: &Ns, table: &str, chain: &str, packet: &Packet) -> Result<RuleOutcome, End> {
        let v6 = packet.dst.is_ipv6();
        self.tables(ns, v6)?;
        for saved in self.tables.get(&(ns.clone(), v6)).into_iter().flatten() {
            let fate = tables::pass(saved, table, chain, packet, &mut self.unclear);
            if fate != RuleOutcome::Accepted {
                return Ok(fate);
            }
        }
        Ok(RuleOutcome::Accepted)
    }

    /// Whether a chain of these tables lets a packet pass; the stop, if not.
    pub fn filter(&mut self, ns: &Ns, tables: &[&str], chain: &str, packet: &Packet) -> Result<(), End> {
        for table in tables {
            match self.fate(ns, table, chain, packet)? {
                RuleOutcome::Dropped(blame) => return Err(self.dropped(ns, packet, chain, blame, "dropped")),
                RuleOutcome::Rejected(blame) => return Err(self.dropped(ns, packet, chain, blame, "rejected")),
                RuleOutcome::Accepted | RuleOutcome::Translated(..) => {}
            }
        }
        Ok(())
    }

    /// What would drop a packet in a chain, if anything does.
    pub fn is_dropped(&mut self, ns: &Ns, chain: &str, packet: &Packet) -> Result<Option<super::Blame>, End> {
        match self.fate(ns, "filter", chain, packet)? {
            RuleOutcome::Dropped(blame) | RuleOutcome::Rejected(blame) => Ok(Some(blame)),
            RuleOutcome::Accepted | RuleOutcome::Translated(..) => Ok(None),
        }
    }

    /// Replaces addresses of the first packet of a connection, as a chain of the table nat says. `own` is the address of
    /// the interface that it leaves by, or came in by.
    pub fn translate(&mut self, ns: &Ns, chain: &str, packet: &mut Packet, own: Option<IpAddr>) -> Result<bool, End> {
        if packet.answers {
            return Ok(false);
        }
        let RuleOutcome::Translated(translation, blame) = self.fate(ns, "nat", chain, packet)? else {
            return Ok(false);
        };
        let before = (packet.src, packet.dst);
        let is_destination = match translation {
            Translation::To(ip, port) => {
                if let Some(ip) = ip.or(own) {
                    packet.dst.set_ip(ip);
                }
                if let Some(port) = port {
                    packet.dst.set_port(port);
                }
                packet.original = Some(before.1);
                true
            }
            Translation::From(ip) => {
                if let Some(ip) = ip.or(own) {
                    packet.src.set_ip(ip);
                }
                false
            }
        };
        let tag = blame.tag().cloned();
        let site = self.site_of_tag(tag.as_ref());
        let (what, from, to) = if is_destination {
            ("destination", packet.end(before.1), packet.end(packet.dst))
        } else {
            ("source", packet.end(before.0), packet.end(packet.src))
        };
        self.hop(ns, packet, format!("{chain} replaces the {what} {from} by {to}"), site);
        if is_destination {
            let mut others = self.facts.tracked(ns, before.1, packet.carried)?;
            others.retain(|other| *other != packet.dst);
            if let Some(other) = others.first() {
                let count = others.len();
                let what =
                    format!("tracked connections to {from} still go to others, such as {other} ({count} in all)");
                self.hop(ns, packet, what, None);
            }
        }
        self.nats.push(Translated {
            ns: ns.clone(),
            before,
            after: (packet.src, packet.dst),
            is_destination,
            is_back: false,
            tag,
        });
        Ok(true)
    }

    /// Takes back on an answer what was done to the packet's destination (`is_destination`), or to its source.
    pub fn restore(&mut self, ns: &Ns, packet: &mut Packet, is_destination: bool) {
        if !packet.answers {
            return;
        }
        for at in (0..self.nats.len()).rev() {
            let nat = &mut self.nats[at];
            if nat.ns != *ns || nat.is_destination != is_destination || nat.is_back {
                continue;
            }
            if is_destination && packet.src == nat.after.1 {
                packet.src = nat.before.1;
            } else if !is_destination && packet.dst == nat.after.0 {
                packet.dst = nat.before.0;
            } else {
                continue;
            }
            nat.is_back = true;
            let what = if is_destination { "source" } else { "destination" };
            let end = if is_destination { packet.end(packet.src) } else { packet.end(packet.dst) };
            self.hop(ns, packet, format!("the {what} is {end} again"), None);
        }
    }
}
