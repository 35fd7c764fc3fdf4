//! The conveniences that make a link, its addresses and a route in one call.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    ADDR_EXISTS, ADDR_REFUSED, LINK_BUSY, LINK_EXISTS, LINK_KIND, LINK_MTU, LINK_NO_BRIDGE, LINK_REFUSED,
    LINK_SAME_NAME, LINK_UNKNOWN, ROUTE_DOWN, ROUTE_EXISTS, ROUTE_GATEWAY, ROUTE_REFUSED,
};
use super::link::{mtu_option, two_names};
use super::linkset::if_addr;
use super::route::everything;
use super::value::{LinkHandle, Value};
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::link::{AddLink, NewLink};
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::names::{IfName, Ns, proposal};
use crate::model::route::{AddRoute, Route};
use ipnet::IpNet;

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "attach",
        kind: FnKind::Method(Ty::Ns),
        params: &[
            FnParam { name: "bridge", ty: Ty::Link, default: None, doc: "the bridge" },
            FnParam { name: "address", ty: Ty::IfAddr, default: None, doc: "the namespace's address on it" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "name", ty: Ty::IfName, default: "eth0", doc: "the interface in the namespace" },
                    Opt {
                        name: "port",
                        ty: Ty::IfName,
                        default: "v- and the namespace's name",
                        doc: "the bridge's port",
                    },
                    Opt { name: "gw", ty: Ty::Ip, default: "the bridge's address", doc: "the default gateway" },
                    Opt { name: "default_route", ty: Ty::Bool, default: "true", doc: "whether to add a default route" },
                    Opt { name: "mtu", ty: Ty::Int, default: "1500", doc: "the MTU in bytes" },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Link,
        summary: "Joins the namespace to a bridge: a veth pair, an address and a default route by the bridge's address; returns the namespace's end.",
        details: "A bridge without an address of that family, and no `gw`, means no default route.",
        example: r#"let lan = subnet("10.0.0.0/24");
let br = bridge("br0").addr(lan.host(1)).up();
let web = netns("web");
web.attach(br, lan.host(2));
web.ping("10.0.0.1");"#,
        errors: &[
            Error { code: "addr::outside", when: "the address is in none of the bridge's subnets" },
            LINK_NO_BRIDGE,
            LINK_UNKNOWN,
            LINK_BUSY,
            LINK_EXISTS,
            LINK_MTU,
            LINK_KIND,
            LINK_REFUSED,
            ADDR_EXISTS,
            ADDR_REFUSED,
            ROUTE_EXISTS,
            ROUTE_GATEWAY,
            ROUTE_DOWN,
            ROUTE_REFUSED,
        ],
        run: Action::Op(attach),
    },
    FnDef {
        name: "link",
        kind: FnKind::Free,
        params: &[
            FnParam { name: "a", ty: Ty::Ns, default: None, doc: "one namespace" },
            FnParam { name: "b", ty: Ty::Ns, default: None, doc: "the other" },
            FnParam {
                name: "subnet",
                ty: Ty::Subnet,
                default: None,
                doc: "the link's subnet, of at least two addresses",
            },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "a_name", ty: Ty::IfName, default: "to- and b's name", doc: "the interface in a" },
                    Opt { name: "b_name", ty: Ty::IfName, default: "to- and a's name", doc: "the interface in b" },
                    Opt { name: "mtu", ty: Ty::Int, default: "1500", doc: "the MTU in bytes" },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Pair,
        summary: "Joins two namespaces by a veth pair: the first gets the subnet's first address, the second its second, and both ends are up.",
        details: "",
        example: r#"let a = netns("a");
let b = netns("b");
link(a, b, "10.0.0.0/30");
a.ping("10.0.0.2");"#,
        errors: &[
            Error { code: "subnet::small", when: "the subnet has no two addresses" },
            LINK_SAME_NAME,
            LINK_UNKNOWN,
            LINK_BUSY,
            LINK_EXISTS,
            LINK_MTU,
            LINK_KIND,
            LINK_REFUSED,
            ADDR_EXISTS,
            ADDR_REFUSED,
        ],
        run: Action::Op(link),
    },
];

