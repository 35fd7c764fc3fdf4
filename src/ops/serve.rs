//! The servers that are built in, so that a lab needs none on the machine.

use super::args::Call;
use super::def::{Action, Error, FnDef, FnKind, FnParam, Ty};
use super::errors::EXEC_REFUSED;
use super::process::{DIED, PATIENCE, launch, log_of, started, wait_for};
use super::value::{Process, Value};
use crate::kernel::Errno;
use crate::model::error::{OpError, OpResult};
use crate::model::names::{Ns, proposal};
use crate::model::observe::ProcState;
use crate::model::process::OURSELVES;
use std::rc::Rc;

const TAKEN: Error = Error { code: "process::port", when: "the port is taken" };
const SILENT: Error = Error { code: "process::timeout", when: "it does not listen in time" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "http_serve",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "port", ty: Ty::Port, default: None, doc: "the TCP port" },
            FnParam {
                name: "body",
                ty: Ty::Str,
                default: Some("`NAMESPACE`, then a newline"),
                doc: "the answer to every request; `{client}` and `{path}` in it are replaced",
            },
        ],
        returns: Ty::Process,
        summary: "Starts the built-in HTTP server, and returns once it listens.",
        details: "So a lab needs no web server on the machine. It answers every request with the same body.",
        example: r#"let web = netns("web");
web.http_serve(8080, "hello from {client}");
assert_eq(web.http_get("http://127.0.0.1:8080/").body, "hello from 127.0.0.1");"#,
        errors: &[TAKEN, DIED, SILENT, EXEC_REFUSED],
        run: Action::Op(http_serve),
    },
    FnDef {
        name: "udp_serve",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "port", ty: Ty::Port, default: None, doc: "the UDP port" },
            FnParam {
                name: "body",
                ty: Ty::Str,
                default: Some("the namespace's name"),
                doc: "the answer to every datagram",
            },
        ],
        returns: Ty::Process,
        summary: "Starts the built-in UDP server, and returns once it listens.",
        details: "It answers every datagram with the same text.",
        example: r#"let dns = netns("dns");
dns.udp_serve(5353, "pong");
assert_eq(dns.udp_ask("127.0.0.1:5353", "ping").text, "pong");"#,
        errors: &[TAKEN, DIED, SILENT, EXEC_REFUSED],
        run: Action::Op(udp_serve),
    },
];

/// How a server ends whose port is taken.
const TAKEN_PORT: ProcState = ProcState::Ended(Some(Errno::EADDRINUSE as i32));

fn http_serve(call: &mut Call<'_>) -> OpResult<Value> {
    let (ns, port): (Ns, u16) = (call.ns()?, call.args.req("port")?);
    let body = call.args.or("body", format!("{ns}\n"))?;
    serve(call, "http-serve", port, &body)
}

fn udp_serve(call: &mut Call<'_>) -> OpResult<Value> {
    let (ns, port): (Ns, u16) = (call.ns()?, call.args.req("port")?);
    let body = call.args.or("body", ns.to_string())?;
    serve(call, "udp-serve", port, &body)
}

fn serve(call: &mut Call<'_>, what: &str, port: u16, body: &str) -> OpResult<Value> {
    let ns = call.ns()?;
    let argv = [OURSELVES, what, "--port", &port.to_string(), "--body", body].map(str::to_owned).to_vec();
    let mut name = proposal(&format!("{what}-{ns}-{port}"), 64);
    let before = started(call, &name);
    if before.is_some() {
        // It may have ended since; if not, the port says so.
        name = proposal(&format!("{name}-{}", call.lab.next_number()), 64);
    }
    let process = launch(call, argv, Some(name), Vec::new(), None)?;
    let listens = |_: &mut Call<'_>, process: &Process| Ok(log_of(process).contains("listening"));
    match wait_for(call, &process, PATIENCE, &format!("listen on port {port}"), listens) {
        Ok(()) => Ok(Value::Process(Rc::new(process))),
        Err(error) if call.lab.process(&process.identity)? == TAKEN_PORT => {
            let mut taken = OpError::new("process::port", format!("Port {port} of `{ns}` is taken."))
                .help("Choose another port, or end what listens there: `.exec([\"ss\", \"-tulnp\"]).stdout` shows it.")
                .arg("port");
            taken.0.cause = error.0.cause;
            taken.0.notes.extend(before.map(|site| (site, "a server was started here".to_owned())));
            Err(taken)
        }
        Err(error) => Err(error),
    }
}
