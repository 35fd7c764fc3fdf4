//! What a packet meets on its way, as the kernel shows it: the facts that [`why`](crate::lab::why) follows one through.

use crate::model::names::Ns;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A namespace's interfaces.
#[derive(Debug, Clone, Default)]
pub struct Terrain {
    /// All of them.
    pub wires: Vec<Wire>,
}

impl Terrain {
    /// The interface with an index.
    pub fn wire(&self, index: u32) -> Option<&Wire> {
        self.wires.iter().find(|wire| wire.index == index)
    }

    /// The interface that has an address.
    pub fn owner(&self, ip: IpAddr) -> Option<&Wire> {
        self.wires.iter().find(|wire| wire.addrs.iter().any(|net| net.addr() == ip))
    }
}

/// An interface and what it is connected to.
#[derive(Debug, Clone, PartialEq)]
pub struct Wire {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its kind (`veth`, `bridge`, …); empty for physical ones.
    pub kind: String,
    /// Its MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The index of its master.
    pub master: Option<u32>,
    /// Of a bridge's port: whether frames pass it in this state of the spanning tree.
    pub forwards: bool,
    /// Of a bridge's port: whether it exchanges no frames with other such ports.
    pub isolated: bool,
    /// Its addresses.
    pub addrs: Vec<IpNet>,
    /// The other end of a veth.
    pub peer: Option<Peer>,
}

/// The other end of a veth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its namespace; none if that is neither the lab's root namespace nor one with a name.
    pub ns: Option<Ns>,
    /// Its index there.
    pub index: u32,
}

/// A question to the routing tables (ip-route(8), `ip route get`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Where to.
    pub to: IpAddr,
    /// From which address, if it is a packet that came in.
    pub from: Option<IpAddr>,
    /// By which interface it came in.
    pub by: Option<u32>,
}

/// Their answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Whether it is an address of the namespace itself.
    pub local: bool,
    /// The interface that it leaves by.
    pub dev: Option<u32>,
    /// The next hop; none where the address is on link.
    pub via: Option<IpAddr>,
    /// The source address that would be chosen.
    pub src: Option<IpAddr>,
}

/// A protocol that a packet is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6 echo.
    Echo,
}

/// What is asked: whether a packet gets there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Where it starts.
    pub from: Ns,
    /// Where it is to go; an echo has port 0.
    pub to: SocketAddr,
    /// Its protocol.
    pub carried: Carried,
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Question { from, to, carried } = self;
        match carried {
            Carried::Tcp => write!(f, "TCP from `{from}` to {to}"),
            Carried::Udp => write!(f, "UDP from `{from}` to {to}"),
            Carried::Echo => write!(f, "ping from `{from}` to {}", to.ip()),
        }
    }
}