fn attach(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let bridge: LinkHandle = call.args.req("bridge")?;
    let bridge = bridge.place();
    let address = if_addr(call)?;
    let name: IfName = call.args.or("name", IfName::new("eth0")?)?;
    let port: IfName = match call.args.opt("port")? {
        Some(port) => port,
        None => IfName::new(&proposal(&format!("v-{ns}"), 15))?,
    };
    let v4 = address.addr().is_ipv4();
    let nets: Vec<IpNet> =
        call.lab.addresses(&bridge.ns, &bridge.name)?.into_iter().filter(|net| net.addr().is_ipv4() == v4).collect();
    let home = nets.iter().find(|net| net.contains(&address.addr()));
    if !nets.is_empty() && home.is_none() {
        let known: Vec<String> = nets.iter().map(|net| net.trunc().to_string()).collect();
        return Err(OpError::new(
            "addr::outside",
            format!("The address {address} is in none of the subnets of bridge `{}`.", bridge.name),
        )
        .help(format!(
            "The bridge has {}. Give the bridge an address in the other subnet first, or choose one of these.",
            known.join(", ")
        ))
        .arg("address"));
    }
    let veth = NewLink {
        mtu: mtu_option(call)?,
        master: Some(bridge.name),
        up: true,
        ..NewLink::veth(port, name.clone(), ns.clone())
    };
    let mut changes = vec![
        Change::AddLink(AddLink { ns: bridge.ns, link: veth }),
        Change::SetLink(SetLink { ns: ns.clone(), link: name.clone(), set: LinkSet::Up(true) }),
        Change::AddAddr(AddAddr { ns: ns.clone(), link: name.clone(), addr: address }),
    ];
    let gateway = call.args.opt("gw")?.or(home.map(IpNet::addr));
    if let Some(gateway) = gateway
        && call.args.or("default_route", true)?
    {
        let route = Route { to: everything(v4), via: Some(gateway), dev: None, ..Route::default() };
        changes.push(Change::AddRoute(AddRoute { ns: ns.clone(), route }));
    }
    let is_named = call.args.opt::<IfName>("port")?.is_some();
    let made = call.commit(changes).map_err(|error| match error.0.code {
        "link::exists" if !is_named => error.help(format!(
            "To attach a namespace twice, give the second pair names of its own: \
             `#{{ name: \"eth1\", port: \"{}\" }}`.",
            proposal(&format!("v1-{ns}"), 15)
        )),
        _ => error,
    })?;
    Ok(Value::Link(LinkHandle::new(ns, name, made.first().copied())))
}

fn link(call: &mut Call<'_>) -> OpResult<Value> {
    let (a, b): (Ns, Ns) = (call.args.req("a")?, call.args.req("b")?);
    let subnet: IpNet = call.args.req("subnet")?;
    // A /31 or /127 has two addresses and no network address (RFC 3021, RFC 6164). `hosts` knows it of IPv4;
    // the first address of a wider IPv6 subnet is its routers' anycast (RFC 4291, 2.6.1).
    let anycast = usize::from(subnet.addr().is_ipv6() && subnet.prefix_len() < 127);
    let mut hosts = subnet.hosts().skip(anycast).map(|ip| IpNet::new_assert(ip, subnet.prefix_len()));
    let (Some(first), Some(second)) = (hosts.next(), hosts.next()) else {
        return Err(OpError::new(
            "subnet::small",
            format!("The subnet {subnet} has no two addresses for the two ends."),
        )
        .help("A /30 or /31 of IPv4, or a /64 of IPv6, is enough.")
        .arg("subnet"));
    };
    let named = |option: &str, other: &Ns| -> OpResult<IfName> {
        match call.args.opt(option)? {
            Some(name) => Ok(name),
            None => Ok(IfName::new(&proposal(&format!("to-{other}"), 15))?),
        }
    };
    let (a_name, b_name) = (named("a_name", &b)?, named("b_name", &a)?);
    two_names((&a, &a_name), (&b, &b_name), "b")?;
    let veth = NewLink { mtu: mtu_option(call)?, up: true, ..NewLink::veth(a_name.clone(), b_name.clone(), b.clone()) };
    let made = call
        .commit(vec![
            Change::AddLink(AddLink { ns: a.clone(), link: veth }),
            Change::SetLink(SetLink { ns: b.clone(), link: b_name.clone(), set: LinkSet::Up(true) }),
            Change::AddAddr(AddAddr { ns: a.clone(), link: a_name.clone(), addr: first }),
            Change::AddAddr(AddAddr { ns: b.clone(), link: b_name.clone(), addr: second }),
        ])?
        .first()
        .copied();
    Ok(Value::Pair(LinkHandle::new(a, a_name, made), LinkHandle::new(b, b_name, made)))
}
