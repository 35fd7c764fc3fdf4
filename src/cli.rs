//! The command line: arguments, dispatch, exit code. One file per subcommand.

pub(crate) mod args;
pub(crate) mod baseline;
mod bury;
mod by_tag;
mod check;
mod completions;
pub(crate) mod conduct;
mod doctor;
mod down;
mod elsewhere;
pub(crate) mod engine;
pub(crate) mod events;
pub(crate) mod exec;
mod fmt;
pub(crate) mod foretell;
mod guard;
pub(crate) mod journal;
mod lean;
mod logs;
pub(crate) mod ls;
mod lsp;
mod manual;
mod pager;
mod params;
mod plan;
mod play;
pub(crate) mod progress;
mod prove;
mod recipe_help;
mod reference;
mod repl;
mod run;
mod serve;
pub(crate) mod status;
pub(crate) mod style;
mod welcome;
mod why;

use crate::kernel::memory;
use crate::model::error::{OpError, OpResult, closest, io_words};
use args::Context;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, ColorChoice, CommandFactory, Parser, Subcommand};
use engine::Trouble;
use events::Json;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

/// The code of the error that says that nobody reads our output any more.
const CLOSED: &str = "output::closed";

/// Linux network labs as scripts: namespaces, bridges, NAT and virtual IPs, with nothing left behind.
#[derive(Debug, Parser)]
#[command(name = "rhailab", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

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
    let context = Context { color: cli.global.color, json: cli.command.as_ref().is_some_and(Command::is_json) };
    let done = match &cli.command {
        None => welcome::welcome(context),
        Some(Command::Run(args)) => run::run(args, context),
        Some(Command::Up(args)) => run::up(args, context),
        Some(Command::Repl(args)) => repl::repl(args, context),
        Some(Command::Down(args)) => down::down(args, context),
        Some(Command::Ls(args)) => ls::ls(args, context),
        Some(Command::Status(args)) => status::status(args, context),
        Some(Command::Exec(args)) => exec::exec(args, context),
        Some(Command::Shell(args)) => exec::shell(args, context),
        Some(Command::Logs(args)) => logs::logs(args, context),
        Some(Command::Journal(args)) => journal::journal(args, context),
        Some(Command::Recover(args)) => down::recover(args, context),
        Some(Command::Why(args)) => why::why(args, context),
        Some(Command::Prove(args)) => prove::prove(args, context),
        Some(Command::ProveTrial(args)) => prove::trial(args, context),
        Some(Command::Plan(args)) => plan::plan(args, context),
        Some(Command::Export(args)) => plan::export_scripts(args, context),
        Some(Command::Doctor(args)) => doctor::doctor(args, context),
        Some(Command::Doc(args)) => reference::doc(args, context),
        Some(Command::Check(args)) => check::check(args, context),
        Some(Command::Fmt(args)) => fmt::fmt(args, context),
        Some(Command::Reference) => reference::print(),
        Some(Command::Lsp(args)) => lsp::lsp(args),
        Some(Command::Definitions(args)) => reference::definitions(args),
        Some(Command::Completions(args)) => completions::completions(args),
        Some(Command::Manual) => manual::print(),
        Some(Command::Guard(args)) => guard::guard(args, context),
        Some(Command::HttpServe(args)) => Ok(serve::http(args)),
        Some(Command::UdpServe(args)) => Ok(serve::udp(args)),
    };
    exit(done.unwrap_or_else(|trouble| fail(&trouble, context)))
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

/// Reports an error, for a person on standard error or for a program on standard output, and returns its exit code.
fn fail(trouble: &Trouble, context: Context) -> i32 {
    let error = &trouble.error;
    if error.0.code == CLOSED {
        return 0;
    }
    if context.json {
        progress::write_out(&Json::failure(error).line());
    } else {
        progress::write_err(&engine::report(trouble, context.stderr()));
    }
    conduct::code_of(error)
}

/// The outcome of printing. That a reader like `head` has seen enough is no failure of ours.
fn told(result: std::io::Result<()>) -> OpResult<()> {
    result.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => OpError::new(CLOSED, "Nobody reads the output."),
        _ => OpError::new("output::write", format!("Cannot write the output: {}.", io_words(&error))),
    })
}
