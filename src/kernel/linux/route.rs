//! Routes of the main table.

use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::link::ioctl;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::{Done, Entry, Observed, Refusal, Undone, Why};
use crate::model::change::Identity;
use crate::model::names::{IfName, Ns};
use crate::model::observe::RouteAnswer;
use crate::model::route::{AddRoute, ROUTE_PROTOCOL, Route};
use crate::model::terrain::{Ask, Way};
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType, RouteVia,
};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the kernel gives an IPv6 route that is added without a metric (`IP6_RT_PRIO_USER` of `linux/ipv6_route.h`).
const IPV6_METRIC: u32 = 1024;

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
    // A deletion without an interface or an IPv4 metric takes a route with any.
    let spec = |message: &RouteMessage| {
        let Parts { to, via, dev, metric, .. } = parts(message);
        let length = message.header.destination_prefix_length;
        // What is 0 is not always told.
        let (to, metric) = (to.filter(|to| !to.is_unspecified()), metric.filter(|metric| *metric != 0));
        (length, to, via, metric, dev.filter(|_| route.dev.is_some()))
    };
    let ours = spec(&request);
    let is_met = first(&mut socket, route.to).is_some_and(|there| spec(&there) == ours);
    if !is_met {
        let present = dump(&mut socket, family(route.to.addr()), RouteProtocol::Other(ROUTE_PROTOCOL))?;
        if !present.iter().any(|there| spec(there) == ours) {
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

/// All routes of the main table in the socket's namespace.
pub fn list_all(socket: &mut Socket) -> Done<Vec<Route>> {
    let mut routes = list(socket, AddressFamily::Inet, RouteProtocol::Unspec)?;
    routes.extend(list(socket, AddressFamily::Inet6, RouteProtocol::Unspec)?);
    Ok(routes)
}

/// The routes of the main table in the socket's namespace that bear our number.
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

/// The routes of the main table with this protocol number, or with any.
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
    let main = u32::from(RouteHeader::RT_TABLE_MAIN);
    Ok(routes.filter(|route| route.header.kind == RouteType::Unicast && parts(route).table == main).collect())
}

fn message(socket: &Socket, route: &Route) -> Done<RouteMessage> {
    let unfit = |words: String| Refusal::new(Why::Protocol, "RTM_NEWROUTE", words);
    let mut builder = RouteMessageBuilder::<IpAddr>::new()
        .destination_prefix(route.to.trunc().addr(), route.to.prefix_len())
        .map_err(|e| unfit(e.to_string()))?
        .protocol(RouteProtocol::Other(ROUTE_PROTOCOL));
    builder = match route.via {
        Some(via) => builder.gateway(via).map_err(|e| unfit(e.to_string()))?,
        // What has no next hop is on the link.
        None => builder.scope(RouteScope::Link),
    };
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

#[derive(Default)]
struct Parts {
    to: Option<IpAddr>,
    via: Option<IpAddr>,
    dev: Option<u32>,
    metric: Option<u32>,
    table: u32,
}

fn parts(message: &RouteMessage) -> Parts {
    let mut parts = Parts { table: u32::from(message.header.table), ..Parts::default() };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(addr) => parts.to = ip(addr),
            RouteAttribute::Gateway(addr) => parts.via = ip(addr),
            RouteAttribute::Via(RouteVia::Inet(addr)) => parts.via = Some(IpAddr::V4(*addr)),
            RouteAttribute::Via(RouteVia::Inet6(addr)) => parts.via = Some(IpAddr::V6(*addr)),
            RouteAttribute::Oif(index) => parts.dev = Some(*index),
            RouteAttribute::Priority(metric) => parts.metric = Some(*metric),
            RouteAttribute::Table(table) => parts.table = *table,
            _ => {}
        }
    }
    parts
}

fn seen(socket: &Socket, message: &RouteMessage) -> Done<Option<Route>> {
    let Parts { to, via, dev, metric, .. } = parts(message);
    let is_v4 = message.header.address_family == AddressFamily::Inet;
    let any = if is_v4 { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let Ok(to) = IpNet::new(to.unwrap_or(any), message.header.destination_prefix_length) else { return Ok(None) };
    let metric = metric.filter(|metric| is_v4 || *metric != IPV6_METRIC);
    Ok(Some(Route { to, via, dev: device(socket, dev)?, metric }))
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

    fn apply(&self, kernel: &mut LinuxKernel, _entry: Entry<'_>) -> Done<()> {
        apply(&kernel.spaces, &self.ns, &self.route)
    }

    fn undo(&self, kernel: &mut LinuxKernel, _entry: Entry<'_>) -> Done<Undone> {
        kernel.undo_in(&self.ns, || undo(&self.route))
    }

    fn read(&self, view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        let wanted = &self.route;
        let routes = &view.network(&self.ns)?.routes;
        let is_it = |route: &&Route| {
            route.key() == wanted.key() && route.via == wanted.via && (wanted.dev.is_none() || route.dev == wanted.dev)
        };
        let found = routes.iter().any(|route| is_it(&route));
        Ok(vec![if found { Observed::Is(wanted.path()) } else { Observed::Gone }])
    }
}
