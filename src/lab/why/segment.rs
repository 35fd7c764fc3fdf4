//! Who is on a link: everything that a frame reaches through veth pairs and bridges.

use crate::model::forwarding::NetnsLinks;
use crate::model::names::Ns;
use crate::model::observe::LinkInfo;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// The interfaces of all namespaces.
pub type Map = BTreeMap<Ns, NetnsLinks>;

/// An interface: its namespace and its index there.
pub type Place = (Ns, u32);

/// An interface at which frames of the link are taken in.
#[derive(Debug, Clone)]
pub struct Reached {
    /// Where.
    pub at: Place,
    /// The first thing on the way that lets no frame pass.
    pub trouble: Option<Trouble>,
    /// The smallest MTU on the way, and whose it is.
    pub narrow: Option<(u32, Place)>,
    /// The bridges on the way.
    pub bridges: Vec<Place>,
}

/// What lets no frame pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The interface is down.
    Down(Place),
    /// A bridge port does not forward, or exchanges no frames with the one that they came in by.
    Blocked(Place, &'static str),
}

/// Everything that frames reach which leave by an interface.
#[derive(Debug, Clone, Default)]
pub struct Segment {
    /// Where they are taken in.
    pub reached: Vec<Reached>,
    /// Where they leave what can be seen: an interface of the machine, a tunnel, the end of a veth elsewhere.
    pub beyond: Vec<Place>,
}

/// A frame on its way: it has left by, or arrives at, an interface.
struct Frame {
    at: Place,
    arrives: bool,
    trouble: Option<Trouble>,
    narrow: Option<(u32, Place)>,
    bridges: Vec<Place>,
}

/// The link that an interface is on.
pub fn segment(map: &Map, from: &Place) -> Segment {
    let mut segment = Segment::default();
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::new();
    queue.push_back(Frame { at: from.clone(), arrives: false, trouble: None, narrow: None, bridges: Vec::new() });
    while let Some(frame) = queue.pop_front() {
        if !seen.insert((frame.at.clone(), frame.arrives)) {
            continue;
        }
        let Some(link) = interface(map, &frame.at) else { continue };
        if frame.arrives {
            arrive(map, frame, link, &mut segment, &mut queue);
        } else {
            leave(map, frame, link, &mut segment, &mut queue);
        }
    }
    // A link in order comes before one that is not.
    segment.reached.sort_by_key(|reached| reached.trouble.is_some());
    segment
}

/// The interface at a place.
pub fn interface<'m>(map: &'m Map, (ns, index): &Place) -> Option<&'m LinkInfo> {
    map.get(ns)?.link(*index)
}

fn leave(map: &Map, mut frame: Frame, link: &LinkInfo, segment: &mut Segment, queue: &mut VecDeque<Frame>) {
    down(&mut frame, link);
    if link.kind == "bridge" {
        return flood(map, &frame, None, queue);
    }
    match &link.peer {
        Some(peer) => match &peer.ns {
            Some(ns) => {
                frame.at = (ns.clone(), peer.index);
                frame.arrives = true;
                queue.push_back(frame);
            }
            None => segment.beyond.push(frame.at),
        },
        None => segment.beyond.push(frame.at),
    }
}

fn arrive(map: &Map, mut frame: Frame, link: &LinkInfo, segment: &mut Segment, queue: &mut VecDeque<Frame>) {
    down(&mut frame, link);
    narrow(&mut frame, link);
    let (ns, index) = frame.at.clone();
    let bridge = link.master.map(|master| (ns.clone(), master));
    let Some(bridge) = bridge.filter(|bridge| interface(map, bridge).is_some_and(|link| link.kind == "bridge")) else {
        let Frame { at, trouble, narrow, bridges, .. } = frame;
        segment.reached.push(Reached { at, trouble, narrow, bridges });
        return;
    };
    let port = std::mem::replace(&mut frame.at, bridge.clone());
    if let Some(master) = interface(map, &bridge) {
        // The ports of a bridge that is down do not forward either.
        down(&mut frame, master);
    }
    if frame.trouble.is_none() && link.port.is_some_and(|port| !port.forwards) {
        frame.trouble = Some(Trouble::Blocked(port, "does not forward (spanning tree)"));
    }
    frame.bridges.push(bridge);
    // The bridge takes in what is for itself, and passes on the rest.
    let Frame { at, trouble, narrow, bridges, .. } = &frame;
    let (at, trouble, narrow, bridges) = (at.clone(), trouble.clone(), narrow.clone(), bridges.clone());
    segment.reached.push(Reached { at, trouble, narrow, bridges });
    flood(map, &frame, Some((index, is_isolated(link))), queue);
}

fn is_isolated(link: &LinkInfo) -> bool {
    link.port.is_some_and(|port| port.isolated)
}

/// Sends a frame out of all ports of a bridge but the one it came in by.
fn flood(map: &Map, frame: &Frame, came: Option<(u32, bool)>, queue: &mut VecDeque<Frame>) {
    let (ns, bridge) = &frame.at;
    let Some(terrain) = map.get(ns) else { return };
    let ports = terrain.links.iter().filter(|link| link.master == Some(*bridge));
    for port in ports.filter(|port| came.is_none_or(|(index, _)| index != port.index)) {
        let at = (ns.clone(), port.index);
        let blocked = if port.port.is_some_and(|port| !port.forwards) {
            Some("does not forward (spanning tree)")
        } else if is_isolated(port) && came.is_some_and(|(_, isolated)| isolated) {
            Some("is isolated, as is the one that the frames come in by")
        } else {
            None
        };
        let trouble = match (&frame.trouble, blocked, port.up) {
            (Some(trouble), ..) => Some(trouble.clone()),
            (None, _, false) => Some(Trouble::Down(at.clone())),
            (None, Some(why), _) => Some(Trouble::Blocked(at.clone(), why)),
            (None, None, _) => None,
        };
        let mut on =
            Frame { at, arrives: false, trouble, narrow: frame.narrow.clone(), bridges: frame.bridges.clone() };
        narrow(&mut on, port);
        queue.push_back(on);
    }
}

fn down(frame: &mut Frame, link: &LinkInfo) {
    if frame.trouble.is_none() && !link.up {
        frame.trouble = Some(Trouble::Down(frame.at.clone()));
    }
}

fn narrow(frame: &mut Frame, link: &LinkInfo) {
    if frame.narrow.as_ref().is_none_or(|(mtu, _)| link.mtu < *mtu) {
        frame.narrow = Some((link.mtu, frame.at.clone()));
    }
}

impl Segment {
    /// Where an address is taken in: at an interface of the namespace that has it, for a namespace answers for all of its
    /// addresses (arp_ignore in the kernel's ip-sysctl.rst).
    pub fn taker(&self, map: &Map, ip: IpAddr) -> Option<&Reached> {
        let has = |reached: &&Reached| map.get(&reached.at.0).is_some_and(|terrain| terrain.owner(ip).is_some());
        let itself = |reached: &&Reached| {
            interface(map, &reached.at).is_some_and(|link| link.addrs.iter().any(|net| net.addr() == ip))
        };
        let mut all = self.reached.iter().filter(has);
        self.reached.iter().find(|reached| itself(reached) && reached.trouble.is_none()).or_else(|| all.next())
    }
}
