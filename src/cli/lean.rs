//! Reading the command lines that make and remove labs without defining all the others: two dozen subcommands with
//! their options take as long to define as a bridge to make.

use super::{Cli, Global, down, exec, guard, run};
use clap::{Args, Command, FromArgMatches};
use std::ffi::OsString;

/// What the words say if they call one of these subcommands, and rightly; everything else is for the whole definition,
/// which has the words for errors and for help.
pub fn parse(words: &[OsString]) -> Option<Cli> {
    let (name, define): (&str, fn(Command) -> Command) = match words.get(1)?.to_str()? {
        "run" => ("run", run::RunArgs::augment_args),
        "up" => ("up", run::UpArgs::augment_args),
        "down" => ("down", down::DownArgs::augment_args),
        "exec" => ("exec", exec::ExecArgs::augment_args),
        "guard" => ("guard", guard::GuardArgs::augment_args),
        _ => return None,
    };
    let mut command = Global::augment_args(Command::new("rhailab")).subcommand(define(Command::new(name)));
    let matches = command.try_get_matches_from_mut(words);
    // To take it apart takes a tenth of what it takes to make and to use it.
    std::mem::forget(command);
    Cli::from_arg_matches_mut(&mut matches.ok()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn it_reads_what_the_whole_definition_reads() {
        for line in [
            "rhailab up a.rhai",
            "rhailab up a.rhai --host --name x -q --color never -p a=b --params p.toml --deny exec,files",
            "rhailab run --keep=x --no-guard --host --json -- -a.rhai",
            "rhailab run --help",
            "rhailab down -q a b --color=always",
            "rhailab exec lab web -- ip -c addr --help",
            "rhailab guard web",
        ] {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            let whole = Cli::try_parse_from(&words).unwrap();
            assert_eq!(format!("{:?}", parse(&words).unwrap()), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_or_rare_is_left_to_the_whole_definition() {
        for line in
            ["rhailab", "rhailab --version", "rhailab ls", "rhailab up", "rhailab down --nosuch", "rhailab exec --help"]
        {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert!(parse(&words).is_none(), "{line}");
        }
    }
}
