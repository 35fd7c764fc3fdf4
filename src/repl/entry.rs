//! An entry as a transaction.

use super::Repl;
use super::history::Group;
use crate::cli::engine::Trouble;
use crate::cli::events::Json;
use crate::cli::progress::{changes, write_err};
use crate::cli::style::Ink;
use crate::kernel::interrupt;
use crate::lab::{Lab, Leftover, Record, STOPPED, drops};
use crate::model::change::Change;
use crate::model::error::{Class, OpError};
use crate::model::observe::ProcState;
use crate::model::process::Start;
use crate::model::render;
use crate::script::ScriptError;
use crate::script::prompt::{Entry, Prompt};
use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

/// How long to wait for processes to end that were sent signals: they need not.
const DYING: Duration = Duration::from_millis(300);

/// How often to look whether they have.
const LOOK: Duration = Duration::from_millis(5);

/// What going back, or forth, came to.
#[derive(Default)]
pub(super) struct Balance {
    /// How many changes were undone.
    pub undone: usize,
    /// How many were made again.
    pub remade: usize,
    /// Of how many something was put back that the kernel had dropped.
    pub mended: usize,
    /// The processes that were started anew.
    pub restarted: Vec<String>,
    /// The processes that were ended again.
    pub ended: Vec<String>,
    /// What could not be undone or made again.
    pub left: Vec<String>,
}

impl Balance {
    /// As a sentence; none if nothing was done.
    pub fn sentence(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.undone > 0 {
            parts.push(format!("{} undone", changes(self.undone)));
        }
        if self.remade > 0 {
            parts.push(format!("{} made again", changes(self.remade)));
        }
        if self.mended > 0 {
            parts.push(format!("{} put in place again", changes(self.mended)));
        }
        if !self.restarted.is_empty() {
            parts.push(format!("started anew: {}", self.restarted.join(", ")));
        }
        if !self.ended.is_empty() {
            parts.push(format!("ended: {}", self.ended.join(", ")));
        }
        if parts.is_empty() { None } else { Some(parts.join("; ")) }
    }
}

/// The records of `all` that are not among `some`.
pub(super) fn missing(all: &[Record], some: &[Record]) -> Vec<Record> {
    let numbers: HashSet<u64> = some.iter().map(|record| record.n).collect();
    all.iter().filter(|record| !numbers.contains(&record.n)).cloned().collect()
}

