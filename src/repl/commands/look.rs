//! Commands that only look.

use super::ALL;
use crate::lab::survey;
use crate::model::error::{OpError, closest};
use crate::ops::{self, FnDef, reference};
use crate::output::change::entry;
use crate::output::standing::stands;
use crate::output::style::Ink;
use crate::output::table::{new_table, print};
use crate::repl::Repl;
use crate::session::Failure;

impl Repl<'_> {
    /// The commands, or a function.
    pub(super) fn help(&self, name: &str) -> Result<(), Failure> {
        if name.is_empty() {
            let style = self.style();
            let mut text = String::new();
            for command in ALL {
                let usage = format!(":{} {}", command.name, command.args);
                text.push_str(&format!("{}  {}\n", style.paint(Ink::Strong, &format!("{usage:18}")), command.summary));
            }
            let program = style.paint(Ink::Strong, &format!("{:18}", "!COMMAND"));
            text.push_str(&format!("{program}  run a program in the current namespace: !ping 10.0.0.2\n"));
            text.push_str("\nAnything else is an entry in the language. `:help NAME` explains a function, and `help()` lists them all.\n");
            text.push_str("The variable `it` is the last value that was shown.");
            self.show(&text);
            return Ok(());
        }
        let name = name.trim_start_matches(':').trim_end_matches("()");
        if let Some(command) = ALL.iter().find(|command| command.name == name)
            && ops::named(name).next().is_none()
        {
            self.show(&format!(":{} {}\n\n{}.", command.name, command.args, command.summary));
            return Ok(());
        }
        let text = reference::definition(name).ok_or_else(|| unknown(name))?;
        let example = self.style().paint(Ink::Faint, &format!("`:example {name}` runs the example in this lab."));
        self.show(&format!("{}\n\n{example}", text.trim_end()));
        Ok(())
    }

    /// Runs the example of a function as an entry.
    pub(super) fn example(&mut self, name: &str) -> Result<(), Failure> {
        let name = name.trim_end_matches("()");
        let def: &FnDef = ops::named(name).next().ok_or_else(|| unknown(name))?;
        self.show(&self.style().paint(Ink::Faint, def.example));
        self.enter_part(def.example)
    }

    /// What stands, from the changes on record, checked against the kernel.
    pub(super) fn list_all(&self) -> Result<(), Failure> {
        let text = (|| {
            self.lab.borrow_mut().settle()?;
            let mut kernel = self.registered.kernel()?;
            let lab = self.lab.borrow();
            let standing = survey(&mut *kernel, lab.made());
            stands(lab.made(), &standing, &mut *kernel, self.style())
        })();
        let text = text.map_err(|error| self.failure(error))?;
        self.show(text.trim_start());
        Ok(())
    }

    /// The variables with their types and values.
    pub(super) fn variables(&self) {
        let variables = self.prompt.borrow().variables();
        if variables.is_empty() {
            self.show("There are no variables yet.");
            return;
        }
        let mut table = new_table(["VARIABLE", "TYPE", "VALUE"]);
        for variable in variables {
            let value = variable.shown.text.replace('\n', " ");
            table.add_row([variable.name, variable.shown.ty, crate::output::style::cut(&value, 60)]);
        }
        self.show(&print(&table, self.style()));
    }

    /// Every change that stands.
    pub(super) fn journal(&self) -> Result<(), Failure> {
        self.lab.borrow_mut().settle().map_err(|error| self.failure(error))?;
        let lab = self.lab.borrow();
        let style = self.style();
        let text: String = lab.records().map(|record| entry(lab.made(), record, true, style)).collect();
        self.show(if text.is_empty() { "No change stands." } else { &text });
        Ok(())
    }
}

fn unknown(name: &str) -> OpError {
    let error = OpError::new("help::unknown", format!("There is no function `{name}`.")).usage();
    match closest(name, ops::all().map(|def| def.name)) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error.help("`help()` lists them all."),
    }
}
