//! Questions put to the network with real packets, without any tool on the machine.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::value::{Endpoint, Value};
use crate::kernel::{Cause, Errno, Refusal, Why};
use crate::lab::{Record, STOPPED, stopped};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::names::Ns;
use crate::model::observe::{Probe, Reply};
use crate::model::question::{Carried, Question};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

const TIMEOUT: Opt = Opt { name: "timeout", ty: Ty::Duration, default: "2 s", doc: "how long to wait for an answer" };
const UNREACHABLE: Error = Error { code: "probe::unreachable", when: "there is no route, or a router says so" };
const SILENT: Error = Error { code: "probe::timeout", when: "no answer comes in time" };
const REFUSED: Error = Error { code: "probe::refused", when: "nothing listens there" };
const DENIED: Error = Error { code: "probe::denied", when: "the kernel does not let the packet out" };
const FAILED: Error =
    Error { code: "probe::failed", when: "the kernel refuses it for another reason, or the answer makes no sense" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "ping",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "to", ty: Ty::Ip, default: None, doc: "whom to ask" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt {
                        name: "count",
                        ty: Ty::Int,
                        default: "3",
                        doc: "how many requests to send until one is answered",
                    },
                    Opt { name: "timeout", ty: Ty::Duration, default: "1 s", doc: "how long to wait for each answer" },
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Reply,
        summary: "Sends ICMP echo requests from the namespace until one is answered.",
        details: "",
        example: r#"let web = netns("web");
print(web.ping("127.0.0.1").time);"#,
        errors: &[
            UNREACHABLE,
            SILENT,
            DENIED,
            FAILED,
            Error { code: "probe::count", when: "the number of requests is not 1 or more" },
        ],
        run: Action::Op(ping),
    },
    FnDef {
        name: "tcp_connect",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "to", ty: Ty::Endpoint, default: None, doc: "where to" },
            FnParam { name: "options", ty: Ty::Options(&[TIMEOUT]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Reply,
        summary: "Opens a TCP connection from the namespace, and closes it.",
        details: "",
        example: r#"let web = netns("web");
web.http_serve(8080);
web.tcp_connect("127.0.0.1:8080");"#,
        errors: &[UNREACHABLE, SILENT, REFUSED, DENIED, FAILED],
        run: Action::Op(tcp_connect),
    },
    FnDef {
        name: "udp_ask",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "to", ty: Ty::Endpoint, default: None, doc: "where to" },
            FnParam { name: "text", ty: Ty::Str, default: Some("empty"), doc: "what to send" },
            FnParam { name: "options", ty: Ty::Options(&[TIMEOUT]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Reply,
        summary: "Sends a datagram from the namespace and waits for one back.",
        details: "",
        example: r#"let dns = netns("dns");
dns.udp_serve(5353, "pong");
assert_eq(dns.udp_ask("127.0.0.1:5353", "ping").text, "pong");"#,
        errors: &[UNREACHABLE, SILENT, REFUSED, DENIED, FAILED],
        run: Action::Op(udp_ask),
    },
    FnDef {
        name: "http_get",
        kind: FnKind::InNs,
        params: &[
            FnParam {
                name: "url",
                ty: Ty::Str,
                default: None,
                doc: "`http://HOST[:PORT]/PATH`; names come from the namespace's `hosts`",
            },
            FnParam { name: "options", ty: Ty::Options(&[TIMEOUT]), default: Some("none"), doc: "" },
        ],
        returns: Ty::Reply,
        summary: "Makes an HTTP request from the namespace.",
        details: "Any status is an answer; look at `.status`.",
        example: r#"let web = netns("web");
web.http_serve(8080, "hello");
assert_eq(web.http_get("http://127.0.0.1:8080/").status, 200);"#,
        errors: &[
            UNREACHABLE,
            SILENT,
            REFUSED,
            DENIED,
            FAILED,
            Error { code: "probe::url", when: "the address cannot be read" },
        ],
        run: Action::Op(http_get),
    },
    FnDef {
        name: "sleep",
        kind: FnKind::Free,
        params: &[FnParam { name: "time", ty: Ty::Duration, default: None, doc: "how long" }],
        returns: Ty::Unit,
        summary: "Waits.",
        details: "To wait for something, `wait_until` is quicker and surer.",
        example: r#"sleep("10ms");"#,
        errors: &[],
        run: Action::Op(|call| {
            let time: Duration = call.args.req("time")?;
            call.lab.sleep(time)?;
            Ok(Value::Unit)
        }),
    },
    FnDef {
        name: "time",
        kind: FnKind::Property(Ty::Reply),
        params: &[],
        returns: Ty::Duration,
        summary: "From the first packet to the answer.",
        details: "",
        example: r#"print(netns("a").ping("127.0.0.1").time);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Duration(this(call)?.time))),
    },
    FnDef {
        name: "status",
        kind: FnKind::Property(Ty::Reply),
        params: &[],
        returns: Ty::Int,
        summary: "The HTTP status; 0 where it was no HTTP request.",
        details: "",
        example: r#"http_serve(8080);
assert_eq(http_get("http://127.0.0.1:8080/").status, 200);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Int(this(call)?.status.into()))),
    },
    FnDef {
        name: "body",
        kind: FnKind::Property(Ty::Reply),
        params: &[],
        returns: Ty::Str,
        summary: "The body of an HTTP answer.",
        details: "",
        example: r#"http_serve(8080, "hello");
assert_eq(http_get("http://127.0.0.1:8080/").body, "hello");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.text.clone()))),
    },
    FnDef {
        name: "text",
        kind: FnKind::Property(Ty::Reply),
        params: &[],
        returns: Ty::Str,
        summary: "What came back: the datagram, the HTTP body, or the connection's own address.",
        details: "",
        example: r#"udp_serve(5353, "pong");
assert_eq(udp_ask("127.0.0.1:5353").text, "pong");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.text.clone()))),
    },
    FnDef {
        name: "headers",
        kind: FnKind::Property(Ty::Reply),
        params: &[],
        returns: Ty::Map,
        summary: "The header fields of an HTTP answer, names in lower case.",
        details: "",
        example: r#"http_serve(8080);
print(http_get("http://127.0.0.1:8080/").headers);"#,
        errors: &[],
        run: Action::Op(|call| {
            let reply = this(call)?;
            let fields = reply.headers.iter().map(|(key, value)| (key.to_lowercase(), Value::Str(value.clone())));
            Ok(Value::Map(fields.collect()))
        }),
    },
];

