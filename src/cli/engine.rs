//! The one place where the command line meets the script engine, the reports and the real kernel.

use super::args::absolute;
use super::progress::write_err;
use super::style::Style;
use crate::diagnostics;
use crate::kernel::fake::{FakeKernel, Programs};
use crate::kernel::linux::process::Processes;
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::linux::{LinuxKernel, Setup, netns, serve};
use crate::kernel::{Cause, Done, Errno, Kernel, Refusal, Why, interrupt};
use crate::lab::registry::{LabDir, Mode, Registry};
use crate::lab::{Lab, Listener, Right};
use crate::model::error::{OpError, OpResult, closest};
use crate::model::names::{LabName, Ns, NsName};
use crate::model::observe::{Command, Output};
use crate::script::sources::Sources;
use crate::script::{
    Config, Finding, Names, Param, ParamValue, Print, Recipe, Session, limits, read_text, standard_input,
};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::rc::Rc;

/// Where the files are that processes of a namespace find in `/etc` (ip-netns(8)).
pub const ETC_NETNS: &str = "/etc/netns";

/// A recipe to be run and what it is given.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its path, as the user wrote it.
    pub recipe: PathBuf,
    /// Whether its text is on standard input, and that is but its name.
    pub is_stdin: bool,
    /// Its parameters; of two with one name the last counts.
    pub params: Vec<(String, ParamValue)>,
    /// Further folders that modules may come from.
    pub module_path: Vec<PathBuf>,
    /// When to end a recipe that runs away.
    pub max_operations: Option<u64>,
    /// What it may not do.
    pub deny: BTreeSet<Right>,
}

impl Order {
    /// Where the recipe is, for who asks from another folder.
    pub fn dir(&self) -> PathBuf {
        if self.is_stdin { self.recipe.clone() } else { absolute(&self.recipe) }
    }

    /// The parameters as a user would write them.
    pub fn values(&self) -> Vec<(String, String)> {
        self.params.iter().map(|(name, value)| (name.clone(), value.plain())).collect()
    }
}

/// An error with the texts that it points into.
#[derive(Debug)]
pub struct Trouble {
    /// The error.
    pub error: OpError,
    /// The recipe and its modules.
    pub sources: Sources,
}

impl From<OpError> for Trouble {
    fn from(error: OpError) -> Trouble {
        Trouble { error, sources: Sources::default() }
    }
}

/// How a subcommand ends: with an exit code, or with an error that `main` reports.
pub type Ended = Result<i32, Trouble>;

/// What a recipe says about itself.
#[derive(Debug)]
pub struct About {
    /// The comment at its head.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<Param>,
}

/// The kernel of this machine, for the lab in `dir`. `persistent` says that processes outlive the caller.
pub fn kernel(lab: &LabName, dir: &LabDir, mode: Mode, persistent: bool) -> OpResult<Box<dyn Kernel + Send>> {
    let (lab, log_dir, etc_netns) = (lab.clone(), dir.logs(), ETC_NETNS.into());
    // A sandbox is one lab's alone.
    let ledger = if mode == Mode::Host { Some(dir.ledger(&lab)?) } else { None };
    let setup = Setup { lab, log_dir, etc_netns, persistent, ledger, sandboxed: mode != Mode::Host };
    Ok(Box::new(LinuxKernel::new(setup).map_err(|refusal| refused(&refusal))?))
}

/// The kernel of this machine, for looking at it as a whole.
pub fn linux_kernel(lab: &LabName, registry: &Registry) -> OpResult<LinuxKernel> {
    let log_dir = registry.dir(lab).logs();
    let (lab, etc_netns) = (lab.clone(), ETC_NETNS.into());
    let setup = Setup { lab, log_dir, etc_netns, persistent: false, ledger: None, sandboxed: false };
    LinuxKernel::new(setup).map_err(|refusal| refused(&refusal))
}

/// The cookie of this process's network namespace, which is the root of a lab on the machine.
pub fn root_netns() -> OpResult<u64> {
    spaces::cookie().map_err(|refusal| refused(&refusal))
}

/// A process in the network namespace with this cookie, if there is one.
pub fn inhabitant(cookie: u64) -> OpResult<Option<i32>> {
    spaces::inhabitant(cookie).map_err(|refusal| refused(&refusal))
}

