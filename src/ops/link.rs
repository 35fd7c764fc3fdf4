//! Interfaces: making them, and their methods.

use super::args::Call;
use super::def::{Error, FnDef, Kind, Opt, Param, Run, Ty};
use super::value::{LinkHandle, Value};
use crate::change::{Change, LinkKind, LinkSet, Mac, NewLink};
use crate::error::{OpError, OpResult};
use crate::names::{IfName, Ns};
use std::net::IpAddr;

const MTU: Opt = Opt { name: "mtu", ty: Ty::Int, default: "the kind's own", doc: "the MTU in bytes" };
const MAC: Opt = Opt { name: "mac", ty: Ty::Mac, default: "a random local one", doc: "the hardware address" };
const UNKNOWN: Error = Error { code: "link::unknown", when: "there is no such interface" };
const EXISTS: Error = Error { code: "link::exists", when: "an interface of that name is there" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "veth",
        kind: Kind::InNs,
        params: &[
            Param { name: "name", ty: Ty::IfName, default: None, doc: "the end in this namespace" },
            Param { name: "peer", ty: Ty::IfName, default: None, doc: "the other end" },
            Param {
                name: "peer_ns",
                ty: Ty::Ns,
                default: Some("this namespace"),
                doc: "where the other end is born; it never has to be moved",
            },
            Param { name: "options", ty: Ty::Options(&[MTU, MAC]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Pair,
        summary: "Makes a virtual Ethernet pair; its ends are `.a` here and `.b` in the other namespace.",
        details: "Both ends are down until `.up()`. Moving an end later costs seventy times what making it in its place does.",
        example: r#"let web = netns("web");
let pair = veth("veth_web", "eth0", web);
pair.a.addr("10.0.0.1/24").up();
pair.b.addr("10.0.0.2/24").up();
host().ping("10.0.0.2");"#,
        errors: &[EXISTS],
        run: Run::Op(veth),
    },
    FnDef {
        name: "bridge",
        kind: Kind::InNs,
        params: &[
            Param { name: "name", ty: Ty::IfName, default: None, doc: "the new bridge's name" },
            Param {
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
        errors: &[EXISTS],
        run: Run::Op(bridge),
    },
    FnDef {
        name: "iface",
        kind: Kind::InNs,
        params: &[Param { name: "name", ty: Ty::Link, default: None, doc: "its name" }],
        returns: Ty::Link,
        summary: "Looks an interface up by its name.",
        details: "It may be one that was there before the recipe: what the recipe sets on it is set back at the end.",
        example: r#"netns("web").iface("lo").addr("10.9.9.9/32");"#,
        errors: &[UNKNOWN],
        run: Run::Op(iface),
    },
    FnDef {
        name: "addr",
        kind: Kind::Method(Ty::Link),
        params: &[Param {
            name: "address",
            ty: Ty::IfAddr,
            default: None,
            doc: "the address with its prefix length, IPv4 or IPv6",
        }],
        returns: Ty::Link,
        summary: "Gives the interface an address, and returns the interface.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").addr("fd00::1/64").up();"#,
        errors: &[Error { code: "addr::exists", when: "the interface has that address" }, UNKNOWN],
        run: Run::Op(addr),
    },
    FnDef {
        name: "del_addr",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "address", ty: Ty::IfAddr, default: None, doc: "an address that the recipe gave it" }],
        returns: Ty::Link,
        summary: "Takes an address that the recipe gave the interface away again, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24");
br.del_addr("10.0.0.1/24");"#,
        errors: &[Error { code: "addr::not_ours", when: "the recipe did not give it that address" }],
        run: Run::Op(del_addr),
    },
    FnDef {
        name: "up",
        kind: Kind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Brings the interface up, and returns it.",
        details: "",
        example: r#"bridge("br0").up();"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| set(call, LinkSet::Up(true))),
    },
    FnDef {
        name: "down",
        kind: Kind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Takes the interface down, and returns it.",
        details: "Its routes go with that, as the kernel has it.",
        example: r#"bridge("br0").up().down();"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| set(call, LinkSet::Up(false))),
    },
    FnDef {
        name: "mtu",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "bytes", ty: Ty::Int, default: None, doc: "the MTU in bytes" }],
        returns: Ty::Link,
        summary: "Sets the interface's MTU, and returns the interface.",
        details: "",
        example: r#"bridge("br0").mtu(1400);"#,
        errors: &[Error { code: "link::mtu", when: "the interface does not take that size" }, UNKNOWN],
        run: Run::Op(|call| {
            let bytes = mtu_of(call.args.req("bytes")?, "bytes")?;
            set(call, LinkSet::Mtu(bytes))
        }),
    },
    FnDef {
        name: "mac",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "address", ty: Ty::Mac, default: None, doc: "the hardware address" }],
        returns: Ty::Link,
        summary: "Sets the interface's hardware address, and returns the interface.",
        details: "",
        example: r#"bridge("br0").mac("02:00:00:00:00:01");"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| {
            let mac: Mac = call.args.req("address")?;
            set(call, LinkSet::Mac(mac))
        }),
    },
    FnDef {
        name: "master",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "bridge", ty: Ty::Link, default: None, doc: "a bridge in the same namespace" }],
        returns: Ty::Link,
        summary: "Makes the interface a port of a bridge, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").up();
