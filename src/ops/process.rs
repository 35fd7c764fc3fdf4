//! Processes that live as long as the lab.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    EXEC_CWD, EXEC_EMPTY, EXEC_ENV, EXEC_INTERPRETER, EXEC_NOT_EXECUTABLE, EXEC_NOT_FOUND, EXEC_REFUSED,
};
use super::exec::{CWD, ENV, argv, cwd, env, tail};
use super::value::{Process, Value};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult, Site};
use crate::model::identity::Identity;
use crate::model::names::proposal;
use crate::model::observe::{Probe, ProcState, ending};
use crate::model::process::{NewProcess, Start};
use crate::model::secret::Text;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

pub(super) const DIED: Error = Error { code: "process::ended", when: "the process ends before" };
/// How long the waits wait, where the recipe does not say.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "start",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "command", ty: Ty::Argv, default: None, doc: "the program and its arguments" },
            FnParam {
                name: "options",
                ty: Ty::Options(&[
                    Opt { name: "name", ty: Ty::Str, default: "the program's, numbered", doc: "how logs call it" },
                    ENV,
                    CWD,
                ]),
                default: Some("none"),
                doc: "",
            },
        ],
        returns: Ty::Process,
        summary: "Starts a process that lives as long as the lab; its output goes to a log.",
        details: "`rhailab logs` shows the log. At the end the process gets SIGTERM, and SIGKILL if that does not end it; so does \
                  everything that it has started, unless that has cleared its environment.",
        example: r#"let web = netns("web");
let server = web.start(["sleep", "60"]);
server.kill();"#,
        errors: &[
            Error { code: "process::name", when: "its log cannot have that name" },
            Error { code: "process::exists", when: "the recipe has started one of that name" },
            EXEC_EMPTY,
            EXEC_ENV,
            EXEC_NOT_FOUND,
            EXEC_NOT_EXECUTABLE,
            EXEC_INTERPRETER,
            EXEC_CWD,
            EXEC_REFUSED,
        ],
        run: Action::Op(start),
    },
    FnDef {
        name: "wait_tcp",
        kind: FnKind::Method(Ty::Process),
        params: &[
            FnParam { name: "port", ty: Ty::Port, default: None, doc: "a port on the namespace's own loopback" },
            FnParam { name: "timeout", ty: Ty::Duration, default: Some("10 s"), doc: "how long to wait" },
        ],
        returns: Ty::Process,
        summary: "Waits until the process accepts TCP connections, and returns it.",
        details: "",
        example: r#"let web = netns("web");
web.http_serve(8080).wait_tcp(8080);"#,
        errors: &[DIED, Error { code: "process::timeout", when: "nothing listens in time" }],
        run: Action::Op(wait_tcp),
    },
    FnDef {
        name: "wait_log",
        kind: FnKind::Method(Ty::Process),
        params: &[
            FnParam { name: "text", ty: Ty::Str, default: None, doc: "what to look for" },
            FnParam { name: "timeout", ty: Ty::Duration, default: Some("10 s"), doc: "how long to wait" },
        ],
        returns: Ty::Process,
        summary: "Waits until the process has printed a text, and returns it.",
        details: "",
        example: r#"start(["sh", "-c", "echo ready; sleep 60"]).wait_log("ready");"#,
        errors: &[DIED, Error { code: "process::timeout", when: "it is not printed in time" }],
        run: Action::Op(wait_log),
    },
    FnDef {
        name: "wait",
        kind: FnKind::Method(Ty::Process),
        params: &[FnParam { name: "timeout", ty: Ty::Duration, default: Some("for ever"), doc: "how long to wait" }],
        returns: Ty::Int,
        summary: "Waits until the process ends, and returns its exit status.",
        details: "128 and the signal's number where a signal ended it.",
        example: r#"assert_eq(start(["true"]).wait(), 0);"#,
        errors: &[Error { code: "process::timeout", when: "it does not end in time" }],
        run: Action::Op(wait),
    },
    FnDef {
        name: "kill",
        kind: FnKind::Method(Ty::Process),
        params: &[FnParam { name: "signal", ty: Ty::Int, default: Some("15 (SIGTERM)"), doc: "the signal's number" }],
        returns: Ty::Process,
        summary: "Sends the process a signal, and returns it.",
        details: "",
        example: r#"let p = start(["sleep", "60"]);
p.kill();
assert_eq(p.wait(), 143);"#,
        errors: &[Error { code: "process::signal", when: "the number is none of 1 to 64" }],
        run: Action::Op(kill),
    },
    FnDef {
        name: "name",
        kind: FnKind::Property(Ty::Process),
        params: &[],
        returns: Ty::Str,
        summary: "The process's name in logs.",
        details: "",
        example: r#"assert_eq(start(["sleep", "60"], #{ name: "nap" }).name, "nap");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(this(call)?.name.clone()))),
    },
    FnDef {
        name: "pid",
        kind: FnKind::Property(Ty::Process),
        params: &[],
        returns: Ty::Int,
        summary: "The process's number, as the lab sees it.",
        details: "",
        example: r#"assert(start(["sleep", "60"]).pid > 0);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Int(this(call)?.pid_and_log().0.into()))),
    },
    FnDef {
        name: "running",
        kind: FnKind::Property(Ty::Process),
        params: &[],
        returns: Ty::Bool,
        summary: "Whether the process runs.",
        details: "",
        example: r#"assert(start(["sleep", "60"]).running);"#,
        errors: &[],
        run: Action::Op(|call| {
            let process = this(call)?;
            Ok(Value::Bool(call.lab.process(&process.identity)? == ProcState::Running))
        }),
    },
    FnDef {
        name: "log",
        kind: FnKind::Property(Ty::Process),
        params: &[],
        returns: Ty::Str,
        summary: "What the process has printed so far.",
        details: "",
        example: r#"let p = start(["echo", "hello"]);
p.wait();
assert_eq(p.log, "hello\n");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(log_of(&*this(call)?)))),
    },
];

