//! `rhailab repl`: a lab at a prompt.

use super::Ended;
use super::args::{GivenArgs, OutputArgs, RecipeArgs, default_name};
use super::completions;
use super::down::end;
use super::recipe_help;
use crate::lab::Lab;
use crate::lab::registry::{LabDir, LabInfo, LabLock, Mode};
use crate::lab::store;
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::LabName;
use crate::output::Printing;
use crate::output::fail;
use crate::output::progress::Progress;
use crate::repl::{self, Ending, PromptOptions, RegisteredLab};
use crate::sandbox::{self, Exit, LiveHolder, Terminal, join};
use crate::script::prompt::Prompt;
use crate::session::Input;
use crate::session::cleanup::HANDOVER;
use crate::session::elsewhere::require_here;
use crate::session::enter::{Here, Placement, enter};
use crate::session::exec::standing;
use crate::session::lab::{NewLab, listen, open_journal, resume};
use crate::session::machine;
use crate::session::name::{require_rights, take_name};
use crate::session::notice::{Notice, SharedSink, Sink};
use crate::session::recipe::interpreter;
use clap::Args;
use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::rc::Rc;

/// The name of a lab that nobody has named.
const NAME: &str = "lab";

/// What stands in the place of a recipe's path where there is none.
const PROMPT: &str = "(prompt)";

/// How the process inside a lab says that the lab is to be taken down: a status that is no exit code of ours.
const TAKE_DOWN: i32 = 96;

