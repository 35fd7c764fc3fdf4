//! Tracked connections (`linux/netfilter/nfnetlink_conntrack.h`): listing them, and forgetting those that an old
//! NAT rule holds on to.
//!
//! By hand: `netlink-packet-netfilter` 0.4 has neither `CTA_ID`, `CTA_ZONE` nor `CTA_FILTER`, which make up most of a
//! request here, so that with it this file is as long and five crates are more to build.

use super::nfnetlink::{self, ANY_FAMILY, CTNETLINK, IPV4, IPV6, Nfnetlink, attribute, nest, put};
use super::spaces::Spaces;
use crate::kernel::Done;
use crate::model::names::Ns;
use netlink_packet_core::NLA_F_NESTED;
use nix::errno::Errno;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, SocketAddrV4};

/// `IPCTNL_MSG_CT_GET`
const GET: u8 = 1;
/// `IPCTNL_MSG_CT_DELETE`
const DELETE: u8 = 2;

/// `CTA_TUPLE_ORIG`
const ORIGINAL: u16 = 1;
/// `CTA_TUPLE_REPLY`
const REPLY: u16 = 2;
/// `CTA_ID`
const ID: u16 = 12;
/// `CTA_ZONE`
const ZONE: u16 = 18;
/// `CTA_FILTER`
const FILTER: u16 = 25;
/// `CTA_FILTER_ORIG_FLAGS`
const FILTER_ORIGINAL: u16 = 1;

/// What a filter looks at (`CTA_FILTER_FLAG(CTA_IP_DST)` and so on, as in libnetfilter_conntrack).
const BY_DESTINATION: u32 = 1 << 1;
const BY_PROTOCOL: u32 = 1 << 3;
const BY_DESTINATION_PORT: u32 = 1 << 5;

/// `CTA_TUPLE_IP`
const TUPLE_IP: u16 = 1;
/// `CTA_TUPLE_PROTO`
const TUPLE_PROTO: u16 = 2;
/// `CTA_IP_V4_SRC` and `CTA_IP_V6_SRC`
const SOURCE: [u16; 2] = [1, 3];
/// `CTA_IP_V4_DST` and `CTA_IP_V6_DST`
const DESTINATION: [u16; 2] = [2, 4];
/// `CTA_PROTO_NUM`
const PROTO_NUMBER: u16 = 1;
/// `CTA_PROTO_SRC_PORT`
const SOURCE_PORT: u16 = 2;
/// `CTA_PROTO_DST_PORT`
const DESTINATION_PORT: u16 = 3;

/// A tracked connection: the addresses its first packet had, and those its answers have. They mirror each other
/// unless NAT changed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The IP protocol number.
    pub protocol: u8,
    /// Who began it.
    pub source: SocketAddr,
    /// Whom they addressed.
    pub destination: SocketAddr,
    /// Who answers.
    pub reply_source: SocketAddr,
    /// Whom the answers are sent to.
    pub reply_destination: SocketAddr,
}

/// One direction of a connection. Protocols without ports have port 0.
struct Tuple {
    protocol: u8,
    source: SocketAddr,
    destination: SocketAddr,
}

impl Tuple {
    fn parse(bytes: &[u8]) -> Option<Tuple> {
        let (ip, proto) = (attribute(bytes, TUPLE_IP)?, attribute(bytes, TUPLE_PROTO)?);
        let addr = |kinds: [u16; 2]| {
            let [v4, v6] = kinds;
            let v4 = || Some(IpAddr::from(<[u8; 4]>::try_from(attribute(ip, v4)?).ok()?));
            let v6 = || Some(IpAddr::from(<[u8; 16]>::try_from(attribute(ip, v6)?).ok()?));
            v4().or_else(v6)
        };
        let port = |kind| attribute(proto, kind).and_then(|p| Some(u16::from_be_bytes(p.try_into().ok()?)));
        Some(Tuple {
            protocol: *attribute(proto, PROTO_NUMBER)?.first()?,
            source: SocketAddr::new(addr(SOURCE)?, port(SOURCE_PORT).unwrap_or(0)),
            destination: SocketAddr::new(addr(DESTINATION)?, port(DESTINATION_PORT).unwrap_or(0)),
        })
    }
}