fn this(call: &Call<'_>) -> OpResult<Rc<Process>> {
    match &call.this {
        Value::Process(process) => Ok(Rc::clone(process)),
        _ => Err(internal(call.function, "this", "a process")),
    }
}

fn start(call: &mut Call<'_>) -> OpResult<Value> {
    call.lab.permit_program(&call.ns()?)?;
    let argv = argv(call)?;
    let name: Option<String> = call.args.opt("name")?;
    if let Some(name) = &name {
        let legal = !name.is_empty() && *name == proposal(name, 64);
        if !legal {
            return Err(OpError::new(
                "process::name",
                format!("A process cannot be called {name:?}: its log is a file of that name."),
            )
            .help(format!("Use letters, digits, `_`, `-` and `.`, at most 64: `{}`.", proposal(name, 64)))
            .arg("name"));
        }
    }
    let (env, cwd) = (env(call)?, cwd(call)?);
    launch(call, argv, name, env, cwd).map(|process| Value::Process(Rc::new(process)))
}

pub(super) fn launch(
    call: &mut Call<'_>,
    argv: Vec<String>,
    name: Option<String>,
    env: Vec<(String, Text)>,
    cwd: Option<PathBuf>,
) -> OpResult<Process> {
    let ns = call.ns()?;
    let program = argv.first().map_or("", |program| program.rsplit('/').next().unwrap_or(program));
    let name = name.unwrap_or_else(|| {
        // The change's number makes it unique in the lab.
        proposal(&format!("{}-{ns}-{program}", call.lab.next_number()), 64)
    });
    if let Some(site) = started(call, &name) {
        return Err(OpError::new("process::exists", format!("There is already a process called `{name}`."))
            .note(site, "it was started here")
            .help("Give this one another `name`.")
            .arg("name"));
    }
    let process = NewProcess { name: name.clone(), argv, env, cwd };
    let change =
        call.commit(vec![Change::Start(Start { ns: ns.clone(), process })])?.first().copied().unwrap_or_default();
    let identity = call.lab.identity(change).unwrap_or(Identity::Already);
    Ok(Process { name, ns, change, identity })
}

/// Where the recipe started the process of that name.
pub(super) fn started(call: &Call<'_>, name: &str) -> Option<Site> {
    let is_it = |change: &Change| matches!(change, Change::Start(Start { process, .. }) if process.name == name);
    call.lab.records().find(|record| is_it(&record.change)).map(|record| record.site.clone())
}