impl Repl<'_> {
    /// Reads an entry and runs it. If it fails, everything is as before.
    pub(super) fn transact(
        &mut self,
        read: impl FnOnce(&mut Prompt) -> Result<Entry, ScriptError>,
    ) -> Result<(), Trouble> {
        let began = Instant::now();
        let entry = read(&mut self.prompt.borrow_mut());
        let entry = entry.map_err(|error| self.trouble(error)).inspect_err(|_| self.tell_entry(None, true))?;
        let before = self.lab.borrow().records().to_vec();
        let running = self.running(&before);
        let moment = self.prompt.borrow().moment();
        self.lab.borrow_mut().take_signalled();
        let result = self.prompt.borrow_mut().run(&entry);
        self.progress.borrow_mut().pause();
        let ended = self.ended_by_signals(&running);
        if interrupt::pending() && self.manner.is_interactive {
            // The terminal shows Ctrl-C as `^C`, which is no beginning of a report.
            write_err("");
        }
        let result = result.and_then(|shown| self.progress.borrow().delivered().map(|()| shown));
        let shown = match result {
            Ok(shown) => shown,
            Err(error) => {
                let trouble = self.roll_back(error, &before, &running, &moment);
                self.tell_entry(None, true);
                return Err(trouble);
            }
        };
        let after = self.prompt.borrow().moment();
        let now = self.lab.borrow().records().to_vec();
        let (made, removed) = (missing(&now, &before), missing(&before, &now));
        let value = shown.as_ref().map(|shown| self.present(shown));
        self.tell_entry(shown.as_ref().map(|shown| (shown.text.as_str(), shown.ty.as_str())), false);
        if let Some(text) = value.filter(|_| !self.manner.context.json) {
            self.show(&text);
        }
        if !made.is_empty() || !removed.is_empty() || !ended.is_empty() || moment.differs(&after) {
            let here = self.prompt.borrow().here();
            let may_drop = !removed.is_empty() || made.iter().any(|record| drops(&record.change));
            let dropped = if may_drop { self.history.dropped(&mut self.lab.borrow_mut()) } else { BTreeSet::new() };
            self.history.push(Group { text: entry.text, made, removed, ended, dropped, before: moment, after, here });
        }
        if self.is_timed {
            self.tell_time(began.elapsed());
        }
        Ok(())
    }

    pub(super) fn tell_time(&self, time: Duration) {
        let text = format!("{:.1} ms", time.as_secs_f64() * 1e3);
        self.note(&self.manner.context.stderr().paint(Ink::Faint, &text));
    }

    fn tell_entry(&self, shown: Option<(&str, &str)>, failed: bool) {
        let (value, ty) = shown.unzip();
        self.tell(&Json::Entry { line: self.line, value, ty, failed });
    }

    /// The processes of the lab that run now.
    fn running(&self, records: &[Record]) -> Vec<Record> {
        let mut lab = self.lab.borrow_mut();
        let started = records.iter().filter(|record| matches!(record.change, Change::Start(_)));
        let runs = |record: &&Record| lab.process(&record.identity).is_ok_and(|state| state == ProcState::Running);
        started.filter(runs).cloned().collect()
    }

    /// Those of the processes that an entry has ended with signals. They may take a moment for it.
    fn ended_by_signals(&self, running: &[Record]) -> Vec<Record> {
        let mut lab = self.lab.borrow_mut();
        let signalled = lab.take_signalled();
        let mut ours: Vec<&Record> = running.iter().filter(|record| signalled.contains(&record.identity)).collect();
        ours.retain(|record| lab.identity(record.n).is_some());
        let has_ended = |record: &&&Record, lab: &mut Lab| {
            lab.process(&record.identity).is_ok_and(|state| state != ProcState::Running)
        };
        let end = Instant::now() + DYING;
        while !ours.iter().all(|record| has_ended(&record, &mut lab)) && Instant::now() < end {
            std::thread::sleep(LOOK);
        }
        ours.into_iter().filter(|record| has_ended(&record, &mut lab)).cloned().collect()
    }

    fn roll_back(
        &mut self,
        mut error: ScriptError,
        before: &[Record],
        running: &[Record],
        moment: &crate::script::prompt::Moment,
    ) -> Trouble {
        let stop = if interrupt::is_final() { interrupt::signal() } else { None };
        // What stopped the entry must not stop its undoing.
        interrupt::forget();
        let balance = self.go_back(before, running);
        self.prompt.borrow_mut().restore(moment);
        self.prompt.borrow_mut().renew(None);
        if let Some(signal) = stop {
            interrupt::raise_again(signal);
        }
        if error.0.code == STOPPED {
            error.0.message = error.0.message.replace("the recipe", "the entry");
            error.0.help = Some(match balance.sentence() {
                Some(text) => format!("The lab is as before the entry ({text})."),
                None => "It had changed nothing.".to_owned(),
            });
        } else if let Some(text) = balance.sentence() {
            let text = format!("The lab is as before the entry ({text}).");
            error.0.help = Some(match error.0.help.take() {
                Some(help) => format!("{help}\n{text}"),
                None => text,
            });
        }
        error.0.leftovers.extend(balance.left);
        self.trouble(error)
    }

    /// Makes the lab as it was when it had these records, of which these processes ran.
    fn go_back(&self, before: &[Record], running: &[Record]) -> Balance {
        let mut lab = self.lab.borrow_mut();
        let lab = &mut *lab;
        let going = missing(lab.records(), before);
        let made: Vec<u64> = going.iter().map(|record| record.n).collect();
        let mut left: Vec<String> = lab.take_back(&made).iter().map(Leftover::describe).collect();
        let mut gone = missing(before, lab.records());
        let mut restarted: Vec<String> = gone.iter().filter_map(process_name).collect();
        let ended: Vec<Record> = running
            .iter()
            .filter(|record| !gone.iter().any(|gone| gone.n == record.n))
            .filter(|record| lab.process(&record.identity).is_ok_and(|state| state != ProcState::Running))
            .cloned()
            .collect();
        if !ended.is_empty() {
            let numbers: Vec<u64> = ended.iter().map(|record| record.n).collect();
            left.extend(lab.take_back(&numbers).iter().map(Leftover::describe));
            restarted.extend(ended.iter().filter_map(process_name));
            gone.extend(ended.iter().cloned());
        }
        gone.sort_by_key(|record| record.n);
        let may_drop = !gone.is_empty() || going.iter().any(|record| drops(&record.change));
        let dropped = if may_drop { self.history.dropped(lab) } else { BTreeSet::new() };
        // What is made again may need it; what needs something of that in turn comes after it.
        let (first, _) = lab.mend(&dropped);
        left.extend(lab.remake(&gone).iter().map(lost));
        let dropped = if may_drop { self.history.dropped(lab) } else { BTreeSet::new() };
        let (then, stuck) = lab.mend(&dropped);
        left.extend(stuck.iter().map(lost));
        let remade = gone.len() - ended.len();
        Balance { undone: made.len(), remade, mended: first + then, restarted, ended: Vec::new(), left }
    }

    /// An error if something could not be undone or made again.
    pub(super) fn all_of(&self, balance: &Balance) -> Result<(), Trouble> {
        if balance.left.is_empty() {
            return Ok(());
        }
        let error = OpError::new("lab::leftover", "Not everything could be undone and made again.");
        let mut error = error.class(Class::Leftover);
        error.0.leftovers.clone_from(&balance.left);
        Err(self.trouble(error))
    }
}

/// The name of a process that a change has started.
pub(super) fn process_name(record: &Record) -> Option<String> {
    match &record.change {
        Change::Start(Start { process, .. }) => Some(process.name.clone()),
        _ => None,
    }
}

/// What could not be made again, and how to make it by hand.
pub(super) fn lost(left: &Leftover) -> String {
    format!("{} To make it by hand: {}", left.error, render::commands(&left.record.change).join("; "))
}
