//! What happens in a session, for whoever shows it.

use super::Failure;
use super::failure::exit_code;
use crate::lab;
use crate::lab::registry::Mode;
use crate::model::error::OpError;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// Something that happens in a session.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A lab begins.
    Started {
        /// Where it acts.
        mode: Mode,
        /// Its recipe.
        recipe: &'a Path,
    },
    /// What an earlier run of the lab left is about to be undone.
    Recovering {
        /// When that run began (RFC 3339).
        started: &'a str,
    },
    /// Something happened in the lab.
    Lab(&'a lab::Event<'a>),
    /// The recipe printed a line.
    Printed(&'a str),
    /// A remark to the user.
    Remark(&'a str),
    /// Something failed.
    Failed(&'a Failure),
    /// The lab is about to be taken down.
    TearingDown,
    /// It is over.
    Ended {
        /// The exit code.
        code: i32,
        /// Whether the lab stays.
        kept: bool,
    },
}

/// Where the events of a session go: a terminal, a program that reads JSON, a report.
pub trait Sink {
    /// Something happens.
    fn notice(&mut self, notice: &Notice<'_>);

    /// Something failed. Returns the exit code.
    fn failed(&mut self, failure: &Failure) -> i32 {
        self.notice(&Notice::Failed(failure));
        exit_code(&failure.error)
    }

    /// Whether every change is of interest, also those of a teardown that could be done as a whole.
    fn wants_changes(&self) -> bool;

    /// Why what was printed has not arrived, if it has not and its reader still wants it.
    fn undelivered(&self) -> Option<OpError>;

    /// Why nothing can be printed any more, which stops a run.
    fn broken(&self) -> Option<OpError>;
}

/// A sink that a lab, a recipe and a session write to.
pub type SharedSink = Rc<RefCell<dyn Sink>>;

/// Makes the sink of the lab of this name, on the thread that is to write to it.
pub type NewSink<'s> = &'s (dyn Fn(&str) -> SharedSink + Sync);
