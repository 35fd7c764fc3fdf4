//! The packet that is followed.

use crate::model::proto::Proto;
use crate::model::question::Carried;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// A packet at some place on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// Its protocol.
    pub carried: Carried,
    /// Where it is from. Echoes have no port: theirs is 0.
    pub src: SocketAddr,
    /// Where it is to.
    pub dst: SocketAddr,
    /// The interface that it came in by.
    pub arrives: Option<String>,
    /// The interface that it leaves by.
    pub leaves: Option<String>,
    /// Whether it is an answer, and so belongs to a connection that is tracked.
    pub answers: bool,
    /// Whether its destination is an address of the namespace.
    pub to_local: bool,
    /// Whether its source is.
    pub from_local: bool,
    /// Where it was to before its destination was replaced in this namespace.
    pub original: Option<SocketAddr>,
}

/// A port that no server listens on, for the client's end.
pub const CLIENT: u16 = 50000;

impl Packet {
    /// The first packet of a connection, whose source is not chosen yet.
    pub fn first(carried: Carried, to: SocketAddr) -> Packet {
        let unspecified = if to.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
        let port = if carried == Carried::Echo { 0 } else { CLIENT };
        Packet {
            carried,
            src: SocketAddr::new(unspecified, port),
            dst: to,
            arrives: None,
            leaves: None,
            answers: false,
            to_local: false,
            from_local: true,
            original: None,
        }
    }

    /// The answer to it, from whom it reached.
    #[must_use]
    pub fn answer(&self) -> Packet {
        Packet {
            src: self.dst,
            dst: self.src,
            arrives: None,
            leaves: None,
            answers: true,
            to_local: false,
            from_local: true,
            original: None,
            ..self.clone()
        }
    }

    /// Its protocol, as rules have it.
    pub fn proto(&self) -> Proto {
        match self.carried {
            Carried::Tcp => Proto::Tcp,
            Carried::Udp => Proto::Udp,
            Carried::Echo if self.dst.is_ipv4() => Proto::Icmp,
            Carried::Echo => Proto::Icmpv6,
        }
    }

    /// An end of it in words: an address, with its port if it has one.
    pub fn end(&self, end: SocketAddr) -> String {
        if self.carried == Carried::Echo { end.ip().to_string() } else { end.to_string() }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.end(self.src), self.end(self.dst))
    }
}