/// Build a lab line by line, at a prompt or from a pipe
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab repl [OPTIONS] [RECIPE]")]
pub struct ReplArgs {
    /// A recipe to begin with
    #[arg(value_name = "RECIPE", add = completions::recipes())]
    recipe: Option<PathBuf>,
    #[command(flatten)]
    given: GivenArgs,
    /// Go on with a lab that stands
    #[arg(long, value_name = "NAME", conflicts_with = "host", add = completions::labs())]
    lab: Option<String>,
    /// Act on this machine instead of a sandbox; needs root
    #[arg(long)]
    host: bool,
    /// From a pipe: go on past entries that fail
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// What a prompt is started with, as far as it can be taken to another thread.
#[derive(Clone)]
struct Start {
    options: PromptOptions,
    output: OutputArgs,
    /// What its lab is made by, for who looks at it from elsewhere; the recipe is among the options as well, to be run as an
    /// entry.
    input: Input,
    mode: Mode,
}

/// `repl`.
pub fn repl(args: &ReplArgs, printing: Printing) -> Ended {
    let recipe = RecipeArgs { recipe: args.recipe.clone(), given: args.given.clone() };
    if args.given.help {
        return recipe_help::show("repl", &recipe, printing);
    }
    if args.recipe.is_none() && !(args.given.param.is_empty() && args.given.params.is_none()) {
        return Err(OpError::new("usage::recipe", "There is no recipe that could take the parameters.")
            .help("Name one: `rhailab repl RECIPE -p NAME=VALUE`.")
            .class(Class::Usage)
            .into());
    }
    if recipe.is_stdin() {
        return Err(OpError::new("usage::stdin", "The recipe cannot be on standard input, where the entries are.")
            .help("Name a file. Entries from a pipe need no recipe: `rhailab repl < FILE`.")
            .class(Class::Usage)
            .into());
    }
    let input = match &args.recipe {
        Some(_) => recipe.input()?,
        // As with standard input, there is no file of that name.
        None => RecipeArgs { recipe: Some("-".into()), ..recipe }
            .input()
            .map(|input| Input { recipe: PROMPT.into(), ..input })?,
    };
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let start = Start {
        options: PromptOptions {
            is_interactive: is_terminal && !args.output.json,
            is_quiet: args.output.quiet,
            keeps_going: args.keep_going,
            recipe: args.recipe.clone(),
            deny: args.given.deny.iter().copied().collect(),
            printing,
        },
        output: args.output,
        input,
        mode: if args.host { Mode::Host } else { Mode::Sandbox },
    };
    if let Some(name) = &args.lab {
        return Ok(go_on(&start, name)?);
    }
    require_rights(start.mode)?;
    let name = match &args.recipe {
        Some(recipe) => default_name(recipe)?,
        None => LabName::new(NAME)?,
    };
    let lock = take_name(&name, false, start.mode, &|lab| args.output.progress(lab, printing))?;
    Ok(begin(&start, lock)?)
}

fn terminal(start: &Start) -> Terminal {
    if start.options.is_interactive { Terminal::Theirs } else { Terminal::Shared }
}

/// A prompt with a new lab.
fn begin(start: &Start, lock: LabLock) -> OpResult<i32> {
    let placement = Placement { mode: start.mode, is_guarded: true, terminal: terminal(start) };
    // `Exit::Keep` has no exit code, but a prompt on the machine whose lab stays may end with one.
    let mut kept = 0;
    let exit = enter(placement, lock, |here| match at_prompt(start, here) {
        Ending::Stays { code } if stays(here) => {
            kept = code;
            Exit::Keep
        }
        Ending::Stays { code } | Ending::Down { code } | Ending::DownElsewhere { code } => Exit::End(code),
    })?;
    Ok(match exit {
        Exit::Keep => kept,
        Exit::End(code) => code,
    })
}

/// Whether a lab that stays has the name that it began with. On the machine it may have been made again under another one,
/// and then nothing is left of this one.
fn stays(here: &Here<'_>) -> bool {
    here.mode == Mode::Sandbox || here.lock.dir().info().is_ok_and(|info| info.is_some_and(|info| info.kept))
}

fn at_prompt(start: &Start, here: &Here<'_>) -> Ending {
    let progress = progress(start, here.lock.dir().name().as_str());
    let made = || -> OpResult<Ending> {
        machine::heed_signals()?;
        let sink: SharedSink = progress.clone();
        let (lab, info) = NewLab::prepare(here, &start.input.path(), start.input.values(), true)?.begin(here, &sink)?;
        let registered = RegisteredLab::new(here.lock.dir().registry(), info, Some(here.lock));
        Ok(live(start, lab, registered, &progress))
    };
    made().unwrap_or_else(|error| Ending::Down { code: fail(&error.into(), start.options.printing) })
}

/// Runs the prompt.
fn live(start: &Start, mut lab: Lab, registered: RegisteredLab<'_>, progress: &Rc<RefCell<Progress>>) -> Ending {
    lab.deny(&start.options.deny);
    let lab = Rc::new(RefCell::new(lab));
    let printer = Rc::clone(progress);
    let print = Rc::new(move |text: &str| printer.borrow_mut().print(text));
    let prompt = Prompt::new(interpreter(&lab, &start.input, print));
    progress.borrow_mut().notice(&Notice::Started { mode: start.mode, recipe: &start.input.path() });
    repl::run(prompt, registered, Rc::clone(progress), start.options.clone())
}

fn progress(start: &Start, name: &str) -> Rc<RefCell<Progress>> {
    start.output.progress(name, start.options.printing)
}

/// A prompt with a lab that stands.
fn go_on(start: &Start, name: &str) -> OpResult<i32> {
    let (dir, info) = standing(name)?;
    if !info.kept {
        return Err(OpError::new("lab::running", format!("The lab `{name}` is being made by another process."))
            .help("`rhailab exec` runs commands in it.")
            .class(Class::Usage));
    }
    let start = Start { mode: info.mode, ..start.clone() };
    if let (Mode::Sandbox, Some(holder)) = (info.mode, info.holder) {
        let process = LiveHolder::find(holder)?;
        let act = || {
            // Scripts nest deeply.
            let code = sandbox::on_big_stack(|| go_on_at_prompt(&start, &dir, &info));
            code.unwrap_or_else(|error| fail(&error.into(), start.options.printing))
        };
        let status = join(holder, terminal(&start), act)?.status;
        return match process {
            Some(process) if status == TAKE_DOWN => end(&dir, Some(&process), Mode::Sandbox).map(|()| 0),
            _ => Ok(status),
        };
    }
    require_here(&info)?;
    let lock = dir.lock(HANDOVER)?.ok_or_else(|| busy(name))?;
    let code = sandbox::on_big_stack(|| go_on_at_prompt(&start, &dir, &info))?;
    if code == TAKE_DOWN { lock.remove().map(|()| 0) } else { Ok(code) }
}

/// The exit code.
fn go_on_at_prompt(start: &Start, dir: &LabDir, info: &LabInfo) -> i32 {
    let progress = progress(start, dir.name().as_str());
    let made = || -> OpResult<Ending> {
        machine::heed_signals()?;
        let mut journal = open_journal(dir, info)?;
        if !journal.lock()? {
            return Err(busy(dir.name().as_str()));
        }
        let records = store::read(&dir.journal())?.records();
        let mut lab = resume(dir, info, journal, records)?;
        let sink: SharedSink = progress.clone();
        listen(&mut lab, &sink);
        let registered = RegisteredLab::new(dir.registry(), info.clone(), None);
        Ok(live(start, lab, registered, &progress))
    };
    match made() {
        Ok(Ending::Down { code: 0 } | Ending::DownElsewhere { .. }) => TAKE_DOWN,
        Ok(Ending::Down { code } | Ending::Stays { code }) => code,
        Err(error) => progress.borrow_mut().failed(&error.into()),
    }
}

fn busy(name: &str) -> OpError {
    OpError::new("lab::busy", format!("Another process works on the lab `{name}`."))
        .help("Leave the other prompt first.")
        .class(Class::Usage)
}
