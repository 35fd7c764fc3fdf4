//! Why a command did not run.

use super::{finish, no_netns, place, reason};
use crate::kernel::{Errno, Refusal, Why};
use crate::lab::Made;
use crate::model::error::OpError;
use crate::model::names::Ns;
use std::path::Path;

/// Why a command did not run.
pub fn exec(refusal: &Refusal, ns: &Ns, argv: &[String], made: &Made) -> OpError {
    let program = argv.first().map_or("", String::as_str);
    let error = match refusal.why {
        Why::Errno(errno) if refusal.request.starts_with("exec") => match Errno::from_raw(errno) {
            Errno::ENOENT => {
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
            Errno::EACCES => OpError::new("exec::not_executable", format!("`{program}` may not be executed."))
                .help("Check its permissions (chmod +x), and that it is a program."),
            Errno::ENOEXEC => OpError::new("exec::refused", format!("`{program}` is no program."))
                .help("A script needs a first line that names its interpreter: `#!/bin/sh`."),
            _ => OpError::new("exec::refused", format!("`{program}` could not be started: {}.", reason(refusal))),
        },
        Why::Errno(_) if refusal.request.starts_with("chdir") => {
            let folder = refusal.request.trim_start_matches("chdir ");
            OpError::new("exec::cwd", format!("`{program}` cannot run in the folder `{folder}`: {}.", reason(refusal)))
                .help("Make the folder first, or name another with `cwd`.")
                .arg("cwd")
        }
        Why::Errno(errno) if errno == Errno::ENOENT as i32 && *ns != Ns::Host => no_netns(ns, made),
        _ => OpError::new(
            "exec::refused",
            format!("`{program}` could not be started in {}: {}.", place(ns), reason(refusal)),
        ),
    };
    finish(error, refusal)
}
