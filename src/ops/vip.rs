//! Virtual IPs: an address that no interface carries and that points at one or more backends.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    IPTABLES_EXISTS, IPTABLES_FAILED, IPTABLES_MISSING, IPTABLES_REFUSED, LINK_BUSY, LINK_REFUSED, LINK_UNKNOWN,
    NAT_FAMILY, ROUTE_DOWN, ROUTE_EXISTS, ROUTE_GATEWAY, ROUTE_REFUSED, UNDO_REFUSED,
};
use super::hairpin;
use super::rules::same_family;
use super::value::{Endpoint, Value, Vip};
use crate::lab::Lab;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::explain::place;
use crate::model::identity::Identity;
use crate::model::kind::Kind as _;
use crate::model::names::{ChainName, Ns, proposal};
use crate::model::object::VirtualIp;
use crate::model::proto::Proto;
use crate::model::route::{AddRoute, Route};
use crate::model::rule::{Condition, Match, Rule};
use crate::model::rules::{RuleEdit, Table};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::rc::Rc;

mod find;
mod rules;

use find::{vip_of, vips};
use rules::rules;

const BACKENDS: Ty = Ty::List(&Ty::Endpoint);
const EMPTY: Error = Error { code: "vip::empty", when: "there is no backend" };
const PROTOCOL: Error = Error { code: "vip::protocol", when: "a backend is of another protocol" };

const GONE: Error = Error { code: "vip::gone", when: "the virtual IP was deleted" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "vip",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "endpoint",
                ty: Ty::Endpoint,
                default: None,
                doc: "the address and port that clients use; TCP unless it ends in `/udp`",
            },
            FnParam {
                name: "backends",
                ty: BACKENDS,
                default: None,
                doc: "where connections go; several take equal shares",
            },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "name", ty: Ty::ChainName, default: "VIP-, address and port", doc: "its chain's name" },
                    Opt {
                        name: "hairpin",
                        ty: Ty::Bool,
                        default: "true",
                        doc: "masquerade clients in a backend's own subnet, whose answers would else pass the NAT by",
                    },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Vip,
        summary: "Makes a virtual IP: an address that no interface carries and that points at backends.",
        details: "It works from the namespace itself, from others that route through it, from the backends' own subnet \
                  and from a backend. Where the namespace has no route to the address, one is added, so that its own \
                  connections find a source address. Where bridged frames pass iptables \
                  (`net.bridge.bridge-nf-call-iptables` is 1), the bridge ports that lead to the backends get \
                  `hairpin()` and keep it until the lab ends. Forwarding must be on: `ip_forward(true)`.",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
