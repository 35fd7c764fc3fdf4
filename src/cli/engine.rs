//! The one place where the command line meets the script engine, the reports and the real kernel.

use super::style::Style;
use crate::diagnostics;
use crate::error::{OpError, OpResult};
use crate::kernel::fake::FakeKernel;
use crate::kernel::linux::process::Processes;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::{LinuxKernel, Setup, serve};
use crate::kernel::{Kernel, Refusal, interrupt};
use crate::lab::registry::Place;
use crate::lab::{Lab, explain};
use crate::names::{LabName, Ns};
use crate::script::sources::Sources;
use crate::script::{Config, Param, ParamValue, Print, Session, limits};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// Where the files are that processes of a namespace find in `/etc` (ip-netns(8)).
const ETC_NETNS: &str = "/etc/netns";

/// A recipe to be run and what it is given.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its path, as the user wrote it.
    pub recipe: PathBuf,
    /// Its parameters; of two with one name the last counts.
    pub params: Vec<(String, ParamValue)>,
    /// Further folders that modules may come from.
    pub module_path: Vec<PathBuf>,
    /// When to end a recipe that runs away.
    pub max_operations: Option<u64>,
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

/// What a recipe says about itself.
#[derive(Debug)]
pub struct About {
    /// The comment at its head.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<Param>,
}

/// The kernel of this machine, for the lab in `place`. `persistent` says that processes outlive the caller.
pub fn kernel(lab: &LabName, place: &Place, persistent: bool) -> OpResult<Box<dyn Kernel>> {
    let setup = Setup { lab: lab.clone(), log_dir: place.logs(), etc_netns: ETC_NETNS.into(), persistent };
    Ok(Box::new(LinuxKernel::new(setup).map_err(|refusal| refused(&refusal))?))
}

/// Makes Ctrl-C and its like ask a run to stop.
pub fn heed_signals() -> OpResult<()> {
    interrupt::install().map_err(|refusal| refused(&refusal))
}

/// Runs a recipe in a lab.
pub fn perform(lab: &Rc<RefCell<Lab>>, order: &Order, print: Print) -> Result<(), Trouble> {
    let session = session(Rc::clone(lab), order, print);
    let result = session.load_file(&order.recipe).and_then(|recipe| session.run(&recipe));
    result.map_err(|error| Trouble { error, sources: session.sources().clone() })
}

/// What a recipe says about itself, without running it.
pub fn describe(name: &LabName, order: &Order) -> Result<About, Trouble> {
    let lab = Lab::new(name.clone(), Box::new(FakeKernel::new()), None);
    let session = session(Rc::new(RefCell::new(lab)), order, Rc::new(|_| {}));
    match session.load_file(&order.recipe) {
        Ok(recipe) => Ok(About { doc: recipe.doc(), params: recipe.params().to_vec() }),
        Err(error) => Err(Trouble { error, sources: session.sources().clone() }),
    }
}

fn session(lab: Rc<RefCell<Lab>>, order: &Order, print: Print) -> Session {
    let config = Config {
        params: order.params.iter().cloned().collect(),
        module_path: order.module_path.clone(),
        max_operations: order.max_operations.unwrap_or(limits::OPERATIONS),
        print,
    };
    Session::new(lab, config)
}

/// The report of an error, for a person.
pub fn report(trouble: &Trouble, style: Style) -> String {
    let Style { color, width, unicode, .. } = style;
    let text = diagnostics::render(&trouble.error, &trouble.sources, diagnostics::Style { color, width, unicode });
    text.trim_end().to_owned()
}

/// Runs a command on this terminal in a namespace of the lab whose root namespace we are in, and returns its exit
/// status.
pub fn run_here(ns: &Ns, argv: &[String], place: &Place) -> OpResult<i32> {
    let run = || {
        interrupt::install()?;
        Processes::new(place.logs(), ETC_NETNS.into(), false).spawn_interactive(&Spaces::new()?, ns, argv)
    };
    run().map_err(|refusal| explain::exec(&refusal, ns, argv, &[]))
}

/// A server for labs, until it is asked to stop.
pub fn serve(service: &serve::Service, udp: bool) -> OpError {
    let done = interrupt::install().and_then(|()| if udp { serve::udp(service) } else { serve::http(service) });
    match done {
        Ok(never) => match never {},
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> OpError {
    OpError::new("kernel::refused", format!("{refusal}."))
}
