//! What can be set on an interface.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Ty};
use super::errors::{
    ADDR_EXISTS, ADDR_REFUSED, LINK_BUSY, LINK_EXISTS, LINK_MTU, LINK_NO_BRIDGE, LINK_REFUSED, LINK_UNKNOWN,
    UNDO_REFUSED,
};
use super::link::mtu_of;
use super::value::{LinkHandle, Value};
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::subject::{ADDRESS, Subject};
use ipnet::IpNet;
use std::net::IpAddr;

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "addr",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam {
            name: "address",
            ty: Ty::IfAddr,
            default: None,
            doc: "the address with its prefix length, IPv4 or IPv6",
        }],
        returns: Ty::Link,
        summary: "Gives the interface an address, and returns the interface.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").addr("fd00::1/64").up();"#,
        errors: &[ADDR_EXISTS, ADDR_REFUSED, LINK_UNKNOWN],
        run: Action::Op(addr),
    },
    FnDef {
        name: "del_addr",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam {
            name: "address",
            ty: Ty::IfAddr,
            default: None,
            doc: "an address that the recipe gave it",
        }],
        returns: Ty::Link,
        summary: "Takes an address that the recipe gave the interface away again, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24");
br.del_addr("10.0.0.1/24");"#,
        errors: &[Error { code: "addr::not_ours", when: "the recipe did not give it that address" }, UNDO_REFUSED],
        run: Action::Op(del_addr),
    },
    FnDef {
        name: "up",
        kind: FnKind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Brings the interface up, and returns it.",
        details: "",
        example: r#"bridge("br0").up();"#,
        errors: &[LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| set(call, LinkSet::Up(true))),
    },
    FnDef {
        name: "down",
        kind: FnKind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Takes the interface down, and returns it.",
        details: "Its routes go with that, as the kernel has it.",
        example: r#"bridge("br0").up().down();"#,
        errors: &[LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| set(call, LinkSet::Up(false))),
    },
    FnDef {
        name: "mtu",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "bytes", ty: Ty::Int, default: None, doc: "the MTU in bytes" }],
        returns: Ty::Link,
        summary: "Sets the interface's MTU, and returns the interface.",
        details: "",
        example: r#"bridge("br0").mtu(1400);"#,
        errors: &[LINK_MTU, LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| {
            let bytes = mtu_of(call.args.req("bytes")?, "bytes")?;
            set(call, LinkSet::Mtu(bytes))
        }),
    },
    FnDef {
        name: "mac",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "address", ty: Ty::Mac, default: None, doc: "the hardware address" }],
        returns: Ty::Link,
        summary: "Sets the interface's hardware address, and returns the interface.",
        details: "",
        example: r#"bridge("br0").mac("02:00:00:00:00:01");"#,
        errors: &[LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| {
            let mac: Mac = call.args.req("address")?;
            set(call, LinkSet::Mac(mac))
        }),
    },
    FnDef {
        name: "master",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "bridge", ty: Ty::Link, default: None, doc: "a bridge in the same namespace" }],
        returns: Ty::Link,
        summary: "Makes the interface a port of a bridge, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").up();
let web = netns("web");
veth("veth_web", "eth0", web).a.master(br).up();"#,
        errors: &[
            LINK_NO_BRIDGE,
            LINK_UNKNOWN,
            Error { code: "link::other_ns", when: "the bridge is in another namespace" },
            LINK_BUSY,
            LINK_REFUSED,
        ],
        run: Action::Op(master),
    },
    FnDef {
        name: "no_master",
        kind: FnKind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Takes the interface out of its bridge, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").up();
let pair = veth("a", "b");
pair.a.master(br).no_master();"#,
        errors: &[LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| set(call, LinkSet::Master(None))),
    },
    FnDef {
        name: "hairpin",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "on", ty: Ty::Bool, default: Some("true"), doc: "whether it may" }],
        returns: Ty::Link,
        summary: "Lets a bridge port send frames back out of the port they came in by, and returns the port.",
        details: "",
        example: r#"let br = bridge("br0").up();
