//! Interfaces: making and finding them.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{LINK_EXISTS, LINK_KIND, LINK_MTU, LINK_REFUSED, LINK_SAME_NAME, LINK_UNKNOWN, UNDO_REFUSED};
use super::value::{LinkHandle, Value};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::link::{AddLink, Attr, NewLink};
use crate::model::names::{IfName, Ns};

const MTU: Opt = Opt { name: "mtu", ty: Ty::Int, default: "the kind's own", doc: "the MTU in bytes" };
const MAC: Opt = Opt { name: "mac", ty: Ty::Mac, default: "a random local one", doc: "the hardware address" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "veth",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "name", ty: Ty::IfName, default: None, doc: "the end in this namespace" },
            FnParam { name: "peer", ty: Ty::IfName, default: None, doc: "the other end" },
            FnParam {
                name: "peer_ns",
                ty: Ty::Ns,
                default: Some("this namespace"),
                doc: "where the other end is made; it never has to be moved",
            },
            FnParam { name: "options", ty: Ty::Options(&[MTU, MAC]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Pair,
        summary: "Makes a virtual Ethernet pair; its ends are `.a` here and `.b` in the other namespace.",
        details: "Both ends are down until `.up()`. Moving an end later costs seventy times what making it in its place does.",
        example: r#"let web = netns("web");
let pair = veth("veth_web", "eth0", web);
pair.a.addr("10.0.0.1/24").up();
pair.b.addr("10.0.0.2/24").up();
host().ping("10.0.0.2");"#,
        errors: &[LINK_SAME_NAME, LINK_EXISTS, LINK_MTU, LINK_KIND, LINK_REFUSED],
        run: Action::Op(veth),
    },
    FnDef {
        name: "bridge",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "name", ty: Ty::IfName, default: None, doc: "the new bridge's name" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    MTU,
                    MAC,
                    Opt { name: "stp", ty: Ty::Bool, default: "false", doc: "run the spanning tree protocol" },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Link,
        summary: "Makes an Ethernet bridge.",
        details: "It is down until `.up()`. Its ports are interfaces on which `.master(bridge)` was called, or namespaces that were attached.",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
web.attach(br, "10.0.0.2/24");"#,
        errors: &[LINK_EXISTS, LINK_MTU, LINK_KIND, LINK_REFUSED],
        run: Action::Op(bridge),
    },
    FnDef {
        name: "iface",
        kind: FnKind::InNs,
        params: &[FnParam { name: "name", ty: Ty::Link, default: None, doc: "its name" }],
        returns: Ty::Link,
        summary: "Looks an interface up by its name.",
        details: "It may be one that was there before the recipe: what the recipe sets on it is set back at the end.",
        example: r#"netns("web").iface("lo").addr("10.9.9.9/32");"#,
        errors: &[LINK_UNKNOWN, LINK_REFUSED],
        run: Action::Op(iface),
    },
    FnDef {
        name: "del",
        kind: FnKind::Method(Ty::Link),
        params: &[],
        returns: Ty::Unit,
        summary: "Removes an interface that the recipe made, with what the recipe put on it.",
        details: "Of a veth pair, both ends go.",
        example: r#"bridge("br0").del();"#,
        errors: &[Error { code: "link::not_ours", when: "the recipe did not make it" }, UNDO_REFUSED],
        run: Action::Op(del),
    },
    FnDef {
        name: "name",
        kind: FnKind::Property(Ty::Link),
        params: &[],
        returns: Ty::Str,
        summary: "The interface's name.",
        details: "",
        example: r#"assert_eq(bridge("br0").name, "br0");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(call.link()?.place().name.to_string()))),
    },
    FnDef {
        name: "ns",
        kind: FnKind::Property(Ty::Link),
        params: &[],
        returns: Ty::Ns,
        summary: "The namespace that the interface is in.",
        details: "",
        example: r#"assert_eq(bridge("br0").ns.name, "host");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Ns(call.link()?.place().ns))),
    },
    FnDef {
        name: "a",
        kind: FnKind::Property(Ty::Pair),
        params: &[],
        returns: Ty::Link,
        summary: "The pair's first end.",
        details: "",
        example: r#"veth("a", "b").a.up();"#,
        errors: &[],
        run: Action::Op(|call| pair(call).map(|(a, _)| Value::Link(a))),
    },
    FnDef {
        name: "b",
        kind: FnKind::Property(Ty::Pair),
        params: &[],
        returns: Ty::Link,
        summary: "The pair's other end.",
        details: "",
        example: r#"veth("a", "b").b.up();"#,
        errors: &[],
        run: Action::Op(|call| pair(call).map(|(_, b)| Value::Link(b))),
    },
];