web.attach(br, "10.0.0.11/24");
web.http_serve(8080, "hello");
ip_forward(true);
vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
http_get("http://10.100.100.100:8080/");"#,
        errors: &[
            EMPTY,
            PROTOCOL,
            NAT_FAMILY,
            Error { code: "vip::exists", when: "the recipe has made one with that chain" },
            IPTABLES_EXISTS,
            IPTABLES_MISSING,
            IPTABLES_REFUSED,
            IPTABLES_FAILED,
            ROUTE_EXISTS,
            ROUTE_GATEWAY,
            ROUTE_DOWN,
            ROUTE_REFUSED,
            LINK_UNKNOWN,
            LINK_BUSY,
            LINK_REFUSED,
        ],
        run: Action::Op(vip),
    },
    FnDef {
        name: "retarget",
        kind: FnKind::Method(Ty::Vip),
        params: &[
            FnParam { name: "backends", ty: BACKENDS, default: None, doc: "where connections go from now on" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[Opt {
                    name: "drain",
                    ty: Ty::Bool,
                    default: "false",
                    doc: "let open connections stay with their old backend until they end",
                }]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Vip,
        summary: "Points the virtual IP at other backends, in one atomic swap, and returns it.",
        details: "Tracked connections are forgotten, so that packets of old flows, UDP's above all, go to the new backends too.",
        example: r#"ip_forward(true);
bridge("br0").addr("10.0.0.1/24").up();
let v = vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
v.retarget(["10.0.0.12:8080", "10.0.0.13:8080"]);"#,
        errors: &[
            EMPTY,
            PROTOCOL,
            NAT_FAMILY,
            GONE,
            IPTABLES_MISSING,
            IPTABLES_REFUSED,
            IPTABLES_FAILED,
            LINK_UNKNOWN,
            LINK_BUSY,
            LINK_REFUSED,
        ],
        run: Action::Op(retarget),
    },
    FnDef {
        name: "del",
        kind: FnKind::Method(Ty::Vip),
        params: &[],
        returns: Ty::Unit,
        summary: "Removes the virtual IP.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
let v = vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
v.del();"#,
        errors: &[UNDO_REFUSED],
        run: Action::Op(del),
    },
    FnDef {
        name: "backends",
        kind: FnKind::Property(Ty::Vip),
        params: &[],
        returns: Ty::List(&Ty::Str),
        summary: "Where connections go now.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
let v = vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
assert_eq(v.backends, ["10.0.0.11:8080"]);"#,
        errors: &[GONE],
        run: Action::Op(|call| {
            let (_, _, made) = standing(call)?;
            Ok(Value::List(made.backends.iter().map(|to| Value::Str(to.to_string())).collect()))
        }),
    },
    FnDef {
        name: "name",
        kind: FnKind::Property(Ty::Vip),
        params: &[],
        returns: Ty::Str,
        summary: "Its name in the lab, which is that of its chain.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
assert_eq(vip("10.100.100.100:8080", ["10.0.0.11:8080"]).name, "VIP-10.100.100.100-8080");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.name.to_string()))),
    },
    FnDef {
        name: "vips",
        kind: FnKind::InNs,
        params: &[],
        returns: Ty::List(&Ty::Vip),
        summary: "The virtual IPs of the lab in a namespace, oldest first.",
        details: "Also those that an earlier run has made, at `repl --lab`.",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
for v in vips() { print(`${v.endpoint}: ${v.backends}`) }"#,
        errors: &[],
        run: Action::Op(vips),
    },
    FnDef {
        name: "vip_of",
        kind: FnKind::InNs,
        params: &[FnParam {
            name: "which",
            ty: Ty::Str,
            default: None,
            doc: "its address and port, as they were given, or its name",
        }],
        returns: Ty::Vip,
        summary: "A virtual IP that the lab has.",
        details: "For functions, and for `repl --lab`, where no variable has it.",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
fn switch_to(backend) { vip_of("10.100.100.100:8080").retarget([backend]) }
switch_to("10.0.0.12:8080");"#,
        errors: &[Error { code: "vip::unknown", when: "the lab has no such virtual IP there" }],
        run: Action::Op(vip_of),
    },
    FnDef {
        name: "endpoint",
        kind: FnKind::Property(Ty::Vip),
        params: &[],
        returns: Ty::Str,
        summary: "The address and port that clients use.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
assert_eq(vip("10.100.100.100:8080", ["10.0.0.11:8080"]).endpoint, "10.100.100.100:8080");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.endpoint.addr.to_string()))),
    },
];

fn this(call: &Call<'_>) -> OpResult<Rc<Vip>> {
    match &call.this {
        Value::Vip(vip) => Ok(Rc::clone(vip)),
        _ => Err(internal(call.function, "this", "a virtual IP")),
    }
}

/// The backends of a call: at least one, each of the address's family and protocol.
fn backends(call: &Call<'_>, endpoint: Endpoint) -> OpResult<Vec<SocketAddr>> {
    let given: Vec<Endpoint> = call.args.req("backends")?;
    if given.is_empty() {
        return Err(OpError::new("vip::empty", format!("The virtual IP {endpoint} has no backend."))
            .help("Give at least one, such as `[\"10.0.0.11:8080\"]`. To refuse connections, delete it with `.del()`.")
            .arg("backends"));
    }
    let proto = endpoint.proto.unwrap_or(Proto::Tcp);
    for to in &given {
        same_family(endpoint.addr.ip(), to.addr.ip(), "backends")?;
        if to.proto.is_some_and(|other| other != proto) {
            return Err(OpError::new("vip::protocol", format!("The backend {to} is not {}.", proto.as_str()))
                .help("The virtual IP's protocol holds for its backends; leave theirs out.")
                .arg("backends"));
        }
    }
    Ok(given.into_iter().map(|to| to.addr).collect())
}

/// A name made of the endpoint.
fn default_name(endpoint: Endpoint) -> OpResult<ChainName> {
    let suffix = if endpoint.proto == Some(Proto::Udp) { "u" } else { "" };
    let (ip, port) = (endpoint.addr.ip().to_string().replace(':', "_"), endpoint.addr.port());
    Ok(ChainName::new(&proposal(&format!("VIP-{ip}-{port}{suffix}"), 28))?)
}

fn vip(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let endpoint: Endpoint = call.args.req("endpoint")?;
    let backends = backends(call, endpoint)?;
    let name: ChainName = match call.args.opt("name")? {
        Some(name) => name,
        None => default_name(endpoint)?,
    };
    let handle = Vip { endpoint, ns, name };
    refuse_twice(call, &handle)?;
    let hairpin = call.args.or("hairpin", true)?;
    let (hairpins, ports) = near(call, hairpin, &handle.ns, endpoint, &backends)?;
    let route = own_route(call, &handle.ns, endpoint, &backends)?;
    let made = VirtualIp { name: handle.name.clone(), endpoint, backends, hairpin, route: route.clone() };
    let mut changes = vec![rules(&handle.ns, made, hairpins)];
    changes.extend(route.map(|route| Change::AddRoute(AddRoute { ns: handle.ns.clone(), route })));
    // The ports keep their setting until the lab ends, because other virtual IPs may count on it.
    changes.extend(ports);
    call.commit(changes)?;
    Ok(Value::Vip(Rc::new(handle)))
}

