//! Forwarding and address translation.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    IPTABLES_FAILED, IPTABLES_MISSING, IPTABLES_REFUSED, NAT_FAMILY, SYSCTL_DENIED, SYSCTL_HELD, SYSCTL_REFUSED,
    SYSCTL_UNKNOWN, SYSCTL_UNRECORDED, SYSCTL_VALUE, UNDO_REFUSED,
};
use super::value::{Endpoint, LinkHandle, Rules, Value};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::names::Ns;
use crate::model::proto::Proto;
use crate::model::rule::{Match, Rule, Target};
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::sysctl::SetSysctl;
use ipnet::IpNet;
use std::net::IpAddr;
use std::rc::Rc;

const IPV6: Opt = Opt { name: "ipv6", ty: Ty::Bool, default: "false", doc: "set the same for IPv6 too" };
const LINKS: Opt = Opt {
    name: "links",
    ty: Ty::List(&Ty::Link),
    default: "all",
    doc: "only packets that come in by these, IPv4 only",
};

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "ip_forward",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "on", ty: Ty::Bool, default: Some("true"), doc: "whether to forward" },
            FnParam { name: "options", ty: Ty::Options(&[LINKS, IPV6]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Ns,
        summary: "Lets the namespace forward packets between its interfaces, and returns the namespace.",
        details: "Writes `net.ipv4.ip_forward`, and `net.ipv6.conf.all.forwarding` with `ipv6`. Nothing is written where it is so \
                  already. That switch sets every interface's own; on a machine with other networks rather name the \
                  interfaces that packets to be forwarded come in by, both ways, with `links`. Only their \
                  `net.ipv4.conf.*.forwarding` is written then.",
        example: r#"let lan = bridge("lan").up();
let wan = bridge("wan").up();
ip_forward(true, #{ links: [lan, wan] });"#,
        errors: &[
            Error { code: "forward::ipv6", when: "`links` is used with `ipv6`" },
            SYSCTL_UNKNOWN,
            SYSCTL_DENIED,
            SYSCTL_VALUE,
            SYSCTL_HELD,
            SYSCTL_UNRECORDED,
            SYSCTL_REFUSED,
        ],
        run: Action::Op(ip_forward),
    },
    FnDef {
        name: "forward",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "link", ty: Ty::Link, default: None, doc: "an interface or bridge" },
            FnParam { name: "other", ty: Ty::Link, default: Some("any"), doc: "only between the two, both ways" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt {
                        name: "first",
                        ty: Ty::Bool,
                        default: "false",
                        doc: "put the rules before all others, where a firewall's come first",
                    },
                    IPV6,
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Rules,
        summary: "Accepts forwarded packets in and out of an interface, or between two.",
        details: "Needed where the FORWARD policy is DROP, as Docker sets it.",
        example: r#"let br = bridge("br0").up();
forward(br);"#,
        errors: &[IPTABLES_MISSING, IPTABLES_REFUSED, IPTABLES_FAILED],
        run: Action::Op(forward),
    },
    FnDef {
        name: "masquerade",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "what",
                ty: Ty::SubnetOrLink,
                default: None,
                doc: "a subnet to hide, or the interface that its packets leave by",
            },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "out", ty: Ty::Link, default: "any", doc: "only packets that leave by this interface" },
                    IPV6,
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Rules,
        summary: "Hides addresses behind the one of the interface that packets leave by (source NAT).",
        details: "",
        example: r#"masquerade("10.0.0.0/24");"#,
        errors: &[
            Error { code: "masquerade::twice", when: "the outgoing interface is named twice" },
            IPTABLES_MISSING,
            IPTABLES_REFUSED,
            IPTABLES_FAILED,
        ],
        run: Action::Op(masquerade),
    },
    FnDef {
        name: "dnat",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "from", ty: Ty::Endpoint, default: None, doc: "where clients connect to" },
            FnParam { name: "to", ty: Ty::Endpoint, default: None, doc: "where the connection goes" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt {
                        name: "into",
                        ty: Ty::Link,
                        default: "any",
                        doc: "only packets that come in by this interface",
                    },
                    Opt {
                        name: "local",
                        ty: Ty::Bool,
                        default: "true",
                        doc: "also for the namespace's own connections",
                    },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Rules,
        summary: "Sends connections to one address and port on to another (destination NAT).",
        details: "For several targets, or one that moves, use `vip`.",
        example: r#"dnat("192.0.2.1:80", "10.0.0.2:8080");"#,
        errors: &[NAT_FAMILY, IPTABLES_MISSING, IPTABLES_REFUSED, IPTABLES_FAILED],
        run: Action::Op(dnat),
    },
    FnDef {
        name: "snat",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "source", ty: Ty::Subnet, default: None, doc: "whose packets" },
            FnParam { name: "to", ty: Ty::Ip, default: None, doc: "the address they get" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[Opt {
                    name: "out",
                    ty: Ty::Link,
                    default: "any",
                    doc: "only packets that leave by this interface",
                }]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Rules,
        summary: "Gives packets from a subnet a fixed source address.",
        details: "Where the address may change, use `masquerade`.",
        example: r#"snat("10.0.0.0/24", "192.0.2.1");"#,
        errors: &[NAT_FAMILY, IPTABLES_MISSING, IPTABLES_REFUSED, IPTABLES_FAILED],
        run: Action::Op(snat),
    },
    FnDef {
        name: "del",
        kind: FnKind::Method(Ty::Rules),
        params: &[],
        returns: Ty::Unit,
        summary: "Deletes these rules again.",
        details: "",
        example: r#"let rules = masquerade("10.0.0.0/24");
rules.del();"#,
        errors: &[UNDO_REFUSED],
        run: Action::Op(del),
    },
];

