//! A UDP server that answers every datagram.

use super::{Service, log, socket_addr};
use crate::kernel::interrupt;
use crate::kernel::{Done, Refusal};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockType, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use std::convert::Infallible;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd};

/// The longest datagram there can be (udp(7)).
const LONGEST: usize = 65_535;

/// Serves until it is asked to stop, which is the refusal that it ends with. Answers every datagram with the body,
/// and logs `listening on ADDRESS` and then a line per datagram, `CLIENT BYTES`, to standard output.
pub fn udp(service: &Service) -> Done<Infallible> {
    let (socket, addr) = service.bind(SockType::Datagram)?;
    let refuse = |request: &str, errno: Errno| Refusal::errno(format!("{request} {addr}"), errno as i32);
    let told = if addr.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)
    };
    told.map_err(|e| refuse("setsockopt", e))?;
    log(&format!("listening on {addr}"))?;
    let mut buffer = vec![0; LONGEST];
    loop {
        interrupt::wait_readable(&socket, None)?;
        match receive(&socket, &mut buffer) {
            Ok(Some(datagram)) => {
                let Some(client) = socket_addr(&datagram.from) else { continue };
                let text = String::from_utf8_lossy(buffer.get(..datagram.length).unwrap_or_default());
                let answer = service.answer(client.ip(), ("text", &text));
                // Like the network, a server of datagrams may lose one: a client out of reach must not end it.
                let lost = datagram.answer(&socket, answer.as_bytes()).err();
                let lost = lost.map_or_else(String::new, |errno| format!(", not answered: {}", errno.desc()));
                log(&format!("{} {}{lost}", client.ip(), datagram.length))?;
            }
            // Nothing after all, or an ICMP error about an earlier answer: that client is gone, others are not.
            Ok(None) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => {}
            Err(errno) => return Err(refuse("receive on", errno)),
        }
    }
}

/// Where a datagram came from and which address of ours it came to. The answer must come from that one: with
/// several addresses the kernel would choose by the route, and a NAT on the way would not know it.
struct Datagram {
    from: SockaddrStorage,
    to: Local,
    length: usize,
}

enum Local {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<Option<Datagram>> {
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
    let to = message.cmsgs()?.find_map(|control| match control {
        // Index 0: which interface the answer leaves by is the routes' choice.
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            Some(Local::V4(libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: info.ipi_addr, ..info }))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(Local::V6(libc::in6_pktinfo { ipi6_ifindex: 0, ..info })),
        _ => None,
    });
    Ok(message.address.zip(to).map(|(from, to)| Datagram { from, to, length: message.bytes }))
}

impl Datagram {
    fn answer(&self, socket: &OwnedFd, bytes: &[u8]) -> nix::Result<usize> {
        let control = match &self.to {
            Local::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            Local::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        };
        sendmsg(socket.as_raw_fd(), &[IoSlice::new(bytes)], &[control], MsgFlags::empty(), Some(&self.from))
    }
}
