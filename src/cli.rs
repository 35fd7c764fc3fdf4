//! The command line: arguments, dispatch, exit code. One file per subcommand.

mod args;
mod by_tag;
mod check;
mod completions;
mod doctor;
mod down;
mod exec;
mod fmt;
mod guard;
mod journal;
mod lean;
mod log_files;
mod logs;
mod ls;
mod lsp;
mod manual;
mod pager;
mod params;
mod plan;
mod prove;
mod recipe_help;
mod reference;
mod repl;
mod run;
mod serve;
mod status;
mod welcome;
mod why;

use crate::kernel::memory;
use crate::model::error::closest;
use crate::output::{Printing, fail};
use crate::session::Failure;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, ColorChoice, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Linux network labs as scripts: namespaces, bridges, NAT and virtual IPs, with nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "rhailab", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// How a subcommand ends: with an exit code, or with an error that `main` reports.
type Ended = Result<i32, Failure>;

/// What every subcommand takes.
#[derive(Debug, Args)]
struct Global {
    /// When to use colours: always, never, or auto
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        hide_default_value = true,
        display_order = 900
    )]
    color: ColorChoice,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  all is well
  1  the recipe failed; what it had made was undone
  2  the command line or the recipe's text is wrong
  3  this machine cannot do it
  4  something could not be undone, and is listed

Environment:
  RHAILAB_STATE_DIR  where labs are kept; where it is not set, that is /run/rhailab
                     and /var/lib/rhailab for root, ~/.local/state/rhailab for others
  NO_COLOR           turns colours off";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::RunArgs),
    Up(run::UpArgs),
    Repl(repl::ReplArgs),
    Down(down::DownArgs),
    Ls(ls::LsArgs),
    Status(status::StatusArgs),
    Exec(exec::ExecArgs),
    Shell(exec::ShellArgs),
    Logs(logs::LogsArgs),
    Journal(journal::JournalArgs),
    Recover(down::RecoverArgs),
    Why(why::WhyArgs),
    Prove(prove::ProveArgs),
    #[command(hide = true)]
    ProveTrial(prove::TrialArgs),
    Check(check::CheckArgs),
    Fmt(fmt::FmtArgs),
    Plan(plan::PlanArgs),
    Export(plan::ExportArgs),
    Doctor(doctor::DoctorArgs),
    Doc(reference::DocArgs),
    /// Print the language reference as Markdown
    Reference,
    Lsp(lsp::LspArgs),
    Definitions(reference::DefinitionsArgs),
    Completions(completions::CompletionsArgs),
    /// Print the man page of rhailab
    #[command(hide = true)]
    Manual,
    #[command(hide = true)]
    Guard(guard::GuardArgs),
    #[command(hide = true)]
    HttpServe(serve::ServeArgs),
    #[command(hide = true)]
    UdpServe(serve::ServeArgs),
}

impl Command {
    /// Whether it was asked to print JSON.
    fn is_json(&self) -> bool {
        match self {
            Command::Run(args) => args.output.json,
            Command::Up(args) => args.output.json,
            Command::Repl(args) => args.output.json,
            Command::Down(args) => args.output.json,
            Command::Recover(args) => args.output.json,
            Command::Ls(args) => args.json,
            Command::Status(args) => args.json,
            Command::Journal(args) => args.json,
            Command::Prove(args) => args.output.json,
            Command::Check(args) => args.json,
            Command::Plan(args) => args.json,
            Command::Export(args) => args.report.json,
            Command::Exec(args) => args.json,
            Command::Why(args) => args.json,
            Command::Logs(args) => args.json,
            Command::Doc(args) => args.json,
            Command::Fmt(args) => args.report.json,
            Command::Definitions(args) => args.report.json,
            Command::Doctor(args) => args.json,
            _ => false,
        }
    }
}

/// The whole program.
pub fn main() -> ExitCode {
    memory::tune();
    completions::answer();
    let words: Vec<OsString> = std::env::args_os().collect();
    let cli = match lean::parse(&words).map_or_else(|| Cli::try_parse_from(words), Ok) {
        Ok(cli) => cli,
        Err(error) => {
            let error = advise(error);
            // Help goes to standard output and is no error; if it cannot be printed, nobody wants it.
            let _ = error.print();
            return exit(error.exit_code());
        }
    };
    let printing = Printing { color: cli.global.color, json: cli.command.as_ref().is_some_and(Command::is_json) };
    let done = match &cli.command {
        None => welcome::welcome(printing),
        Some(Command::Run(args)) => run::run(args, printing),
        Some(Command::Up(args)) => run::up(args, printing),
        Some(Command::Repl(args)) => repl::repl(args, printing),
        Some(Command::Down(args)) => down::down(args, printing),
        Some(Command::Ls(args)) => ls::ls(args, printing),
        Some(Command::Status(args)) => status::status(args, printing),
        Some(Command::Exec(args)) => exec::exec(args, printing),
        Some(Command::Shell(args)) => exec::shell(args, printing),
        Some(Command::Logs(args)) => logs::logs(args, printing),
        Some(Command::Journal(args)) => journal::journal(args, printing),
        Some(Command::Recover(args)) => down::recover(args, printing),
        Some(Command::Why(args)) => why::why(args, printing),
        Some(Command::Prove(args)) => prove::prove(args, printing),
        Some(Command::ProveTrial(args)) => prove::trial(args, printing),
        Some(Command::Plan(args)) => plan::plan(args, printing),
        Some(Command::Export(args)) => plan::export_scripts(args, printing),
        Some(Command::Doctor(args)) => doctor::doctor(args, printing),
        Some(Command::Doc(args)) => reference::doc(args, printing),
        Some(Command::Check(args)) => check::check(args, printing),
        Some(Command::Fmt(args)) => fmt::fmt(args, printing),
        Some(Command::Reference) => reference::print(),
        Some(Command::Lsp(args)) => lsp::lsp(args),
        Some(Command::Definitions(args)) => reference::definitions(args),
        Some(Command::Completions(args)) => completions::completions(args),
        Some(Command::Manual) => manual::print(),
        Some(Command::Guard(args)) => guard::guard(args, printing),
        Some(Command::HttpServe(args)) => Ok(serve::http(args)),
        Some(Command::UdpServe(args)) => Ok(serve::udp(args)),
    };
    exit(done.unwrap_or_else(|trouble| fail(&trouble, printing)))
}

/// Adds to the error of an unknown command which one was meant: a slip of the pen, or `run` where a recipe stands
/// in its place.
fn advise(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return error };
    let is_recipe = Path::new(word).extension().is_some_and(|extension| extension == "rhai");
    let command = Cli::command();
    let names = command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let tip = match closest(word, names) {
        _ if word == "help" => {
            "to see the commands: 'rhailab --help'; for one of them: 'rhailab COMMAND --help'".to_owned()
        }
        _ if is_recipe => format!("to run the recipe: 'rhailab run {word}'"),
        Some(near) => format!("a similar subcommand exists: '{near}'"),
        None => return error,
    };
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
    error
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