/// The rules and the port settings that let near clients through, if they are to be.
fn near(
    call: &mut Call<'_>,
    wanted: bool,
    ns: &Ns,
    endpoint: Endpoint,
    backends: &[SocketAddr],
) -> OpResult<(Vec<Rule>, Vec<Change>)> {
    if !wanted {
        return Ok((Vec::new(), Vec::new()));
    }
    Ok((hairpin::rules(call, ns, endpoint, backends)?, hairpin::ports(call, ns, backends)?))
}

/// A virtual IP that a script has a handle of, with the number of the change that makes it.
fn standing(call: &Call<'_>) -> OpResult<(Rc<Vip>, u64, VirtualIp)> {
    let vip = this(call)?;
    let gone = || {
        OpError::new("vip::gone", format!("The virtual IP {} was deleted.", vip.endpoint))
            .help("Make it again with `vip(…)`.")
    };
    let (n, made) = call.lab.vip(&vip.ns, vip.endpoint.family(), &vip.name).ok_or_else(gone)?;
    let made = made.clone();
    Ok((vip, n, made))
}

/// A second chain of that name would be refused, but not before the rules are made, which may be put off.
fn refuse_twice(call: &Call<'_>, vip: &Vip) -> OpResult<()> {
    let Some(record) = call.lab.chain(&vip.ns, vip.endpoint.family(), Table::Nat, &vip.name) else { return Ok(()) };
    let (name, ns) = (&vip.name, &vip.ns);
    Err(OpError::new("vip::exists", format!("There is already a virtual IP with the chain `{name}` in {}.", place(ns)))
        .help("Move that one with `.retarget(…)`, or delete it first with `.del()`. Another one needs another `name`.")
        .note(record.site.clone(), "made here before"))
}

/// A route to the virtual address, where there is none: the kernel looks for one before the OUTPUT chain can
/// rewrite the destination. It points where the first backend is.
fn own_route(call: &mut Call<'_>, ns: &Ns, endpoint: Endpoint, backends: &[SocketAddr]) -> OpResult<Option<Route>> {
    let to = endpoint.addr.ip();
    if call.lab.route_to(ns, to)?.is_some() {
        return Ok(None);
    }
    let Some(first) = backends.first() else { return Ok(None) };
    let Some(answer) = call.lab.route_to(ns, first.ip())? else { return Ok(None) };
    Ok(Some(Route { to: IpNet::from(to), via: answer.via, dev: answer.dev, ..Route::default() }))
}

fn retarget(call: &mut Call<'_>) -> OpResult<Value> {
    let (vip, n, made) = standing(call)?;
    let backends = backends(call, vip.endpoint)?;
    let (hairpins, ports) = near(call, made.hairpin, &vip.ns, vip.endpoint, &backends)?;
    call.alter(n, rules(&vip.ns, VirtualIp { backends, ..made }, hairpins), ports)?;
    if !call.args.or("drain", false)? {
        let Endpoint { addr, proto } = vip.endpoint;
        let proto = proto.unwrap_or(Proto::Tcp).number();
        call.lab.forget_flows(&vip.ns, addr.ip(), addr.port(), proto)?;
    }
    Ok(Value::Vip(vip))
}

fn del(call: &mut Call<'_>) -> OpResult<Value> {
    let vip = this(call)?;
    let Some((n, made)) = call.lab.vip(&vip.ns, vip.endpoint.family(), &vip.name) else { return Ok(Value::Unit) };
    let (mut going, route) = (vec![n], made.route.clone());
    if let Some(route) = route.filter(|_| !others_have_its_address(call.lab, &vip, n)) {
        let route = AddRoute { ns: vip.ns.clone(), route };
        let own = route.facts(&Identity::Spec).first().and_then(|fact| call.lab.state().holder(&fact.subject));
        going.extend(own);
    }
    call.lab.revert_all(&going)?;
    Ok(Value::Unit)
}

/// Whether rules besides its own send the virtual IP's address somewhere, and so need the route to it.
fn others_have_its_address(lab: &Lab, vip: &Vip, own: u64) -> bool {
    let to = Condition { not: false, of: Match::Destination(vip.endpoint.addr.ip().into()) };
    let sends = |edit: &RuleEdit| {
        edit.added().is_some_and(|(_, rule)| {
            let spec = rule.spec();
            spec.nat().is_some() && spec.conditions.contains(&to)
        })
    };
    let others = lab.records().filter(|record| record.change.ns() == vip.ns && record.n != own);
    others.filter_map(|record| record.change.rules()).any(|rules| rules.edits.iter().any(sends))
}
