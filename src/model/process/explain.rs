//! Why a command did not run.

use crate::model::error::OpError;
use crate::model::explain::{finish, no_netns, place, reason};
use crate::model::known::Known;
use crate::model::names::Ns;
use crate::model::refusal::{Cause, Errno, Refusal};
use std::path::Path;

/// Why a command did not run.
pub fn exec(refusal: &Refusal, ns: &Ns, argv: &[String], made: &dyn Known) -> OpError {
    let program = argv.first().map_or("", String::as_str);
    let error = match &refusal.cause {
        Cause::Exec => match refusal.number().map(Errno::from_raw) {
            Some(Errno::ENOENT) => {
                if Path::new(program).exists() {
                    let message = format!("`{program}` is there, but the interpreter that it asks for is not.");
                    OpError::new("exec::interpreter", message)
                        .help("Look at its first line (`#!…`), or at what `file` says about it.")
                } else {
                    OpError::new("exec::not_found", format!("There is no program `{program}` on this machine.")).help(
                        "Install it, or give its full path. No shell is between: for pipes or `&&` there is `sh`.",
                    )
                }
            }
            Some(Errno::EACCES) => OpError::new("exec::not_executable", format!("`{program}` may not be executed."))
                .help("Check its permissions (chmod +x), and that it is a program."),
            Some(Errno::ENOEXEC) => OpError::new("exec::refused", format!("`{program}` is no program."))
                .help("A script needs a first line that names its interpreter: `#!/bin/sh`."),
            _ => OpError::new("exec::refused", format!("`{program}` could not be started: {}.", reason(refusal))),
        },
        Cause::Folder(folder) => {
            OpError::new("exec::cwd", format!("`{program}` cannot run in the folder `{folder}`: {}.", reason(refusal)))
                .help("Make the folder first, or name another with `cwd`.")
                .arg("cwd")
        }
        Cause::NoNetns(gone) => no_netns(gone, made),
        Cause::Unknown | Cause::ChainExists | Cause::NoChain | Cause::NoName | Cause::Held | Cause::Ledger => {
            OpError::new(
                "exec::refused",
                format!("`{program}` could not be started in {}: {}.", place(ns), reason(refusal)),
            )
        }
    };
    finish(error, refusal)
}
