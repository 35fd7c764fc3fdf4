//! Interfaces: reading them here; making, setting and deleting them in the modules below.

use crate::kernel::linux::netlink::Socket;
use crate::kernel::{Done, Refusal, Why};
use crate::model::mac::Mac;
use crate::model::names::IfName;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{
    AfSpecInet6, AfSpecUnspec, BridgePortState, In6AddrGenMode, InfoBridgePort, InfoPortData, LinkAttribute,
    LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
};

pub mod create;
pub mod delete;
mod encoders;
pub mod ioctl;
pub mod set;

/// What we look at of an interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind; empty for physical ones.
    pub kind: String,
    /// Its hardware address, where it is an Ethernet one.
    pub mac: Option<Mac>,
    /// Its MTU.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The index of its master.
    pub master: Option<u32>,
    /// Its `IFLA_GROUP`.
    pub group: u32,
    /// Its alias.
    pub alias: Option<String>,
    /// Of a veth: the other end's index, and the number of its namespace here if that is another one.
    pub other_end: (Option<u32>, Option<i32>),
    /// Whether it is a bridge port, and then whether in hairpin mode.
    pub hairpin: Option<bool>,
    /// Of a bridge port: whether frames pass it, and whether it is isolated.
    pub port: (bool, bool),
    /// How its IPv6 link-local address is made; none where IPv6 is off.
    pub link_local: Option<In6AddrGenMode>,
}

/// The interface of that name in the socket's namespace.
pub fn find(socket: &mut Socket, name: &IfName) -> Done<Option<Seen>> {
    let mut request = query();
    request.attributes.push(LinkAttribute::IfName(name.to_string()));
    one(socket, request)
}

/// The interface with this index in the namespace that has this number here; none where there is none, or no such namespace
/// (`IFLA_TARGET_NETNSID` in the kernel's `if_link.h`).
pub fn beyond(socket: &mut Socket, number: i32, index: u32) -> Done<Option<Seen>> {
    let mut request = query();
    request.header.index = index;
    request.attributes.push(LinkAttribute::IfNetnsId(number));
    match one(socket, request) {
        Err(refusal) if refusal.is(Errno::EINVAL) => Ok(None),
        found => found,
    }
}

/// All interfaces of the socket's namespace.
pub fn list(socket: &mut Socket) -> Done<Vec<Seen>> {
    let messages = socket.dump(&RouteNetlinkMessage::GetLink(query()))?;
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(message) => Some(seen(message)),
            _ => None,
        })
        .collect())
}

/// A question without the statistics, which are most of an answer.
fn query() -> LinkMessage {
    let mut request = LinkMessage::default();
    request.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    request
}

/// The interface that is asked for, if there is one.
fn one(socket: &mut Socket, request: LinkMessage) -> Done<Option<Seen>> {
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

fn seen(message: &LinkMessage) -> Seen {
    let mut seen = Seen {
        index: message.header.index,
        name: String::new(),
        kind: String::new(),
        mac: None,
        mtu: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        master: None,
        group: 0,
        alias: None,
        other_end: (None, None),
        hairpin: None,
        port: (true, false),
        link_local: None,
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => seen.name.clone_from(name),
            LinkAttribute::IfAlias(alias) => seen.alias = Some(alias.clone()),
            LinkAttribute::Address(bytes) => seen.mac = mac(bytes),
            LinkAttribute::Mtu(mtu) => seen.mtu = *mtu,
            LinkAttribute::Controller(index) => seen.master = Some(*index).filter(|index| *index != 0),
            LinkAttribute::Group(group) => seen.group = *group,
            LinkAttribute::Link(index) => seen.other_end.0 = Some(*index).filter(|index| *index != 0),
            LinkAttribute::LinkNetNsId(number) => seen.other_end.1 = Some(*number),
            LinkAttribute::LinkInfo(infos) => see_info(&mut seen, infos),
            LinkAttribute::AfSpecUnspec(specs) => {
                seen.link_local = specs.iter().find_map(|spec| match spec {
                    AfSpecUnspec::Inet6(attributes) => gen_mode(attributes),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    seen
}

fn see_info(seen: &mut Seen, infos: &[LinkInfo]) {
    for info in infos {
        match info {
            LinkInfo::Kind(kind) => seen.kind = kind.to_string(),
            LinkInfo::PortData(InfoPortData::BridgePort(attributes)) => {
                for attribute in attributes {
                    match attribute {
                        InfoBridgePort::HairpinMode(on) => seen.hairpin = Some(*on),
                        InfoBridgePort::State(state) => seen.port.0 = *state == BridgePortState::Forwarding,
                        InfoBridgePort::Isolated(on) => seen.port.1 = *on,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
}

fn gen_mode(attributes: &[AfSpecInet6]) -> Option<In6AddrGenMode> {
    attributes.iter().find_map(|attribute| match attribute {
        AfSpecInet6::AddrGenMode(mode) => Some(*mode),
        _ => None,
    })
}