/// The families that a call is about: IPv4, and IPv6 with the option.
fn families(call: &Call<'_>) -> OpResult<Vec<Family>> {
    Ok(if call.args.or("ipv6", false)? { vec![Family::V4, Family::V6] } else { vec![Family::V4] })
}

/// Commits one edit list for each family and returns the handle.
pub(super) fn commit(
    call: &mut Call<'_>,
    what: String,
    table: Table,
    families: &[Family],
    edits: &[RuleEdit],
) -> OpResult<Value> {
    let ns = call.ns()?;
    let changes = families
        .iter()
        .map(|family| Change::EditRules(EditRules::new(ns.clone(), *family, table, edits.to_vec())))
        .collect();
    let changes = call.commit(changes)?;
    Ok(Value::Rules(Rc::new(Rules { what, ns, changes })))
}

fn ip_forward(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let value = if call.args.or("on", true)? { "1" } else { "0" };
    if let Some(links) = call.args.opt::<Vec<LinkHandle>>("links")? {
        return forward_from(call, ns, &links, value);
    }
    let changes = families(call)?
        .into_iter()
        .map(|family| {
            let key = match family {
                Family::V4 => "net.ipv4.ip_forward",
                Family::V6 => "net.ipv6.conf.all.forwarding",
            };
            Change::SetSysctl(SetSysctl { ns: ns.clone(), key: key.into(), value: value.into() })
        })
        .collect();
    call.commit(changes)?;
    Ok(Value::Ns(ns))
}

/// Sets forwarding interface by interface.
fn forward_from(call: &mut Call<'_>, ns: Ns, links: &[LinkHandle], value: &str) -> OpResult<Value> {
    if call.args.or("ipv6", false)? {
        let message = "IPv6 is forwarded between all interfaces of a namespace or not at all.";
        return Err(OpError::new("forward::ipv6", message)
            .help("Leave `links` or `ipv6` out, or call it twice.")
            .arg("ipv6"));
    }
    let key = |link: &LinkHandle| format!("net/ipv4/conf/{}/forwarding", link.place().name);
    let set = |link| Change::SetSysctl(SetSysctl { ns: ns.clone(), key: key(link), value: value.into() });
    call.commit(links.iter().map(set).collect())?;
    Ok(Value::Ns(ns))
}

fn forward(call: &mut Call<'_>) -> OpResult<Value> {
    let name = |link: LinkHandle| link.place().name.to_string();
    let link = name(call.args.req("link")?);
    let other = call.args.opt("other")?.map(name);
    let (by, out) = (|name: &String| Match::In(name.clone()), |name: &String| Match::Out(name.clone()));
    let accepted = match &other {
        None => vec![vec![by(&link)], vec![out(&link)]],
        Some(other) => vec![vec![by(&link), out(other)], vec![by(other), out(&link)]],
    };
    let edit = if call.args.or("first", false)? { RuleEdit::insert } else { RuleEdit::append };
    let edit = |matches| edit(Hook::Forward.as_str(), Rule::new(matches, Target::Accept));
    let edits: Vec<RuleEdit> = accepted.into_iter().map(edit).collect();
    let what = other.map_or_else(|| format!("forward {link}"), |other| format!("forward {link} {other}"));
    commit(call, what, Table::Filter, &families(call)?, &edits)
}

