//! Virtual IPs: an address that no interface carries and that points at one or more backends.

use super::args::{Call, internal};
use super::def::{Error, FnDef, Kind, Opt, Param, Run, Ty};
use super::errors::{
    IPTABLES_EXISTS, IPTABLES_FAILED, IPTABLES_MISSING, IPTABLES_REFUSED, LINK_BUSY, LINK_REFUSED, LINK_UNKNOWN,
    NAT_FAMILY, ROUTE_DOWN, ROUTE_EXISTS, ROUTE_GATEWAY, ROUTE_REFUSED, UNDO_REFUSED,
};
use super::hairpin;
use super::rules::{addressed_to, same_family};
use super::value::{Endpoint, Value, Vip, VipState};
use crate::lab::{Lab, Record};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::kind::Kind as _;
use crate::model::names::{ChainName, Ns, proposal};
use crate::model::proto::Proto;
use crate::model::route::{AddRoute, Route};
use crate::model::rule::{Condition, Match, Rule, Target};
use crate::model::rules::{EditRules, RuleEdit, Table};
use ipnet::IpNet;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

const BACKENDS: Ty = Ty::List(&Ty::Endpoint);
const EMPTY: Error = Error { code: "vip::empty", when: "there is no backend" };
const PROTOCOL: Error = Error { code: "vip::protocol", when: "a backend is of another protocol" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "vip",
        kind: Kind::InNs,
        params: &[
            Param {
                name: "endpoint",
                ty: Ty::Endpoint,
                default: None,
                doc: "the address and port that clients use; TCP unless it ends in `/udp`",
            },
            Param {
                name: "backends",
                ty: BACKENDS,
                default: None,
                doc: "where connections go; several take equal shares",
            },
            Param {
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
        run: Run::Op(vip),
    },
    FnDef {
        name: "retarget",
        kind: Kind::Method(Ty::Vip),
        params: &[
            Param { name: "backends", ty: BACKENDS, default: None, doc: "where connections go from now on" },
            Param {
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
            Error { code: "vip::gone", when: "the virtual IP was deleted" },
            IPTABLES_MISSING,
            IPTABLES_REFUSED,
            IPTABLES_FAILED,
            LINK_UNKNOWN,
            LINK_BUSY,
            LINK_REFUSED,
        ],
        run: Run::Op(retarget),
    },
    FnDef {
        name: "del",
        kind: Kind::Method(Ty::Vip),
        params: &[],
        returns: Ty::Unit,
        summary: "Removes the virtual IP.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
let v = vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
v.del();"#,
        errors: &[UNDO_REFUSED],
        run: Run::Op(del),
    },
    FnDef {
        name: "backends",
        kind: Kind::Property(Ty::Vip),
        params: &[],
        returns: Ty::List(&Ty::Str),
        summary: "Where connections go now.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
let v = vip("10.100.100.100:8080", ["10.0.0.11:8080"]);
assert_eq(v.backends, ["10.0.0.11:8080"]);"#,
        errors: &[],
        run: Run::Op(|call| {
            let vip = this(call)?;
            let backends = vip.state.borrow().backends.iter().map(|to| Value::Str(to.to_string())).collect();
            Ok(Value::List(backends))
        }),
    },
    FnDef {
        name: "endpoint",
        kind: Kind::Property(Ty::Vip),
        params: &[],
        returns: Ty::Str,
        summary: "The address and port that clients use.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
assert_eq(vip("10.100.100.100:8080", ["10.0.0.11:8080"]).endpoint, "10.100.100.100:8080");"#,
        errors: &[],
        run: Run::Op(|call| Ok(Value::Str(this(call)?.endpoint.addr.to_string()))),
    },
];

fn this(call: &Call<'_>) -> OpResult<Rc<Vip>> {
    match &call.this {
        Value::Vip(vip) => Ok(Rc::clone(vip)),
        _ => Err(internal(call.def.name, "this", "a virtual IP")),
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

/// A chain's name made of the endpoint.
fn default_chain(endpoint: Endpoint) -> OpResult<ChainName> {
    let suffix = if endpoint.proto == Some(Proto::Udp) { "u" } else { "" };
    let (ip, port) = (endpoint.addr.ip().to_string().replace(':', "_"), endpoint.addr.port());
    ChainName::new(&proposal(&format!("VIP-{ip}-{port}{suffix}"), 28))
}

/// The DNAT rules of a set of backends: with k left, the next takes one in k.
fn backend_rules(endpoint: Endpoint, backends: &[SocketAddr]) -> Vec<Rule> {
    let rule = |(at, to): (usize, &SocketAddr)| {
        let left = u32::try_from(backends.len() - at).unwrap_or(u32::MAX);
        let share = (left > 1).then(|| Match::share(1.0 / f64::from(left)));
        Rule::new(addressed_to(endpoint).into_iter().chain(share), Target::dnat(*to))
    };
    backends.iter().enumerate().map(rule).collect()
}

fn vip(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let endpoint: Endpoint = call.args.req("endpoint")?;
    let backends = backends(call, endpoint)?;
    let chain: ChainName = match call.args.opt("name")? {
        Some(chain) => chain,
        None => default_chain(endpoint)?,
    };
    refuse_twice(call, &ns, endpoint, &chain)?;
    let jump = |from: Hook| RuleEdit::append(from.as_str(), Rule::new([], Target::Jump(chain.to_string())));
    let mut edits = vec![RuleEdit::NewChain(chain.clone()), jump(Hook::Prerouting), jump(Hook::Output)];
    edits.extend(in_chain(chain.as_str(), backend_rules(endpoint, &backends)));
    let hairpin = call.args.or("hairpin", true)?;
    let (hairpins, ports) = near(call, hairpin, &ns, endpoint, &backends)?;
    edits.extend(in_chain(Hook::Postrouting.as_str(), hairpins.clone()));
    let family = Family::of(endpoint.addr.ip());
    let mut changes = vec![Change::EditRules(EditRules { ns: ns.clone(), family, table: Table::Nat, edits })];
    changes.extend(own_route(call, &ns, endpoint, &backends)?);
    let changes = commit(call, changes, ports)?;
    let owner = changes.first().copied().unwrap_or_default();
    let state = VipState { backends, hairpin, hairpins, owner, changes };
    Ok(Value::Vip(Rc::new(Vip { endpoint, ns, chain, state: Rc::new(RefCell::new(state)) })))
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

/// Commits a virtual IP's own changes and those of the ports, all or none, and returns the numbers of its own. The
/// ports keep their setting until the lab ends, because other virtual IPs may count on it.
fn commit(call: &mut Call<'_>, own: Vec<Change>, ports: Vec<Change>) -> OpResult<Vec<u64>> {
    let count = own.len();
    let mut made = call.commit(own.into_iter().chain(ports).collect())?;
    made.truncate(count);
    Ok(made)
}

/// A second chain of that name would be refused, but not before the rules are made, which may be put off.
fn refuse_twice(call: &Call<'_>, ns: &Ns, endpoint: Endpoint, chain: &ChainName) -> OpResult<()> {
    let (family, table) = (Family::of(endpoint.addr.ip()), Table::Nat);
    if !call.lab.has_chain(ns, family, table, chain) {
        return Ok(());
    }
    let new = RuleEdit::NewChain(chain.clone());
    let is_it = |change: &Change| {
        matches!(change, Change::EditRules(EditRules { ns: there, family: its, table: Table::Nat, edits })
            if there == ns && *its == family && edits.contains(&new))
    };
    let Some(record) = call.lab.records().find(|record| is_it(&record.change)) else { return Ok(()) };
    Err(OpError::new("vip::exists", format!("There is already a virtual IP with the chain `{chain}` in `{ns}`."))
        .help("Move that one with `.retarget(…)`, or delete it first with `.del()`. Another one needs another `name`.")
        .note(record.site.clone(), "made here before"))
}

fn in_chain(chain: &str, rules: Vec<Rule>) -> impl Iterator<Item = RuleEdit> {
    rules.into_iter().map(move |rule| RuleEdit::append(chain, rule))
}

/// A route to the virtual address, where there is none: the kernel looks for one before the OUTPUT chain can
/// rewrite the destination. It points where the first backend is.
fn own_route(call: &mut Call<'_>, ns: &Ns, endpoint: Endpoint, backends: &[SocketAddr]) -> OpResult<Option<Change>> {
    let to = endpoint.addr.ip();
    if call.lab.route_to(ns, to)?.is_some() {
        return Ok(None);
    }
    let Some(first) = backends.first() else { return Ok(None) };
    let Some(answer) = call.lab.route_to(ns, first.ip())? else { return Ok(None) };
    let route = Route { to: IpNet::from(to), via: answer.via, dev: answer.dev, ..Route::default() };
    Ok(Some(Change::AddRoute(AddRoute { ns: ns.clone(), route })))
}

fn retarget(call: &mut Call<'_>) -> OpResult<Value> {
    let vip = this(call)?;
    let backends = backends(call, vip.endpoint)?;
    let old = vip.state.borrow().clone();
    if old.changes.is_empty() {
        return Err(OpError::new("vip::gone", format!("The virtual IP {} was deleted.", vip.endpoint))
            .help("Make it again with `vip(…)`."));
    }
    let (hairpins, ports) = near(call, old.hairpin, &vip.ns, vip.endpoint, &backends)?;
    let chain = vip.chain.as_str();
    let delete = |chain: &str, rules: Vec<Rule>| -> Vec<RuleEdit> {
        let chain = chain.to_owned();
        rules.into_iter().map(|rule| RuleEdit::Delete { chain: chain.clone(), rule, owner: old.owner }).collect()
    };
    let mut edits = delete(chain, backend_rules(vip.endpoint, &old.backends));
    edits.extend(delete(Hook::Postrouting.as_str(), old.hairpins.clone()));
    edits.extend(in_chain(chain, backend_rules(vip.endpoint, &backends)));
    edits.extend(in_chain(Hook::Postrouting.as_str(), hairpins.clone()));
    let ip = vip.endpoint.addr.ip();
    let swap = Change::EditRules(EditRules { ns: vip.ns.clone(), family: Family::of(ip), table: Table::Nat, edits });
    let made = commit(call, vec![swap], ports)?;
    {
        let mut state = vip.state.borrow_mut();
        state.owner = made.first().copied().unwrap_or(old.owner);
        state.changes.extend(made);
        state.backends = backends;
        state.hairpins = hairpins;
    }
    if !call.args.or("drain", false)? {
        let proto = vip.endpoint.proto.unwrap_or(Proto::Tcp).number();
        call.lab.forget_flows(&vip.ns, ip, vip.endpoint.addr.port(), proto)?;
    }
    Ok(Value::Vip(vip))
}

fn del(call: &mut Call<'_>) -> OpResult<Value> {
    let vip = this(call)?;
    let mut changes = std::mem::take(&mut vip.state.borrow_mut().changes);
    if others_have_its_address(call.lab, &vip, &changes) {
        let is_route = |record: &Record| matches!(record.change, Change::AddRoute(_));
        let routes: Vec<u64> = call.lab.records().filter(|r| is_route(r)).map(|r| r.n).collect();
        changes.retain(|n| !routes.contains(n));
    }
    call.lab.revert_all(&changes)?;
    Ok(Value::Unit)
}

/// Whether rules besides its own send the virtual IP's address somewhere, and so need the route to it.
fn others_have_its_address(lab: &Lab, vip: &Vip, own: &[u64]) -> bool {
    let to = Condition { not: false, of: Match::Destination(vip.endpoint.addr.ip().into()) };
    let sends = |edit: &RuleEdit| {
        edit.added().is_some_and(|(_, rule)| {
            let spec = rule.spec();
            spec.nat().is_some() && spec.conditions.contains(&to)
        })
    };
    let others = lab.records().filter(|record| record.change.ns() == vip.ns && !own.contains(&record.n));
    others.filter_map(|record| record.change.rules()).any(|rules| rules.edits.iter().any(sends))
}
