//! The prompt: a lab that is built and looked at line by line.
//!
//! An entry is a transaction: it ends well, or the lab and the variables are as before it. Entries come from a terminal,
//! with editing and completion, or from anything else, such as a pipe, one after another as they are complete.

mod commands;
mod editor;
mod entry;
mod graph;
mod history;
mod loops;
mod registered;
mod rehearsal;
mod save;
mod show;

use crate::lab::{Lab, Right};
use crate::model::error::OpError;
use crate::output::Printing;
use crate::output::json::Json;
use crate::output::progress::Progress;
use crate::output::style::Style;
use crate::script::prompt::Prompt;
use crate::session::Failure;
use crate::session::Sink;
use history::History;
pub use registered::{Ending, RegisteredLab};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How a prompt behaves.
#[derive(Debug, Clone)]
pub struct PromptOptions {
    /// Whether a person sits at a terminal.
    pub is_interactive: bool,
    /// Whether nothing but values, output and errors is shown.
    pub is_quiet: bool,
    /// Whether to go on past errors where nobody sits at a terminal.
    pub keeps_going: bool,
    /// The recipe to begin with.
    pub recipe: Option<PathBuf>,
    /// What entries may not do.
    pub deny: BTreeSet<Right>,
    /// What every subcommand knows.
    pub printing: Printing,
}

/// A prompt at work.
struct Repl<'s> {
    prompt: Rc<RefCell<Prompt>>,
    lab: Rc<RefCell<Lab>>,
    registered: RegisteredLab<'s>,
    history: History,
    progress: Rc<RefCell<Progress>>,
    options: PromptOptions,
    /// Whether how long entries take is told.
    is_timed: bool,
    /// The line that the entry at hand begins in.
    line: usize,
}

/// Whether there is more to come.
enum Next {
    More,
    /// The user wants to leave.
    Leave,
}

/// What a line came to.
type Done = Result<Next, Failure>;

/// Runs a prompt to its end.
pub fn run(
    prompt: Prompt,
    registered: RegisteredLab<'_>,
    progress: Rc<RefCell<Progress>>,
    options: PromptOptions,
) -> Ending {
    let lab = Rc::clone(prompt.lab());
    let mut repl = Repl {
        prompt: Rc::new(RefCell::new(prompt)),
        lab,
        registered,
        history: History::default(),
        progress,
        options,
        is_timed: false,
        line: 1,
    };
    let code = repl.live();
    repl.end(code)
}

impl Repl<'_> {
    fn style(&self) -> Style {
        self.options.printing.stdout()
    }

    /// Shows a text on standard output.
    fn show(&self, text: &str) {
        let text = text.trim_end();
        if !text.is_empty() {
            self.progress.borrow_mut().print(text);
        }
    }

    /// A remark, for who does not want quiet.
    fn note(&self, text: &str) {
        self.progress.borrow_mut().note(text);
    }

    /// Reports an error and returns its exit code.
    fn report(&self, failure: &Failure) -> i32 {
        self.progress.borrow_mut().failed(failure)
    }

    /// An error with the texts that it may point into.
    fn failure(&self, error: OpError) -> Failure {
        Failure { error, sources: self.prompt.borrow().sources().clone() }
    }

    /// One line or entry.
    fn act(&mut self, text: &str) -> Done {
        let line = text.trim();
        if line.is_empty() {
            return Ok(Next::More);
        }
        if let Some(command) = line.strip_prefix(':') {
            return self.command(command);
        }
        if let Some(command) = line.strip_prefix('!') {
            return self.external(command.trim()).map(|()| Next::More);
        }
        self.enter(text)?;
        Ok(Next::More)
    }

    /// Runs a text as an entry and shows its value.
    fn enter(&mut self, text: &str) -> Result<(), Failure> {
        let is_interactive = self.options.is_interactive;
        self.transact(|prompt| if is_interactive { prompt.read(text) } else { prompt.read_piped(text) })
    }

    /// Runs a recipe's file as an entry.
    fn load(&mut self, path: &Path) -> Result<(), Failure> {
        self.transact(|prompt| prompt.read_file(path))
    }

    fn tell(&self, event: &Json<'_>) {
        self.progress.borrow_mut().json(event);
    }
}

/// An error of the command line at the prompt.
fn usage(message: impl Into<String>, help: &str) -> OpError {
    OpError::new("repl::usage", message).help(help).usage()
}
