//! Whether somebody takes a packet where it is for.

use super::at;
use crate::lab::why::Stop;
use crate::lab::why::end::{End, stop_at, stopped};
use crate::lab::why::packet::Packet;
use crate::lab::why::walk::Walk;
use crate::model::names::Ns;
use crate::model::question::Carried;
use std::net::SocketAddr;

impl Walk<'_> {
    /// Whether somebody takes the packet in the namespace that it is for.
    pub fn deliver(&mut self, ns: &Ns, packet: &Packet) -> Result<(), End> {
        if packet.carried == Carried::Echo {
            let key =
                if packet.dst.is_ipv4() { "net.ipv4.icmp_echo_ignore_all" } else { "net.ipv6.icmp.echo_ignore_all" };
            if self.facts.setting(ns, key).is_ok_and(|value| value.trim() == "1") {
                let stop = stop_at("no_echo", ns, packet, format!("it answers no pings ({key} is 1)"));
                let missing = Some(format!("{}.sysctl(\"{key}\", 0);", at(ns)));
                return Err(stopped(Stop { missing, ..stop }));
            }
            return Ok(());
        }
        let listeners = self.facts.listeners(ns, packet.carried)?;
        let takes = |listener: &&SocketAddr| {
            listener.port() == packet.dst.port()
                && (listener.ip() == packet.dst.ip()
                    || (listener.ip().is_unspecified() && (listener.is_ipv6() || packet.dst.is_ipv4())))
        };
        if let Some(listener) = listeners.iter().find(takes) {
            self.hop(ns, packet, format!("a server listens on {} port {}", packet.proto(), listener.port()), None);
            return Ok(());
        }
        Err(self.nobody_listens(ns, packet, &listeners))
    }

    fn nobody_listens(&self, ns: &Ns, packet: &Packet, listeners: &[SocketAddr]) -> End {
        let (port, protocol) = (packet.dst.port(), packet.proto());
        if let Some(other) = listeners.iter().find(|listener| listener.port() == port) {
            let reason = format!(
                "the server on {protocol} port {port} listens on {} only, and {packet} is for another address",
                other.ip()
            );
            return stopped(stop_at("listener", ns, packet, reason));
        }
        let mut ports: Vec<u16> = listeners.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let others = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let others = if ports.is_empty() { String::new() } else { format!("; a server listens on {others}") };
        let reason = format!("nothing listens on {protocol} port {port}{others}");
        let stop = stop_at("listener", ns, packet, reason);
        let translated = self.nats.iter().rev().find(|nat| nat.is_destination && nat.after.1 == packet.dst);
        if let (Some(nat), [only]) = (translated, &ports[..]) {
            let (from, to) = (nat.before.1, SocketAddr::new(packet.dst.ip(), *only));
            let at = at(&nat.ns);
            let made = self.record_of_tag(nat.tag.as_ref());
            let rules = made.and_then(|record| record.change.rules());
            let is_vip = rules.is_some_and(|rules| rules.new_chains().next().is_some());
            let line = if is_vip {
                format!("{at}.vip(\"{from}\", [\"{to}\"]);")
            } else {
                format!("{at}.dnat(\"{from}\", \"{to}\");")
            };
            let site = made.map(|record| record.site.clone());
            return stopped(Stop { site, missing: Some(line), instead: true, ..stop });
        }
        let serve = if packet.carried == Carried::Udp { "udp_serve" } else { "http_serve" };
        stopped(Stop { missing: Some(format!("{}.{serve}({port});", at(ns))), ..stop })
    }
}