/// A translation of what leaves.
fn postrouting(matches: Vec<Match>, target: Target) -> Vec<RuleEdit> {
    vec![RuleEdit::append(Hook::Postrouting.as_str(), Rule::new(matches, target))]
}

fn masquerade(call: &mut Call<'_>) -> OpResult<Value> {
    let what: Value = call.args.req("what")?;
    let mut out: Option<LinkHandle> = call.args.opt("out")?;
    let (mut matches, mut text) = (Vec::new(), "masquerade".to_owned());
    let mut wanted = families(call)?;
    match what {
        Value::Subnet(net) => {
            wanted = vec![Family::of(net.addr())];
            text.push_str(&format!(" {net}"));
            matches.push(Match::Source(net));
        }
        Value::Link(link) if out.is_none() => out = Some(link),
        _ => {
            return Err(OpError::new("masquerade::twice", "The outgoing interface is named twice.")
                .help("Either `masquerade(link)`, or `masquerade(subnet, #{ out: link })`.")
                .arg("out"));
        }
    }
    if let Some(out) = out {
        let name = out.place().name.to_string();
        text.push_str(&format!(" out {name}"));
        matches.push(Match::Out(name));
    }
    commit(call, text, Table::Nat, &wanted, &postrouting(matches, Target::masquerade()))
}

fn snat(call: &mut Call<'_>) -> OpResult<Value> {
    let source: IpNet = call.args.req("source")?;
    let to: IpAddr = call.args.req("to")?;
    same_family(source.addr(), to, "to")?;
    let mut matches = vec![Match::Source(source)];
    if let Some(out) = call.args.opt::<LinkHandle>("out")? {
        matches.push(Match::Out(out.place().name.to_string()));
    }
    let edits = postrouting(matches, Target::snat(to));
    commit(call, format!("snat {source} to {to}"), Table::Nat, &[Family::of(to)], &edits)
}

fn dnat(call: &mut Call<'_>) -> OpResult<Value> {
    let (from, to): (Endpoint, Endpoint) = (call.args.req("from")?, call.args.req("to")?);
    same_family(from.addr.ip(), to.addr.ip(), "to")?;
    let mut incoming = Vec::new();
    if let Some(into) = call.args.opt::<LinkHandle>("into")? {
        incoming.push(Match::In(into.place().name.to_string()));
    }
    let addressed = addressed_to(from);
    incoming.extend(addressed.clone());
    let target = Target::dnat(to.addr);
    let mut edits = vec![RuleEdit::append(Hook::Prerouting.as_str(), Rule::new(incoming, target.clone()))];
    if call.args.or("local", true)? {
        edits.push(RuleEdit::append(Hook::Output.as_str(), Rule::new(addressed, target)));
    }
    commit(call, format!("dnat {from} to {}", to.addr), Table::Nat, &[Family::of(to.addr.ip())], &edits)
}

/// What connections to an endpoint have in common.
pub(super) fn addressed_to(endpoint: Endpoint) -> Vec<Match> {
    let (ip, port) = (endpoint.addr.ip(), endpoint.addr.port());
    let proto = endpoint.proto.unwrap_or(Proto::Tcp);
    vec![Match::Destination(ip.into()), Match::Protocol(proto), Match::to_port(port)]
}

/// NAT does not cross families.
pub(super) fn same_family(one: IpAddr, other: IpAddr, arg: &str) -> OpResult<()> {
    if one.is_ipv4() == other.is_ipv4() {
        return Ok(());
    }
    Err(OpError::new(
        "nat::family",
        format!(
            "{one} is {} and {other} is {}; NAT does not translate between them.",
            Family::of(one),
            Family::of(other)
        ),
    )
    .help("Use addresses of one family, and a second call for the other.")
    .arg(arg))
}

fn del(call: &mut Call<'_>) -> OpResult<Value> {
    let Value::Rules(rules) = call.this.clone() else { return Err(internal(call.function, "this", "rules")) };
    for n in rules.changes.iter().rev() {
        call.lab.revert(*n)?;
    }
    Ok(Value::Unit)
}
