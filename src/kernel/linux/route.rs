//! Routes.

use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::link::ioctl;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::forwarding::{Ask, Way};
use crate::model::identity::Identity;
use crate::model::names::{IfName, Ns};
use crate::model::observe::RouteAnswer;
use crate::model::route::{AddRoute, IPV6_METRIC, ROUTE_PROTOCOL, Route, RouteHop, RouteKind, Scope};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteNextHop, RouteProtocol, RouteScope,
    RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Adds a route that is not there yet.
pub fn apply(spaces: &Spaces, ns: &Ns, route: &Route) -> Done<()> {
    spaces.talk(ns, |socket| {
        let request = RouteNetlinkMessage::NewRoute(message(socket, route)?);
        socket.act(request, NLM_F_CREATE | NLM_F_EXCL)
    })
}

/// Deletes a route that is just as we added it, our protocol number included. Called in the namespace.
pub fn undo(route: &Route) -> Done<Undone> {
    let mut socket = Socket::open()?;
    let request = match message(&socket, route) {
        Err(refusal) if refusal.is(Errno::ENODEV) => return Ok(Undone::AlreadyGone),
        request => request?,
    };
    let ours = parts(&request);
    // A deletion without an interface or an IPv4 metric takes a route with any.
    let is_ours = |there: &RouteMessage| parts(there).is(&ours, route.dev.is_some());
    if !first(&mut socket, route.to).is_some_and(|there| is_ours(&there)) {
        let present = dump(&mut socket, family(route.to.addr()), RouteProtocol::Other(ROUTE_PROTOCOL))?;
        if !present.iter().any(is_ours) {
            return Ok(Undone::AlreadyGone);
        }
    }
    match socket.act(RouteNetlinkMessage::DelRoute(request), 0) {
        Err(refusal) if refusal.is(Errno::ESRCH) => Ok(Undone::AlreadyGone),
        done => done.map(|()| Undone::Yes),
    }
}

/// The route of ours that a packet to the first address of a subnet meets, which nearly always is that subnet's: to list all
/// takes the longer the more there are.
fn first(socket: &mut Socket, to: IpNet) -> Option<RouteMessage> {
    let mut request = RouteMessage::default();
    request.header.address_family = family(to.addr());
    request.header.destination_prefix_length = to.max_prefix_len();
    request.header.flags = RouteFlags::FibMatch;
    request.attributes.push(RouteAttribute::Destination(to.network().into()));
    match socket.get(RouteNetlinkMessage::GetRoute(request)) {
        Ok(RouteNetlinkMessage::NewRoute(message)) => {
            Some(message).filter(|there| there.header.protocol == RouteProtocol::Other(ROUTE_PROTOCOL))
        }
        // Whatever it meets instead, if anything, is not what was asked for.
        Ok(_) | Err(_) => None,
    }
}

/// Where packets to `to` would go from the socket's namespace.
pub fn lookup(socket: &mut Socket, to: IpAddr) -> Done<RouteAnswer> {
    let Way { dev, via, src, .. } = way(socket, &Ask { to, from: None, by: None })?;
    Ok(RouteAnswer { dev: device(socket, dev)?, via, src })
}

/// Where a packet would go from the socket's namespace.
pub fn way(socket: &mut Socket, ask: &Ask) -> Done<Way> {
    let mut request = RouteMessage::default();
    let bits = if ask.to.is_ipv4() { 32 } else { 128 };
    request.header.address_family = family(ask.to);
    request.header.destination_prefix_length = bits;
    request.attributes.push(RouteAttribute::Destination(ask.to.into()));
    if let Some(from) = ask.from {
        request.header.source_prefix_length = bits;
        request.attributes.push(RouteAttribute::Source(from.into()));
    }
    request.attributes.extend(ask.by.map(RouteAttribute::Iif));
    let RouteNetlinkMessage::NewRoute(answer) = socket.get(RouteNetlinkMessage::GetRoute(request))? else {
        return Err(Refusal::new(Why::Protocol, "RTM_GETROUTE", "the answer is no route"));
    };
    let src = answer.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::PrefSource(addr) => ip(addr),
        _ => None,
    });
    let Parts { dev, via, .. } = parts(&answer);
    Ok(Way { local: answer.header.kind == RouteType::Local, dev, via, src })
}

