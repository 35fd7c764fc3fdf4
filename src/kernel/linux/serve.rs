//! Small servers for labs, so that a lab needs none on the machine. Each runs in a process of its own, until that
//! is asked to stop.

mod exchange;
mod http;
mod udp;

pub use http::http;
pub use udp::udp;

use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, getsockname, setsockopt, socket, sockopt,
};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

/// What to serve where.
#[derive(Debug, Clone)]
pub struct Service {
    /// The port; 0 lets the kernel choose.
    pub port: u16,
    /// The address; every one, of IPv4 and IPv6, where none.
    pub addr: Option<IpAddr>,
    /// The answer. `{client}` in it becomes the client's address, `{host}` the server's name, `{path}` the path of an
    /// HTTP request and `{text}` what a datagram said.
    pub body: String,
    /// The server's name.
    pub host: String,
}

impl Service {
    /// The answer with its placeholders filled in, in one pass: what a client sends is not looked at again.
    fn answer(&self, client: IpAddr, more: (&str, &str)) -> String {
        let client = client.to_string();
        let values = [("client", client.as_str()), ("host", self.host.as_str()), more];
        let mut answer = String::new();
        let mut rest = self.body.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            answer.push_str(before);
            let value = after.split_once('}').and_then(|(name, after)| {
                values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, after))
            });
            if let Some((value, after)) = value {
                answer.push_str(value);
                rest = after;
            } else {
                answer.push('{');
                rest = after;
            }
        }
        answer + rest
    }

    /// A socket bound to the address and port, and what it is bound to.
    fn bind(&self, kind: SockType) -> Done<(OwnedFd, SocketAddr)> {
        if let Some(addr) = self.addr {
            return bound(SocketAddr::new(addr, self.port), kind);
        }
        match bound(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.port), kind) {
            // No IPv6 on this machine, or none in this namespace.
            Err(refusal)
                if matches!(
                    refusal.number().map(Errno::from_raw),
                    Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL)
                ) =>
            {
                bound(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port), kind)
            }
            done => done,
        }
    }
}

fn bound(addr: SocketAddr, kind: SockType) -> Done<(OwnedFd, SocketAddr)> {
    let refuse = |errno: Errno| Refusal::errno(format!("bind {addr}"), errno as i32);
    let family = if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, kind, SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC, None).map_err(refuse)?;
    if kind == SockType::Stream {
        // Connections of an earlier server that linger must not keep this one from starting (socket(7)).
        setsockopt(&socket, sockopt::ReuseAddr, &true).map_err(refuse)?;
    }
    if addr.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
        setsockopt(&socket, sockopt::Ipv6V6Only, &false).map_err(refuse)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(addr)).map_err(refuse)?;
    let local: SockaddrStorage = getsockname(socket.as_raw_fd()).map_err(refuse)?;
    Ok((socket, socket_addr(&local).unwrap_or(addr)))
}

/// An address as the standard library has it, with an IPv4 client of an IPv6 socket as what it is.
fn socket_addr(addr: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = addr.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| addr.as_sockaddr_in6().map(|v6| SocketAddr::new(v6.ip().to_canonical(), v6.port())))
}

/// Prints one line, at once, as those who wait for it need.
fn log(line: &str) -> Done<()> {
    let mut out = io::stdout();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|e| Refusal::io("write to standard output", &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> String {
        let service = Service { port: 0, addr: None, body: body.into(), host: "web".into() };
        service.answer(Ipv4Addr::LOCALHOST.into(), ("path", "/{host}"))
    }

    #[test]
    fn placeholders_are_filled_in_once() {
        assert_eq!(answer("{host}: {client} wants {path}\n"), "web: 127.0.0.1 wants /{host}\n");
    }

    #[test]
    fn other_braces_stay() {
        for body in ["", "{", "}", "{}", "{\"a\": {}}", "{clients}"] {
            assert_eq!(answer(body), body);
        }
        assert_eq!(answer("{{host}}"), "{web}");
    }
}
