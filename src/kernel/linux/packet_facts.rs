//! What a packet meets on its way, read from the kernel.

use crate::kernel::linux::link;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::linux::{LinuxKernel, addr, conntrack, netns, observe, route, sysctl};
use crate::kernel::{Done, Errno, PacketFacts, Refusal};
use crate::model::family::Family;
use crate::model::forwarding::{Ask, NetnsLinks, Way};
use crate::model::mac::Mac;
use crate::model::names::Ns;
use crate::model::observe::{LinkInfo, LinkRef};
use crate::model::proto::Proto;
use crate::model::question::Carried;
use crate::model::rule::saved::Saved;
use rtnetlink::packet_route::neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState};
use rtnetlink::packet_route::nsid::{NsidAttribute, NsidMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

impl PacketFacts for LinuxKernel {
    fn all_links(&mut self) -> Done<Vec<(Ns, NetnsLinks)>> {
        let mut all = Vec::new();
        for ns in [Ns::Host].into_iter().chain(netns::list()?.into_iter().map(Ns::Named)) {
            let read = |socket: &mut Socket| Ok((link::list(socket)?, addr::list(socket, None)?));
            match self.spaces.talk(&ns, read) {
                // A name without a namespace, or one that is just being removed.
                Err(refusal) if refusal.is(Errno::ENOENT) || refusal.is(Errno::EINVAL) => {}
                read => {
                    let (links, addrs) = read?;
                    all.push((ns, links, addrs));
                }
            }
        }
        let mut ends: HashMap<Marks<'_>, Vec<&Ns>> = HashMap::new();
        for (ns, links, _) in &all {
            for seen in links.iter().filter(|seen| seen.peer.is_some()) {
                ends.entry(marks(seen)).or_default().push(ns);
            }
        }
        let terrain = |(ns, links, addrs): &(Ns, Vec<LinkInfo>, Vec<addr::Seen>)| {
            let mut here = Here { ns, spaces: &self.spaces, ends: &ends, numbers: BTreeMap::new() };
            let links = links.iter().map(|seen| {
                let link = observe::with_addrs(seen.clone(), addrs);
                Ok(LinkInfo { peer: seen.peer.as_ref().map(|peer| here.place(peer)).transpose()?, ..link })
            });
            Ok((ns.clone(), NetnsLinks { links: links.collect::<Done<_>>()? }))
        };
        all.iter().map(terrain).collect()
    }

    fn way(&mut self, ns: &Ns, ask: &Ask) -> Done<Way> {
        self.spaces.talk(ns, |socket| route::way(socket, ask))
    }

    fn rules(&mut self, ns: &Ns, v6: bool) -> Done<Vec<Saved>> {
        self.netfilter.counted(&self.spaces, ns, if v6 { Family::V6 } else { Family::V4 })
    }

    fn listeners(&mut self, ns: &Ns, carried: Carried) -> Done<Vec<SocketAddr>> {
        let files: &[&str] = match carried {
            Carried::Tcp => &["tcp", "tcp6"],
            Carried::Udp => &["udp", "udp6"],
            Carried::Echo => &[],
        };
        self.spaces.within(ns, || {
            let mut found = Vec::new();
            for file in files {
                let path = spaces::proc_net(file)?;
                match fs::read_to_string(&path) {
                    Ok(text) => found.extend(text.lines().filter_map(|line| listener(line, carried))),
                    // A kernel without IPv6.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                    Err(e) => return Err(Refusal::io(format!("read {path}"), &e)),
                }
            }
            Ok(found)
        })
    }

    fn tracked(&mut self, ns: &Ns, to: SocketAddr, carried: Carried) -> Done<Vec<SocketAddr>> {
        let protocol = match carried {
            Carried::Tcp => Proto::Tcp,
            Carried::Udp => Proto::Udp,
            Carried::Echo => return Ok(Vec::new()),
        };
        let flows = conntrack::list(&self.spaces, ns)?;
        let flows = flows.iter().filter(|flow| flow.destination == to && flow.protocol == protocol.number());
        Ok(flows.map(|flow| flow.reply_source).collect())
    }

    fn setting(&mut self, ns: &Ns, key: &str) -> Done<String> {
        sysctl::read(&self.spaces, ns, key)
    }

    fn is_silent(&mut self, ns: &Ns, dev: u32, ip: IpAddr) -> Done<bool> {
        let mut request = NeighbourMessage::default();
        request.header.family = if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let all = self.spaces.talk(ns, |socket| socket.dump(&RouteNetlinkMessage::GetNeighbour(request)))?;
        Ok(all.iter().any(|message| {
            let RouteNetlinkMessage::NewNeighbour(message) = message else { return false };
            let is_it = |attribute: &NeighbourAttribute| match attribute {
                NeighbourAttribute::Destination(NeighbourAddress::Inet(addr)) => ip == IpAddr::V4(*addr),
                NeighbourAttribute::Destination(NeighbourAddress::Inet6(addr)) => ip == IpAddr::V6(*addr),
                _ => false,
            };
            message.header.ifindex == dev
                && message.header.state == NeighbourState::Failed
                && message.attributes.iter().any(is_it)
        }))
    }
}

/// What tells an interface from those of other namespaces, nearly always: its index, name and hardware address.
type Marks<'a> = (u32, &'a str, Option<Mac>);

