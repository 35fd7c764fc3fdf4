//! What an entry would do: it is run in memory, on a copy of what stands.

use super::Repl;
use crate::export::{Replay, Step, StepKind};
use crate::kernel::fake::FakeKernel;
use crate::kernel::interrupt;
use crate::lab::{Lab, Record};
use crate::model::error::{Class, OpError};
use crate::model::kind::Kind;
use crate::output::baseline::Baseline;
use crate::output::style::Ink;
use crate::output::{place, sign};
use crate::session::Failure;
use crate::session::rehearsal::step;
use std::cell::RefCell;
use std::rc::Rc;

/// A lab in memory with these changes.
pub(super) fn copy(of: &Lab) -> Result<Lab, OpError> {
    let records: Vec<Record> = of.records().cloned().collect();
    in_memory(of, &records)
}

/// A lab in memory, called like another one, with these changes.
pub(super) fn in_memory(of: &Lab, records: &[Record]) -> Result<Lab, OpError> {
    let mut lab = Lab::new(of.name().clone(), Box::new(FakeKernel::new()), None);
    match lab.remake(records).into_iter().next() {
        None => Ok(lab),
        Some(left) => {
            Err(OpError::new("plan::copy", "What stands cannot be copied, so that nothing can be rehearsed on it.")
                .cause(left.error.to_string())
                .help("It was made on something that the lab has not made itself."))
        }
    }
}

impl Repl<'_> {
    /// What an entry would do, step by step. Nothing of it stays, neither in the lab nor in variables.
    pub(super) fn rehearse(&mut self, text: &str) -> Result<Vec<Step>, Failure> {
        let entry = self.prompt.borrow_mut().read(text).map_err(|error| self.failure(error))?;
        let moment = self.prompt.borrow().moment();
        let mut copy = copy(&self.lab.borrow()).map_err(|error| self.failure(error))?;
        let steps = Rc::new(RefCell::new(Vec::new()));
        let listener = Rc::clone(&steps);
        copy.listen(Box::new(move |event| listener.borrow_mut().extend(step(event))));
        let real = self.lab.replace(copy);
        let result = self.prompt.borrow_mut().run(&entry);
        self.lab.replace(real);
        self.prompt.borrow_mut().restore(&moment);
        if !interrupt::is_final() {
            interrupt::forget();
        }
        result.map_err(|error| self.failure(error.class(Class::Recipe)))?;
        Ok(steps.take())
    }

    /// Shows steps with what would undo them.
    pub(super) fn show_plan(&self, steps: &[Step]) {
        let style = self.style();
        let mut baseline = Baseline::default();
        let mut course = Replay::of(self.lab.borrow().records());
        for step in steps {
            let (commands, undo) = course.go(step);
            let (sign, ink) = sign(step.kind);
            let site = &step.record.site;
            for (number, command) in commands.iter().enumerate() {
                let mut definition = None;
                let command = baseline.shorten(command, |line| definition = Some(line.to_owned()));
                if let Some(line) = definition {
                    self.show(&style.paint(Ink::Faint, &line));
                }
                let comment = if number == 0 { format!("   # {}", place(site)) } else { String::new() };
                let line = style.paint(ink, &format!("{sign} {command}"));
                self.show(&format!("{line}{}", style.paint(Ink::Faint, &comment)));
            }
            for command in undo {
                self.show(&style.paint(Ink::Faint, &format!("    - {command}")));
            }
        }
        if steps.is_empty() {
            self.show("It would change nothing.");
        }
    }

    /// Shows steps as the commands that do the same.
    pub(super) fn show_commands(&self, steps: &[Step]) {
        let mut course = Replay::default();
        for step in steps {
            let (commands, _) = course.go(step);
            let is_made = step.kind == StepKind::Makes;
            for command in if is_made { step.record.change.headlines() } else { commands } {
                self.show(&command);
            }
        }
        if steps.is_empty() {
            self.show("It changes nothing.");
        }
    }
}
