//! Completion in shells: `rhailab completions SHELL`, and the names that only we know.
//!
//! A shell asks the program itself, with [`VAR`] set, so that what is offered is what is there now.

use super::Ended;
use super::{Cli, log_files};
use crate::lab::registry::{LabDir, Registry};
use crate::lab::store;
use crate::model::change::Change;
use crate::model::names::LabName;
use crate::model::netns::AddNetns;
use crate::ops;
use crate::output::told;
use crate::session::recipe::reader;
use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::stdout;
use std::path::{Path, PathBuf};

/// The variable that shells set when they ask. The crate's own, `COMPLETE`, may mean something else to somebody.
const VAR: &str = "RHAILAB_COMPLETE";

/// Print what makes a shell complete rhailab's command lines
#[derive(Debug, Args)]
#[command(after_help = "\
Bash, in ~/.bashrc:                          source <(rhailab completions bash)
Zsh, in ~/.zshrc after compinit:             source <(rhailab completions zsh)
Fish, in ~/.config/fish/config.fish:         rhailab completions fish | source")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// A shell that can be taught.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// `completions`.
pub fn completions(args: &CompletionsArgs) -> Ended {
    let shell: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    told(shell.write_registration(VAR, "rhailab", "rhailab", "rhailab", &mut stdout()))?;
    Ok(0)
}

/// Answers a shell, if it is one that asks; then the program ends here.
pub fn answer() {
    if std::env::var_os(VAR).is_some() {
        CompleteEnv::with_factory(Cli::command).var(VAR).complete();
    }
}

/// The names of labs.
pub fn labs() -> ArgValueCompleter {
    names(|| {
        let dirs = Registry::open().and_then(|registry| registry.list()).unwrap_or_default();
        dirs.iter().map(|dir| (dir.name().to_string(), recipe_of(dir))).collect()
    })
}

/// The namespaces of the lab that the command line names.
pub fn namespaces() -> ArgValueCompleter {
    names(|| {
        let mut all = BTreeMap::from([("host".to_owned(), "the lab's root namespace".to_owned())]);
        let records = lab().and_then(|dir| store::records(&dir.journal()).ok());
        for record in records.into_iter().flatten() {
            if let Change::AddNetns(AddNetns { name, .. }) = record.change {
                all.insert(name.to_string(), format!("line {} of {}", record.site.line, record.site.source));
            }
        }
        all.into_iter().collect()
    })
}

/// The processes of the lab that the command line names.
pub fn processes() -> ArgValueCompleter {
    names(|| {
        let names = lab().and_then(|dir| log_files::names(&dir.logs()).ok()).unwrap_or_default();
        names.into_iter().map(|name| (name, String::new())).collect()
    })
}

/// The functions of the language.
pub fn functions() -> ArgValueCompleter {
    names(|| {
        let all: BTreeMap<&str, &str> = ops::all().map(|def| (def.name, def.summary)).collect();
        all.into_iter().map(|(name, summary)| (name.to_owned(), summary.to_owned())).collect()
    })
}

/// Recipes, and the folders on the way to them.
pub fn recipes() -> ArgValueCompleter {
    let is_recipe = |path: &Path| path.extension().is_some_and(|extension| extension == "rhai");
    ArgValueCompleter::new(PathCompleter::any().filter(move |path| path.is_dir() || is_recipe(path)))
}

/// The parameters of the recipe that the command line names.
pub fn parameters() -> ArgValueCompleter {
    names(|| {
        let recipe = words().into_iter().map(PathBuf::from).find(|word| word.is_file());
        let session = reader(Vec::new()).ok();
        let params = recipe.zip(session).and_then(|(recipe, session)| session.load_file(&recipe).ok());
        let params = params.map(|recipe| recipe.params().to_vec()).unwrap_or_default();
        params.into_iter().map(|param| (format!("{}=", param.name), param.doc)).collect()
    })
}

/// Completes to those of some names, each with a remark, that begin with what is there. Nothing is ever said of what
/// goes wrong: the user is in the middle of a line.
fn names(all: fn() -> Vec<(String, String)>) -> ArgValueCompleter {
    ArgValueCompleter::new(Names(all))
}

struct Names(fn() -> Vec<(String, String)>);

impl ValueCompleter for Names {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let Some(current) = current.to_str() else { return Vec::new() };
        let fitting = (self.0)().into_iter().filter(|(name, _)| name.starts_with(current));
        let candidate = |(name, remark): (String, String)| {
            CompletionCandidate::new(name).help(Some(remark).filter(|remark| !remark.is_empty()).map(Into::into))
        };
        fitting.map(candidate).collect()
    }
}

fn recipe_of(dir: &LabDir) -> String {
    dir.info().ok().flatten().map(|info| info.recipe.display().to_string()).unwrap_or_default()
}

/// The words of the command line after the subcommand. The shell gives them to us after `-- rhailab`.
fn words() -> Vec<String> {
    let all = std::env::args().skip_while(|word| word != "--").skip(2);
    let mut words = all.skip_while(|word| word.starts_with('-'));
    words.next();
    words.filter(|word| !word.starts_with('-')).collect()
}

/// The lab that the command line names.
fn lab() -> Option<LabDir> {
    let name = LabName::new(words().first()?).ok()?;
    let (dir, _) = Registry::open().ok()?.find(&name).ok()?;
    Some(dir)
}