fn marks(seen: &LinkInfo) -> Marks<'_> {
    (seen.index, &seen.name, seen.mac)
}

/// A namespace, from which others are numbers.
struct Here<'a> {
    ns: &'a Ns,
    spaces: &'a Spaces,
    /// The namespaces with such an end of a veth.
    ends: &'a HashMap<Marks<'a>, Vec<&'a Ns>>,
    /// The namespaces whose numbers are known; nothing for one without a name.
    numbers: BTreeMap<i32, Option<Ns>>,
}

impl Here<'_> {
    /// The other end of a pair, with its namespace.
    fn place(&mut self, peer: &LinkRef) -> Done<LinkRef> {
        let Some(number) = peer.nsid else { return Ok(LinkRef { ns: Some(self.ns.clone()), ..peer.clone() }) };
        if !self.numbers.contains_key(&number) {
            let ns = self.numbered(number, peer.index)?;
            self.numbers.insert(number, ns);
        }
        Ok(LinkRef { ns: self.numbers.get(&number).cloned().flatten(), ..peer.clone() })
    }

    /// Which namespace has this number, and an interface with this index: numbers are each namespace's own (rtnetlink(7),
    /// `RTM_GETNSID`). To ask that of every namespace would take a question for each pair of them.
    fn numbered(&self, number: i32, index: u32) -> Done<Option<Ns>> {
        let Some(end) = self.spaces.talk(self.ns, |socket| link::beyond(socket, number, index))? else {
            return Ok(None);
        };
        for there in self.ends.get(&marks(&end)).into_iter().flatten().filter(|there| **there != self.ns) {
            let Ok(file) = self.spaces.open(there) else { continue };
            let mut request = NsidMessage::default();
            request.attributes.push(NsidAttribute::Fd(u32::try_from(file.as_raw_fd()).unwrap_or_default()));
            let answer = self.spaces.talk(self.ns, |socket| socket.get(RouteNetlinkMessage::GetNsId(request)))?;
            if let RouteNetlinkMessage::NewNsId(answer) = answer
                && answer.attributes.contains(&NsidAttribute::Id(number))
            {
                return Ok(Some(Ns::clone(there)));
            }
        }
        Ok(None)
    }
}

/// The listening socket in a line of `/proc/net/tcp` and its like (proc_net_tcp(5)).
fn listener(line: &str, carried: Carried) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    let listens = match carried {
        Carried::Tcp => state == "0A",
        // One that is connected hears only whom it is connected to.
        Carried::Udp | Carried::Echo => remote.ends_with(":0000"),
    };
    let (addr, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words in the machine's own order of bytes.
    let word = |at: usize| Some(u32::from_str_radix(addr.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    let ip = if addr.len() == 8 {
        IpAddr::V4(Ipv4Addr::from(word(0)?))
    } else {
        let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
        IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?))
    };
    listens.then_some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_socket_is_told_from_others() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0";
        let found = listener(line, Carried::Tcp);
        if cfg!(target_endian = "little") {
            assert_eq!(found, Some("127.0.0.1:8080".parse().unwrap()));
        }
        assert_eq!(listener(&line.replace(" 0A ", " 01 "), Carried::Tcp), None);
        let v6 = format!("   0: {}:0050 {}:0000 0A 0", "0".repeat(32), "0".repeat(32));
        assert_eq!(listener(&v6, Carried::Tcp), Some("[::]:80".parse().unwrap()));
        assert_eq!(listener("  sl  local_address rem_address   st tx_queue", Carried::Tcp), None);
    }
}