/// All routes in the socket's namespace.
pub fn list_all(socket: &mut Socket) -> Done<Vec<Route>> {
    let mut routes = list(socket, AddressFamily::Inet, RouteProtocol::Unspec)?;
    routes.extend(list(socket, AddressFamily::Inet6, RouteProtocol::Unspec)?);
    Ok(routes)
}

/// The routes in the socket's namespace that bear our number.
pub fn list_ours(socket: &mut Socket) -> Done<Vec<Route>> {
    let mut routes = list(socket, AddressFamily::Inet, RouteProtocol::Other(ROUTE_PROTOCOL))?;
    routes.extend(list(socket, AddressFamily::Inet6, RouteProtocol::Other(ROUTE_PROTOCOL))?);
    Ok(routes)
}

/// `RT_TABLE_LOCAL` of linux/rtnetlink.h: the namespace's own addresses.
const LOCAL: u32 = 255;

/// Everywhere that routes of any table and kind in the socket's namespace lead, but for the default routes, multicast and
/// the namespace's own addresses.
pub fn destinations(socket: &mut Socket) -> Done<Vec<IpNet>> {
    let mut all = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        for message in socket.dump(&RouteNetlinkMessage::GetRoute(request))? {
            let RouteNetlinkMessage::NewRoute(message) = message else { continue };
            let Parts { to: Some(to), table, .. } = parts(&message) else { continue };
            if table != LOCAL && !to.is_multicast() {
                all.extend(IpNet::new(to, message.header.destination_prefix_length));
            }
        }
    }
    Ok(all)
}

/// The routes with this protocol number, or with any.
fn list(socket: &mut Socket, family: AddressFamily, protocol: RouteProtocol) -> Done<Vec<Route>> {
    let messages = dump(socket, family, protocol)?;
    messages.iter().filter_map(|message| seen(socket, message).transpose()).collect()
}

/// The same, as the kernel tells of them.
fn dump(socket: &mut Socket, family: AddressFamily, protocol: RouteProtocol) -> Done<Vec<RouteMessage>> {
    let mut request = RouteMessage::default();
    request.header.address_family = family;
    request.header.protocol = protocol;
    let messages = socket.dump(&RouteNetlinkMessage::GetRoute(request))?;
    let routes = messages.into_iter().filter_map(|message| match message {
        RouteNetlinkMessage::NewRoute(message) => Some(message),
        _ => None,
    });
    Ok(routes.filter(|route| parts(route).table != LOCAL && (is_forwarding(route) || fate(route).is_some())).collect())
}

fn is_forwarding(route: &RouteMessage) -> bool {
    route.header.kind == RouteType::Unicast
}

/// What a route does with packets that it does not forward.
fn fate(route: &RouteMessage) -> Option<RouteKind> {
    match route.header.kind {
        RouteType::BlackHole => Some(RouteKind::Blackhole),
        RouteType::Unreachable => Some(RouteKind::Unreachable),
        RouteType::Prohibit => Some(RouteKind::Prohibit),
        _ => None,
    }
}