veth("a", "b").a.master(br).hairpin();"#,
        errors: &[
            LINK_UNKNOWN,
            LINK_BUSY,
            Error {
                code: "link::refused",
                when: "the interface is no bridge port, or the kernel refuses it for another reason",
            },
        ],
        run: Action::Op(|call| {
            let on = call.args.or("on", true)?;
            set(call, LinkSet::Hairpin(on))
        }),
    },
    FnDef {
        name: "link_local",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "on", ty: Ty::Bool, default: Some("true"), doc: "whether it gets one" }],
        returns: Ty::Link,
        summary: "Lets the interface make its IPv6 link-local address when it comes up, and returns the interface.",
        details: "In a lab this is off, because router solicitations and multicast reports flood large bridges.",
        example: r#"bridge("br0").link_local().up();"#,
        errors: &[LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(|call| {
            let on = call.args.or("on", true)?;
            set(call, LinkSet::LinkLocal(on))
        }),
    },
    FnDef {
        name: "rename",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "name", ty: Ty::IfName, default: None, doc: "the new name" }],
        returns: Ty::Link,
        summary: "Renames the interface, and returns it.",
        details: "Every handle of the interface follows.",
        example: r#"bridge("br0").rename("br1");"#,
        errors: &[LINK_EXISTS, LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(rename),
    },
    FnDef {
        name: "move_to",
        kind: FnKind::Method(Ty::Link),
        params: &[FnParam { name: "ns", ty: Ty::Ns, default: None, doc: "where to" }],
        returns: Ty::Link,
        summary: "Moves the interface to another namespace, and returns it.",
        details: "It loses its addresses, its bridge and its up state, as the kernel has it. A veth end is better made in its place: `veth(a, b, ns)`.",
        example: r#"let web = netns("web");
veth("a", "b").b.move_to(web).addr("10.0.0.2/24").up();"#,
        errors: &[LINK_EXISTS, LINK_UNKNOWN, LINK_BUSY, LINK_REFUSED],
        run: Action::Op(move_to),
    },
    FnDef {
        name: "addrs",
        kind: FnKind::Property(Ty::Link),
        params: &[],
        returns: Ty::List(&Ty::IfAddr),
        summary: "The addresses that the interface has, read from the kernel.",
        details: "",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24");
assert_eq(br.addrs.len(), 1);"#,
        errors: &[LINK_UNKNOWN, LINK_REFUSED],
        run: Action::Op(|call| {
            let place = call.link()?.place();
            let addrs = call.lab.link(&place.ns, &place.name)?.addrs;
            Ok(Value::List(addrs.iter().map(|net| Value::Addr(net.addr(), Some(net.prefix_len()))).collect()))
        }),
    },
];

fn addr(call: &mut Call<'_>) -> OpResult<Value> {
    let link = call.link()?;
    let place = link.place();
    let address = if_addr(call)?;
    call.commit(vec![Change::AddAddr(AddAddr { ns: place.ns, link: place.name, addr: address })])?;
    Ok(Value::Link(link))
}

/// The call's address with its prefix length, as the kernel wants it.
pub(super) fn if_addr(call: &Call<'_>) -> OpResult<IpNet> {
    let (ip, prefix): (IpAddr, Option<u8>) = call.args.req("address")?;
    let full = if ip.is_ipv4() { 32 } else { 128 };
    IpNet::new(ip, prefix.unwrap_or(full))
        .map_err(|_| internal(call.function, "address", "an address with its prefix length"))
}

fn del_addr(call: &mut Call<'_>) -> OpResult<Value> {
    let link = call.link()?;
    let place = link.place();
    let address = if_addr(call)?;
    let subject = Subject::on(&place.ns, &place.name, ADDRESS, address.to_string());
    match call.lab.state().holder(&subject) {
        Some(n) => call.lab.revert(n).map(|()| Value::Link(link)),
        None => Err(OpError::new(
            "addr::not_ours",
            format!("The recipe did not give interface `{}` the address {address}.", place.name),
        )
        .help("rhailab takes away only what it gave.")
        .arg("address")),
    }
}

fn set(call: &mut Call<'_>, set: LinkSet) -> OpResult<Value> {
    let link = call.link()?;
    let place = link.place();
    call.commit(vec![Change::SetLink(SetLink { ns: place.ns, link: place.name, set })])?;
    Ok(Value::Link(link))
}

fn master(call: &mut Call<'_>) -> OpResult<Value> {
    let bridge: LinkHandle = call.args.req("bridge")?;
    let (port, bridge) = (call.link()?.place(), bridge.place());
    if port.ns != bridge.ns {
        return Err(OpError::new(
            "link::other_ns",
            format!(
                "Interface `{}` is in `{}`, and bridge `{}` is in `{}`: a port must be where its bridge is.",
                port.name, port.ns, bridge.name, bridge.ns
            ),
        )
        .help("Make the bridge's end of the pair in the bridge's namespace.")
        .arg("bridge"));
    }
    set(call, LinkSet::Master(Some(bridge.name)))
}

fn rename(call: &mut Call<'_>) -> OpResult<Value> {
    let name: IfName = call.args.req("name")?;
    let value = set(call, LinkSet::Name(name.clone()))?;
    call.link()?.0.borrow_mut().name = name;
    Ok(value)
}

fn move_to(call: &mut Call<'_>) -> OpResult<Value> {
    let ns: Ns = call.args.req("ns")?;
    let value = set(call, LinkSet::Ns(ns.clone()))?;
    call.link()?.0.borrow_mut().ns = ns;
    Ok(value)
}