/// Makes Ctrl-C and its like ask a run to stop.
pub fn heed_signals() -> OpResult<()> {
    interrupt::install().map_err(|refusal| refused(&refusal))
}

/// A recipe with the engine that runs it. It begins on the kernel in memory, where it can be rehearsed;
/// [`perform`](Stage::perform) runs it on another lab.
pub struct Stage {
    session: Session,
    lab: Rc<RefCell<Lab>>,
    programs: Programs,
    recipe: Recipe,
    given: Vec<(String, String)>,
}

impl Stage {
    /// Reads and checks a recipe.
    pub fn load(name: &LabName, order: &Order, print: Print) -> Result<Stage, Trouble> {
        Stage::of(&text(order)?, name, order, print)
    }

    /// Checks a recipe's text. What is printed in a rehearsal is kept quiet: it would be made of made-up observations.
    pub fn of(text: &str, name: &LabName, order: &Order, print: Print) -> Result<Stage, Trouble> {
        let programs = Programs::default();
        let mut lab = Lab::new(name.clone(), Box::new(FakeKernel::noting(&programs)), None);
        lab.deny(&order.deny);
        let lab = Rc::new(RefCell::new(lab));
        let real = Rc::clone(&lab);
        let config = Config {
            params: order.params.iter().cloned().collect(),
            module_path: order.module_path.clone(),
            max_operations: order.max_operations.unwrap_or(limits::OPERATIONS),
            print: Rc::new(move |text| {
                if !real.borrow().is_rehearsal() {
                    print(text);
                }
            }),
            names: Names::of(text),
        };
        let session = Session::new(Rc::clone(&lab), config);
        match session.load_as(&order.recipe, text) {
            Ok(recipe) => Ok(Stage { session, lab, programs, recipe, given: order.values() }),
            Err(error) => Err(Trouble { error, sources: session.sources().clone() }),
        }
    }

    /// Runs the recipe in memory, and calls `listener` for what would happen.
    pub fn rehearse(&self, listener: Listener) -> Result<(), Trouble> {
        self.lab.borrow_mut().listen(listener);
        self.run()
    }

    /// Runs the recipe on another lab, and gives that back.
    pub fn perform(&self, lab: Lab) -> (Lab, Result<(), Trouble>) {
        // What was rehearsed takes more space than what is made.
        let none = Lab::new(lab.name().clone(), Box::new(FakeKernel::new()), None);
        drop(self.lab.replace(lab));
        let result = self.run();
        (self.lab.replace(none), result)
    }

    fn run(&self) -> Result<(), Trouble> {
        self.session.run(&self.recipe).map_err(|error| Trouble { error, sources: self.session.sources().clone() })
    }

    /// The programs that the recipe has run so far in a rehearsal.
    pub fn programs(&self) -> BTreeSet<String> {
        self.programs.borrow().clone()
    }

    /// The recipe's parameters with their values, as a user would write them.
    pub fn values(&self) -> Vec<(String, String)> {
        let value = |param: &Param| {
            let given = self.given.iter().rev().find(|(name, _)| *name == param.name);
            given.cloned().or_else(|| Some((param.name.clone(), param.default.clone()?)))
        };
        self.recipe.params().iter().filter_map(value).collect()
    }

    /// What the recipe says about itself.
    pub fn about(&self) -> About {
        About { doc: self.recipe.doc(self.session.sources()), params: self.recipe.params().to_vec() }
    }
}

/// A recipe's text.
pub fn text(order: &Order) -> OpResult<String> {
    if order.is_stdin { standard_input() } else { read_text(&order.recipe) }
}

/// What a recipe says about itself, without running it.
pub fn describe(name: &LabName, order: &Order) -> Result<About, Trouble> {
    Stage::load(name, order, Rc::new(|_| {})).map(|stage| stage.about())
}

/// A session that reads recipes and runs none.
pub fn reader(module_path: Vec<PathBuf>) -> OpResult<Session> {
    let lab = Lab::new(LabName::new("check")?, Box::new(FakeKernel::new()), None);
    let config = Config { module_path, print: Rc::new(|_| {}), ..Config::default() };
    Ok(Session::new(Rc::new(RefCell::new(lab)), config))
}

