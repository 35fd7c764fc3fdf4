//! `rhailab prove`: breaking a recipe off after every one of its changes, and comparing what there was before with what
//! there is after.

mod report;
mod trial;

use super::Ended;
use super::args::{OutputArgs, RecipeArgs, default_name};
use super::recipe_help;
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::model::process::OURSELVES;
use crate::output::Printing;
use crate::session::recipe::describe;
use clap::Args;
use report::ProofReport;
use serde::{Deserialize, Serialize};
use std::num::NonZero;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

pub use trial::{TrialArgs, trial};

/// Break a recipe off after each of its changes, by an error and by kill -9, and show that nothing is left
///
/// Each trial runs in a sandbox of its own, as `run --host` would on the machine, and is taken down by the recipe's
/// own journal; the sandbox's network, sysctls, files and processes are compared before and after.
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab prove [OPTIONS] <RECIPE>")]
pub struct ProveArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// How many trials run at a time; as many as there are processors, if it is not given
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// How a recipe is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Not at all.
    Whole,
    /// The call that asked for the change fails.
    Error,
    /// The process is killed, and `recover` undoes what it left.
    Kill,
}

/// A change of the recipe, as tables name it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MadeChange {
    /// Its number.
    pub n: u64,
    /// The recipe line.
    pub place: String,
    /// The command that does the same.
    pub command: String,
}

/// What came of a trial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrialOutcome {
    /// The changes that were made.
    pub made: Vec<MadeChange>,
    /// What is there that was not, and what is gone that was there.
    pub leaks: Vec<String>,
    /// How the run ended: its exit code, none where it was killed.
    pub code: Option<i32>,
    /// What it said.
    pub said: String,
}

/// A trial that was made.
#[derive(Debug, Clone, Copy)]
struct Trial {
    /// After which change it is broken off.
    after: u64,
    how: How,
}

/// `prove`.
pub fn prove(args: &ProveArgs, printing: Printing) -> Ended {
    if args.recipe.given.help {
        return recipe_help::show("prove", &args.recipe, printing);
    }
    require_file(&args.recipe)?;
    // What is wrong with the command line or the text is said once, and not by every trial.
    describe(&default_name(args.recipe.path()?)?, &args.recipe.input()?)?;
    Ok(all(&args.recipe, args.jobs, args.output, printing)?)
}

/// The same as a step of `run` and `up`; the exit code is not 0 if they must not go on.
pub fn before(recipe: &RecipeArgs, output: OutputArgs, printing: Printing) -> OpResult<i32> {
    require_file(recipe)?;
    all(recipe, None, output, printing)
}

/// Refuses a recipe that could be read only once.
fn require_file(recipe: &RecipeArgs) -> OpResult<()> {
    if !recipe.is_stdin() {
        return Ok(());
    }
    Err(OpError::new("usage::stdin", "A recipe on standard input cannot be proved: a proof runs it many times.")
        .help("Write it to a file.")
        .class(Class::Usage))
}

fn all(recipe: &RecipeArgs, jobs: Option<NonZero<usize>>, output: OutputArgs, printing: Printing) -> OpResult<i32> {
    let mut report = ProofReport::new(output, printing);
    let whole = Trial { after: 0, how: How::Whole };
    let outcome = run(recipe, whole).map_err(untried)?;
    let failed = outcome.code != Some(0);
    if failed {
        ProofReport::failed(&outcome);
        if outcome.made.is_empty() && outcome.leaks.is_empty() {
            return Ok(outcome.code.unwrap_or(1));
        }
    }
    let made = outcome.made.clone();
    let trials: Vec<Trial> =
        made.iter().flat_map(|made| [How::Error, How::Kill].map(|how| Trial { after: made.n, how })).collect();
    report.begin(&made, trials.len());
    report.trial(whole.how, 0, &outcome)?;
    let next = AtomicUsize::new(0);
    let workers = jobs.or(thread::available_parallelism().ok()).map_or(1, NonZero::get);
    let (send, outcomes) = channel();
    let work = |send: Sender<_>| {
        while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
            // Nobody listens any more once another one could not be made.
            if send.send((*trial, run(recipe, *trial))).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..workers.min(trials.len()) {
            let send = send.clone();
            scope.spawn(|| work(send));
        }
        drop(send);
        outcomes
            .iter()
            .try_for_each(|(trial, outcome)| report.trial(trial.how, trial.after, &outcome.map_err(untried)?))
    })?;
    let leaks = report.end()?;
    Ok(if leaks > 0 {
        Class::Leftover.exit_code()
    } else if failed {
        outcome.code.unwrap_or(1)
    } else {
        0
    })
}

/// Makes a trial in a process of its own: a sandbox is entered by a process, not by a thread. An error is the reason why it
/// could not be made.
fn run(recipe: &RecipeArgs, Trial { after, how }: Trial) -> Result<TrialOutcome, String> {
    let mut command = Command::new(OURSELVES);
    command.arg("prove-trial");
    if how != How::Whole {
        command.args(["--break-after", &after.to_string()]);
    }
    if how == How::Kill {
        command.arg("--killed");
    }
    command.args(recipe.words()).stdin(Stdio::null()).stderr(Stdio::piped()).stdout(Stdio::piped());
    let output = command.output().map_err(|e| io_words(&e))?;
    serde_json::from_slice(&output.stdout).map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

fn untried(why: String) -> OpError {
    OpError::new("prove::trial", "A trial could not be made.").cause(why).class(Class::Machine)
}