fn message(socket: &Socket, route: &Route) -> Done<RouteMessage> {
    let unfit = |words: String| Refusal::new(Why::Protocol, "RTM_NEWROUTE", words);
    let mut builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(route.to.trunc().addr(), route.to.prefix_len())
        .map_err(|e| unfit(e.to_string()))?
        .protocol(RouteProtocol::Other(ROUTE_PROTOCOL));
    let has_hop = route.via.is_some() || !route.hops.is_empty() || route.fate.is_some();
    if let Some(via) = route.via {
        builder = builder.gateway(via).map_err(|e| unfit(e.to_string()))?;
    }
    builder = match route.scope {
        Some(Scope::Global) => builder.scope(RouteScope::Universe),
        Some(Scope::Host) => builder.scope(RouteScope::Host),
        // What has no next hop is on the link.
        None if has_hop => builder,
        Some(Scope::Link) | None => builder.scope(RouteScope::Link),
    };
    if let Some(fate) = route.fate {
        builder = builder.kind(match fate {
            RouteKind::Blackhole => RouteType::BlackHole,
            RouteKind::Unreachable => RouteType::Unreachable,
            RouteKind::Prohibit => RouteType::Prohibit,
        });
    }
    if let Some(table) = route.table {
        builder = builder.table_id(table);
    }
    if let Some(src) = route.src {
        builder = builder.pref_source(src).map_err(|e| unfit(e.to_string()))?;
    }
    if route.onlink {
        builder = builder.onlink();
    }
    if !route.hops.is_empty() {
        builder = builder.multipath(route.hops.iter().map(|hop| next_hop(socket, hop)).collect::<Done<_>>()?);
    }
    if let Some(dev) = &route.dev {
        builder = builder.output_interface(ioctl::index(socket, dev)?);
    }
    // The kernel would choose the same, but a deletion without a metric takes a route of any metric.
    let metric = route.metric.or(route.to.addr().is_ipv6().then_some(IPV6_METRIC));
    if let Some(metric) = metric {
        builder = builder.priority(metric);
    }
    Ok(builder.build())
}

fn next_hop(socket: &Socket, hop: &RouteHop) -> Done<RouteNextHop> {
    let mut next = RouteNextHop::default();
    next.attributes.push(RouteAttribute::Gateway(hop.via.into()));
    // `rtnh_hops` is the weight less one (linux/rtnetlink.h).
    next.hops = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
    if let Some(dev) = &hop.dev {
        next.interface_index = ioctl::index(socket, dev)?;
    }
    Ok(next)
}

#[derive(Default)]
struct Parts {
    to: Option<IpAddr>,
    via: Option<IpAddr>,
    dev: Option<u32>,
    metric: Option<u32>,
    table: u32,
    length: u8,
    fate: Option<RouteKind>,
    src: Option<IpAddr>,
    /// The next hops, if there are several.
    hops: Vec<NextHop>,
}

/// The address of a next hop, its interface's index, and its weight less one.
type NextHop = (Option<IpAddr>, u32, u8);

impl Parts {
    /// Whether it is the route that was asked for, by the interface, too, if one was named.
    fn is(&self, asked: &Parts, by_dev: bool) -> bool {
        // What is 0 is not always told.
        let known = |ip: Option<IpAddr>| ip.filter(|ip| !ip.is_unspecified());
        let metric = |parts: &Parts| parts.metric.filter(|metric| *metric != 0);
        let is_hop = |(there, asked): (&NextHop, &NextHop)| {
            (there.0, there.2) == (asked.0, asked.2) && (asked.1 == 0 || asked.1 == there.1)
        };
        let key = |parts: &Parts| (known(parts.to), parts.length, metric(parts), parts.table);
        key(self) == key(asked)
            && (self.via, self.fate) == (asked.via, asked.fate)
            && (!by_dev || self.dev == asked.dev)
            // The kernel chooses one where none was asked for.
            && (asked.src.is_none() || self.src == asked.src)
            && self.hops.len() == asked.hops.len()
            && self.hops.iter().zip(&asked.hops).all(is_hop)
    }
}

