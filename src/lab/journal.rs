//! The journal as a pure state machine: lines in, state out, no I/O.
//!
//! One JSON object per line. A change's intent is written before it is made, so that whatever happens, what
//! may exist is on record together with what proves it ours.

use super::Record;
use crate::model::change::Change;
use crate::model::error::Site;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format that is written. Since the second one changes are altered in place.
pub const VERSION: u32 = 2;

/// The oldest version that is read. A journal of another version is refused, never guessed at.
pub const OLDEST: u32 = 1;

/// More changes than any lab can have made.
const MOST: u64 = 1 << 48;

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Start {
        /// The format's version.
        version: u32,
        /// The lab.
        lab: String,
        /// The recipe, as the user named it.
        recipe: String,
        /// `/proc/sys/kernel/random/boot_id`: kernel objects of another boot are gone.
        boot_id: String,
        /// Who writes this journal.
        pid: i32,
        /// The start time of that process (field 22 of `/proc/PID/stat`).
        pid_start: u64,
    },
    /// A change is about to be made.
    Intent {
        /// Its number.
        n: u64,
        /// The recipe line that asks for it.
        site: Site,
        /// The change.
        change: Change,
        /// What will prove its object ours.
        identity: Identity,
        /// The commands that would undo it by hand.
        inverse: Vec<String>,
    },
    /// A change that stands is about to be altered in place. Its object is found by the same identity before and after.
    Alter {
        /// Its number.
        n: u64,
        /// What it is from now on.
        change: Change,
        /// What will prove its object ours.
        identity: Identity,
        /// The commands that would undo it by hand.
        inverse: Vec<String>,
    },
    /// It was made.
    Done {
        /// Its number.
        n: u64,
    },
    /// It was undone, or was never made.
    Undone {
        /// Its number.
        n: u64,
    },
    /// The recipe has ended; what stands is meant to stay until `down`.
    Kept,
    /// Everything was undone.
    End,
}

/// What a journal says at some point.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contents {
    /// The facts of the first line.
    pub start: Option<Header>,
    /// Changes that were made or may have been, by number.
    pub standing: BTreeMap<u64, JournalEntry>,
    /// Whether the recipe ended and its network is meant to stay.
    pub kept: bool,
    /// Whether everything was undone.
    pub ended: bool,
}

/// The facts of the first line.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The lab.
    pub lab: String,
    /// The recipe.
    pub recipe: String,
    /// The boot in which it was written.
    pub boot_id: String,
    /// Its writer.
    pub pid: i32,
    /// Its writer's start time.
    pub pid_start: u64,
}

impl Header {
    fn line(self) -> Line {
        let Header { lab, recipe, boot_id, pid, pid_start } = self;
        Line::Start { version: VERSION, lab, recipe, boot_id, pid, pid_start }
    }
}

impl Line {
    /// That a change is about to be made.
    pub fn intent(record: &Record) -> Line {
        let Record { n, site, change, identity } = record.clone();
        let inverse = change.undo_commands(&identity);
        Line::Intent { n, site, change, identity, inverse }
    }

    /// That a change is about to be what this record says.
    pub fn alter(record: &Record) -> Line {
        let Record { n, change, identity, .. } = record.clone();
        let inverse = change.undo_commands(&identity);
        Line::Alter { n, change, identity, inverse }
    }
}

/// A change that was made or may have been.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    /// The recipe line, the change and the identity.
    pub record: Record,
    /// Whether it is known to have been made.
    pub done: bool,
}

/// Why a line does not follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// The journal is of another format version.
    Version(u32),
    /// The line cannot come here; the text says why.
    Order(String),
}

impl Contents {
    /// The state after one more line.
    pub fn next(mut self, line: Line) -> Result<Contents, Misfit> {
        let unknown = |n: u64| Misfit::Order(format!("change {n} was never announced"));
        match line {
            Line::Start { version, .. } if !(OLDEST..=VERSION).contains(&version) => {
                return Err(Misfit::Version(version));
            }
            Line::Start { .. } if self.start.is_some() => return Err(Misfit::Order("a second start".into())),
            Line::Start { lab, recipe, boot_id, pid, pid_start, .. } => {
                self.start = Some(Header { lab, recipe, boot_id, pid, pid_start });
            }
            _ if self.start.is_none() => return Err(Misfit::Order("no start".into())),
            // Whoever goes on counts from the last one.
            Line::Intent { n, .. } if n > MOST => {
                return Err(Misfit::Order(format!("there is no change number {n}")));
            }
            Line::Intent { n, site, change, identity, .. } => {
                let standing = JournalEntry { record: Record { n, site, change, identity }, done: false };
                if self.standing.insert(n, standing).is_some() {
                    return Err(Misfit::Order(format!("change {n} is announced twice")));
                }
            }
            Line::Alter { n, change, identity, .. } => {
                let standing = self.standing.get_mut(&n).ok_or_else(|| unknown(n))?;
                standing.record.change = change;
                standing.record.identity = identity;
            }
            Line::Done { n } => self.standing.get_mut(&n).ok_or_else(|| unknown(n))?.done = true,
            Line::Undone { n } => {
                self.standing.remove(&n).ok_or_else(|| unknown(n))?;
            }
            Line::Kept => self.kept = true,
            Line::End => self.ended = true,
        }
        Ok(self)
    }

    /// The fewest lines that say the same.
    pub fn lines(&self) -> Vec<Line> {
        let start = self.start.iter().cloned().map(Header::line);
        let changes = self.standing.values().flat_map(|JournalEntry { record, done }| {
            let n = record.n;
            [Some(Line::intent(record)), done.then_some(Line::Done { n })].into_iter().flatten()
        });
        let ends = [self.kept.then_some(Line::Kept), self.ended.then_some(Line::End)];
        start.chain(changes).chain(ends.into_iter().flatten()).collect()
    }

    /// The changes that may stand, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.standing.values().map(|standing| standing.record.clone()).collect()
    }
}
