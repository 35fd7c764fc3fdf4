//! Interfaces: reading them here; making, setting and deleting them in the modules below.

use crate::kernel::linux::netlink::Socket;
use crate::kernel::{Done, Refusal, Why};
use crate::model::mac::Mac;
use crate::model::names::IfName;
use crate::model::observe::{AddrGenMode, LinkInfo, LinkRef, Port};
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, BridgePortState, In6AddrGenMode, InfoBridgePort, InfoPortData, LinkAttribute,
    LinkExtentMask, LinkFlags, LinkInfo as Info, LinkMessage,
};

pub mod create;
pub mod delete;
mod encode;
mod encoders;
pub mod ioctl;
pub mod set;

/// The kinds that are made in pairs: what the kernel says that they are linked to is the other end, of others the device that
/// they are stacked on (`IFLA_LINK` in the kernel's `if_link.h`).
const PAIRS: [&str; 3] = ["veth", "netkit", "vxcan"];

/// The interface of that name in the socket's namespace.
pub fn find(socket: &mut Socket, name: &IfName) -> Done<Option<LinkInfo>> {
    let mut request = query();
    request.attributes.push(LinkAttribute::IfName(name.to_string()));
    one(socket, request)
}

/// The interface with this index in the namespace that has this number here; none where there is none, or no such namespace
/// (`IFLA_TARGET_NETNSID` in the kernel's `if_link.h`).
pub fn beyond(socket: &mut Socket, number: i32, index: u32) -> Done<Option<LinkInfo>> {
    let mut request = query();
    request.header.index = index;
    request.attributes.push(LinkAttribute::IfNetnsId(number));
    match one(socket, request) {
        Err(refusal) if refusal.is(Errno::EINVAL) => Ok(None),
        found => found,
    }
}

/// All interfaces of the socket's namespace.
pub fn list(socket: &mut Socket) -> Done<Vec<LinkInfo>> {
    socket.collect(&RouteNetlinkMessage::GetLink(query()), |message| match message {
        RouteNetlinkMessage::NewLink(message) => Some(seen(&message)),
        _ => None,
    })
}

/// A question without the statistics, which are most of an answer.
fn query() -> LinkMessage {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    request
}

/// The interface that is asked for, if there is one.
fn one(socket: &mut Socket, request: LinkMessage) -> Done<Option<LinkInfo>> {
    match socket.get(RouteNetlinkMessage::GetLink(request)) {
        Ok(RouteNetlinkMessage::NewLink(message)) => Ok(Some(seen(&message))),
        Ok(_) => Err(Refusal::new(Why::Protocol, "RTM_GETLINK", "the answer is no interface")),
        Err(refusal) if refusal.is(Errno::ENODEV) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// What is said of an interface that is not there.
pub fn missing(name: &IfName) -> Refusal {
    Refusal::new(Why::Errno(Errno::ENODEV as i32), "RTM_GETLINK", format!("no interface `{name}`"))
}

/// The hardware address in a netlink attribute, if it is an Ethernet one.
fn mac(bytes: &[u8]) -> Option<Mac> {
    bytes.try_into().ok().map(Mac)
}

/// What a message says of an interface. Its addresses are told elsewhere.
fn seen(message: &LinkMessage) -> LinkInfo {
    let up = message.header.flags.contains(LinkFlags::Up);
    let mut seen = LinkInfo { index: message.header.index, up, ..LinkInfo::default() };
    let (mut other, mut nsid) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => seen.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => seen.alias = Some(alias.clone()),
            LinkAttribute::Address(bytes) => seen.mac = mac(bytes),
            LinkAttribute::Mtu(mtu) => seen.mtu = *mtu,
            LinkAttribute::Controller(index) => seen.master = Some(*index).filter(|index| *index != 0),
            LinkAttribute::Group(group) => seen.group = *group,
            LinkAttribute::Link(index) => other = Some(*index).filter(|index| *index != 0),
            LinkAttribute::LinkNetNsId(number) => nsid = Some(*number),
            LinkAttribute::LinkInfo(infos) => {
                see_info(&mut seen, infos);
                other = other.or_else(|| own_lower(infos));
            }
            LinkAttribute::AfSpecUnspec(specs) => {
                seen.addrgenmode = specs.iter().find_map(|spec| match spec {
                    AfSpecUnspec::Inet6(attributes) => gen_mode(attributes),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let other = other.map(|index| LinkRef { index, nsid, ns: None });
    if PAIRS.contains(&seen.kind.as_str()) {
        seen.peer = other;
    } else {
        seen.lower = other;
    }
    seen
}

fn see_info(seen: &mut LinkInfo, infos: &[Info]) {
    for info in infos {
        match info {
            Info::Kind(kind) => seen.kind = kind.to_string(),
            Info::PortData(InfoPortData::BridgePort(attributes)) => seen.port = Some(port(attributes)),
            _ => {}
        }
    }
}

/// The lower device of a kind that has it among its own attributes.
fn own_lower(infos: &[Info]) -> Option<u32> {
    let data = infos.iter().find_map(|info| if let Info::Data(data) = info { Some(data) } else { None })?;
    encoders::ALL.iter().find_map(|(_, _, lower)| lower(data)).filter(|index| *index != 0)
}

fn port(attributes: &[InfoBridgePort]) -> Port {
    let mut port = Port { hairpin: false, forwards: true, isolated: false };
    for attribute in attributes {
        match attribute {
            InfoBridgePort::HairpinMode(on) => port.hairpin = *on,
            InfoBridgePort::State(state) => port.forwards = *state == BridgePortState::Forwarding,
            InfoBridgePort::Isolated(on) => port.isolated = *on,
            _ => {}
        }
    }
    port
}

fn gen_mode(attributes: &[AfSpecInet6]) -> Option<AddrGenMode> {
    attributes.iter().find_map(|attribute| match attribute {
        AfSpecInet6::AddrGenMode(mode) => Some(match mode {
            In6AddrGenMode::Eui64 => AddrGenMode::Eui64,
            In6AddrGenMode::None => AddrGenMode::None,
            In6AddrGenMode::StablePrivacy => AddrGenMode::StableSecret,
            In6AddrGenMode::Random => AddrGenMode::Random,
            other => AddrGenMode::Other(u8::from(other)),
        }),
        _ => None,
    })
}
