//! The `rhailab` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    rhailab::cli::main()
}
