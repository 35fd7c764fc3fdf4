//! rtnetlink by hand (rtnetlink(7)): requests are bytes, many go out in one `sendto`, and only the last one asks
//! for an acknowledgement; the kernel reports an error of any of them by itself.

use crate::{Context as _, Result};
use nix::errno::Errno;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike as _};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

/// Numbers from linux/netlink.h, linux/rtnetlink.h, `linux/if_link.h` and linux/veth.h, as wide as they are sent.
mod abi {
    pub const ERROR: u16 = 2;
    pub const NEWLINK: u16 = 16;
    pub const DELLINK: u16 = 17;
    pub const NEWADDR: u16 = 20;
    pub const NEWROUTE: u16 = 24;

    pub const REQUEST: u16 = 1;
    pub const ACK: u16 = 4;
    pub const CREATE_ONLY: u16 = 0x200 | 0x400;

    pub const IFF_UP: u32 = 1;
    pub const IFLA_IFNAME: u16 = 3;
    pub const IFLA_MASTER: u16 = 10;
    pub const IFLA_LINKINFO: u16 = 18;
    pub const IFLA_GROUP: u16 = 27;
    pub const IFLA_NET_NS_FD: u16 = 28;
    pub const IFLA_NUM_TX_QUEUES: u16 = 31;
    pub const IFLA_NUM_RX_QUEUES: u16 = 32;
    pub const INFO_KIND: u16 = 1;
    pub const INFO_DATA: u16 = 2;
    pub const VETH_INFO_PEER: u16 = 1;

    pub const IFA_ADDRESS: u16 = 1;
    pub const IFA_LOCAL: u16 = 2;
    pub const RTA_OIF: u16 = 4;
    pub const RTA_GATEWAY: u16 = 5;

    pub const AF_INET: u8 = 2;
    pub const MAIN_TABLE: u8 = 254;
    pub const PROTO_STATIC: u8 = 4;
    pub const UNICAST: u8 = 1;

    pub const NESTED: u16 = 0x8000;
    pub const GROUP_LINK: u32 = 1;
}

const HEADER: usize = 16;

/// The loopback device of every namespace.
pub const LOOPBACK: u32 = 1;

/// Requests that go out together.
#[derive(Default)]
pub struct Requests {
    bytes: Vec<u8>,
    last: usize,
    count: u32,
}

/// One end of a veth pair.
pub struct End<'a> {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name there.
    pub name: &'a str,
}

impl Requests {
    /// Makes a bridge, down.
    pub fn bridge(&mut self, end: &End<'_>, group: u32) {
        self.add(abi::NEWLINK, abi::CREATE_ONLY, &link_header(end.index, 0, 0), |bytes| {
            text(bytes, abi::IFLA_IFNAME, end.name);
            number(bytes, abi::IFLA_GROUP, group);
            nest(bytes, abi::IFLA_LINKINFO, |bytes| text(bytes, abi::INFO_KIND, "bridge"));
        });
    }

    /// Makes a veth pair: `port` here, up and on the bridge; `device` in another namespace from birth, because
    /// moving it there would wait for an RCU grace period. One queue each instead of one per processor.
    pub fn veth(&mut self, port: &End<'_>, bridge: u32, group: u32, device: &End<'_>, space: BorrowedFd<'_>) {
        let common = |bytes: &mut Vec<u8>| {
            number(bytes, abi::IFLA_GROUP, group);
            number(bytes, abi::IFLA_NUM_TX_QUEUES, 1);
            number(bytes, abi::IFLA_NUM_RX_QUEUES, 1);
        };
        let up = abi::IFF_UP;
        self.add(abi::NEWLINK, abi::CREATE_ONLY, &link_header(port.index, up, up), |bytes| {
            text(bytes, abi::IFLA_IFNAME, port.name);
            number(bytes, abi::IFLA_MASTER, bridge);
            common(bytes);
            nest(bytes, abi::IFLA_LINKINFO, |bytes| {
                text(bytes, abi::INFO_KIND, "veth");
                nest(bytes, abi::INFO_DATA, |bytes| {
                    nest(bytes, abi::VETH_INFO_PEER, |bytes| {
                        bytes.extend(link_header(device.index, 0, 0));
                        text(bytes, abi::IFLA_IFNAME, device.name);
                        attribute(bytes, abi::IFLA_NET_NS_FD, &space.as_raw_fd().to_ne_bytes());
                        common(bytes);
                    });
                });
            });
        });
    }

    /// Sets a link up or down.
    pub fn set_up(&mut self, index: u32, up: bool) {
        let flags = if up { abi::IFF_UP } else { 0 };
        self.add(abi::NEWLINK, 0, &link_header(index, flags, abi::IFF_UP), |_| {});
    }

    /// Deletes every link of a group, for one RCU grace period in all.
    pub fn delete_group(&mut self, group: u32) {
        self.add(abi::DELLINK, 0, &link_header(0, 0, 0), |bytes| number(bytes, abi::IFLA_GROUP, group));
    }

    /// Gives a link an address.
    pub fn addr(&mut self, index: u32, addr: Ipv4Addr, prefix: u8) {
        let mut header = [0; 8];
        header[0] = abi::AF_INET;
        header[1] = prefix;
        header[4..].copy_from_slice(&index.to_ne_bytes());
        self.add(abi::NEWADDR, abi::CREATE_ONLY, &header, |bytes| {
            attribute(bytes, abi::IFA_LOCAL, &addr.octets());
            attribute(bytes, abi::IFA_ADDRESS, &addr.octets());
        });
    }

