//! Commands that run to their end.

use super::args::{Call, internal};
use super::def::{Action, Error, FnDef, FnKind, FnParam, Opt, Ty};
use super::errors::{
    EXEC_CWD, EXEC_EMPTY, EXEC_ENV, EXEC_INTERPRETER, EXEC_NOT_EXECUTABLE, EXEC_NOT_FOUND, EXEC_REFUSED,
};
use super::value::Value;
use crate::model::error::{OpError, OpResult};
use crate::model::observe::{Command, Output, ending};
use crate::model::secret::Text;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

pub(super) const ENV: Opt = Opt {
    name: "env",
    ty: Ty::Map,
    default: "none",
    doc: "variables to add to the environment; a value may be a secret",
};
pub(super) const CWD: Opt = Opt { name: "cwd", ty: Ty::Str, default: "the present folder", doc: "the working folder" };
const TIMEOUT: Opt = Opt { name: "timeout", ty: Ty::Duration, default: "for ever", doc: "how long it may take" };
const CHECK: Opt =
    Opt { name: "check", ty: Ty::Bool, default: "true", doc: "whether a status other than 0 is an error" };
const STDIN: Opt = Opt { name: "stdin", ty: Ty::StrOrSecret, default: "nothing", doc: "text for its standard input" };
const EXEC: &[Opt] = &[CHECK, TIMEOUT, ENV, CWD, STDIN];
const FAILED: Error = Error { code: "exec::failed", when: "it ends with a status other than 0" };
const SLOW: Error = Error { code: "exec::timeout", when: "it takes longer than `timeout`, and was killed" };

/// The functions of this family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "exec",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "command", ty: Ty::Argv, default: None, doc: "the program and its arguments" },
            FnParam { name: "options", ty: Ty::Options(EXEC), default: Some("none"), doc: "" },
        ],
        returns: Ty::Output,
        summary: "Runs a command in the namespace to its end.",
        details: "No shell is involved; for pipes or `&&` call `sh`. Files in `/etc/netns/NAME` stand in for those in `/etc`, as with `ip netns exec`.",
        example: r#"let out = netns("web").exec(["echo", "hello"]);
assert_eq(out.stdout, "hello\n");"#,
        errors: &[
            FAILED,
            SLOW,
            EXEC_EMPTY,
            EXEC_ENV,
            EXEC_NOT_FOUND,
            EXEC_NOT_EXECUTABLE,
            EXEC_INTERPRETER,
            EXEC_CWD,
            EXEC_REFUSED,
        ],
        run: Action::Op(exec),
    },
    FnDef {
        name: "sh",
        kind: FnKind::InNs,
        params: &[
            FnParam { name: "script", ty: Ty::Str, default: None, doc: "the text for `sh -c`" },
            FnParam { name: "options", ty: Ty::Options(EXEC), default: Some("none"), doc: "" },
        ],
        returns: Ty::Output,
        summary: "Runs a shell script in the namespace to its end.",
        details: "What is put into the text is interpreted by the shell: never build it of parameters; use `exec`.",
        example: r#"sh("echo a; echo b | wc -l");"#,
        errors: &[
            FAILED,
            SLOW,
            EXEC_ENV,
            EXEC_NOT_FOUND,
            EXEC_NOT_EXECUTABLE,
            EXEC_INTERPRETER,
            EXEC_CWD,
            EXEC_REFUSED,
        ],
        run: Action::Op(sh),
    },
    FnDef {
        name: "status",
        kind: FnKind::Property(Ty::Output),
        params: &[],
        returns: Ty::Int,
        summary: "The command's exit status.",
        details: "128 and the signal's number where a signal ended it.",
        example: r#"assert_eq(exec(["true"]).status, 0);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Int(output(call)?.status.into()))),
    },
    FnDef {
        name: "stdout",
        kind: FnKind::Property(Ty::Output),
        params: &[],
        returns: Ty::Str,
        summary: "What the command printed to standard output.",
        details: "",
        example: r#"assert_eq(exec(["echo", "hello"]).stdout, "hello\n");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(output(call)?.stdout.clone()))),
    },
    FnDef {
        name: "stderr",
        kind: FnKind::Property(Ty::Output),
        params: &[],
        returns: Ty::Str,
        summary: "What the command printed to standard error.",
        details: "",
        example: r#"assert_eq(sh("echo oops >&2").stderr, "oops\n");"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Str(output(call)?.stderr.clone()))),
    },
    FnDef {
        name: "time",
        kind: FnKind::Property(Ty::Output),
        params: &[],
        returns: Ty::Duration,
        summary: "How long the command ran.",
        details: "",
        example: r#"print(exec(["true"]).time);"#,
        errors: &[],
        run: Action::Op(|call| Ok(Value::Duration(output(call)?.time))),
    },
];

