//! Routes, and the conveniences that make a link, an address and a route in one call.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    LINK_UNKNOWN, ROUTE_DOWN, ROUTE_EXISTS, ROUTE_GATEWAY, ROUTE_METRIC, ROUTE_REFUSED, ROUTE_TABLE, UNDO_REFUSED,
};
use super::value::{LinkHandle, Value};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::kind::Kind as _;
use crate::model::route::{AddRoute, Route, RouteHop, RouteKind, Scope};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::IpAddr;

const METRIC: Opt = Opt { name: "metric", ty: Ty::Int, default: "the kernel's", doc: "the route's metric; lower wins" };

/// `RT_TABLE_MAIN` of linux/rtnetlink.h.
const MAIN_TABLE: u32 = 254;
pub(super) const TABLE: Opt =
    Opt { name: "table", ty: Ty::Int, default: "the main table", doc: "the number of the routing table" };
const SCOPES: &str = "how far away it is: `\"global\"`, `\"link\"` or `\"host\"`";
const TYPES: &str = "what becomes of packets instead: `\"blackhole\"`, `\"unreachable\"` or `\"prohibit\"`";

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "route",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "to", ty: Ty::Dest, default: None, doc: "a subnet, an address, or `\"default\"`" },
            FnParam { name: "via", ty: Ty::Ip, default: Some("on link"), doc: "the gateway" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "dev", ty: Ty::Link, default: "the gateway's", doc: "the interface" },
                    METRIC,
                    TABLE,
                    Opt {
                        name: "src",
                        ty: Ty::Ip,
                        default: "the kernel's choice",
                        doc: "the source address to propose",
                    },
                    Opt { name: "scope", ty: Ty::Str, default: "what follows from the gateway", doc: SCOPES },
                    Opt {
                        name: "onlink",
                        ty: Ty::Bool,
                        default: "false",
                        doc: "the gateway is on the link, whatever the addresses say",
                    },
                    Opt { name: "type", ty: Ty::Str, default: "packets are forwarded", doc: TYPES },
                    Opt {
                        name: "hops",
                        ty: Ty::List(&Ty::Str),
                        default: "one gateway",
                        doc: "several gateways that share the packets: `\"ADDRESS dev NAME weight N\"`",
                    },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Ns,
        summary: "Adds a route, and returns the namespace.",
        details: "`\"default\"` is IPv4's or IPv6's, as the gateway is. A route without a gateway needs `dev`. Routes carry protocol 98: `ip route show proto 98` lists them. Those of another `table` are for `ip_rule` to choose.",
        example: r#"let br = bridge("br0").addr("10.0.0.1/24").up();
