//! Addresses of interfaces.

use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::link::ioctl;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone};
use crate::model::addr::AddAddr;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};
use crate::model::route::ROUTE_PROTOCOL;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::fs;
use std::net::IpAddr;

/// An address of an interface as the kernel has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The index of its interface.
    pub link: u32,
    /// The address with its prefix length.
    pub addr: IpNet,
    /// Who gave it, where the kernel keeps that.
    pub protocol: Option<u8>,
    /// Whether it goes when the first address of its subnet does.
    pub secondary: bool,
}

impl Seen {
    /// Whether it bears our number.
    pub fn is_ours(&self) -> bool {
        self.protocol == Some(ROUTE_PROTOCOL)
    }
}

/// Gives an interface an address that it does not have yet.
pub fn apply(spaces: &Spaces, ns: &Ns, link: &IfName, addr: IpNet) -> Done<()> {
    spaces.talk(ns, |socket| {
        let mut message = message(ioctl::index(socket, link)?, addr);
        // Kernels before 5.18 ignore it.
        message.attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(ROUTE_PROTOCOL)));
        if addr.addr().is_ipv6() {
            // In a lab nobody else has it, and for a second of duplicate address detection nobody could use it.
            message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
        }
        socket.act(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
    })
}

/// Takes an address away if it is the one that we gave. Called in the namespace.
pub fn undo(link: &IfName, addr: IpNet) -> Done<Undone> {
    let mut socket = Socket::open()?;
    // The interface may be gone, or go meanwhile: that of a pair whose other end's namespace has just ended.
    match undo_on(&mut socket, link, addr) {
        Err(refusal) if refusal.is(Errno::ENODEV) => Ok(Undone::AlreadyGone),
        undone => undone,
    }
}

fn undo_on(socket: &mut Socket, link: &IfName, addr: IpNet) -> Done<Undone> {
    let index = ioctl::index(socket, link)?;
    let present = list(socket, Some(index))?;
    let Some(ours) = present.iter().find(|seen| seen.addr == addr) else { return Ok(Undone::AlreadyGone) };
    if ours.protocol != Some(ROUTE_PROTOCOL) && (ours.protocol.is_some() || kernel_keeps_protocol()?) {
        return Ok(Undone::NotOurs(format!("{addr} was given to `{link}` by somebody else")));
    }
    // The kernel takes the other addresses of a subnet away with its first one (ip-sysctl, promote_secondaries).
    let heir = |seen: &&Seen| seen.secondary && seen.addr.trunc() == addr.trunc() && *seen != ours;
    if let Some(heir) = present.iter().find(heir).filter(|_| !ours.secondary) {
        return Ok(Undone::NotOurs(format!("{} on `{link}` would go with it", heir.addr)));
    }
    match socket.act(RouteNetlinkMessage::DelAddress(message(index, addr)), 0) {
        Err(refusal) if refusal.is(Errno::EADDRNOTAVAIL) => Ok(Undone::AlreadyGone),
        done => done.map(|()| Undone::Yes),
    }
}

/// The addresses of one interface, or of all, in the socket's namespace.
pub fn list(socket: &mut Socket, link: Option<u32>) -> Done<Vec<Seen>> {
    let mut request = AddressMessage::default();
    request.header.index = link.unwrap_or(0);
    socket.collect(&RouteNetlinkMessage::GetAddress(request), |message| match message {
        RouteNetlinkMessage::NewAddress(message) => seen(&message),
        _ => None,
    })
}

fn message(index: u32, addr: IpNet) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = index;
    message.header.family = if addr.addr().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    message.header.prefix_len = addr.prefix_len();
    if matches!(addr.addr(), IpAddr::V4(v4) if v4.is_loopback()) {
        message.header.scope = AddressScope::Host;
    }
    message.attributes = vec![AddressAttribute::Local(addr.addr()), AddressAttribute::Address(addr.addr())];
    message
}

fn seen(message: &AddressMessage) -> Option<Seen> {
    // On a point-to-point interface the "address" is the other end's, and only "local" is ours.
    let (mut local, mut address, mut protocol, mut flags) = (None, None, None, AddressFlags::empty());
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(addr) => local = Some(*addr),
            AddressAttribute::Address(addr) => address = Some(*addr),
            AddressAttribute::Protocol(number) => protocol = Some(u8::from(*number)),
            AddressAttribute::Flags(all) => flags = *all,
            _ => {}
        }
    }
    Some(Seen {
        link: message.header.index,
        addr: IpNet::new(local.or(address)?, message.header.prefix_len).ok()?,
        protocol,
        secondary: flags.contains(AddressFlags::Secondary) && message.header.family == AddressFamily::Inet,
    })
}

/// Whether this kernel has `IFA_PROTO` (since 5.18): then an address without one is not ours.
fn kernel_keeps_protocol() -> Done<bool> {
    let file = "/proc/sys/kernel/osrelease";
    let release = fs::read_to_string(file).map_err(|e| Refusal::io(format!("read {file}"), &e))?;
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    Ok((numbers.next(), numbers.next()) >= (Some(5), Some(18)))
}

impl Real for AddAddr {
    fn prepare(&self, _kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        Ok(Identity::Spec)
    }

    fn apply(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<()> {
        apply(&kernel.spaces, &self.ns, &self.link, self.addr)
    }

    fn undo(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<Undone> {
        kernel.undo_in(&self.ns, || undo(&self.link, self.addr))
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        self.facts(identity).iter().map(|fact| view.attribute(fact)).collect()
    }
}
