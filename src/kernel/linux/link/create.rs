//! Making an interface, in one request.

use crate::kernel::linux::link::ioctl;
use crate::kernel::linux::marks::Marks;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal, Why};
use crate::model::change::Identity;
use crate::model::link::{LinkKind, NewLink};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData, InfoKind, InfoVeth, LinkAttribute};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};
use std::os::fd::AsRawFd;

type Builder = LinkMessageBuilder<LinkUnspec>;

/// Chooses the marks of a new interface.
pub fn prepare(spaces: &Spaces, marks: &mut Marks, ns: &Ns, new: &NewLink) -> Done<Identity> {
    let cookie = spaces.cookie(ns)?;
    let mac = match new.mac {
        Some(mac) => mac,
        None => marks.mac()?,
    };
    let peer = match new.kind {
        LinkKind::Veth { .. } => Some(marks.mac()?),
        LinkKind::Bridge { .. } => None,
    };
    Ok(Identity::Link { cookie, mac, peer, group: marks.group() })
}

/// Makes an interface with the marks that were chosen.
pub fn apply(spaces: &Spaces, ns: &Ns, new: &NewLink, identity: &Identity) -> Done<()> {
    let Identity::Link { mac, peer: peer_mac, group, .. } = identity else {
        return Err(Refusal::new(Why::Protocol, "RTM_NEWLINK", "the change was not prepared as an interface"));
    };
    let mark = |builder: Builder, name: &IfName, mac: &Mac| {
        let builder = builder.name(name.as_str()).address(mac.0.to_vec()).link_group(*group);
        new.mtu.into_iter().fold(builder, Builder::mtu)
    };
    // Open until the answer is there, because the message names the peer's namespace by descriptor number.
    let there;
    let mut builder = match &new.kind {
        LinkKind::Veth { peer, peer_ns } => {
            // A peer that is born where it belongs need not be moved, which takes 15 ms (an RCU grace period under
            // the lock that every request needs). It cannot be brought up yet: the two ends are joined later.
            there = spaces.open(peer_ns)?;
            let far = mark(Builder::default(), peer, peer_mac.as_ref().unwrap_or(mac));
            let far = one_queue(far).setns_by_fd(there.as_raw_fd()).build();
            let near = mark(Builder::new_with_info_kind(InfoKind::Veth), &new.name, mac);
            one_queue(near).set_info_data(InfoData::Veth(InfoVeth::Peer(far)))
        }
        LinkKind::Bridge { stp } => {
            let state = if *stp { BridgeStpState::KernelStp } else { BridgeStpState::Disabled };
            mark(Builder::new_with_info_kind(InfoKind::Bridge), &new.name, mac)
                .set_info_data(InfoData::Bridge(vec![InfoBridge::StpState(state)]))
        }
    };
    if new.up {
        builder = builder.up();
    }
    spaces.talk(ns, |socket| {
        if let Some(master) = &new.master {
            builder = builder.controller(ioctl::index(socket, master)?);
        }
        socket.act(RouteNetlinkMessage::NewLink(builder.build()), NLM_F_CREATE | NLM_F_EXCL)
    })
}

/// Without this a veth has a queue for each processor, which makes it a fifth dearer to make.
fn one_queue(builder: Builder) -> Builder {
    builder.append_extra_attribute(LinkAttribute::NumTxQueues(1)).append_extra_attribute(LinkAttribute::NumRxQueues(1))
}
