//! The root network namespace of a sandbox: `lo` up and sysctls with known values.

use super::wire::{Failure, Step, errno};
use crate::lab::baseline;
use crate::render::sysctl_path;
use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{LinkFlags, LinkMessage};
use std::io::ErrorKind;

/// Makes the namespace as every other namespace of a lab is made.
pub fn make() -> Result<(), Failure> {
    loopback().map_err(|errno| Failure { step: Step::Loopback, errno })?;
    for (key, value) in baseline() {
        match std::fs::write(sysctl_path(&key), value) {
            Ok(()) => {}
            // A kernel without IPv6 or without bridge netfilter has no such setting to be wrong.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(Failure { step: Step::Sysctl, errno: errno(&e) }),
        }
    }
    Ok(())
}

/// `ip link set dev lo up`; `lo` has index 1 in every namespace (LOOPBACK_IFINDEX, net/flow.h).
fn loopback() -> nix::Result<()> {
    let mut link = LinkMessage::default();
    link.header.index = 1;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::SetLink(link));
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    let io = |e: std::io::Error| errno(&e);
    let socket = Socket::new(NETLINK_ROUTE).map_err(io)?;
    socket.send_to(&bytes, &SocketAddr::new(0, 0), 0).map_err(io)?;
    let (answer, _) = socket.recv_from_full().map_err(io)?;
    let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).map_err(|_| Errno::EPROTO)?;
    match answer.payload {
        NetlinkPayload::Error(error) => match error.code {
            None => Ok(()),
            Some(code) => Err(Errno::from_raw(-code.get())),
        },
        _ => Err(Errno::EPROTO),
    }
}
