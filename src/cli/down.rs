//! `rhailab down` and `rhailab recover`: taking labs down, those that stand and those that a crash left.

use super::args::{Context, OutputArgs};
use super::completions;
use super::conduct::{code_of, leftover_error};
use super::engine::{self, Ended, Trouble};
use super::progress::{Progress, write_err};
use crate::error::{Class, OpError, OpResult};
use crate::lab::Lab;
use crate::lab::recover::{Verdict, judge};
use crate::lab::registry::{Card, Life, Mode, Place, Registry};
use crate::lab::sandbox::{Holder, Watch};
use crate::lab::store::{self, Journal};
use crate::names::LabName;
use clap::Args;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

/// How long a lab may take to end by itself: its processes get two seconds, its own teardown the rest.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long another process may take to let go of a lab that has ended.
const HANDOVER: Duration = Duration::from_secs(5);

/// Take labs down
#[derive(Debug, Args)]
pub struct DownArgs {
    /// The labs to take down
    #[arg(value_name = "NAME", required_unless_present = "all", add = completions::labs())]
    names: Vec<String>,
    /// Take down all that stand
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Undo what labs left that ended without being taken down
#[derive(Debug, Args)]
pub struct RecoverArgs {
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `down`.
pub fn down(args: &DownArgs, context: Context) -> Ended {
    let registry = Registry::open()?;
    let mut places = Vec::new();
    if args.all {
        places = registry.list()?;
    }
    for name in &args.names {
        places.push(registry.find(&LabName::new(name).map_err(OpError::usage)?)?.0);
    }
    Ok(each(&places, args.output, context, take_down)?)
}

/// `recover`.
pub fn recover(args: &RecoverArgs, context: Context) -> Ended {
    let dead = |place: &Place| place.card().map(|card| card.is_none_or(|card| card.life() == Life::Dead));
    let mut places = Vec::new();
    for place in Registry::open()?.list()? {
        if dead(&place)? {
            places.push(place);
        }
    }
    if places.is_empty() && !args.output.quiet && !args.output.json {
        write_err("There is nothing to recover.");
    }
    Ok(each(&places, args.output, context, bury)?)
}

/// Something done to a lab's folder.
type Act = fn(&Place, &Rc<RefCell<Progress>>) -> OpResult<()>;

/// Does the same to each lab and goes on past failures; the exit code is the gravest one.
fn each(places: &[Place], output: OutputArgs, context: Context, act: Act) -> OpResult<i32> {
    engine::heed_signals()?;
    let mut gravest = 0;
    for place in places {
        let progress = Rc::new(RefCell::new(Progress::new(place.name(), output, context)));
        let code = match act(place, &progress) {
            Ok(()) => 0,
            Err(error) => {
                let trouble = Trouble::from(error);
                progress.borrow_mut().error(&trouble.error, &engine::report(&trouble, context.stderr()));
                code_of(&trouble.error)
            }
        };
        progress.borrow_mut().end(code, false);
        gravest = gravest.max(code);
    }
    Ok(gravest)
}

fn take_down(place: &Place, progress: &Rc<RefCell<Progress>>) -> OpResult<()> {
    let Some(card) = place.card()? else { return bury(place, progress) };
    match (card.life(), card.mode) {
        (Life::Dead, _) | (Life::Up, Mode::Host) => bury(place, progress),
        (_, mode) => end(place, card.holder, mode),
    }
}

/// Asks the lab's process to end. A sandbox that does not is killed, which undoes it just as well; what a run on
/// the machine made would stay.
fn end(place: &Place, holder: Option<Holder>, mode: Mode) -> OpResult<()> {
    if let Some(watch) = holder.map(Watch::find).transpose()?.flatten() {
        watch.ask_to_end()?;
        if !watch.wait(PATIENCE)? {
            if mode == Mode::Host {
                return Err(OpError::new(
                    "lab::stubborn",
                    format!("The run of `{}` (process {}) does not end.", place.name(), watch.pid()),
                )
                .help(format!("Kill it with `kill -9 {}`; then `rhailab recover` undoes what it made.", watch.pid()))
                .class(Class::Leftover));
            }
            watch.kill()?;
            watch.wait(HANDOVER)?;
        }
    }
    // A `run` removes the folder itself.
    match place.claim(HANDOVER)? {
        Some(claim) => claim.remove(),
        None => Ok(()),
    }
}

/// Removes a lab that no process holds, and undoes what it made on the machine.
fn bury(place: &Place, progress: &Rc<RefCell<Progress>>) -> OpResult<()> {
    let Some(claim) = place.claim(HANDOVER)? else { return Ok(()) };
    match place.card()? {
        Some(card) if card.mode == Mode::Host => undo(place, &card, progress)?,
        _ => {}
    }
    claim.remove()
}

/// Undoes what the journal has, as far as it is provably the lab's.
fn undo(place: &Place, card: &Card, progress: &Rc<RefCell<Progress>>) -> OpResult<()> {
    let path = place.journal();
    if !path.exists() {
        return Ok(());
    }
    let state = store::read(&path)?;
    let records = match judge(&state) {
        Verdict::Ended => return Ok(()),
        Verdict::Dead(records) | Verdict::Rebooted(records) => records,
        // Nobody has it, because we do.
        Verdict::Kept | Verdict::Running => state.records(),
    };
    let kernel = engine::kernel(&card.name, place, true)?;
    let mut lab = Lab::resume(card.name.clone(), kernel, Journal::open(&path)?, records);
    let listener = Rc::clone(progress);
    lab.listen(Box::new(move |event| listener.borrow_mut().event(event)));
    let left = lab.unwind();
    if left.is_empty() { Ok(()) } else { Err(leftover_error(&left)) }
}
