//! What `why` is asked: whether a packet gets there.

use crate::model::names::Ns;
use std::fmt;
use std::net::SocketAddr;

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