pub(super) fn log_of(process: &Process) -> String {
    let (_, log) = process.pid_and_log();
    // A log that is not there yet is an empty one.
    std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn wait_tcp(call: &mut Call<'_>) -> OpResult<Value> {
    let process = this(call)?;
    let port: u16 = call.args.req("port")?;
    let timeout = call.args.or("timeout", PATIENCE)?;
    let to = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    wait_for(call, &process, timeout, &format!("accept connections on port {port}"), |call, process| {
        let probe = Probe::Tcp { to, timeout: Duration::from_millis(200) };
        Ok(call.lab.probe(&process.ns, &probe)?.is_ok())
    })?;
    Ok(Value::Process(process))
}

fn wait_log(call: &mut Call<'_>) -> OpResult<Value> {
    let process = this(call)?;
    let text: String = call.args.req("text")?;
    let timeout = call.args.or("timeout", PATIENCE)?;
    wait_for(call, &process, timeout, &format!("print {text:?}"), |_, process| Ok(log_of(process).contains(&text)))?;
    Ok(Value::Process(process))
}

/// Polls, from often to seldom, until `ready` is true; a process that ended before, or time that ran out, is an
/// error that shows the end of the log.
pub(super) fn wait_for(
    call: &mut Call<'_>,
    process: &Process,
    timeout: Duration,
    what: &str,
    mut ready: impl FnMut(&mut Call<'_>, &Process) -> OpResult<bool>,
) -> OpResult<()> {
    if call.lab.is_rehearsal() {
        return Ok(());
    }
    let begin = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        // Looked at before the readiness, so that what a process printed before it ended is not missed.
        let state = call.lab.process(&process.identity)?;
        if ready(call, process)? {
            return Ok(());
        }
        let log = tail("", &log_of(process));
        let with_log = |error: OpError| if log.is_empty() { error } else { error.cause(log.clone()) };
        if let ProcState::Ended(status) = state {
            let how = status.map_or_else(String::new, |status| format!(" with {}", ending(status)));
            let message = format!("Process `{}` in `{}` ended{how} before it could {what}.", process.name, process.ns);
            return Err(with_log(OpError::new("process::ended", message).help(if log.is_empty() {
                "It printed nothing. Run it with `exec` instead of `start` to see how it ends."
            } else {
                "The last that it printed is above; `.log` has all of it."
            })));
        }
        if begin.elapsed() >= timeout {
            return Err(with_log(
                OpError::new(
                    "process::timeout",
                    format!("Process `{}` in `{}` did not {what} within {timeout:?}.", process.name, process.ns),
                )
                .help("Give it more time as the last argument, or see what it does: `.log` is what it printed so far."),
            ));
        }
        call.lab.sleep(pause.min(timeout.saturating_sub(begin.elapsed())))?;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn wait(call: &mut Call<'_>) -> OpResult<Value> {
    let process = this(call)?;
    let timeout: Option<Duration> = call.args.opt("timeout")?;
    let begin = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let ProcState::Ended(status) = call.lab.process(&process.identity)? {
            return Ok(Value::Int(status.unwrap_or(0).into()));
        }
        if call.lab.is_rehearsal() {
            return Ok(Value::Int(0));
        }
        if timeout.is_some_and(|timeout| begin.elapsed() >= timeout) {
            return Err(OpError::new(
                "process::timeout",
                format!(
                    "Process `{}` in `{}` did not end within {:?}.",
                    process.name,
                    process.ns,
                    timeout.unwrap_or_default()
                ),
            )
            .help("Give it more time, or end it with `.kill()`."));
        }
        call.lab.sleep(pause)?;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn kill(call: &mut Call<'_>) -> OpResult<Value> {
    let process = this(call)?;
    let signal: i64 = call.args.or("signal", 15)?;
    let signal = i32::try_from(signal).ok().filter(|signal| (1..=64).contains(signal)).ok_or_else(|| {
        OpError::new("process::signal", format!("There is no signal {signal}."))
            .help("Choose 1 to 64: 15 is SIGTERM, 9 SIGKILL, 2 SIGINT.")
            .arg("signal")
    })?;
    call.lab.signal(&process.identity, signal)?;
    Ok(Value::Process(process))
}