fn this(call: &Call<'_>) -> OpResult<Rc<Reply>> {
    match &call.this {
        Value::Reply(reply) => Ok(Rc::clone(reply)),
        _ => Err(internal(call.function, "this", "a reply")),
    }
}

fn ask(call: &mut Call<'_>, probe: &Probe, what: &str) -> OpResult<Value> {
    let ns = call.ns()?;
    match call.lab.probe(&ns, probe)? {
        Ok(reply) => Ok(Value::Reply(Rc::new(reply))),
        Err(refusal) => {
            let mut error = failed(&refusal, &ns, what);
            // What the kernel does not let out has gone nowhere, and what was stopped might have arrived.
            if !matches!(error.0.code, STOPPED | "probe::denied") {
                error.0.asked = Some(question(ns, probe));
            }
            Err(error)
        }
    }
}

/// The packet that a probe begins with.
fn question(from: Ns, probe: &Probe) -> Question {
    let (to, carried) = match probe {
        Probe::Ping { to, .. } => (SocketAddr::new(*to, 0), Carried::Echo),
        Probe::Tcp { to, .. } | Probe::Http { to, .. } => (*to, Carried::Tcp),
        Probe::Udp { to, .. } => (*to, Carried::Udp),
    };
    Question { from, to, carried }
}

/// Why a probe failed, in the terms of the network.
fn failed(refusal: &Refusal, ns: &Ns, what: &str) -> OpError {
    let (code, reason, help) = match (refusal.why, refusal.number().map(Errno::from_raw)) {
        (Why::Interrupted, _) => return stopped(),
        _ if matches!(refusal.cause, Cause::NoNetns(_)) => {
            ("netns::unknown", format!("there is no namespace `{ns}`"), "Make it first with `netns(name)`.")
        }
        (Why::Timeout, _) => (
            "probe::timeout",
            "no answer came".to_owned(),
            "A packet was lost on the way there or back: look at forwarding (`ip_forward`, `forward`), at the way back (routes, NAT), and at the listener.",
        ),
        (_, Some(Errno::ECONNREFUSED)) => (
            "probe::refused",
            "the connection was refused".to_owned(),
            "The way there works, but nothing listens on that port. Wait for the server: `server.wait_tcp(port)`.",
        ),
        (_, Some(Errno::ENETUNREACH)) => (
            "probe::unreachable",
            format!("`{ns}` has no route there"),
            "Give it an address in that subnet, or a route: `.route(\"default\", gateway)`.",
        ),
        (_, Some(Errno::EHOSTUNREACH)) => (
            "probe::unreachable",
            "nobody on the last link answers for that address, or a router says it is unreachable".to_owned(),
            "Check the address, that both ends are up, and that they share a subnet.",
        ),
        (_, Some(Errno::EACCES | Errno::EPERM)) => (
            "probe::denied",
            "the kernel does not let it out".to_owned(),
            "It may be the broadcast address of a subnet, or a rule may forbid it (`-j REJECT`, a `prohibit` route).",
        ),
        (_, Some(other)) => ("probe::failed", other.desc().to_lowercase(), "The kernel's words are above."),
        (_, None) => ("probe::failed", "the answer makes no sense".to_owned(), "What came back is above."),
    };
    let mut error = OpError::new(code, format!("{what} from `{ns}`: {reason}.")).help(help).cause(refusal.to_string());
    error.0.errno = refusal.number();
    error
}

