//! What a lab can be asked without being changed: run a command, probe, read.

use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::route::Route;
use crate::model::secret::Text;
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// A command to run to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The program and its arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    pub env: Vec<(String, Text)>,
    /// Its working folder; the recipe's where none.
    pub cwd: Option<PathBuf>,
    /// Text for its standard input; none means `/dev/null`.
    pub stdin: Option<Text>,
    /// How long it may take before it is killed; none means for ever.
    pub timeout: Option<Duration>,
}

/// What a command printed and how it ended.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Output {
    /// The exit status; 128 + signal number where a signal ended it, as shells have it.
    pub status: i32,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// How long it ran.
    pub time: Duration,
    /// Whether it was killed because its timeout had passed.
    pub timed_out: bool,
}

/// A question put to the network with real packets, from a socket in the namespace.
#[derive(Debug, Clone, PartialEq)]
pub enum Probe {
    /// ICMP or ICMPv6 echo: up to `count` requests; the first answer ends it.
    Ping {
        /// Whom to ask.
        to: IpAddr,
        /// How many requests to send at the most, one a second or one per timeout, whichever is shorter.
        count: u32,
        /// How long to wait for each answer.
        timeout: Duration,
    },
    /// Open a TCP connection and close it.
    Tcp {
        /// Where to.
        to: SocketAddr,
        /// How long to wait.
        timeout: Duration,
    },
    /// One datagram there and one back.
    Udp {
        /// Where to.
        to: SocketAddr,
        /// What to send.
        payload: String,
        /// How long to wait for the answer.
        timeout: Duration,
    },
    /// One HTTP/1.1 request.
    Http {
        /// Where to connect.
        to: SocketAddr,
        /// The `Host` header.
        host: String,
        /// The request target, with its query.
        path: String,
        /// How long the whole exchange may take.
        timeout: Duration,
    },
}

/// The answer to a [`Probe`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reply {
    /// From the request to its answer; of a ping, from the one request that was answered.
    pub time: Duration,
    /// The HTTP status; 0 for other probes.
    pub status: u16,
    /// The HTTP body, or the TCP connection's local address.
    pub text: String,
    /// The HTTP header fields, in order.
    pub headers: Vec<(String, String)>,
}

/// An interface as the kernel shows it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkInfo {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name. The kernel allows more than an [`IfName`] does.
    pub name: String,
    /// The kind (`veth`, `bridge`, …); empty for physical ones.
    pub kind: String,
    /// The hardware address, if it has one.
    pub mac: Option<Mac>,
    /// The MTU in bytes.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The index of its master.
    pub master: Option<u32>,
    /// Its `IFLA_GROUP`.
    pub group: u32,
    /// Its alias, if it has one.
    pub alias: Option<String>,
    /// The other end, if it is one of a pair.
    pub peer: Option<LinkRef>,
    /// The device that it is stacked on.
    pub lower: Option<LinkRef>,
    /// What it is as a bridge's port, if it is one.
    pub port: Option<Port>,
    /// How it makes its IPv6 link-local address; none where IPv6 is off.
    pub addrgenmode: Option<AddrGenMode>,
    /// Its addresses.
    pub addrs: Vec<IpNet>,
}

/// An interface that another one is joined to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRef {
    /// Its index in its namespace.
    pub index: u32,
    /// The number that its namespace has in that of the other one; none if they are in the same.
    pub nsid: Option<i32>,
    /// Its namespace, where that was looked for and is the lab's root namespace or one with a name.
    pub ns: Option<Ns>,
}

/// A port of a bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// Whether it sends frames back out of the port they came in by.
    pub hairpin: bool,
    /// Whether frames pass it in this state of the spanning tree.
    pub forwards: bool,
    /// Whether it exchanges no frames with other such ports.
    pub isolated: bool,
}

/// How an interface makes its IPv6 link-local address (ip-link(8), `addrgenmode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddrGenMode {
    /// From its hardware address.
    Eui64,
    /// Not at all.
    None,
    /// From a secret that stays.
    StableSecret,
    /// From a secret of its own.
    Random,
    /// In a way that we do not know.
    Other(u8),
}

impl fmt::Display for AddrGenMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddrGenMode::Eui64 => f.write_str("eui64"),
            AddrGenMode::None => f.write_str("none"),
            AddrGenMode::StableSecret => f.write_str("stable_secret"),
            AddrGenMode::Random => f.write_str("random"),
            AddrGenMode::Other(number) => number.fmt(f),
        }
    }
}

/// Where packets to an address would go (ip-route(8), `ip route get`).
#[derive(Debug, Clone, PartialEq)]
pub struct RouteAnswer {
    /// The interface they leave by.
    pub dev: Option<IfName>,
    /// The next hop; none where the address is on link.
    pub via: Option<IpAddr>,
    /// The source address that would be chosen.
    pub src: Option<IpAddr>,
}

/// What a started process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcState {
    /// It runs.
    Running,
    /// It ended with this status (128 + signal where a signal ended it); unknown where nobody could reap it.
    Ended(Option<i32>),
}

/// An exit status in words. A shell tells by 128 and its number that a signal ended a program.
pub fn ending(status: i32) -> String {
    let signal = match status - 128 {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("status {status}"),
    };
    format!("status {status} ({signal})")
}

/// The state of one namespace, for comparing before and after and for `status`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Its interfaces.
    pub links: Vec<LinkInfo>,
    /// The routes of its main table.
    pub routes: Vec<Route>,
    /// `iptables-save` and `ip6tables-save` lines, counters removed.
    pub rules: Vec<String>,
}

/// A namespace with its snapshot.
pub type NsSnapshot = (Ns, Snapshot);
