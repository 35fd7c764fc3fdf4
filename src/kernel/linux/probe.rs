//! Questions put to the network with real packets. The socket is opened inside the namespace and stays a socket of
//! that namespace, so only its opening needs the hop; everything after it happens from home.

mod echo;
mod http;
mod ping;
mod response;
mod tcp;
mod udp;

use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal, Why, interrupt};
use crate::model::names::Ns;
use crate::model::observe::{Probe, Reply};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, setsockopt, socket, sockopt};
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Puts a probe to the network from a namespace. A network that does not answer is a refusal: [`Why::Timeout`], or
/// the error number that a router, the other side or our own kernel answered with.
pub fn run(spaces: &Spaces, ns: &Ns, probe: &Probe) -> Done<Reply> {
    match probe {
        Probe::Ping { to, count, timeout } => ping::ask(spaces, ns, *to, *count, *timeout),
        Probe::Tcp { to, timeout } => tcp::ask(spaces, ns, *to, *timeout),
        Probe::Udp { to, payload, timeout } => udp::ask(spaces, ns, *to, payload, *timeout),
        Probe::Http { to, host, path, timeout } => http::ask(spaces, ns, *to, host, path, *timeout),
    }
}

/// A request: what errors call it, and until when it may take.
struct Request {
    name: String,
    begin: Instant,
    deadline: Option<Instant>,
}

impl Request {
    /// A request that begins now. A timeout too long for the clock is none.
    fn new(name: String, timeout: Duration) -> Request {
        let begin = Instant::now();
        Request { name, begin, deadline: begin.checked_add(timeout) }
    }

    /// The refusal of a system call for it.
    fn errno(&self, errno: Errno) -> Refusal {
        Refusal::errno(&self.name, errno as i32)
    }

    /// The refusal of an answer to it that makes no sense.
    fn nonsense(&self, words: impl Into<String>) -> Refusal {
        Refusal::new(Why::Protocol, &self.name, words)
    }

    /// Waits until a socket can be read.
    fn readable(&self, socket: impl AsFd) -> Done<()> {
        self.in_time(interrupt::wait_readable(socket, self.deadline)?)
    }

    /// Waits until a socket can be written.
    fn writable(&self, socket: impl AsFd) -> Done<()> {
        self.in_time(interrupt::wait_writable(socket, self.deadline)?)
    }

    fn in_time(&self, ready: bool) -> Done<()> {
        if ready { Ok(()) } else { Err(Refusal::new(Why::Timeout, &self.name, "")) }
    }
}

/// Opens a non-blocking socket in a namespace.
fn open(spaces: &Spaces, ns: &Ns, to: IpAddr, kind: SockType, protocol: Option<SockProtocol>) -> Done<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    spaces.within(ns, || socket(family, kind, flags, protocol).map_err(|e| Refusal::errno("socket", e as i32)))
}

/// Asks for ICMP errors about what the socket sends, also for those that might pass (ip(7), `IP_RECVERR`).
fn ask_for_errors(socket: &OwnedFd, to: IpAddr) -> Done<()> {
    let set = match to {
        IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4RecvErr, &true),
        IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvErr, &true),
    };
    set.map_err(|e| Refusal::errno("setsockopt IP_RECVERR", e as i32))
}