/// An MTU that fits the kernel's field; the kernel itself judges the rest.
pub(super) fn mtu_of(bytes: i64, arg: &str) -> OpResult<u32> {
    match u32::try_from(bytes) {
        Ok(bytes) if (68..=65535).contains(&bytes) => Ok(bytes),
        _ => Err(OpError::new("link::mtu", format!("An MTU of {bytes} bytes is out of range."))
            .help("Choose 68 to 65535; IPv6 needs at least 1280.")
            .arg(arg)),
    }
}

/// Two interfaces of one namespace have two names.
pub(super) fn two_names(one: (&Ns, &IfName), other: (&Ns, &IfName), arg: &str) -> OpResult<()> {
    if one != other {
        return Ok(());
    }
    Err(OpError::new("link::same_name", format!("Both ends of the pair would be called `{}` in one namespace.", one.1))
        .help("Give each its own name, or put the other end in another namespace.")
        .arg(arg))
}

/// The `mtu` option.
pub(super) fn mtu_option(call: &Call<'_>) -> OpResult<Option<u32>> {
    call.args.opt("mtu")?.map(|bytes| mtu_of(bytes, "mtu")).transpose()
}

fn veth(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let (name, peer): (IfName, IfName) = (call.args.req("name")?, call.args.req("peer")?);
    let peer_ns = call.args.or("peer_ns", ns.clone())?;
    two_names((&ns, &name), (&peer_ns, &peer), "peer")?;
    let link = NewLink {
        mtu: mtu_option(call)?,
        mac: call.args.opt("mac")?,
        ..NewLink::veth(name.clone(), peer.clone(), peer_ns.clone())
    };
    let made = call.commit(vec![Change::AddLink(AddLink { ns: ns.clone(), link })])?.first().copied();
    Ok(Value::Pair(LinkHandle::new(ns, name, made), LinkHandle::new(peer_ns, peer, made)))
}

fn bridge(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let name: IfName = call.args.req("name")?;
    let (mtu, mac) = (mtu_option(call)?, call.args.opt("mac")?);
    let link = NewLink { mtu, mac, ..NewLink::bridge(name.clone()) }
        .with("stp", Some(Attr::Bool(call.args.or("stp", false)?)));
    let made = call.commit(vec![Change::AddLink(AddLink { ns: ns.clone(), link })])?.first().copied();
    Ok(Value::Link(LinkHandle::new(ns, name, made)))
}

fn iface(call: &mut Call<'_>) -> OpResult<Value> {
    let link: LinkHandle = call.args.req("name")?;
    let place = link.place();
    call.lab.link(&place.ns, &place.name)?;
    Ok(Value::Link(link))
}

fn del(call: &mut Call<'_>) -> OpResult<Value> {
    let place = call.link()?.place();
    match place.made {
        Some(n) => call.lab.revert(n).map(|()| Value::Unit),
        None => Err(OpError::new("link::not_ours", format!("The recipe did not make interface `{}`.", place.name))
            .help("rhailab removes only what it made. `ip link del` removes another one, by hand.")),
    }
}

fn pair(call: &Call<'_>) -> OpResult<(LinkHandle, LinkHandle)> {
    match &call.this {
        Value::Pair(a, b) => Ok((a.clone(), b.clone())),
        _ => Err(super::args::internal(call.function, "this", "a veth pair")),
    }
}
