//! Why a packet does not arrive.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::value::Value;
use crate::lab::why::{Stop, Trace};
use crate::model::error::{OpError, OpResult};
use crate::model::names::Ns;
use crate::model::question::{Carried, Question};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "why",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "to",
                ty: Ty::Any,
                default: None,
                doc: "where to: an address and port such as `\"10.0.0.1:80\"` or `\"10.0.0.1:53/udp\"`, or an address alone for a ping",
            },
            FnParam {
                name: "options",
                ty: Ty::Options(&[Opt {
                    name: "udp",
                    ty: Ty::Bool,
                    default: "false",
                    doc: "ask for UDP where the port has no protocol",
                }]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Trace,
        summary: "Follows a packet from the namespace, and its answer back, and says what stops it.",
        details: "Each namespace on the way is asked what it would do with the packet: its routes, neighbours, links and \
                  bridge ports, its rules with their counters, its sockets. The first thing that stops it is named, with \
                  the line of the recipe that made it and the line that is missing. Then a real packet is sent, and what \
                  it meets is told as well. In an interactive session or with `print` all of it is shown.",
        example: r#"let web = netns("web");
web.http_serve(8080);
let trace = web.why("127.0.0.1:8080");
assert(trace.ok, trace.text);"#,
        errors: &[Error { code: "why::to", when: "the destination cannot be read" }],
        run: Action::Op(why),
    },
    FnDef {
        name: "ok",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Bool,
        summary: "Whether packets arrive and answers come back.",
        details: "",
        example: r#"print(netns("a").why("127.0.0.1").ok);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Bool(this(call)?.is_well()))),
    },
    FnDef {
        name: "text",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Str,
        summary: "The whole way, hop by hop, and what stops it.",
        details: "",
        example: r#"print(netns("a").why("127.0.0.1").text);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.to_string()))),
    },
    FnDef {
        name: "ns",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Str,
        summary: "The name of the namespace where it stops; `()` if nothing stops it.",
        details: "",
        example: r#"print(netns("a").why("10.0.0.1").ns);"#,
        errors: &[],
        run: Action::Op(|call| of_stop(call, |stop| Some(stop.ns.to_string()))),
    },
    FnDef {
        name: "code",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Str,
        summary: "What stops it, as a stable name: `no_route`, `refusing_route`, `gateway`, `mask`, `nobody`, `link_down`, `forwarding`, `rp_filter`, `rule`, `listener`, `hairpin`, `mtu`, `loop`, `neighbour`, `link_local`, `martian`, `no_echo`; `()` if nothing does.",
        details: "",
        example: r#"print(netns("a").why("10.0.0.1").code);"#,
        errors: &[],
        run: Action::Op(|call| of_stop(call, |stop| Some(stop.code.to_owned()))),
    },
    FnDef {
        name: "reason",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Str,
        summary: "What stops it, in words; `()` if nothing does.",
        details: "",
        example: r#"print(netns("a").why("10.0.0.1").reason);"#,
        errors: &[],
        run: Action::Op(|call| of_stop(call, |stop| Some(stop.reason.clone()))),
    },
    FnDef {
        name: "missing",
        kind: FnKind::Property(Ty::Trace),
        params: &[],
        returns: Ty::Str,
        summary: "The line of a recipe that would let it pass; `()` where that cannot be told.",
        details: "",
        example: r#"print(netns("a").why("10.0.0.1").missing);"#,
        errors: &[],
        run: Action::Op(|call| of_stop(call, |stop| stop.missing.clone())),
    },
];

fn this(call: &Call<'_>) -> OpResult<Rc<Trace>> {
    match &call.this {
        Value::Trace(trace) => Ok(Rc::clone(trace)),
        _ => Err(internal(call.function, "this", "a trace")),
    }
}

fn of_stop(call: &Call<'_>, get: impl FnOnce(&Stop) -> Option<String>) -> OpResult<Value> {
    Ok(this(call)?.stop.as_ref().and_then(get).map_or(Value::Unit, Value::Str))
}

fn why(call: &mut Call<'_>) -> OpResult<Value> {
    let to: Value = call.args.req("to")?;
    let udp = call.args.or("udp", false)?;
    let question = match to {
        Value::Addr(ip, _) => Ok(echo(call.ns()?, ip)),
        Value::Str(text) => question(call.ns()?, &text, udp),
        _ => Err(unclear("that value")),
    };
    let trace = call.lab.why(&question.map_err(|error| error.arg("to"))?)?;
    Ok(Value::Trace(Rc::new(trace)))
}

/// What is asked about a destination as a user writes it.
pub fn question(from: Ns, to: &str, udp: bool) -> OpResult<Question> {
    if let Ok(ip) = to.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(echo(from, ip));
    }
    let (place, carried) = match to.rsplit_once('/') {
        Some((place, "udp")) => (place, Carried::Udp),
        Some((place, "tcp")) => (place, Carried::Tcp),
        _ => (to, if udp { Carried::Udp } else { Carried::Tcp }),
    };
    let to = place.parse::<SocketAddr>().ok().filter(|addr| addr.port() > 0);
    let to = to.ok_or_else(|| unclear(&format!("{place:?}")))?;
    Ok(Question { from, to, carried })
}

fn echo(from: Ns, ip: IpAddr) -> Question {
    Question { from, to: SocketAddr::new(ip, 0), carried: Carried::Echo }
}

fn unclear(what: &str) -> OpError {
    OpError::new("why::to", format!("A packet cannot be sent to {what}."))
        .help("Write an address and port, such as `\"10.0.0.1:80\"` or `\"10.0.0.1:53/udp\"`, or an address alone for a ping.")
        .usage()
}
