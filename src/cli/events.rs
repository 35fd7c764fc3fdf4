//! The events of `--json`, as documented in docs/json.md: one object per line, told apart by `event`.

use crate::change::Change;
use crate::error::{Fault, OpError, Site};
use crate::kernel::Undone;
use crate::lab::registry::Mode;
use crate::lab::{Event, Record};
use crate::render;
use serde::Serialize;
use std::time::Duration;

/// One event.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Json<'a> {
    /// A lab begins.
    Start {
        /// Its name.
        lab: &'a str,
        /// Where it acts.
        mode: Mode,
        /// Its recipe.
        recipe: String,
    },
    /// A change was made.
    Made {
        /// Its number.
        n: u64,
        /// The recipe line that asked for it.
        site: &'a Site,
        /// The change.
        change: &'a Change,
        /// The commands that do the same.
        commands: Vec<String>,
        /// Whether there was nothing to do.
        already: bool,
    },
    /// A change was undone, or needed no undoing.
    Undone {
        /// Its number.
        n: u64,
        /// What happened.
        outcome: &'static str,
        /// Why it was left alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<&'a str>,
        /// The commands that do the same.
        commands: Vec<String>,
    },
    /// A change could not be undone.
    Stuck {
        /// Its number.
        n: u64,
        /// Why.
        error: Box<JsonError<'a>>,
        /// The commands that would do it by hand.
        commands: Vec<String>,
    },
    /// The recipe printed a line.
    Print {
        /// The line.
        text: &'a str,
    },
    /// Something failed.
    Error {
        /// What.
        error: Box<JsonError<'a>>,
    },
    /// It is over.
    End {
        /// The lab.
        lab: &'a str,
        /// Whether the lab stays.
        kept: bool,
        /// How many changes were made.
        made: usize,
        /// How many were undone.
        undone: usize,
        /// The exit code.
        code: i32,
        /// How long it took.
        milliseconds: u64,
    },
}

/// An error's facts.
#[derive(Debug, Serialize)]
pub struct JsonError<'a> {
    code: &'a str,
    message: &'a str,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errno: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<&'a Site>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    calls: &'a [(Site, String)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    notes: &'a [(Site, String)],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    leftovers: &'a [String],
}

impl<'a> JsonError<'a> {
    /// The facts of an error.
    pub fn new(error: &'a OpError) -> Box<JsonError<'a>> {
        let Fault { code, message, help, errno, cause, command, site, calls, notes, leftovers, class, .. } = &*error.0;
        Box::new(JsonError {
            code,
            message,
            class: match class {
                crate::error::Class::Recipe => "recipe",
                crate::error::Class::Usage => "usage",
                crate::error::Class::Machine => "machine",
                crate::error::Class::Leftover => "leftover",
            },
            help: help.as_deref(),
            errno: *errno,
            cause: cause.as_deref(),
            command: command.as_deref(),
            site: site.as_ref(),
            calls,
            notes,
            leftovers,
        })
    }
}

impl<'a> Json<'a> {
    /// An event of a lab.
    pub fn of(event: &'a Event<'a>) -> Json<'a> {
        let undo = |Record { change, identity, .. }: &Record| render::undo_commands(change, identity);
        match event {
            Event::Made(Record { n, site, change, identity }) => Json::Made {
                n: *n,
                site,
                change,
                commands: render::commands(change),
                already: *identity == crate::change::Identity::Already,
            },
            Event::Undone(record, undone) => {
                let (outcome, why) = match undone {
                    Undone::Yes => ("undone", None),
                    Undone::AlreadyGone => ("already_gone", None),
                    Undone::NotOurs(why) => ("not_ours", Some(why.as_str())),
                };
                Json::Undone { n: record.n, outcome, why, commands: undo(record) }
            }
            Event::Stuck(record, error) => {
                Json::Stuck { n: record.n, error: JsonError::new(error), commands: undo(record) }
            }
        }
    }

    /// The line.
    pub fn line(&self) -> String {
        // Only a map with keys that are no strings could fail, and there is none.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Whole milliseconds.
pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
