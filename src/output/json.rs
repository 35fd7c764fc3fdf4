//! The events of `--json`, as documented in docs/json.md: one object per line, told apart by `event`.

use crate::diagnostics::to_json;
use crate::kernel::Undone;
use crate::lab::registry::Mode;
use crate::lab::{Altered, Event, Record};
use crate::model::change::Change;
use crate::model::error::{OpError, Site};
use crate::model::kind::Kind;
use serde::Serialize;
use serde_json::Value;
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
    /// What an earlier run of the lab left is undone first.
    Recovery {
        /// The lab.
        lab: &'a str,
        /// When that run began.
        started: &'a str,
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
    /// A change was altered in place.
    Altered {
        /// A number of its own.
        step: u64,
        /// The number of the change.
        n: u64,
        /// The recipe line that asked for it.
        site: &'a Site,
        /// What the change is now.
        change: &'a Change,
        /// The commands that do the same.
        commands: Vec<String>,
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
        error: Value,
        /// The commands that would do it by hand.
        commands: Vec<String>,
    },
    /// The recipe printed a line.
    Print {
        /// The line.
        text: &'a str,
    },
    /// An entry at a prompt was run.
    Entry {
        /// The line that it begins in.
        line: usize,
        /// Its value as text; none where it has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<&'a str>,
        /// The value's type.
        #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
        ty: Option<&'a str>,
        /// Whether it has failed, and was rolled back; the error comes as an event of its own.
        failed: bool,
    },
    /// Something failed.
    Error {
        /// What.
        error: Value,
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

impl<'a> Json<'a> {
    /// An event of a lab.
    pub fn of(event: &'a Event<'a>) -> Json<'a> {
        let undo = |Record { change, identity, .. }: &Record| change.undo_commands(identity);
        match event {
            Event::Made(Record { n, site, change, identity }) => Json::Made {
                n: *n,
                site,
                change,
                commands: change.commands(),
                already: *identity == crate::model::identity::Identity::Already,
            },
            Event::Altered(altered) => {
                let Altered { step, site, after, .. } = *altered;
                Json::Altered { step, n: after.n, site, change: &after.change, commands: altered.commands() }
            }
            Event::Undone(record, undone) => {
                let (outcome, why) = match undone {
                    Undone::Yes => ("undone", None),
                    Undone::AlreadyGone => ("already_gone", None),
                    Undone::Along => ("along", None),
                    Undone::StillUsed(why) => ("still_used", Some(why.as_str())),
                    Undone::NotOurs(why) => ("not_ours", Some(why.as_str())),
                };
                Json::Undone { n: record.n, outcome, why, commands: undo(record) }
            }
            Event::Stuck(record, error) => Json::Stuck { n: record.n, error: to_json(error), commands: undo(record) },
        }
    }

    /// The event of a failure.
    pub fn failure(error: &OpError) -> Json<'static> {
        Json::Error { error: to_json(error) }
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
