//! Deleting interfaces that are provably ours. Each deletion waits for an RCU grace period (15 ms and more,
//! <https://docs.kernel.org/RCU/whatisRCU.html>), so many are deleted by one request: by their `IFLA_GROUP`.

use crate::kernel::linux::link;
use crate::kernel::linux::marks::Marks;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::ours::Ours;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{ChangeRef, Done, Undone};
use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::link::AddLink;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::observe::LinkInfo;
use nix::errno::Errno;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::{LinkMessageBuilder, LinkUnspec};
use std::collections::{BTreeSet, HashMap, HashSet};

/// An interface that we made: where, and what must still be true of it.
#[derive(Debug)]
pub struct MadeLink<'a> {
    ns: &'a Ns,
    cookie: u64,
    name: &'a IfName,
    kind: &'static str,
    /// The hardware addresses that the lab has given it, one of which it has.
    macs: Vec<Mac>,
    group: u32,
    peer: Option<(&'a Ns, Vec<Mac>)>,
}

impl<'a> MadeLink<'a> {
    /// The interface of an entry; none if the entry is about something else.
    pub fn of(entry: &ChangeRef<'a>, ours: &Ours) -> Option<MadeLink<'a>> {
        let Change::AddLink(AddLink { ns, link }) = entry.change else { return None };
        let Identity::Link { cookie, mac, peer, group } = entry.identity else { return None };
        let kind = link.kind.name;
        let peer = link.peer.as_ref().and_then(|far| peer.map(|mac| (&far.ns, ours.macs(mac))));
        Some(MadeLink { ns, cookie: *cookie, name: &link.name, kind, macs: ours.macs(*mac), group: *group, peer })
    }

    /// Whether what bears our name is ours: one of the marks may have been changed.
    fn is(&self, seen: &LinkInfo) -> bool {
        seen.kind == self.kind && (has_one_of(seen, &self.macs) || self.is_in_group(seen))
    }

    /// Whether what bears any name is ours: both marks must be there.
    fn is_renamed(&self, seen: &LinkInfo, macs: &[Mac]) -> bool {
        seen.kind == self.kind && has_one_of(seen, macs) && self.is_in_group(seen)
    }

    /// Group 0 proves nothing: every interface is in it until it is put elsewhere.
    fn is_in_group(&self, seen: &LinkInfo) -> bool {
        self.group != 0 && seen.group == self.group
    }
}

fn has_one_of(seen: &LinkInfo, macs: &[Mac]) -> bool {
    seen.mac.is_some_and(|mac| macs.contains(&mac))
}

/// What became of an interface in one namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Deleted,
    /// Only something else of its name is there.
    Replaced,
    Absent,
}

/// Deletes an interface that we made, wherever it is among its birthplace, its peer's and these other namespaces.
pub fn undo(spaces: &Spaces, made: &MadeLink<'_>, elsewhere: &BTreeSet<Ns>) -> Done<Undone> {
    let fate = spaces.within_same(made.ns, Some(made.cookie), || delete_near(made))?;
    if fate == Some(Fate::Deleted) {
        return Ok(Undone::Yes);
    }
    // To delete one end of a pair deletes the other too, wherever that was moved.
    let peer = made.peer.as_ref().map(|(ns, macs)| (*ns, macs));
    let macs = [Some(&made.macs), peer.map(|(_, macs)| macs)];
    let moved = elsewhere.iter().flat_map(|ns| macs.into_iter().flatten().map(move |macs| (ns, macs)));
    for (ns, macs) in peer.into_iter().chain(moved) {
        let fate = spaces.within_same(ns, None, || delete_marked(&mut Socket::open()?, made, macs))?;
        if fate == Some(Fate::Deleted) {
            return Ok(Undone::Yes);
        }
    }
    Ok(match fate {
        Some(Fate::Replaced) => Undone::NotOurs(format!("`{}` is another interface now", made.name)),
        _ => Undone::AlreadyGone,
    })
}

fn delete_near(made: &MadeLink<'_>) -> Done<Fate> {
    let mut socket = Socket::open()?;
    let named = link::find(&mut socket, made.name)?;
    if let Some(seen) = named.as_ref().filter(|seen| made.is(seen)) {
        return delete(&mut socket, seen);
    }
    Ok(match delete_marked(&mut socket, made, &made.macs)? {
        Fate::Absent if named.is_some() => Fate::Replaced,
        fate => fate,
    })
}

/// Deletes what bears our marks, under whatever name.
fn delete_marked(socket: &mut Socket, made: &MadeLink<'_>, macs: &[Mac]) -> Done<Fate> {
    match link::list(socket)?.iter().find(|seen| made.is_renamed(seen, macs)) {
        Some(seen) => delete(socket, seen),
        None => Ok(Fate::Absent),
    }
}