fn parts(message: &RouteMessage) -> Parts {
    let mut parts = Parts {
        table: u32::from(message.header.table),
        length: message.header.destination_prefix_length,
        fate: fate(message),
        ..Parts::default()
    };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(addr) => parts.to = ip(addr),
            RouteAttribute::Gateway(addr) => parts.via = ip(addr),
            RouteAttribute::Via(RouteVia::Inet(addr)) => parts.via = Some(IpAddr::V4(*addr)),
            RouteAttribute::Via(RouteVia::Inet6(addr)) => parts.via = Some(IpAddr::V6(*addr)),
            RouteAttribute::Oif(index) => parts.dev = Some(*index),
            RouteAttribute::Priority(metric) => parts.metric = Some(*metric),
            RouteAttribute::Table(table) => parts.table = *table,
            RouteAttribute::PrefSource(addr) => parts.src = ip(addr),
            RouteAttribute::MultiPath(hops) => parts.hops = hops.iter().map(hop).collect(),
            _ => {}
        }
    }
    parts
}

fn hop(next: &RouteNextHop) -> NextHop {
    let via = next.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(addr) => ip(addr),
        RouteAttribute::Via(RouteVia::Inet(addr)) => Some(IpAddr::V4(*addr)),
        RouteAttribute::Via(RouteVia::Inet6(addr)) => Some(IpAddr::V6(*addr)),
        _ => None,
    });
    (via, next.interface_index, next.hops)
}

fn seen(socket: &Socket, message: &RouteMessage) -> Done<Option<Route>> {
    let Parts { to, via, dev, metric, table, hops, .. } = parts(message);
    let is_v4 = message.header.address_family == AddressFamily::Inet;
    let any = if is_v4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let Ok(to) = IpNet::new(to.unwrap_or(any), message.header.destination_prefix_length) else { return Ok(None) };
    let metric = metric.filter(|metric| is_v4 || *metric != IPV6_METRIC);
    let hop = |(via, index, weight): &NextHop| {
        let dev = device(socket, Some(*index))?;
        Ok(via.map(|via| RouteHop { via, dev, weight: u16::from(*weight) + 1 }))
    };
    let hops = hops.iter().filter_map(|next| hop(next).transpose()).collect::<Done<_>>()?;
    let table = Some(table).filter(|table| *table != u32::from(RouteHeader::RT_TABLE_MAIN));
    // Packets that are not forwarded leave by no interface, though IPv6 names `lo`.
    let fate = fate(message);
    let dev = if fate.is_some() { None } else { device(socket, dev)? };
    Ok(Some(Route { to, via, dev, metric, fate, table, hops, ..Route::default() }))
}

/// The name of an interface, if it is one that a recipe can use.
fn device(socket: &Socket, index: Option<u32>) -> Done<Option<IfName>> {
    let name = index.map(|index| ioctl::name(socket, index)).transpose()?;
    Ok(name.and_then(|name| IfName::new(&name).ok()))
}

fn ip(addr: &RouteAddress) -> Option<IpAddr> {
    match addr {
        RouteAddress::Inet(addr) => Some(IpAddr::V4(*addr)),
        RouteAddress::Inet6(addr) => Some(IpAddr::V6(*addr)),
        _ => None,
    }
}

fn family(addr: IpAddr) -> AddressFamily {
    if addr.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

impl Real for AddRoute {
    fn prepare(&self, _kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        Ok(Identity::Spec)
    }

    fn apply(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<()> {
        apply(&kernel.spaces, &self.ns, &self.route)
    }

    fn undo(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<Undone> {
        kernel.undo_in(&self.ns, || undo(&self.route))
    }

    fn read(&self, view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        let wanted = &self.route;
        let routes = &view.network(&self.ns)?.routes;
        let is_it = |route: &&Route| {
            let dev = wanted.dev.is_none() || route.dev == wanted.dev;
            let same = |(there, wanted): (&RouteHop, &RouteHop)| {
                (there.via, there.weight) == (wanted.via, wanted.weight)
                    && (wanted.dev.is_none() || there.dev == wanted.dev)
            };
            let hops = route.hops.len() == wanted.hops.len() && route.hops.iter().zip(&wanted.hops).all(same);
            route.key() == wanted.key() && route.via == wanted.via && route.fate == wanted.fate && dev && hops
        };
        let found = routes.iter().any(|route| is_it(&route));
        Ok(vec![if found { Observed::Is(wanted.path()) } else { Observed::Gone }])
    }
}
