//! `rhailab exec` and `rhailab shell`: a command in a namespace of a lab that stands.

use super::args::Context;
use super::completions;
use super::elsewhere::require_here;
use super::engine::{self, Ended};
use super::events::milliseconds;
use super::{fail, told};
use crate::lab::registry::{LabDir, LabInfo, Life, Mode, Registry};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::{LabName, Ns, NsName};
use crate::model::observe::Output;
use crate::sandbox::{Terminal, join};
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
pub fn exec(args: &ExecArgs, context: Context) -> Ended {
    let run: Run = if args.json { captured } else { engine::run_here };
    Ok(go(&args.lab, &args.ns, &args.command, (Terminal::Shared, run), context)?)
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
    let output = engine::capture_here(ns, argv, place)?;
    let Output { status, stdout, stderr, time, .. } = &output;
    let ran = Ran { event: "output", status: *status, stdout, stderr, milliseconds: milliseconds(*time) };
    told(writeln!(std::io::stdout(), "{}", serde_json::to_string(&ran).unwrap_or_default()))?;
    Ok(*status)
}

/// `shell`.
pub fn shell(args: &ShellArgs, context: Context) -> Ended {
    let shell = std::env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".to_owned());
    let place = format!("{}/{}", args.lab, args.ns);
    // A prompt that says where one is: most shells take the first, and Debian's bash the second, whose own prompt
    // replaces the first.
    let command = ["env".to_owned(), format!("PS1={place}# "), format!("debian_chroot={place}"), shell];
    Ok(go(&args.lab, &args.ns, &command, (Terminal::Theirs, engine::run_here), context)?)
}

fn go(lab: &str, ns: &str, argv: &[String], (terminal, run): (Terminal, Run), context: Context) -> OpResult<i32> {
    let (place, info) = standing(lab)?;
    let ns = namespace(ns)?;
    let act = || match run(&ns, argv, &place) {
        Ok(status) => status,
        Err(error) => {
            let code = error.0.code;
            let class = fail(&error.into(), context);
            match code {
                engine::NOT_FOUND => 127,
                engine::NOT_EXECUTABLE => 126,
                _ => class,
            }
        }
    };
    inside(&info, terminal, act)
}

/// A lab that stands.
pub fn standing(name: &str) -> OpResult<(LabDir, LabInfo)> {
    let (place, info) = Registry::open()?.find(&LabName::new(name).map_err(OpError::usage)?)?;
    if info.life() == Life::Dead {
        return Err(OpError::new("lab::dead", format!("The lab `{name}` ended without being taken down."))
            .help("`rhailab recover` cleans up after it.")
            .class(Class::Usage));
    }
    Ok((place, info))
}

/// A namespace of a lab, as the user names it.
pub fn namespace(name: &str) -> OpResult<Ns> {
    if name == "host" { Ok(Ns::Host) } else { NsName::new(name).map(Ns::Named).map_err(OpError::usage) }
}

/// Runs `act` where the lab's network is, and returns the exit code.
pub fn inside(info: &LabInfo, terminal: Terminal, act: impl FnOnce() -> i32) -> OpResult<i32> {
    if let (Mode::Sandbox, Some(holder)) = (info.mode, info.holder) {
        return Ok(join(holder, terminal, act)?.status);
    }
    require_here(info)?;
    Ok(act())
}
