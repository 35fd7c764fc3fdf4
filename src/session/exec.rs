//! A command in a lab that stands.

use super::elsewhere::require_here;
use super::machine::ETC_NETNS;
use super::name::lab_name;
use crate::kernel::linux::netns;
use crate::kernel::linux::process::Processes;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Cause, Done, Errno, Refusal, interrupt};
use crate::lab::registry::{LabDir, LabInfo, Life, Mode, Registry};
use crate::model::error::{Class, OpError, OpResult, closest};
use crate::model::names::{BadName, Ns, NsName};
use crate::model::observe::{Command, Output};
use crate::sandbox::{Terminal, join};

/// The code of the error that a command to be run is not there; shells end with status 127 then.
pub const NOT_FOUND: &str = "exec::not_found";

/// The code of the error that a command cannot be run; shells end with status 126 then.
pub const NOT_EXECUTABLE: &str = "exec::not_executable";

/// A lab that stands.
pub fn standing(name: &str) -> OpResult<(LabDir, LabInfo)> {
    let (dir, info) = Registry::open()?.find(&lab_name(name)?)?;
    if info.life() == Life::Dead {
        return Err(OpError::new("lab::dead", format!("The lab `{name}` ended without being taken down."))
            .help("`rhailab recover` cleans up after it.")
            .class(Class::Usage));
    }
    Ok((dir, info))
}

/// A namespace of a lab, as the user names it.
pub fn namespace(name: &str) -> OpResult<Ns> {
    name.parse().map_err(|error: BadName| OpError::from(error).usage())
}

/// Runs `act` where the lab's network is, and returns the exit code. To be called while the process has one thread.
pub fn inside(info: &LabInfo, terminal: Terminal, act: impl FnOnce() -> i32) -> OpResult<i32> {
    if let (Mode::Sandbox, Some(holder)) = (info.mode, info.holder) {
        return Ok(join(holder, terminal, act)?.status);
    }
    require_here(info)?;
    Ok(act())
}

/// Runs a command on this terminal in a namespace of the lab whose root namespace we are in, and returns its exit
/// status.
pub fn run_here(ns: &Ns, argv: &[String], dir: &LabDir) -> OpResult<i32> {
    here(ns, argv, dir, |processes, spaces| processes.spawn_interactive(spaces, ns, argv))
}

/// The same with nothing on the terminal, and returns what it printed as well.
pub fn capture_here(ns: &Ns, argv: &[String], dir: &LabDir) -> OpResult<Output> {
    let command = Command { argv: argv.to_owned(), env: Vec::new(), cwd: None, stdin: None, timeout: None };
    here(ns, argv, dir, |processes, spaces| processes.exec(spaces, ns, &command))
}

fn here<T>(
    ns: &Ns,
    argv: &[String],
    dir: &LabDir,
    run: impl FnOnce(&mut Processes, &Spaces) -> Done<T>,
) -> OpResult<T> {
    let run = || {
        interrupt::install()?;
        if !netns::exists(ns)? {
            return Ok(Err(unknown_netns(ns, &netns::list()?)));
        }
        let mut processes = Processes::new(dir.logs(), ETC_NETNS.into(), false);
        run(&mut processes, &Spaces::new()?).map(Ok)
    };
    run().unwrap_or_else(|refusal| Err(not_run(&refusal, argv)))
}

fn unknown_netns(ns: &Ns, there: &[NsName]) -> OpError {
    let mut names: Vec<&str> = there.iter().map(NsName::as_str).chain(["host"]).collect();
    names.sort_unstable();
    let error = OpError::new("netns::unknown", format!("The lab has no namespace `{ns}`.")).usage();
    match closest(&ns.to_string(), names.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help(format!("It has `{}`.", names.join("`, `"))),
    }
}

fn not_run(refusal: &Refusal, argv: &[String]) -> OpError {
    let program = argv.first().map_or("", String::as_str);
    let cannot = |code, why: &str| OpError::new(code, format!("`{program}` {why}.")).cause(refusal.to_string());
    match refusal.number().map(Errno::from_raw).filter(|_| refusal.cause == Cause::Exec) {
        Some(Errno::ENOENT) => {
            cannot(NOT_FOUND, "is no program of this machine").help("Install it, or give its full path.")
        }
        Some(Errno::EACCES) => cannot(NOT_EXECUTABLE, "may not be executed")
            .help("Check that it is a program, and its permissions (chmod +x)."),
        _ => cannot("exec::refused", "could not be run"),
    }
}