/// The report of something found in a recipe, for a person.
pub fn report_finding(finding: &Finding, sources: &Sources, style: Style) -> String {
    let Style { color, width, unicode, .. } = style;
    diagnostics::render_finding(finding, sources, diagnostics::Style { color, width, unicode })
}

/// The report of an error, for a person.
pub fn report(trouble: &Trouble, style: Style) -> String {
    let Style { color, width, unicode, .. } = style;
    let text = diagnostics::render(&trouble.error, &trouble.sources, diagnostics::Style { color, width, unicode });
    text.trim_end().to_owned()
}

/// Runs a command on this terminal in a namespace of the lab whose root namespace we are in, and returns its exit
/// status.
pub fn run_here(ns: &Ns, argv: &[String], dir: &LabDir) -> OpResult<i32> {
    here(ns, argv, dir, |processes, spaces| processes.spawn_interactive(spaces, ns, argv))
}

/// The same with nothing on the terminal, and returns what it printed as well.
pub fn capture_here(ns: &Ns, argv: &[String], dir: &LabDir) -> OpResult<Output> {
    let command = Command { argv: argv.to_owned(), env: Vec::new(), cwd: None, stdin: None, timeout: None };
    here(ns, argv, dir, |processes, spaces| processes.exec(spaces, ns, &command))
}

fn here<T>(
    ns: &Ns,
    argv: &[String],
    dir: &LabDir,
    run: impl FnOnce(&mut Processes, &Spaces) -> Done<T>,
) -> OpResult<T> {
    let run = || {
        interrupt::install()?;
        if !netns::exists(ns)? {
            return Ok(Err(unknown_netns(ns, &netns::list()?)));
        }
        let mut processes = Processes::new(dir.logs(), ETC_NETNS.into(), false);
        run(&mut processes, &Spaces::new()?).map(Ok)
    };
    run().unwrap_or_else(|refusal| Err(not_run(&refusal, argv)))
}

fn unknown_netns(ns: &Ns, there: &[NsName]) -> OpError {
    let mut names: Vec<&str> = there.iter().map(NsName::as_str).chain(["host"]).collect();
    names.sort_unstable();
    let error = OpError::new("netns::unknown", format!("The lab has no namespace `{ns}`.")).usage();
    match closest(&ns.to_string(), names.iter().copied()) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help(format!("It has `{}`.", names.join("`, `"))),
    }
}

fn not_run(refusal: &Refusal, argv: &[String]) -> OpError {
    let program = argv.first().map_or("", String::as_str);
    let cannot = |code, why: &str| OpError::new(code, format!("`{program}` {why}.")).cause(refusal.to_string());
    match refusal.number().map(Errno::from_raw).filter(|_| refusal.cause == Cause::Exec) {
        Some(Errno::ENOENT) => {
            cannot(NOT_FOUND, "is no program of this machine").help("Install it, or give its full path.")
        }
        Some(Errno::EACCES) => cannot(NOT_EXECUTABLE, "may not be executed")
            .help("Check that it is a program, and its permissions (chmod +x)."),
        _ => cannot("exec::refused", "could not be run"),
    }
}

/// The code of the error that a command to be run is not there; shells end with status 127 then.
pub const NOT_FOUND: &str = "exec::not_found";

/// The code of the error that a command cannot be run; shells end with status 126 then.
pub const NOT_EXECUTABLE: &str = "exec::not_executable";

/// A server for labs, until it is asked to stop; returns its exit status, which is the kernel's error number where there is
/// one: a recipe asks whether the port was taken.
pub fn serve(service: &serve::Service, udp: bool) -> i32 {
    let done = interrupt::install().and_then(|()| if udp { serve::udp(service) } else { serve::http(service) });
    let Err(refusal) = done;
    if let (Why::Interrupted, Some(signal)) = (refusal.why, interrupt::signal()) {
        return 128 + signal as i32;
    }
    // One line for its log, which the recipe's report quotes.
    write_err(&refusal.to_string());
    refusal.number().unwrap_or(1)
}

/// An error of the kernel that nothing more is known of.
pub fn refused(refusal: &Refusal) -> OpError {
    OpError::new("kernel::refused", format!("{refusal}."))
}
