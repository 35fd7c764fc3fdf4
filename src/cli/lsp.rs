//! `rhailab lsp`: the language server, for editors.

use super::Ended;
use super::args::folders;
use crate::session::recipe::reader;
use clap::Args;
use std::io::{BufReader, stdin, stdout};
use std::path::PathBuf;

/// Serve an editor by the Language Server Protocol, on standard input and output (docs/editors.md)
#[derive(Debug, Args)]
pub struct LspArgs {
    /// Let recipes import modules from this folder too
    #[arg(long, value_name = "DIR")]
    module_path: Vec<PathBuf>,
    /// For editors that say so; there is no other way to speak to it
    #[arg(long, hide = true)]
    stdio: bool,
}

/// `lsp`.
pub fn lsp(args: &LspArgs) -> Ended {
    let session = reader(folders(&args.module_path)?)?;
    Ok(crate::lsp::serve(&session, &mut BufReader::new(stdin()), &mut stdout()))
}
