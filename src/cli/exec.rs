//! `rhailab exec` and `rhailab shell`: a command in a namespace of a lab that stands.

use super::Ended;
use super::completions;
use super::fail;
use crate::lab::registry::LabDir;
use crate::model::error::OpResult;
use crate::model::names::Ns;
use crate::model::observe::Output;
use crate::output::Printing;
use crate::output::json::milliseconds;
use crate::output::told;
use crate::sandbox::Terminal;
use crate::session::exec::NOT_EXECUTABLE;
use crate::session::exec::NOT_FOUND;
use crate::session::exec::capture_here;
use crate::session::exec::run_here;
use crate::session::exec::{inside, namespace, standing};
use clap::Args;
use serde::Serialize;
use std::io::Write;

/// Run a command in a namespace of a lab
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// The namespace; `host` is the lab's root namespace
    #[arg(value_name = "NAMESPACE", add = completions::namespaces())]
    ns: String,
    /// The command and its arguments; it is not run through a shell
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Print what it printed and how it ended as a JSON object (docs/json.md)
    #[arg(long)]
    pub(super) json: bool,
}

/// Open a shell in a namespace of a lab
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// The namespace; `host` is the lab's root namespace
    #[arg(value_name = "NAMESPACE", default_value = "host", add = completions::namespaces())]
    ns: String,
}

/// `exec`.
pub fn exec(args: &ExecArgs, printing: Printing) -> Ended {
    let run: Run = if args.json { captured } else { run_here };
    Ok(go(&args.lab, &args.ns, &args.command, (Terminal::Shared, run), printing)?)
}

/// How a command is run, to its exit status.
type Run = fn(&Ns, &[String], &LabDir) -> OpResult<i32>;

/// As `--json` has it.
#[derive(Serialize)]
struct Ran<'a> {
    event: &'static str,
    status: i32,
    stdout: &'a str,
    stderr: &'a str,
    milliseconds: u64,
}

fn captured(ns: &Ns, argv: &[String], place: &LabDir) -> OpResult<i32> {
    let output = capture_here(ns, argv, place)?;
    let Output { status, stdout, stderr, time, .. } = &output;
    let ran = Ran { event: "output", status: *status, stdout, stderr, milliseconds: milliseconds(*time) };
    told(writeln!(std::io::stdout(), "{}", serde_json::to_string(&ran).unwrap_or_default()))?;
    Ok(*status)
}

/// `shell`.
pub fn shell(args: &ShellArgs, printing: Printing) -> Ended {
    let shell = std::env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".to_owned());
    let place = format!("{}/{}", args.lab, args.ns);
    // A prompt that says where one is: most shells take the first, and Debian's bash the second, whose own prompt
    // replaces the first.
    let command = ["env".to_owned(), format!("PS1={place}# "), format!("debian_chroot={place}"), shell];
    Ok(go(&args.lab, &args.ns, &command, (Terminal::Theirs, run_here), printing)?)
}

fn go(lab: &str, ns: &str, argv: &[String], (terminal, run): (Terminal, Run), printing: Printing) -> OpResult<i32> {
    let (place, info) = standing(lab)?;
    let ns = namespace(ns)?;
    let act = || match run(&ns, argv, &place) {
        Ok(status) => status,
        Err(error) => {
            let code = error.0.code;
            let class = fail(&error.into(), printing);
            match code {
                NOT_FOUND => 127,
                NOT_EXECUTABLE => 126,
                _ => class,
            }
        }
    };
    inside(&info, terminal, act)
}
