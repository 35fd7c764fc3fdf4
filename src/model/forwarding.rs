//! What a packet meets on its way, as the kernel shows it: the facts that [`why`](crate::lab::why) follows one through.

use crate::model::observe::LinkInfo;
use std::net::IpAddr;

/// A namespace's interfaces.
#[derive(Debug, Clone, Default)]
pub struct NetnsLinks {
    /// All of them, with the namespaces of their other ends.
    pub links: Vec<LinkInfo>,
}

impl NetnsLinks {
    /// The interface with an index.
    pub fn link(&self, index: u32) -> Option<&LinkInfo> {
        self.links.iter().find(|link| link.index == index)
    }

    /// The interface that has an address.
    pub fn owner(&self, ip: IpAddr) -> Option<&LinkInfo> {
        self.links.iter().find(|link| link.addrs.iter().any(|net| net.addr() == ip))
    }
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
