//! Setting one attribute of an interface, and setting it back.

use crate::kernel::linux::link::{self, ioctl};
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::ours::Ours;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{AddrGenMode, LinkInfo};
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkMessage};
use rtnetlink::{LinkBridgePort, LinkUnspec};
use std::os::fd::AsRawFd;

/// Reads what the attribute is now.
pub fn prepare(spaces: &Spaces, ns: &Ns, name: &IfName, set: &LinkSet) -> Done<Identity> {
    spaces.talk(ns, |socket| {
        let now = if let LinkSet::Up(_) = set {
            LinkSet::Up(ioctl::is_up(socket, name)?)
        } else {
            let seen = link::find(socket, name)?.ok_or_else(|| link::missing(name))?;
            value(socket, &seen, ns, set)?
        };
        Ok(if now == *set { Identity::Already } else { Identity::Was(now) })
    })
}

/// Sets the attribute.
pub fn apply(spaces: &Spaces, ns: &Ns, name: &IfName, set: &LinkSet) -> Done<()> {
    // Open until the answer is there, because the message names the namespace by descriptor number.
    let there = match set {
        LinkSet::Ns(to) => Some(spaces.open(to)?),
        _ => None,
    };
    spaces.talk(ns, |socket| {
        let index = ioctl::index(socket, name)?;
        let link = LinkUnspec::new_with_index(index);
        let request = match set {
            LinkSet::Up(true) => link.up().build(),
            LinkSet::Up(false) => link.down().build(),
            LinkSet::Mtu(mtu) => link.mtu(*mtu).build(),
            LinkSet::Mac(Mac(bytes)) => link.address(bytes.to_vec()).build(),
            LinkSet::Master(Some(master)) => link.controller(ioctl::index(socket, master)?).build(),
            LinkSet::Master(None) => link.nocontroller().build(),
            LinkSet::Name(new) => link.name(new.as_str()).build(),
            LinkSet::Ns(_) => there.iter().fold(link, |link, there| link.setns_by_fd(there.as_raw_fd())).build(),
            LinkSet::Hairpin(on) => return hairpin(socket, index, *on),
            LinkSet::LinkLocal(on) => {
                let mode = if *on { In6AddrGenMode::Eui64 } else { In6AddrGenMode::None };
                let spec = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(mode)]);
                link.append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![spec])).build()
            }
        };
        socket.act(RouteNetlinkMessage::SetLink(request), 0)
    })
}

/// Only `RTM_NEWLINK` takes the attributes of a bridge port.
fn hairpin(socket: &mut Socket, index: u32, on: bool) -> Done<()> {
    let request: LinkMessage = LinkBridgePort::new(index).hairpin(on).build();
    socket.act(RouteNetlinkMessage::NewLink(request), 0)
}

/// Sets the attribute back if it still has our value.
pub fn undo(spaces: &Spaces, ours: &Ours, change: &SetLink, was: &LinkSet) -> Done<Undone> {
    let ((ns, name), set) = (change.after(), &change.set);
    let judge = || {
        let mut socket = Socket::open()?;
        let Some(seen) = link::find(&mut socket, name)? else { return Ok(Some(Undone::AlreadyGone)) };
        if !ours.can_be(ns, name, &seen) {
            return Ok(Some(Undone::NotOurs(format!("`{name}` is another interface now"))));
        }
        let now = value(&socket, &seen, ns, set)?;
        Ok(if now == *was {
            Some(Undone::AlreadyGone)
        } else if now == *set {
            None
        } else {
            Some(Undone::NotOurs(format!("`{name}` was set to {} meanwhile", now.words())))
        })
    };
    match spaces.within_same(ns, ours.cookie(ns), judge)? {
        Some(None) => match apply(spaces, ns, name, was) {
            // The interface may go meanwhile: that of a pair whose other end's namespace has just ended.
            Err(refusal) if refusal.is(Errno::ENODEV) && is_gone(spaces, ns, name)? => Ok(Undone::AlreadyGone),
            done => done.map(|()| Undone::Yes),
        },
        Some(Some(undone)) => Ok(undone),
        None => Ok(Undone::AlreadyGone),
    }
}

fn is_gone(spaces: &Spaces, ns: &Ns, name: &IfName) -> Done<bool> {
    spaces.talk(ns, |socket| Ok(link::find(socket, name)?.is_none()))
}

/// What the attribute that `set` is about is now. The socket is in the interface's namespace `ns`.
fn value(socket: &Socket, seen: &LinkInfo, ns: &Ns, set: &LinkSet) -> Done<LinkSet> {
    Ok(match set {
        LinkSet::Up(_) => LinkSet::Up(seen.up),
        LinkSet::Mtu(_) => LinkSet::Mtu(seen.mtu),
        LinkSet::Mac(_) => LinkSet::Mac(seen.mac.ok_or_else(|| unfit("it has no Ethernet address"))?),
        LinkSet::Master(_) => LinkSet::Master(match seen.master {
            Some(index) => Some(known(&ioctl::name(socket, index)?)?),
            None => None,
        }),
        LinkSet::Name(_) => LinkSet::Name(known(&seen.name)?),
        LinkSet::Ns(_) => LinkSet::Ns(ns.clone()),
        LinkSet::Hairpin(_) => LinkSet::Hairpin(seen.port.ok_or_else(|| unfit("it is not a bridge port"))?.hairpin),
        LinkSet::LinkLocal(wanted) => LinkSet::LinkLocal(match seen.addrgenmode {
            Some(AddrGenMode::Eui64) => true,
            Some(AddrGenMode::None) => false,
            // It makes itself a link-local address, which is all that is asked for.
            Some(_) if *wanted => true,
            Some(mode) => return Err(unfit(&format!("its address generation mode {mode} could not be restored"))),
            None => return Err(unfit("IPv6 is off")),
        }),
    })
}

/// The name as one that we can use. The kernel allows more than we do.
fn known(name: &str) -> Done<IfName> {
    IfName::new(name).map_err(|e| unfit(&e.to_string()))
}

fn unfit(why: &str) -> Refusal {
    Refusal::new(Why::Errno(Errno::EOPNOTSUPP as i32), "RTM_SETLINK", why)
}

impl Real for SetLink {
    fn prepare(&self, kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        prepare(&kernel.spaces, &self.ns, &self.link, &self.set)
    }

    fn apply(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<()> {
        apply(&kernel.spaces, &self.ns, &self.link, &self.set)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let Identity::Was(was) = entry.identity else { return unprepared(entry.change) };
        undo(&kernel.spaces, &kernel.ours, self, was)
    }

    fn note(&self, ours: &mut Ours, identity: &Identity) {
        if let Identity::Was(was) = identity {
            ours.set_link(self, was);
        }
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        match self.set {
            LinkSet::Name(_) | LinkSet::Ns(_) => {
                let (ns, link) = self.after();
                view.link(ns, link).map(|_| vec![Observed::Unseen])
            }
            LinkSet::LinkLocal(true) => Ok(self.observe(view, identity)?.into_iter().map(makes_one).collect()),
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(_)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(false) => self.observe(view, identity),
        }
    }
}

impl SetLink {
    fn observe(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        self.facts(identity).iter().map(|fact| view.attribute(fact)).collect()
    }
}

/// In whatever way an interface makes its link-local address: that it has one is all that is asked for.
fn makes_one(observed: Observed) -> Observed {
    match observed {
        Observed::Is(mode) if mode != AddrGenMode::None.to_string() => Observed::Is(LinkSet::LinkLocal(true).value()),
        observed => observed,
    }
}