fn flow(item: &[u8]) -> Option<Flow> {
    let original = Tuple::parse(attribute(item, ORIGINAL)?)?;
    let reply = Tuple::parse(attribute(item, REPLY)?)?;
    Some(Flow {
        protocol: original.protocol,
        source: original.source,
        destination: original.destination,
        reply_source: reply.source,
        reply_destination: reply.destination,
    })
}

/// Every tracked connection of a namespace; none where the kernel tracks none.
pub fn list(spaces: &Spaces, ns: &Ns) -> Done<Vec<Flow>> {
    spaces.within(ns, || {
        let mut flows = Vec::new();
        dump(&mut Nfnetlink::open()?, |item| flows.extend(flow(item)))?;
        Ok(flows)
    })
}

/// Where the first packet of a connection was addressed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addressee {
    /// The address and port.
    pub to: SocketAddr,
    /// The IP protocol number.
    pub protocol: u8,
}

/// Forgets the connections whose first packet was addressed to one of these, so that their next packet meets the NAT
/// rules anew.
pub(super) fn forget(netlink: &mut Nfnetlink, addressees: &BTreeSet<Addressee>) -> Done<()> {
    for Addressee { to, protocol } in addressees {
        // Of IPv6 the kernel deletes all but those that are asked for (`ctnetlink_filter_match_tuple`, as of 6.18).
        let SocketAddr::V4(to) = to else { return forget_listed(netlink, addressees) };
        match netlink.request_of(CTNETLINK, DELETE, IPV4, &filter(*to, *protocol)) {
            // Kernels before 6.9 know no filter here, and miss the source.
            Err(refusal) if refusal.is(Errno::EINVAL) => return forget_listed(netlink, addressees),
            done => done?,
        }
    }
    Ok(())
}

/// What a request names connections to an address and port by, whoever began them.
fn filter(to: SocketAddrV4, protocol: u8) -> Vec<u8> {
    let mut request = Vec::new();
    nest(&mut request, ORIGINAL | NLA_F_NESTED, |tuple| {
        let [kind, _] = DESTINATION;
        nest(tuple, TUPLE_IP | NLA_F_NESTED, |ip| put(ip, kind, &to.ip().octets()));
        nest(tuple, TUPLE_PROTO | NLA_F_NESTED, |proto| {
            put(proto, PROTO_NUMBER, &[protocol]);
            put(proto, DESTINATION_PORT, &to.port().to_be_bytes());
        });
    });
    nest(&mut request, FILTER | NLA_F_NESTED, |filter| {
        put(filter, FILTER_ORIGINAL, &(BY_DESTINATION | BY_PROTOCOL | BY_DESTINATION_PORT).to_ne_bytes());
    });
    request
}

/// The same one by one. To list them takes milliseconds: the kernel locks every bucket of its table, a quarter of a million
/// on a large machine.
fn forget_listed(netlink: &mut Nfnetlink, addressees: &BTreeSet<Addressee>) -> Done<()> {
    let mut found = Vec::new();
    dump(netlink, |item| {
        if let Some(Flow { destination: to, protocol, .. }) = flow(item)
            && addressees.contains(&Addressee { to, protocol })
        {
            found.push((if to.is_ipv4() { IPV4 } else { IPV6 }, name_of(item)));
        }
    })?;
    for (family, request) in found {
        match netlink.request(CTNETLINK, DELETE, family, &request) {
            // It ended in the meantime.
            Err(refusal) if refusal.is(Errno::ENOENT) => {}
            done => done?,
        }
    }
    Ok(())
}

/// Whether nothing is tracked in the calling thread's namespace.
pub(super) fn tracks_none() -> bool {
    std::fs::read("/proc/sys/net/netfilter/nf_conntrack_count").is_ok_and(|count| count.trim_ascii() == b"0")
}

/// What a request names one entry by. With its id, so that a younger one with the same addresses is left alone.
fn name_of(item: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    for (kind, value) in nfnetlink::attributes(item) {
        if matches!(kind, ORIGINAL | ID | ZONE) {
            let nested = if kind == ORIGINAL { NLA_F_NESTED } else { 0 };
            put(&mut request, kind | nested, value);
        }
    }
    request
}

/// Reads the table, which is empty where the kernel has no connection tracking.
fn dump(netlink: &mut Nfnetlink, each: impl FnMut(&[u8])) -> Done<()> {
    match netlink.dump(CTNETLINK, GET, ANY_FAMILY, &[], each) {
        Err(refusal) if nfnetlink::is_unsupported(&refusal) => Ok(()),
        dumped => dumped,
    }
}
