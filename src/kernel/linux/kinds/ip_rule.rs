//! Rules of policy routing (`linux/fib_rules.h`). Ours bear our protocol number, since Linux 4.17.

use crate::kernel::linux::LinuxKernel;
use crate::kernel::linux::netlink::Socket;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::{ChangeRef, Done, Errno, Observed, Undone};
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::kinds::ip_rule::AddIpRule;
use crate::model::route::ROUTE_PROTOCOL;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::packet_route::{AddressFamily, RouteNetlinkMessage};

impl Real for AddIpRule {
    fn prepare(&self, _kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        Ok(Identity::Spec)
    }

    fn apply(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<()> {
        let request = RouteNetlinkMessage::NewRule(message(self));
        kernel.spaces.talk(&self.ns, |socket| socket.act(request, NLM_F_CREATE | NLM_F_EXCL))
    }

    fn undo(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<Undone> {
        kernel.undo_in(&self.ns, || {
            let mut socket = Socket::open()?;
            // Without a protocol number it is somebody else's.
            if !is_there(&mut socket, self)? {
                return Ok(Undone::AlreadyGone);
            }
            match socket.act(RouteNetlinkMessage::DelRule(message(self)), 0) {
                Err(refusal) if refusal.is(Errno::ENOENT) => Ok(Undone::AlreadyGone),
                done => done.map(|()| Undone::Yes),
            }
        })
    }

    fn read(&self, view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        let is_there = view.kernel.spaces.talk(&self.ns, |socket| is_there(socket, self))?;
        Ok(vec![if is_there { Observed::Is(String::new()) } else { Observed::Gone }])
    }
}

fn message(rule: &AddIpRule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(rule.family);
    message.header.action = RuleAction::ToTable;
    let mut attributes = vec![
        RuleAttribute::Table(rule.table),
        RuleAttribute::Priority(rule.priority),
        RuleAttribute::Protocol(RouteProtocol::Other(ROUTE_PROTOCOL)),
    ];
    // A table's number in the header has eight bits; 0 says that it is an attribute.
    message.header.table = u8::try_from(rule.table).unwrap_or(0);
    if let Some(net) = rule.from {
        message.header.src_len = net.prefix_len();
        attributes.push(RuleAttribute::Source(net.trunc().addr()));
    }
    if let Some(net) = rule.to {
        message.header.dst_len = net.prefix_len();
        attributes.push(RuleAttribute::Destination(net.trunc().addr()));
    }
    attributes.extend(rule.iif.as_ref().map(|link| RuleAttribute::Iifname(link.to_string())));
    attributes.extend(rule.oif.as_ref().map(|link| RuleAttribute::Oifname(link.to_string())));
    if let Some(mark) = rule.mark {
        attributes.extend([RuleAttribute::FwMark(mark.mark), RuleAttribute::FwMask(mark.mask)]);
    }
    message.attributes = attributes;
    message
}

fn family(family: Family) -> AddressFamily {
    if family == Family::V6 { AddressFamily::Inet6 } else { AddressFamily::Inet }
}

/// Whether just this rule is there, our protocol number included.
fn is_there(socket: &mut Socket, rule: &AddIpRule) -> Done<bool> {
    let mut request = RuleMessage::default();
    request.header.family = family(rule.family);
    let wanted = spec(&message(rule));
    let all = socket.dump(&RouteNetlinkMessage::GetRule(request))?;
    Ok(all.iter().any(|message| matches!(message, RouteNetlinkMessage::NewRule(there) if spec(there) == wanted)))
}

/// What makes two rules the same.
#[derive(Default, PartialEq)]
struct Spec {
    from: Option<IpNet>,
    to: Option<IpNet>,
    links: [Option<String>; 2],
    mark: Option<(u32, u32)>,
    table: u32,
    priority: u32,
    protocol: Option<u8>,
}

fn spec(message: &RuleMessage) -> Spec {
    let mut spec = Spec { table: u32::from(message.header.table), ..Spec::default() };
    let (mut mark, mut bits) = (None, u32::MAX);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(ip) => spec.from = IpNet::new(*ip, message.header.src_len).ok(),
            RuleAttribute::Destination(ip) => spec.to = IpNet::new(*ip, message.header.dst_len).ok(),
            RuleAttribute::Iifname(name) => spec.links[0] = Some(name.clone()),
            RuleAttribute::Oifname(name) => spec.links[1] = Some(name.clone()),
            RuleAttribute::FwMark(number) => mark = Some(*number),
            RuleAttribute::FwMask(counting) => bits = *counting,
            RuleAttribute::Table(table) => spec.table = *table,
            RuleAttribute::Priority(priority) => spec.priority = *priority,
            RuleAttribute::Protocol(protocol) => spec.protocol = Some(u8::from(*protocol)),
            _ => {}
        }
    }
    spec.mark = mark.filter(|mark| *mark != 0 || bits != u32::MAX).map(|mark| (mark, bits));
    spec
}
