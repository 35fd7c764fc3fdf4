//! The networks that every tool builds.

use crate::Result;
use std::fmt;
use std::net::Ipv4Addr;

/// A network to build, or none where only the start counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lab {
    /// One bridge: the first change is all there is, and how soon it comes is what is measured.
    First,
    /// Two namespaces on a bridge with NAT, a virtual IP and name servers.
    Article,
    /// This many namespaces on one bridge.
    Star(u16),
    /// This many virtual IPs.
    Vips(u16),
}

impl Lab {
    /// Its name, without the size.
    pub fn kind(self) -> &'static str {
        match self {
            Lab::First => "first",
            Lab::Article => "article",
            Lab::Star(_) => "star",
            Lab::Vips(_) => "vips",
        }
    }

    /// How many there are of what it is made of.
    pub fn size(self) -> u16 {
        match self {
            Lab::First => 1,
            Lab::Article => 2,
            Lab::Star(n) | Lab::Vips(n) => n,
        }
    }

    /// The lab that two words on a command line stand for.
    pub fn parse(kind: &str, size: &str) -> Result<Lab> {
        let size = size.parse()?;
        match kind {
            "first" => Ok(Lab::First),
            "article" => Ok(Lab::Article),
            "star" => Ok(Lab::Star(size)),
            "vips" => Ok(Lab::Vips(size)),
            _ => Err(format!("no such lab: {kind}").into()),
        }
    }

    /// The bridge, where there is one.
    pub fn bridge(self) -> Option<Bridge> {
        match self {
            Lab::First => Some(Bridge { name: "first", addr: Ipv4Addr::new(10, 0, 0, 1), prefix: 24 }),
            Lab::Article => Some(Bridge { name: "bridge_local", addr: Ipv4Addr::new(10, 0, 0, 1), prefix: 24 }),
            Lab::Star(_) => Some(Bridge { name: "br0", addr: Ipv4Addr::new(10, 77, 0, 1), prefix: 16 }),
            Lab::Vips(_) => None,
        }
    }

    /// The namespaces, each with its veth pair.
    pub fn hosts(self) -> Vec<Host> {
        match self {
            Lab::First | Lab::Vips(_) => Vec::new(),
            Lab::Article => [(2, 11), (3, 12)]
                .map(|(n, last)| Host {
                    name: format!("http{n}"),
                    port: format!("veth_http{n}"),
                    device: format!("veth_ns_http{n}"),
                    addr: Ipv4Addr::new(10, 0, 0, last),
                    dns: true,
                })
                .into(),
            Lab::Star(n) => (0..n)
                .map(|i| {
                    let [high, low] = (i + 2).to_be_bytes();
                    Host {
                        name: format!("h{i}"),
                        port: format!("v{i}"),
                        device: "eth0".into(),
                        addr: Ipv4Addr::new(10, 77, high, low),
                        dns: false,
                    }
                })
                .collect(),
        }
    }

    /// Whether it forwards and translates for its namespaces.
    pub fn routes_out(self) -> bool {
        self == Lab::Article
    }
}

impl fmt::Display for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lab::First => f.write_str("start-up to the first change"),
            Lab::Article => f.write_str("the article's lab"),
            Lab::Star(n) => write!(f, "star of {n} namespaces"),
            Lab::Vips(n) => write!(f, "{n} virtual IPs"),
        }
    }
}

/// The bridge of a lab.
#[derive(Debug, Clone, Copy)]
pub struct Bridge {
    /// Its name.
    pub name: &'static str,
    /// Its address, which is the namespaces' default gateway.
    pub addr: Ipv4Addr,
    /// The prefix length of the lab's subnet.
    pub prefix: u8,
}

/// A namespace of a lab.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// The end of its veth pair that is on the bridge.
    pub port: String,
    /// The end inside it.
    pub device: String,
    /// Its address.
    pub addr: Ipv4Addr,
    /// Whether it gets a `resolv.conf`.
    pub dns: bool,
}

/// The content of that `resolv.conf`.
pub const RESOLV_CONF: &str = "nameserver 8.8.8.8\n";