fn output(call: &Call<'_>) -> OpResult<Rc<Output>> {
    match &call.this {
        Value::Output(output) => Ok(Rc::clone(output)),
        _ => Err(internal(call.function, "this", "an output")),
    }
}

pub(super) fn env(call: &Call<'_>) -> OpResult<Vec<(String, Text)>> {
    let given: BTreeMap<String, Value> = match call.args.opt("env")? {
        Some(Value::Map(map)) => map,
        _ => BTreeMap::new(),
    };
    given
        .into_iter()
        .map(|(key, value)| match value {
            Value::Str(text) => Ok((key, Text::Plain(text))),
            Value::Int(number) => Ok((key, Text::Plain(number.to_string()))),
            Value::Secret(secret) => Ok((key, Text::Secret(secret))),
            _ => Err(OpError::new("exec::env", format!("The variable `{key}` is no string, number or secret."))
                .help("Write it as a string: `#{ env: #{ KEY: \"value\" } }`.")
                .arg("env")),
        })
        .collect()
}

pub(super) fn argv(call: &Call<'_>) -> OpResult<Vec<String>> {
    let argv: Vec<String> = call.args.req("command")?;
    match argv.first().map(String::as_str) {
        None | Some("") => Err(OpError::new("exec::empty", "The command is empty.")
            .help("Give a program and its arguments: `[\"ping\", \"-c1\", \"10.0.0.1\"]`.")
            .arg("command")),
        Some(_) => Ok(argv),
    }
}

pub(super) fn cwd(call: &Call<'_>) -> OpResult<Option<PathBuf>> {
    Ok(call.args.opt::<String>("cwd")?.map(PathBuf::from))
}

fn exec(call: &mut Call<'_>) -> OpResult<Value> {
    let argv = argv(call)?;
    run(call, argv)
}

fn sh(call: &mut Call<'_>) -> OpResult<Value> {
    let script: String = call.args.req("script")?;
    run(call, vec!["sh".into(), "-c".into(), script])
}

fn run(call: &mut Call<'_>, argv: Vec<String>) -> OpResult<Value> {
    let ns = call.ns()?;
    call.lab.permit_program(&ns)?;
    let timeout: Option<Duration> = call.args.opt("timeout")?;
    let command = Command { argv, env: env(call)?, cwd: cwd(call)?, stdin: call.args.opt("stdin")?, timeout };
    let output = call.lab.exec(&ns, &command)?;
    let line = shell_words::join(&command.argv);
    if output.timed_out {
        let limit = timeout.unwrap_or_default();
        return Err(OpError::new(
            "exec::timeout",
            format!("`{line}` in `{ns}` took longer than {limit:?} and was killed."),
        )
        .help("Give it more time: `#{ timeout: \"30s\" }`.")
        .cause(tail(&output.stderr, &output.stdout))
        .arg("timeout"));
    }
    if output.status != 0 && call.args.or("check", true)? {
        let help = match command.argv.iter().find(|word| SHELL_WORDS.contains(&word.as_str())) {
            Some(word) => format!("There is no shell between, so `{word}` was an argument: call `sh(\"…\")`."),
            None => "To go on whatever the status is, pass `#{ check: false }` and look at `.status`.".to_owned(),
        };
        let message = format!("`{line}` in `{ns}` ended with {}.", ending(output.status));
        let error = OpError::new("exec::failed", message).help(help);
        let said = tail(&output.stderr, &output.stdout);
        return Err(if said.is_empty() { error } else { error.cause(said) });
    }
    Ok(Value::Output(Rc::new(output)))
}

/// Words that mean something to a shell, and are arguments like others without one.
const SHELL_WORDS: &[&str] = &["|", "||", "&&", "&", ";", "<", ">", ">>", "2>&1", "2>"];

/// The last lines of what a command said, its errors first of all.
pub(super) fn tail(stderr: &str, stdout: &str) -> String {
    let text = if stderr.trim().is_empty() { stdout } else { stderr };
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
