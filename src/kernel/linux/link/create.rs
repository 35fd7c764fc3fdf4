//! Making an interface, in one request.

use crate::kernel::linux::link::delete::MadeLink;
use crate::kernel::linux::link::{delete, encoders, ioctl};
use crate::kernel::linux::marks::Marks;
use crate::kernel::linux::ours::Ours;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::link::{AddLink, Lower, NewLink};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute};
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
    let peer = new.peer.as_ref().map(|_| marks.mac()).transpose()?;
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
    let near = mark(Builder::new_with_info_kind(InfoKind::Other(new.kind.name.to_owned())), &new.name, mac);
    let mut builder = if let Some(peer) = &new.peer {
        // A peer that is born where it belongs need not be moved, which takes 15 ms (an RCU grace period under
        // the lock that every request needs). It cannot be brought up yet: the two ends are joined later.
        there = spaces.open(&peer.ns)?;
        let far = mark(Builder::default(), &peer.name, peer_mac.as_ref().unwrap_or(mac));
        let far = one_queue(far).setns_by_fd(there.as_raw_fd()).build();
        one_queue(near).set_info_data(InfoData::Veth(InfoVeth::Peer(far)))
    } else {
        near
    };
    if new.up {
        builder = builder.up();
    }
    spaces.talk(ns, |socket| {
        let lower = new.lower.as_ref().map(|lower| ioctl::index(socket, lower)).transpose()?;
        if let Some(index) = lower.filter(|_| new.kind.lower == Lower::Link) {
            builder = builder.link(index);
        }
        if let Some((_, encode, _)) = encoders::ALL.iter().find(|(name, ..)| *name == new.kind.name) {
            builder = builder.set_info_data(encode(new, lower)?);
        }
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

impl Real for AddLink {
    fn prepare(&self, kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        prepare(&kernel.spaces, &mut kernel.marks, &self.ns, &self.link)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        apply(&kernel.spaces, &self.ns, &self.link, entry.identity)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        match MadeLink::of(&entry, &kernel.ours) {
            Some(made) => delete::undo(&kernel.spaces, &made, kernel.ours.destinations()),
            None => unprepared(entry.change),
        }
    }

    fn undo_all(&self, kernel: &mut LinuxKernel, entries: &[ChangeRef<'_>]) -> Option<Vec<Done<Undone>>> {
        let links =
            entries.iter().map(|entry| MadeLink::of(entry, &kernel.ours)).collect::<Option<Vec<MadeLink<'_>>>>()?;
        Some(delete::undo_all(&kernel.spaces, &links, kernel.ours.destinations()))
    }

    fn note(&self, ours: &mut Ours, identity: &Identity) {
        if let Identity::Link { group, .. } = identity {
            ours.add_link(self, *group);
        }
    }

    fn forget(&self, ours: &mut Ours) {
        ours.remove_link(self);
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        self.facts(identity).iter().map(|fact| view.attribute(fact)).collect()
    }
}
