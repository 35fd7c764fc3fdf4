//! ICMP and ICMPv6 echo.

use super::echo::{Echo, TOKEN};
use super::{ask_for_errors, open};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal, Why, interrupt};
use crate::model::names::Ns;
use crate::model::observe::Reply;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockProtocol, SockType, SockaddrStorage, connect, recv, recvmsg, send,
};
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// The longest time from one request to the next.
const INTERVAL: Duration = Duration::from_secs(1);

/// More than any answer to us has; the rest of somebody else's does not matter.
const BUFFER: usize = 512;

/// Sends up to `count` requests until one is answered. An ICMP error about one of them, from a router or from our
/// own kernel, ends it as well.
pub fn ask(spaces: &Spaces, ns: &Ns, to: IpAddr, count: u32, timeout: Duration) -> Done<Reply> {
    let mut ping = Ping::open(spaces, ns, to)?;
    let pause = timeout.min(INTERVAL);
    for _ in 0..count {
        ping.send()?;
        if let Some(time) = ping.listen(pause)? {
            return Ok(Reply { time, ..Reply::default() });
        }
    }
    match ping.listen(timeout.saturating_sub(pause))? {
        Some(time) => Ok(Reply { time, ..Reply::default() }),
        None => Err(Refusal::new(Why::Timeout, ping.name, format!("no answer to {count} requests"))),
    }
}

struct Ping {
    /// How errors call it.
    name: String,
    socket: OwnedFd,
    echo: Echo,
    /// When each request was sent; the first one's sequence number is 0.
    sent: Vec<Instant>,
}

impl Ping {
    fn open(spaces: &Spaces, ns: &Ns, to: IpAddr) -> Done<Ping> {
        let name = format!("ping {to}");
        let protocol = Some(if to.is_ipv4() { SockProtocol::Icmp } else { SockProtocol::IcmpV6 });
        let raw = open(spaces, ns, to, SockType::Raw, protocol);
        // Without CAP_NET_RAW the kernel may still let us ping (icmp(7), ping_group_range).
        let is_denied = raw.as_ref().is_err_and(|refusal| refusal.number() == Some(Errno::EPERM as i32));
        let socket = match open(spaces, ns, to, SockType::Datagram, protocol) {
            Ok(datagram) if is_denied => datagram,
            _ => raw?,
        };
        ask_for_errors(&socket, to)?;
        // From now on the kernel passes on only what comes from that address.
        connect(socket.as_raw_fd(), &SockaddrStorage::from(std::net::SocketAddr::new(to, 0)))
            .map_err(|e| Refusal::errno(&name, e as i32))?;
        let mut token = [0; TOKEN];
        getrandom::fill(&mut token).map_err(|e| Refusal::new(Why::Protocol, "getrandom", e.to_string()))?;
        let echo = Echo { is_v6: to.is_ipv6(), is_raw: !is_denied, token };
        Ok(Ping { name, socket, echo, sent: Vec::new() })
    }

    fn send(&mut self) -> Done<()> {
        let packet = self.echo.request(sequence(self.sent.len()));
        self.sent.push(Instant::now());
        match send(self.socket.as_raw_fd(), &packet, MsgFlags::empty()) {
            Ok(_) => Ok(()),
            // The socket may report what became of an earlier request.
            Err(errno) => self.report(errno),
        }
    }

    /// Waits for an answer, and says how long it took.
    fn listen(&self, time: Duration) -> Done<Option<Duration>> {
        let deadline = Instant::now().checked_add(time);
        while interrupt::wait_readable(&self.socket, deadline)? {
            let mut packet = [0; BUFFER];
            match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(length) => {
                    let answered = packet.get(..length).and_then(|packet| self.echo.answered(packet));
                    if let Some(sent) = answered.and_then(|seq| self.sent_at(seq)) {
                        return Ok(Some(sent.elapsed()));
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => self.report(Errno::EAGAIN)?,
                Err(errno) => self.report(errno)?,
            }
        }
        Ok(None)
    }

    /// When the last request with this sequence number was sent.
    fn sent_at(&self, seq: u16) -> Option<Instant> {
        let mut requests = self.sent.iter().enumerate().rev();
        requests.find(|(index, _)| sequence(*index) == seq).map(|(_, sent)| *sent)
    }

    /// Refuses if one of the errors that wait for us is about our requests. If there is none at all, `errno` is the
    /// socket's own.
    fn report(&self, errno: Errno) -> Done<()> {
        let mut is_known = errno == Errno::EAGAIN;
        while let Some(report) = self.next_report()? {
            is_known = true;
            if self.echo.quoted(&report.quote).and_then(|seq| self.sent_at(seq)).is_some() {
                let words = report.from.map_or_else(String::new, |router| format!("reported by {router}"));
                return Err(Refusal { words, ..Refusal::errno(&self.name, report.errno) });
            }
        }
        if is_known { Ok(()) } else { Err(Refusal::errno(&self.name, errno as i32)) }
    }

    /// The next message of the socket's error queue (ip(7), `IP_RECVERR`).
    fn next_report(&self) -> Done<Option<Report>> {
        let refuse = |errno: Errno| Refusal::errno(&self.name, errno as i32);
        let mut quote = [0; BUFFER];
        let mut control = cmsg_space!(libc::sock_extended_err, libc::sockaddr_in6);
        let mut parts = [IoSliceMut::new(&mut quote)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = match recvmsg::<SockaddrStorage>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(errno) => return Err(refuse(errno)),
        };
        let length = message.bytes;
        let (errno, from) = message.cmsgs().map_err(refuse)?.find_map(|control| reported(&control)).unwrap_or_default();
        Ok(Some(Report { errno, from, quote: quote.get(..length).unwrap_or_default().to_vec() }))
    }
}

/// An ICMP error.
struct Report {
    errno: i32,
    /// Who says so.
    from: Option<IpAddr>,
    /// The message that it is about.
    quote: Vec<u8>,
}

fn reported(control: &ControlMessageOwned) -> Option<(i32, Option<IpAddr>)> {
    let errno = |report: &libc::sock_extended_err| i32::try_from(report.ee_errno).unwrap_or_default();
    match control {
        ControlMessageOwned::Ipv4RecvErr(report, from) => {
            // An address is kept in network order.
            let from = from.map(|from| IpAddr::V4(Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr))));
            Some((errno(report), from))
        }
        ControlMessageOwned::Ipv6RecvErr(report, from) => {
            Some((errno(report), from.map(|from| IpAddr::V6(Ipv6Addr::from(from.sin6_addr.s6_addr)))))
        }
        _ => None,
    }
}

/// The sequence number of a request; after 65,536 of them they come round.
fn sequence(index: usize) -> u16 {
    let [.., high, low] = index.to_be_bytes();
    u16::from_be_bytes([high, low])
}