fn delete(socket: &mut Socket, seen: &LinkInfo) -> Done<Fate> {
    let request = LinkUnspec::new_with_index(seen.index).build();
    match socket.act(RouteNetlinkMessage::DelLink(request), 0) {
        // It went in between, with its peer's namespace.
        Err(refusal) if refusal.is(Errno::ENODEV) => Ok(Fate::Absent),
        done => done.map(|()| Fate::Deleted),
    }
}

/// Deletes many interfaces that we made: by one request those that have an end where it should be in one
/// namespace, and the others one by one.
pub fn undo_all(spaces: &Spaces, all: &[MadeLink<'_>], elsewhere: &BTreeSet<Ns>) -> Vec<Done<Undone>> {
    let swept = match common_place(all) {
        Some((place, cookie)) => spaces.within_same(place, cookie, || sweep(place, all)),
        None => Ok(None),
    };
    // What kept the sweep from being made is met again, and told, by each interface that it concerns.
    let swept = swept.ok().flatten().unwrap_or_default();
    let undo = |(at, made)| if swept.contains(&at) { Ok(Undone::Yes) } else { undo(spaces, made, elsewhere) };
    all.iter().enumerate().map(undo).collect()
}

/// The namespace where all have an end, with its cookie where it is known. One alone is not worth a sweep.
fn common_place<'a>(all: &[MadeLink<'a>]) -> Option<(&'a Ns, Option<u64>)> {
    let [first, _, ..] = all else { return None };
    let peer_ns = |made: &MadeLink<'a>| made.peer.as_ref().map(|(ns, _)| *ns);
    let is_at = |made: &MadeLink<'a>, place: &Ns| made.ns == place || peer_ns(made) == Some(place);
    let mut places = [Some(first.ns), peer_ns(first)].into_iter().flatten();
    let place = places.find(|place| all.iter().all(|made| is_at(made, place)))?;
    let mut cookies = all.iter().filter(|made| made.ns == place).map(|made| made.cookie);
    let cookie = cookies.next();
    cookies.all(|other| Some(other) == cookie).then_some((place, cookie))
}

/// Deletes by one request what has an end in the calling thread's namespace, `place`, and says which those were.
fn sweep(place: &Ns, all: &[MadeLink<'_>]) -> Done<HashSet<usize>> {
    let mut socket = Socket::open()?;
    let links = link::list(&mut socket)?;
    let by_name: HashMap<&str, &LinkInfo> = links.iter().map(|seen| (seen.name.as_str(), seen)).collect();
    let by_mac: HashMap<Mac, &LinkInfo> = links.iter().filter_map(|seen| Some((seen.mac?, seen))).collect();
    let marked = |made: &MadeLink<'_>, macs: &[Mac]| {
        macs.iter().filter_map(|mac| by_mac.get(mac)).find(|seen| made.is_renamed(seen, macs)).copied()
    };
    let near = |made: &MadeLink<'_>| {
        let named = by_name.get(made.name.as_str()).filter(|seen| made.is(seen)).copied();
        named.or_else(|| marked(made, &made.macs)).filter(|_| made.ns == place)
    };
    let far = |made: &MadeLink<'_>| {
        made.peer.as_ref().filter(|(ns, _)| *ns == place).and_then(|(_, macs)| marked(made, macs))
    };
    let found: Vec<(usize, &LinkInfo)> =
        all.iter().enumerate().filter_map(|(at, made)| Some((at, near(made).or_else(|| far(made))?))).collect();
    let Some((_, first)) = found.first() else { return Ok(HashSet::new()) };

    // A pair whose ends are both here goes as a whole.
    let doomed: HashSet<u32> =
        found.iter().map(|(_, seen)| *seen).chain(all.iter().filter_map(far)).map(|seen| seen.index).collect();
    let is_pure = links.iter().all(|seen| (seen.group == first.group) == doomed.contains(&seen.index));
    let group = if is_pure && first.group != 0 { first.group } else { regroup(&mut socket, &links, &found)? };
    for (_, seen) in &found {
        // A bridge that is up recomputes itself for each port that goes, which is quadratic.
        if seen.kind == "bridge" && seen.up {
            let down = LinkUnspec::new_with_index(seen.index).down().build();
            socket.act(RouteNetlinkMessage::SetLink(down), 0)?;
        }
    }
    let request = LinkMessageBuilder::<LinkUnspec>::new().link_group(group).build();
    socket.act(RouteNetlinkMessage::DelLink(request), 0)?;
    Ok(found.into_iter().map(|(at, _)| at).collect())
}

/// Puts the interfaces into a group of their own, because their group has others too: those of changes that were
/// made in other namespaces, or somebody else's.
fn regroup(socket: &mut Socket, links: &[LinkInfo], found: &[(usize, &LinkInfo)]) -> Done<u32> {
    let mut group = Marks::new()?.group();
    while links.iter().any(|seen| seen.group == group) {
        group = Marks::new()?.group();
    }
    for (_, seen) in found {
        let request = LinkUnspec::new_with_index(seen.index).link_group(group).build();
        socket.act(RouteNetlinkMessage::SetLink(request), 0)?;
    }
    Ok(group)
}
