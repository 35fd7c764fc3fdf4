//! An entry as a transaction.

use super::Repl;
use super::history::Group;
use crate::kernel::interrupt;
use crate::lab::{Restored, STOPPED};
use crate::model::error::{Class, OpError};
use crate::output::json::Json;
use crate::output::style::Ink;
use crate::output::{changes, write_err};
use crate::script::ScriptError;
use crate::script::prompt::{Entry, Prompt};
use crate::session::{Failure, Sink};
use std::time::{Duration, Instant};

/// What going back, or forth, came to, as a sentence; none if nothing was done.
pub(super) fn sentence(restored: &Restored) -> Option<String> {
    let mut parts = Vec::new();
    if restored.undone > 0 {
        parts.push(format!("{} undone", changes(restored.undone)));
    }
    if restored.remade > 0 {
        parts.push(format!("{} made again", changes(restored.remade)));
    }
    if restored.altered > 0 {
        parts.push(format!("{} altered back", changes(restored.altered)));
    }
    if restored.repaired > 0 {
        parts.push(format!("{} put in place again", changes(restored.repaired)));
    }
    if !restored.restarted.is_empty() {
        parts.push(format!("started anew: {}", restored.restarted.join(", ")));
    }
    if !restored.ended.is_empty() {
        parts.push(format!("ended: {}", restored.ended.join(", ")));
    }
    if parts.is_empty() { None } else { Some(parts.join("; ")) }
}

impl Repl<'_> {
    /// Reads an entry and runs it. If it fails, everything is as before.
    pub(super) fn transact(
        &mut self,
        read: impl FnOnce(&mut Prompt) -> Result<Entry, ScriptError>,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let entry = read(&mut self.prompt.borrow_mut());
        let entry = entry.map_err(|error| self.failure(error)).inspect_err(|_| self.tell_entry(None, true))?;
        let moment = self.prompt.borrow().moment();
        self.lab.borrow_mut().watch();
        let result = self.prompt.borrow_mut().run(&entry);
        self.progress.borrow_mut().pause();
        if interrupt::pending() && self.options.is_interactive {
            // The terminal has echoed Ctrl-C as `^C`; the report begins on a line of its own.
            write_err("");
        }
        let result = result.and_then(|shown| self.progress.borrow().undelivered().map_or(Ok(shown), Err));
        let shown = match result {
            Ok(shown) => shown,
            Err(error) => {
                let failure = self.roll_back(error, &moment);
                self.tell_entry(None, true);
                return Err(failure);
            }
        };
        let after = self.prompt.borrow().moment();
        let difference = self.lab.borrow_mut().difference();
        let value = shown.as_ref().map(|shown| self.present(shown));
        self.tell_entry(shown.as_ref().map(|shown| (shown.text.as_str(), shown.ty.as_str())), false);
        if let Some(text) = value.filter(|_| !self.options.printing.json) {
            self.show(&text);
        }
        if !difference.is_empty() || moment.differs(&after) {
            let here = self.prompt.borrow().here();
            self.lab.borrow_mut().accept(&difference);
            self.history.push(Group { text: entry.text, difference, before: moment, after, here });
        }
        if self.is_timed {
            self.tell_time(began.elapsed());
        }
        Ok(())
    }

    pub(super) fn tell_time(&self, time: Duration) {
        let text = format!("{:.1} ms", time.as_secs_f64() * 1e3);
        self.note(&self.options.printing.stderr().paint(Ink::Faint, &text));
    }

    fn tell_entry(&self, shown: Option<(&str, &str)>, failed: bool) {
        let (value, ty) = shown.unzip();
        self.tell(&Json::Entry { line: self.line, value, ty, failed });
    }

    fn roll_back(&mut self, mut error: ScriptError, moment: &crate::script::prompt::SavedScope) -> Failure {
        let stop = if interrupt::is_final() { interrupt::signal() } else { None };
        // What stopped the entry must not stop its undoing.
        interrupt::forget();
        let restored = {
            let mut lab = self.lab.borrow_mut();
            let difference = lab.difference();
            lab.restore(&difference)
        };
        self.prompt.borrow_mut().restore(moment);
        self.prompt.borrow_mut().renew(None);
        if let Some(signal) = stop {
            interrupt::raise_again(signal);
        }
        if error.0.code == STOPPED {
            error.0.message = error.0.message.replace("the recipe", "the entry");
            error.0.help = Some(match sentence(&restored) {
                Some(text) => format!("The lab is as before the entry ({text})."),
                None => "It had changed nothing.".to_owned(),
            });
        } else if let Some(text) = sentence(&restored) {
            let text = format!("The lab is as before the entry ({text}).");
            error.0.help = Some(match error.0.help.take() {
                Some(help) => format!("{help}\n{text}"),
                None => text,
            });
        }
        error.0.leftovers.extend(restored.failures());
        self.failure(error)
    }

    /// An error if something could not be undone or made again.
    pub(super) fn all_of(&self, restored: &Restored) -> Result<(), Failure> {
        if restored.is_whole() {
            return Ok(());
        }
        let error = OpError::new("lab::leftover", "Not everything could be undone and made again.");
        let mut error = error.class(Class::Leftover);
        error.0.leftovers = restored.failures();
        Err(self.failure(error))
    }
}