host().route("10.1.0.0/16", "10.0.0.2").route("10.2.0.0/16", #{ dev: br });
route("10.3.0.0/16", #{ hops: ["10.0.0.2", "10.0.0.3 weight 2"], table: 100 });
route("10.4.0.0/16", #{ type: "blackhole" });"#,
        errors: &[
            ROUTE_EXISTS,
            ROUTE_GATEWAY,
            ROUTE_DOWN,
            ROUTE_REFUSED,
            ROUTE_METRIC,
            ROUTE_TABLE,
            Error { code: "route::word", when: "the scope or the type is none that there is" },
            Error { code: "route::hops", when: "a next hop cannot be read, or a gateway is named besides" },
            Error { code: "route::nowhere", when: "it has neither a gateway nor an interface" },
            Error { code: "route::family", when: "the destination and the gateway are of two IP versions" },
            LINK_UNKNOWN,
        ],
        run: Action::Op(route),
    },
    FnDef {
        name: "del_route",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "to",
                ty: Ty::Dest,
                default: None,
                doc: "the destination of a route that the recipe added",
            },
            FnParam { name: "options", ty: Ty::Options(&[METRIC, TABLE]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Ns,
        summary: "Removes a route that the recipe added, and returns the namespace.",
        details: "",
        example: r#"bridge("br0").addr("10.0.0.1/24").up();
route("10.1.0.0/16", "10.0.0.2");
del_route("10.1.0.0/16");"#,
        errors: &[
            Error { code: "route::not_ours", when: "the recipe added no such route" },
            ROUTE_METRIC,
            ROUTE_TABLE,
            UNDO_REFUSED,
        ],
        run: Action::Op(del_route),
    },
];

/// The subnet that holds every address of a family: the default route's destination.
pub(super) fn everything(v4: bool) -> IpNet {
    if v4 { IpNet::V4(Ipv4Net::default()) } else { IpNet::V6(Ipv6Net::default()) }
}

fn destination(call: &Call<'_>, via: Option<IpAddr>) -> OpResult<IpNet> {
    let given: Value = call.args.req("to")?;
    match given {
        Value::Subnet(net) => Ok(net),
        Value::Addr(ip, _) => Ok(IpNet::from(ip)),
        _ => Ok(everything(via.is_none_or(|via| via.is_ipv4()))),
    }
}

fn metric(call: &Call<'_>) -> OpResult<Option<u32>> {
    call.args.number(
        "metric",
        |_| true,
        |metric| {
            OpError::new("route::metric", format!("A metric of {metric} is out of range."))
                .help("Choose 0 to 4294967295; lower wins.")
        },
    )
}

/// The number of a routing table, if one other than the main table is named.
pub(super) fn table(call: &Call<'_>) -> OpResult<Option<u32>> {
    // The local table, 255, is the kernel's own.
    let number = call.args.number(
        "table",
        |number| !matches!(number, 0 | 255),
        |number| {
            OpError::new("route::table", format!("There can be no routes of ours in table {number}."))
                .help("Choose a number from 1 to 252, or from 256 on; 254 is the main table.")
        },
    )?;
    Ok(number.filter(|number| *number != MAIN_TABLE))
}

/// A word of ip-route(8) that an option gives.
fn word<T: Copy>(call: &Call<'_>, option: &'static str, all: &[(T, &str)]) -> OpResult<Option<T>> {
    let Some(given) = call.args.opt::<String>(option)? else { return Ok(None) };
    if let Some((value, _)) = all.iter().find(|(_, word)| *word == given) {
        return Ok(Some(*value));
    }
    let known: Vec<String> = all.iter().map(|(_, word)| format!("`\"{word}\"`")).collect();
    Err(OpError::new("route::word", format!("There is no {option} {given:?} of a route."))
        .help(format!("It is one of {}.", known.join(", ")))
        .arg(option))
}

/// The next hops, if there are several.
fn hops(call: &Call<'_>, via: Option<IpAddr>) -> OpResult<Vec<RouteHop>> {
    let given: Vec<String> = call.args.or("hops", Vec::new())?;
    let bad = |message: String| {
        OpError::new("route::hops", message)
            .help("Write each as `\"10.0.0.2 dev eth1 weight 2\"`, of which only the address must be there.")
            .arg("hops")
    };
    if let Some(via) = via.filter(|_| !given.is_empty()) {
        return Err(bad(format!("The route has several next hops, and the gateway {via} besides.")));
    }
    let read = |text: &String| text.parse().map_err(|why| bad(format!("The next hop {text:?} cannot be read: {why}.")));
    given.iter().map(read).collect()
}

fn route(call: &mut Call<'_>) -> OpResult<Value> {
    let ns = call.ns()?;
    let via: Option<IpAddr> = call.args.opt("via")?;
    let dev: Option<LinkHandle> = call.args.opt("dev")?;
    let to = destination(call, via)?;
    let (fate, hops) = (word(call, "type", RouteKind::ALL)?, hops(call, via)?);
    if via.is_none() && dev.is_none() && fate.is_none() && hops.is_empty() {
        return Err(OpError::new(
            "route::nowhere",
            format!("The route to {to} has neither a gateway nor an interface."),
        )
        .help("Name a gateway, or the interface it is on: `#{ dev: link }`."));
    }
    let mut gateways = via.into_iter().chain(hops.iter().map(|hop| hop.via));
    if let Some(via) = gateways.find(|via| via.is_ipv4() != to.addr().is_ipv4()) {
        let family = |v4: bool| if v4 { "IPv4" } else { "IPv6" };
        return Err(OpError::new(
            "route::family",
            format!(
                "The destination {to} is {}, and the gateway {via} is {}.",
                family(!via.is_ipv4()),
                family(via.is_ipv4())
            ),
        )
        .help("Both must be of one family.")
        .arg("via"));
    }
    let dev = dev.map(|dev| dev.place().name);
    let route = Route {
        to,
        via,
        dev,
        metric: metric(call)?,
        fate,
        table: table(call)?,
        src: call.args.opt("src")?,
        scope: word(call, "scope", Scope::ALL)?,
        onlink: call.args.or("onlink", false)?,
        hops,
    };
    call.commit(vec![Change::AddRoute(AddRoute { ns: ns.clone(), route })])?;
    Ok(Value::Ns(ns))
}

fn del_route(call: &mut Call<'_>) -> OpResult<Value> {
    let here = call.ns()?;
    let metric = metric(call)?;
    let given: Value = call.args.req("to")?;
    let table = table(call)?;
    let is_it = |route: &Route| {
        let is_to = match &given {
            Value::Subnet(net) => route.to == *net,
            Value::Addr(ip, _) => route.to == IpNet::from(*ip),
            _ => route.is_default(),
        };
        is_to && route.table == table && (metric.is_none() || route.metric == metric)
    };
    let is_ours = |change: &Change| change.ns() == here && change.route().is_some_and(is_it);
    let ours = call.lab.records().rev().find(|record| is_ours(&record.change)).map(|record| record.n);
    match ours {
        Some(n) => call.lab.revert(n).map(|()| Value::Ns(here)),
        None => Err(OpError::new("route::not_ours", format!("The recipe added no such route in `{here}`."))
            .help("rhailab removes only the routes it added: `ip route show proto 98` lists them.")
            .arg("to")),
    }
}
