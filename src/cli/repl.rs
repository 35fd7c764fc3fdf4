//! `rhailab repl`: a lab at a prompt.

use super::args::{Context, GivenArgs, OutputArgs, RecipeArgs, absolute, default_name};
use super::bury::HANDOVER;
use super::completions;
use super::conduct::{code_of, conclude, require_rights, take_name};
use super::down::end;
use super::elsewhere::require_here;
use super::engine::{self, Ended, Trouble};
use super::exec::standing;
use super::fail;
use super::guard::under_watch;
use super::progress::Progress;
use super::recipe_help;
use crate::lab::registry::{LabDir, LabInfo, LabLock, Mode};
use crate::lab::store::{self, Journal};
use crate::lab::{Lab, Neighbours};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::LabName;
use crate::repl::{self, Ending, Manner, Scene};
use crate::sandbox::{self, Holder, Spec, Terminal, Verdict, Watch, join};
use crate::script::prompt::Prompt;
use crate::script::{Config, Names, ParamValue, Session, limits};
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
const DOOMED: i32 = 96;

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
    manner: Manner,
    output: OutputArgs,
    params: Vec<(String, ParamValue)>,
    module_path: Vec<PathBuf>,
    max_operations: Option<u64>,
    mode: Mode,
}

/// `repl`.
pub fn repl(args: &ReplArgs, context: Context) -> Ended {
    let recipe = RecipeArgs { recipe: args.recipe.clone(), given: args.given.clone() };
    if args.given.help {
        return recipe_help::show("repl", &recipe, context);
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
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let start = Start {
        manner: Manner {
            is_interactive: is_terminal && !args.output.json,
            is_quiet: args.output.quiet,
            keeps_going: args.keep_going,
            recipe: args.recipe.clone(),
            deny: args.given.deny.iter().copied().collect(),
            context,
        },
        output: args.output,
        params: recipe.parameters()?,
        module_path: recipe.module_path()?,
        max_operations: args.given.max_operations,
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
    let take = || take_name(&name, false, start.mode, args.output, context);
    Ok(match start.mode {
        Mode::Sandbox => in_sandbox(&start, take()?)?,
        Mode::Host => on_host(&start, take)?,
    })
}

fn terminal(start: &Start) -> Terminal {
    if start.manner.is_interactive { Terminal::Theirs } else { Terminal::Shared }
}

fn in_sandbox(start: &Start, lock: LabLock) -> OpResult<i32> {
    let spec = Spec { terminal: terminal(start), ..Spec::default() };
    let outcome = sandbox::enter(&spec, |inside| match begin(start, &lock, inside.holder) {
        Ending::Stays { .. } => Verdict::Keep,
        Ending::Down { code } | Ending::Doomed { code } => Verdict::End(code),
    });
    conclude(outcome, lock)
}

fn on_host(start: &Start, take: impl FnOnce() -> OpResult<LabLock>) -> OpResult<i32> {
    let holder = Holder::me();
    let take = || take().map(|lock| (lock, ()));
    under_watch(start.manner.context, true, take, |taken, watch| {
        let (lock, ()) = taken.get()?;
        watch.stands()?;
        match begin(start, &lock, holder) {
            // Kept under this name, or under another one, and then nothing is left of this one.
            Ending::Stays { code } if lock.dir().info()?.is_some_and(|info| info.kept) => Ok(code),
            // What could not be undone stays on record.
            Ending::Down { code } if code == Class::Leftover.exit_code() => Ok(code),
            Ending::Down { code } | Ending::Stays { code } | Ending::Doomed { code } => lock.remove().map(|()| code),
        }
    })
}

/// A prompt with a new lab.
fn begin(start: &Start, lock: &LabLock, holder: Holder) -> Ending {
    let progress = progress(start, lock.dir().name().as_str());
    let made = || -> OpResult<Ending> {
        engine::heed_signals()?;
        let dir = lock.dir();
        let name = dir.name().clone();
        let recipe = recipe(start);
        let root = if start.mode == Mode::Host { Some(engine::root_netns()?) } else { None };
        let params = start.params.iter().map(|(name, value)| (name.clone(), value.plain())).collect();
        let info = LabInfo { holder: Some(holder), root, ..LabInfo::new(&name, start.mode, &recipe, params) };
        lock.write(&info)?;
        let recipe_name = recipe.display().to_string();
        let journal = Journal::create(&dir.journal(), &name, &recipe_name, dir.durable(start.mode).as_deref())?;
        let kernel = engine::kernel(&name, dir, start.mode, true)?;
        let mut lab = Lab::new(name, kernel, Some(journal));
        if start.mode == Mode::Host {
            lab.know(Neighbours::new(dir.clone(), root));
        }
        let scene = Scene::new(dir.registry(), info, Some(lock));
        Ok(live(start, lab, scene, &progress))
    };
    made().unwrap_or_else(|error| Ending::Down { code: fail(&error.into(), start.manner.context) })
}

/// Runs the prompt.
fn live(start: &Start, mut lab: Lab, scene: Scene<'_>, progress: &Rc<RefCell<Progress>>) -> Ending {
    lab.deny(&start.manner.deny);
    let listener = Rc::clone(progress);
    lab.listen(Box::new(move |event| listener.borrow_mut().event(event)));
    let lab = Rc::new(RefCell::new(lab));
    let (printer, real) = (Rc::clone(progress), Rc::clone(&lab));
    let config = Config {
        params: start.params.iter().cloned().collect(),
        module_path: start.module_path.clone(),
        max_operations: start.max_operations.unwrap_or(limits::OPERATIONS),
        names: Names::All,
        print: Rc::new(move |text| {
            // What a rehearsal prints is made of made-up observations.
            if !real.try_borrow().is_ok_and(|lab| lab.is_rehearsal()) {
                printer.borrow_mut().print(text);
            }
        }),
    };
    let prompt = Prompt::new(Session::new(lab, config));
    progress.borrow_mut().start(start.mode, &recipe(start));
    repl::run(prompt, scene, Rc::clone(progress), start.manner.clone())
}

/// What the lab is made by, for who looks at it from elsewhere.
fn recipe(start: &Start) -> PathBuf {
    match &start.manner.recipe {
        Some(recipe) => absolute(recipe),
        None => PROMPT.into(),
    }
}

fn progress(start: &Start, name: &str) -> Rc<RefCell<Progress>> {
    Rc::new(RefCell::new(Progress::new(name, start.output, start.manner.context)))
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
        let watch = Watch::find(holder)?;
        let act = || {
            // Scripts nest deeply.
            let code = sandbox::on_big_stack(|| resume(&start, &dir, &info), || {});
            code.unwrap_or_else(|error| fail(&error.into(), start.manner.context))
        };
        let status = join(holder, terminal(&start), act)?.status;
        return match watch {
            Some(watch) if status == DOOMED => end(&dir, Some(&watch), Mode::Sandbox).map(|()| 0),
            _ => Ok(status),
        };
    }
    require_here(&info)?;
    let lock = dir.lock(HANDOVER)?.ok_or_else(|| busy(name))?;
    let code = sandbox::on_big_stack(|| resume(&start, &dir, &info), || {})?;
    if code == DOOMED { lock.remove().map(|()| 0) } else { Ok(code) }
}

/// The exit code.
fn resume(start: &Start, dir: &LabDir, info: &LabInfo) -> i32 {
    let progress = progress(start, dir.name().as_str());
    let made = || -> OpResult<Ending> {
        engine::heed_signals()?;
        let path = dir.journal();
        let mut journal = Journal::open(&path, dir.durable(info.mode).as_deref())?;
        if !journal.lock()? {
            return Err(busy(dir.name().as_str()));
        }
        let records = store::read(&path)?.records();
        let kernel = engine::kernel(&info.name, dir, info.mode, true)?;
        let mut lab = Lab::resume(info.name.clone(), kernel, Some(journal), records);
        if info.mode == Mode::Host {
            lab.know(Neighbours::new(dir.clone(), info.root));
        }
        let scene = Scene::new(dir.registry(), info.clone(), None);
        Ok(live(start, lab, scene, &progress))
    };
    match made() {
        Ok(Ending::Down { code: 0 } | Ending::Doomed { .. }) => DOOMED,
        Ok(Ending::Down { code } | Ending::Stays { code }) => code,
        Err(error) => {
            let trouble = Trouble::from(error);
            progress.borrow_mut().error(&trouble.error, &engine::report(&trouble, start.manner.context.stderr()));
            code_of(&trouble.error)
        }
    }
}

fn busy(name: &str) -> OpError {
    OpError::new("lab::busy", format!("Another process works on the lab `{name}`."))
        .help("Leave the other prompt first.")
        .class(Class::Usage)
}