fn ping(call: &mut Call<'_>) -> OpResult<Value> {
    let to: IpAddr = call.args.req("to")?;
    let count: i64 = call.args.or("count", 3)?;
    let count = u32::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
        OpError::new("probe::count", format!("A ping cannot send {count} requests."))
            .help("Choose 1 or more.")
            .arg("count")
    })?;
    let timeout = call.args.or("timeout", Duration::from_secs(1))?;
    ask(call, &Probe::Ping { to, count, timeout }, &format!("Ping of {to}"))
}

fn timeout(call: &Call<'_>) -> OpResult<Duration> {
    call.args.or("timeout", Duration::from_secs(2))
}

fn tcp_connect(call: &mut Call<'_>) -> OpResult<Value> {
    let to: Endpoint = call.args.req("to")?;
    let timeout = timeout(call)?;
    ask(call, &Probe::Tcp { to: to.addr, timeout }, &format!("TCP connection to {}", to.addr))
}

fn udp_ask(call: &mut Call<'_>) -> OpResult<Value> {
    let to: Endpoint = call.args.req("to")?;
    let payload = call.args.or("text", String::new())?;
    let timeout = timeout(call)?;
    ask(call, &Probe::Udp { to: to.addr, payload, timeout }, &format!("UDP question to {}", to.addr))
}

fn http_get(call: &mut Call<'_>) -> OpResult<Value> {
    let url: String = call.args.req("url")?;
    let ns = call.ns()?;
    let bad = |why: &str| {
        OpError::new("probe::url", format!("The address {url:?} {why}."))
            .help("Write `http://HOST:PORT/PATH`, for example `http://10.0.0.2:8080/`.")
            .arg("url")
    };
    let rest = url.strip_prefix("http://").ok_or_else(|| {
        bad(if url.starts_with("https://") {
            "asks for TLS, which `http_get` does not speak"
        } else {
            "does not begin with `http://`"
        })
    })?;
    let (host, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad("contains white space or control characters"));
    }
    let to = match (host.parse::<SocketAddr>(), host.trim_matches(['[', ']']).parse::<IpAddr>()) {
        (Ok(addr), _) => addr,
        (_, Ok(ip)) => SocketAddr::new(ip, 80),
        _ => {
            let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
            let port: u16 = port.parse().map_err(|_| bad("has a port that is no number from 1 to 65535"))?;
            let ip = lookup(call, &ns, name).ok_or_else(|| {
                bad(&format!("names the host `{name}`, which is not in the `hosts` of `{ns}`")).help(format!(
                    "Use its address, or name it in a namespace: `ns.hosts(#{{ {name:?}: \"10.0.0.2\" }})`."
                ))
            })?;
            SocketAddr::new(ip, port)
        }
    };
    let timeout = timeout(call)?;
    ask(call, &Probe::Http { to, host: host.into(), path: path.into(), timeout }, &format!("HTTP request to {url}"))
}

/// A name's address in the hosts file that the recipe wrote for a namespace.
fn lookup(call: &Call<'_>, ns: &Ns, name: &str) -> Option<IpAddr> {
    let path = super::files::etc_path(ns, "hosts")?;
    let written =
        |record: &'_ Record| if let Change::WriteFile(file) = &record.change { Some(file.clone()) } else { None };
    let text = call.lab.records().rev().filter_map(written).find(|file| file.path == path)?.text;
    text.lines().find_map(|line| {
        let (ip, names) = line.split_once(char::is_whitespace)?;
        names.split_whitespace().any(|other| other == name).then(|| ip.parse().ok())?
    })
}