    /// Adds the default route.
    pub fn default_route(&mut self, index: u32, via: Ipv4Addr) {
        let header = [abi::AF_INET, 0, 0, 0, abi::MAIN_TABLE, abi::PROTO_STATIC, 0, abi::UNICAST, 0, 0, 0, 0];
        self.add(abi::NEWROUTE, abi::CREATE_ONLY, &header, |bytes| {
            attribute(bytes, abi::RTA_GATEWAY, &via.octets());
            number(bytes, abi::RTA_OIF, index);
        });
    }

    fn add(&mut self, kind: u16, flags: u16, header: &[u8], attributes: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.last = start;
        self.count += 1;
        self.bytes.extend([0; 4]);
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend((flags | abi::REQUEST).to_ne_bytes());
        self.bytes.extend(self.count.to_ne_bytes());
        self.bytes.extend([0; 4]);
        self.bytes.extend(header);
        attributes(&mut self.bytes);
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
    }
}

fn link_header(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..].copy_from_slice(&change.to_ne_bytes());
    header
}

fn nest(bytes: &mut Vec<u8>, kind: u16, content: impl FnOnce(&mut Vec<u8>)) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    content(bytes);
    let length = u16::try_from(bytes.len() - start).unwrap_or(u16::MAX);
    bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    bytes[start + 2..start + 4].copy_from_slice(&(kind | abi::NESTED).to_ne_bytes());
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let length = u16::try_from(data.len() + 4).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

fn number(bytes: &mut Vec<u8>, kind: u16, value: u32) {
    attribute(bytes, kind, &value.to_ne_bytes());
}

fn text(bytes: &mut Vec<u8>, kind: u16, value: &str) {
    attribute(bytes, kind, &[value.as_bytes(), &[0]].concat());
}

/// An rtnetlink socket. It belongs to the namespace in which it was opened.
pub struct Socket(OwnedFd);

impl Socket {
    /// Opens one.
    pub fn open() -> Result<Socket> {
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
            .map(Socket)
            .context("netlink socket")
    }

    /// Opens one that hears of every change of a link in this namespace, and gives up after ten quiet seconds.
    pub fn monitor() -> Result<Socket> {
        let socket = Socket::open()?;
        bind(socket.0.as_raw_fd(), &NetlinkAddr::new(0, abi::GROUP_LINK)).context("bind")?;
        setsockopt(&socket.0, ReceiveTimeout, &TimeVal::seconds(10)).context("SO_RCVTIMEO")?;
        Ok(socket)
    }

    /// Sends the requests and waits until the kernel has done them all.
    pub fn send(&self, mut requests: Requests) -> Result<()> {
        if requests.count == 0 {
            return Ok(());
        }
        let flags = abi::REQUEST | abi::ACK | u16_at(&requests.bytes, requests.last + 6);
        requests.bytes[requests.last + 6..requests.last + 8].copy_from_slice(&flags.to_ne_bytes());
        let to = NetlinkAddr::new(0, 0);
        sendto(self.0.as_raw_fd(), &requests.bytes, &to, MsgFlags::empty()).context("netlink send")?;
        let mut failed = None;
        loop {
            for (kind, seq, body) in self.receive()? {
                if kind != abi::ERROR || body.len() < 4 {
                    continue;
                }
                let error = i32::from_ne_bytes([body[0], body[1], body[2], body[3]]);
                if error != 0 && failed.is_none() {
                    failed = Some(format!("netlink request {seq}: {}", Errno::from_raw(-error).desc()));
                }
                if seq == requests.count {
                    return failed.map_or(Ok(()), |why| Err(why.into()));
                }
            }
        }
    }

    /// Waits until the kernel tells of a new link of that name.
    pub fn wait_for_new(&self, name: &str) -> Result<()> {
        self.wait_for(abi::NEWLINK, name)
    }

    /// Waits until the kernel tells that the link of that name is gone.
    pub fn wait_for_gone(&self, name: &str) -> Result<()> {
        self.wait_for(abi::DELLINK, name)
    }

    fn wait_for(&self, wanted: u16, name: &str) -> Result<()> {
        let mut attribute_bytes = Vec::new();
        text(&mut attribute_bytes, abi::IFLA_IFNAME, name);
        loop {
            let messages = self.receive()?;
            let found = |body: &[u8]| body.windows(attribute_bytes.len()).any(|part| part == attribute_bytes);
            if messages.iter().any(|(kind, _, body)| *kind == wanted && found(body)) {
                return Ok(());
            }
        }
    }

    /// The messages of one datagram: type, sequence number, body.
    fn receive(&self) -> Result<Vec<(u16, u32, Vec<u8>)>> {
        let mut buffer = vec![0; 1 << 16];
        let length = recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()).context("netlink receive")?;
        let mut rest = &buffer[..length];
        let mut messages = Vec::new();
        while rest.len() >= HEADER {
            let length = (u32_at(rest, 0) as usize).clamp(HEADER, rest.len());
            messages.push((u16_at(rest, 4), u32_at(rest, 8), rest[HEADER..length].to_vec()));
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        Ok(messages)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
