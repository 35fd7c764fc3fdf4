//! Protocols above IP.

use crate::model::family::Family;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// An address and port with a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Address and port.
    pub addr: SocketAddr,
    /// The protocol, where the text named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proto: Option<Proto>,
}

impl Endpoint {
    /// The family of its address.
    pub fn family(&self) -> Family {
        Family::of(self.addr.ip())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.addr)?;
        match self.proto {
            Some(proto) => write!(f, "/{}", proto.as_str()),
            None => Ok(()),
        }
    }
}

/// A protocol that rules and packets are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proto {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
}

impl Proto {
    const ALL: [Proto; 4] = [Proto::Tcp, Proto::Udp, Proto::Icmp, Proto::Icmpv6];

    /// Its name, as iptables takes and shows it.
    pub fn as_str(self) -> &'static str {
        match self {
            Proto::Tcp => "tcp",
            Proto::Udp => "udp",
            Proto::Icmp => "icmp",
            Proto::Icmpv6 => "ipv6-icmp",
        }
    }

    /// Its number (IANA protocol numbers).
    pub fn number(self) -> u8 {
        match self {
            Proto::Tcp => 6,
            Proto::Udp => 17,
            Proto::Icmp => 1,
            Proto::Icmpv6 => 58,
        }
    }

    /// The protocol of that name or number.
    pub fn parse(text: &str) -> Option<Proto> {
        let number: Option<u8> = text.parse().ok();
        let is_it = |proto: &Proto| proto.as_str() == text || Some(proto.number()) == number;
        Proto::ALL.into_iter().find(is_it).or_else(|| (text == "icmpv6").then_some(Proto::Icmpv6))
    }

    /// Whether its packets have ports.
    pub fn has_ports(self) -> bool {
        matches!(self, Proto::Tcp | Proto::Udp)
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_protocol_is_known_by_name_and_number() {
        for proto in Proto::ALL {
            assert_eq!(Proto::parse(proto.as_str()), Some(proto));
            assert_eq!(Proto::parse(&proto.number().to_string()), Some(proto));
        }
        assert_eq!((Proto::parse("icmpv6"), Proto::parse("gre")), (Some(Proto::Icmpv6), None));
    }
}
