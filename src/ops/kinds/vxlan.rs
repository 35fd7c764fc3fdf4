//! VXLAN tunnels.

use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::link::kinds::vxlan::names;
use crate::model::link::{AddLink, Attr, LinkKind, NewLink};
use crate::model::names::IfName;
use crate::ops::args::Call;
use crate::ops::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use crate::ops::errors::{LINK_EXISTS, LINK_KIND, LINK_MTU, LINK_REFUSED, LINK_UNKNOWN};
use crate::ops::link::mtu_option;
use crate::ops::rules::same_family;
use crate::ops::value::{LinkHandle, Value};
use std::net::IpAddr;

/// The title of the family.
pub const TITLE: &str = "VXLAN tunnels";

/// The port that is VXLAN's own (RFC 7348, section 4.2). The kernel's default is an older one.
const PORT: u16 = 4789;

/// The functions of this family.
pub const DEFS: &[FnDef] = &[FnDef {
    name: "vxlan",
    kind: FnKind::InNs,
    params: &[
        FnParam { name: "name", ty: Ty::IfName, default: None, doc: "the new interface's name" },
        FnParam {
            name: "options",
            ty: Ty::Options(&[
                Opt { name: "id", ty: Ty::Int, default: "1", doc: "the network's number, 0 to 16777215" },
                Opt { name: "local", ty: Ty::Ip, default: "the route's", doc: "the address its packets are sent from" },
                Opt { name: "remote", ty: Ty::Ip, default: "none", doc: "the address of the only other end" },
                Opt { name: "group", ty: Ty::Ip, default: "none", doc: "the multicast group of all ends; needs `dev`" },
                Opt { name: "port", ty: Ty::Port, default: "4789", doc: "the UDP port of all ends" },
                Opt { name: "dev", ty: Ty::Link, default: "the route's", doc: "the interface its packets leave by" },
                Opt {
                    name: "ttl",
                    ty: Ty::Int,
                    default: "the kernel's",
                    doc: "the time to live of its packets, 1 to 255",
                },
                Opt {
                    name: "learning",
                    ty: Ty::Bool,
                    default: "true",
                    doc: "learn which end a hardware address is behind",
                },
                Opt { name: "mtu", ty: Ty::Int, default: "1450 where `dev` has 1500", doc: "the MTU in bytes" },
                Opt { name: "mac", ty: Ty::Mac, default: "a random local one", doc: "the hardware address" },
            ]),
            default: Some("none"),
            doc: "",
        },
    ],
    returns: Ty::Link,
    summary: "Makes a VXLAN tunnel: an interface whose frames travel in UDP packets to other ends of the same network.",
    details: "It is down until `.up()`. Its own packets need 50 bytes more than what is within (70 over IPv6): without `dev`, \
              give it an `mtu`. To join several hosts, make it a port of a bridge: `.master(bridge)`.",
    example: r#"let a = netns("a");
let b = netns("b");
link(a, b, "192.0.2.0/30");
a.vxlan("vx0", #{ id: 7, local: "192.0.2.1", remote: "192.0.2.2", mtu: 1450 }).addr("10.7.0.1/24").up();
b.vxlan("vx0", #{ id: 7, local: "192.0.2.2", remote: "192.0.2.1", mtu: 1450 }).addr("10.7.0.2/24").up();
a.ping("10.7.0.2");"#,
    errors: &[
        LINK_EXISTS,
        LINK_MTU,
        LINK_KIND,
        LINK_REFUSED,
        LINK_UNKNOWN,
        Error { code: "vxlan::id", when: "the number is out of range" },
        Error { code: "vxlan::ttl", when: "the time to live is out of range" },
        Error { code: "vxlan::ends", when: "`remote` and `group` are both given, or are not what they should be" },
        Error { code: "nat::family", when: "the addresses are of two IP versions" },
    ],
    run: Action::Op(vxlan),
}];

fn vxlan(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let name: IfName = call.args.req("name")?;
    let dev: Option<LinkHandle> = call.args.opt("dev")?;
    let lower = dev.map(|dev| dev.place().name);
    let (remote, group) = ends(call, lower.is_some())?;
    let local: Option<IpAddr> = call.args.opt("local")?;
    if let (Some(local), Some(far)) = (local, remote.or(group)) {
        same_family(local, far, "local")?;
    }
    let id = within(call, "id", 0..=0x00ff_ffff, "vxlan::id")?.unwrap_or(1);
    let ttl = within(call, "ttl", 1..=255, "vxlan::ttl")?;
    let learning: bool = call.args.or("learning", true)?;
    let text = |ip: Option<IpAddr>| ip.map(|ip| Attr::Text(ip.to_string()));
    let kind = LinkKind::named("vxlan").ok_or_else(|| call.misused("a kind of interface that there is"))?;
    let link =
        NewLink { lower, mtu: mtu_option(call)?, mac: call.args.opt("mac")?, ..NewLink::new(name.clone(), kind) }
            .with(names::ID, Some(Attr::Int(id)))
            .with(names::LOCAL, text(local))
            .with(names::REMOTE, text(remote))
            .with(names::GROUP, text(group))
            .with(names::PORT, Some(Attr::Int(call.args.or("port", PORT)?.into())))
            .with(names::TTL, ttl.map(Attr::Int))
            .with(names::LEARNING, (!learning).then_some(Attr::Bool(false)));
    let made = call.commit(vec![Change::AddLink(AddLink { ns: ns.clone(), link })])?.first().copied();
    Ok(Value::Link(LinkHandle::new(ns, name, made)))
}

/// The other end, or the group of all ends.
fn ends(call: &Call<'_>, has_dev: bool) -> OpResult<(Option<IpAddr>, Option<IpAddr>)> {
    let (remote, group): (Option<IpAddr>, Option<IpAddr>) = (call.args.opt("remote")?, call.args.opt("group")?);
    let bad = |message: String, help: &str, arg| Err(OpError::new("vxlan::ends", message).help(help).arg(arg));
    match (remote, group) {
        (Some(_), Some(_)) => {
            bad("The tunnel has one other end and a group of them.".into(), "Leave `remote` or `group` out.", "group")
        }
        (Some(ip), None) if ip.is_multicast() => {
            bad(format!("{ip} is a multicast group."), "Name it as `group`, with the interface as `dev`.", "remote")
        }
        (None, Some(ip)) if !ip.is_multicast() => {
            bad(format!("{ip} is no multicast group."), "Name a single other end as `remote`.", "group")
        }
        (None, Some(ip)) if !has_dev => {
            bad(format!("The group {ip} needs an interface to be joined on."), "Name it as `dev`.", "group")
        }
        ends => Ok(ends),
    }
}

/// An option that is a number within a range.
fn within(
    call: &Call<'_>,
    option: &'static str,
    range: std::ops::RangeInclusive<u64>,
    code: &'static str,
) -> OpResult<Option<u64>> {
    call.args.number(
        option,
        |number| range.contains(number),
        |given| {
            OpError::new(code, format!("The `{option}` {given} of a VXLAN tunnel is out of range.")).help(format!(
                "Choose {} to {}.",
                range.start(),
                range.end()
            ))
        },
    )
}