let web = netns("web");
veth("veth_web", "eth0", web).a.master(br).up();"#,
        errors: &[UNKNOWN, Error { code: "link::other_ns", when: "the bridge is in another namespace" }],
        run: Run::Op(master),
    },
    FnDef {
        name: "no_master",
        kind: Kind::Method(Ty::Link),
        params: &[],
        returns: Ty::Link,
        summary: "Takes the interface out of its bridge, and returns the interface.",
        details: "",
        example: r#"let br = bridge("br0").up();
let pair = veth("a", "b");
pair.a.master(br).no_master();"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| set(call, LinkSet::Master(None))),
    },
    FnDef {
        name: "hairpin",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "on", ty: Ty::Bool, default: Some("true"), doc: "whether it may" }],
        returns: Ty::Link,
        summary: "Lets a bridge port send frames back out of the port they came in by, and returns the port.",
        details: "",
        example: r#"let br = bridge("br0").up();
veth("a", "b").a.master(br).hairpin();"#,
        errors: &[Error { code: "link::refused", when: "the interface is no bridge port" }],
        run: Run::Op(|call| {
            let on = call.args.or("on", true)?;
            set(call, LinkSet::Hairpin(on))
        }),
    },
    FnDef {
        name: "link_local",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "on", ty: Ty::Bool, default: Some("true"), doc: "whether it gets one" }],
        returns: Ty::Link,
        summary: "Lets the interface make its IPv6 link-local address when it comes up, and returns the interface.",
        details: "In a lab this is off, because router solicitations and multicast reports flood large bridges.",
        example: r#"bridge("br0").link_local().up();"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| {
            let on = call.args.or("on", true)?;
            set(call, LinkSet::LinkLocal(on))
        }),
    },
    FnDef {
        name: "rename",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "name", ty: Ty::IfName, default: None, doc: "the new name" }],
        returns: Ty::Link,
        summary: "Renames the interface, and returns it.",
        details: "Every handle of the interface follows.",
        example: r#"bridge("br0").rename("br1");"#,
        errors: &[EXISTS, UNKNOWN],
        run: Run::Op(rename),
    },
    FnDef {
        name: "move_to",
        kind: Kind::Method(Ty::Link),
        params: &[Param { name: "ns", ty: Ty::Ns, default: None, doc: "where to" }],
        returns: Ty::Link,
        summary: "Moves the interface to another namespace, and returns it.",
        details: "It loses its addresses, its bridge and its up state, as the kernel has it. A veth end is better born in its place: `veth(a, b, ns)`.",
        example: r#"let web = netns("web");
veth("a", "b").b.move_to(web).addr("10.0.0.2/24").up();"#,
        errors: &[EXISTS, UNKNOWN, Error { code: "netns::unknown", when: "there is no such namespace" }],
        run: Run::Op(move_to),
    },
    FnDef {
        name: "del",
        kind: Kind::Method(Ty::Link),
        params: &[],
        returns: Ty::Unit,
        summary: "Removes an interface that the recipe made, with what the recipe put on it.",
        details: "Of a veth pair, both ends go.",
        example: r#"bridge("br0").del();"#,
        errors: &[Error { code: "link::not_ours", when: "the recipe did not make it" }],
        run: Run::Op(del),
    },
    FnDef {
        name: "name",
        kind: Kind::Property(Ty::Link),
        params: &[],
        returns: Ty::Str,
        summary: "The interface's name.",
        details: "",
        example: r#"assert_eq(bridge("br0").name, "br0");"#,
        errors: &[],
        run: Run::Op(|call| Ok(Value::Str(call.link()?.place().name.to_string()))),
    },
    FnDef {
        name: "ns",
        kind: Kind::Property(Ty::Link),
        params: &[],
        returns: Ty::Ns,
        summary: "The namespace that the interface is in.",
        details: "",
        example: r#"assert_eq(bridge("br0").ns.name, "host");"#,
        errors: &[],
        run: Run::Op(|call| Ok(Value::Ns(call.link()?.place().ns))),
    },
    FnDef {
        name: "addrs",
        kind: Kind::Property(Ty::Link),
        params: &[],
        returns: Ty::List(&Ty::IfAddr),
        summary: "The addresses that the interface has, read from the kernel.",
        details: "",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24");
assert_eq(br.addrs.len(), 1);"#,
        errors: &[UNKNOWN],
        run: Run::Op(|call| {
            let place = call.link()?.place();
            let addrs = call.lab.link(&place.ns, &place.name)?.addrs;
            Ok(Value::List(addrs.iter().map(|net| Value::Addr(net.addr(), Some(net.prefix_len()))).collect()))
        }),
    },
    FnDef {
        name: "a",
        kind: Kind::Property(Ty::Pair),
        params: &[],
        returns: Ty::Link,
        summary: "The pair's first end.",
        details: "",
        example: r#"veth("a", "b").a.up();"#,
        errors: &[],
        run: Run::Op(|call| pair(call).map(|(a, _)| Value::Link(a))),
    },
    FnDef {
        name: "b",
        kind: Kind::Property(Ty::Pair),
        params: &[],
        returns: Ty::Link,
        summary: "The pair's other end.",
        details: "",
        example: r#"veth("a", "b").b.up();"#,
        errors: &[],
        run: Run::Op(|call| pair(call).map(|(_, b)| Value::Link(b))),
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

/// The `mtu` option.
pub(super) fn mtu_option(call: &Call<'_>) -> OpResult<Option<u32>> {
    call.args.opt("mtu")?.map(|bytes| mtu_of(bytes, "mtu")).transpose()
}

fn veth(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let (name, peer): (IfName, IfName) = (call.args.req("name")?, call.args.req("peer")?);
    let peer_ns = call.args.or("peer_ns", ns.clone())?;
    let link = NewLink {
        name: name.clone(),
        kind: LinkKind::Veth { peer: peer.clone(), peer_ns: peer_ns.clone() },
        mtu: mtu_option(call)?,
        mac: call.args.opt("mac")?,
        master: None,
        up: false,
    };
    let made = call.commit(vec![Change::AddLink { ns: ns.clone(), link }])?.first().copied();
    Ok(Value::Pair(LinkHandle::new(ns, name, made), LinkHandle::new(peer_ns, peer, made)))
}

fn bridge(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let name: IfName = call.args.req("name")?;
    let link = NewLink {
        name: name.clone(),
        kind: LinkKind::Bridge { stp: call.args.or("stp", false)? },
        mtu: mtu_option(call)?,
        mac: call.args.opt("mac")?,
        master: None,
        up: false,
    };
    let made = call.commit(vec![Change::AddLink { ns: ns.clone(), link }])?.first().copied();
    Ok(Value::Link(LinkHandle::new(ns, name, made)))
}

fn iface(call: &mut Call<'_>) -> OpResult<Value> {
    let link: LinkHandle = call.args.req("name")?;
    let place = link.place();
    call.lab.link(&place.ns, &place.name)?;
    Ok(Value::Link(link))
}

fn addr(call: &mut Call<'_>) -> OpResult<Value> {
    let link = call.link()?;
    let place = link.place();
    let address = if_addr(call.args.req("address")?)?;
    call.commit(vec![Change::AddAddr { ns: place.ns, link: place.name, addr: address }])?;
    Ok(Value::Link(link))
}

/// An address with its prefix length, as the kernel wants it.
pub(super) fn if_addr((ip, prefix): (IpAddr, Option<u8>)) -> OpResult<ipnet::IpNet> {
    let full = if ip.is_ipv4() { 32 } else { 128 };
    ipnet::IpNet::new(ip, prefix.unwrap_or(full))
        .map_err(|_| OpError::new("addr::prefix", format!("The prefix length of {ip} is over {full}.")).arg("address"))
}

fn del_addr(call: &mut Call<'_>) -> OpResult<Value> {
    let link = call.link()?;
    let place = link.place();
    let address = if_addr(call.args.req("address")?)?;
    let ours = call.lab.records().iter().rev().find(|record| {
        matches!(&record.change, Change::AddAddr { ns, link, addr }
            if *ns == place.ns && *link == place.name && *addr == address)
    });
    match ours.map(|record| record.n) {
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
    call.commit(vec![Change::SetLink { ns: place.ns, link: place.name, set }])?;
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
        _ => Err(super::args::internal(call.def.name, "this", "a veth pair")),
    }
}
