//! The commands: lines that begin with a colon, and programs, which begin with an exclamation mark.

mod keep;
mod look;

use super::entry::sentence;
use super::{Done, Next, Repl, usage};
use crate::lab::Restored;
use crate::model::error::{OpError, closest};
use crate::model::observe;
use crate::ops;
use crate::output::style::Ink;
use crate::sandbox;
use crate::session::Failure;
use crate::session::exec::namespace;
use crate::session::exec::run_here;
use std::path::Path;
use std::time::Instant;

/// What a command's argument is, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arg {
    /// A function of the language.
    Function,
    /// A file.
    File,
    /// A namespace.
    Namespace,
    /// A savepoint.
    Savepoint,
    /// A text of the language.
    Script,
    /// Something new, or nothing.
    Other,
}

/// A command.
#[derive(Debug, Clone, Copy)]
pub(super) struct PromptCommand {
    /// Its name.
    pub name: &'static str,
    /// What follows it.
    pub args: &'static str,
    /// What that is.
    pub arg: Arg,
    /// What it does.
    pub summary: &'static str,
}

const fn command(name: &'static str, args: &'static str, arg: Arg, summary: &'static str) -> PromptCommand {
    PromptCommand { name, args, arg, summary }
}

/// Every command.
pub(super) const ALL: &[PromptCommand] = &[
    command("help", "[NAME]", Arg::Function, "show the commands, or what a function does"),
    command("example", "NAME", Arg::Function, "run the example of a function in this lab"),
    command("ls", "", Arg::Other, "show what stands, checked against the kernel"),
    command("graph", "", Arg::Other, "show how it hangs together"),
    command("vars", "", Arg::Other, "show the variables"),
    command("journal", "", Arg::Other, "show every change that stands, with what would undo it"),
    command("undo", "[N]", Arg::Other, "take back the last entry, or the last N"),
    command("redo", "[N]", Arg::Other, "make again what was taken back"),
    command("savepoint", "NAME", Arg::Other, "name this state"),
    command("rollback", "NAME", Arg::Savepoint, "go back to a state that was named"),
    command("save", "FILE", Arg::File, "write a recipe that rebuilds what stands (:save! overwrites)"),
    command("load", "FILE", Arg::File, "run a recipe here, as one entry"),
    command("plan", "ENTRY", Arg::Script, "show what an entry would do, and what would undo it"),
    command("explain", "ENTRY", Arg::Script, "show an entry as ip and iptables commands"),
    command("time", "[ENTRY]", Arg::Script, "show how long an entry takes, or every entry from now on"),
    command("in", "[NS]", Arg::Namespace, "make functions mean a namespace; host, if none is named"),
    command("keep", "NAME", Arg::Other, "leave the lab up under this name when you leave"),
    command("why", "NS ADDR:PORT", Arg::Namespace, "follow a packet to where it ends"),
    command("quit", "", Arg::Other, "leave"),
];

/// A command by its name.
pub(super) fn find(name: &str) -> Option<&'static PromptCommand> {
    let name = name.trim_end_matches('!');
    ALL.iter().find(|command| command.name == name)
}

/// The functions of the language.
pub(super) fn helpful() -> Vec<String> {
    ops::all().map(|def| def.name.to_owned()).collect()
}

impl Repl<'_> {
    /// Runs a command, which is given without its colon.
    pub(super) fn command(&mut self, line: &str) -> Done {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let Some(command) = find(name).filter(|command| !name.ends_with('!') || command.name == "save") else {
            return Err(unknown(name).into());
        };
        if !command.args.is_empty() && !command.args.starts_with('[') && rest.is_empty() {
            let example = format!("It is written `:{} {}`.", command.name, command.args);
            return Err(usage(format!("`:{}` needs something after it.", command.name), &example).into());
        }
        if command.args.is_empty() && !rest.is_empty() {
            return Err(usage(format!("`:{}` takes nothing after it.", command.name), "Leave it out.").into());
        }
        match command.name {
            "help" => self.help(rest)?,
            "example" => self.example(rest)?,
            "ls" => self.list_all()?,
            "graph" => {
                let text = self.graph().map_err(|error| self.failure(error))?;
                self.show(&text);
            }
            "vars" => self.variables(),
            "journal" => self.journal()?,
            "undo" => self.repeat(rest, Repl::undo, "taken back", "There is nothing to take back.")?,
            "redo" => {
                self.repeat(rest, Repl::redo, "made again", "Nothing was taken back that could be made again.")?;
            }
            "savepoint" => {
                self.history.save(rest);
                self.note(&format!("`:rollback {rest}` comes back to this."));
            }
            "rollback" => self.go_back_to(rest)?,
            "save" => self.save(rest, name.ends_with('!'))?,
            "load" => self.load(Path::new(rest))?,
            "plan" => {
                let steps = self.rehearse(rest)?;
                self.show_plan(&steps);
            }
            "explain" => {
                let steps = self.rehearse(rest)?;
                self.show_commands(&steps);
            }
            "time" if rest.is_empty() => {
                self.is_timed = !self.is_timed;
                self.note(if self.is_timed { "Entries are timed now." } else { "Entries are no longer timed." });
            }
            "time" => {
                let began = Instant::now();
                let result = self.enter_part(rest);
                if !self.is_timed {
                    self.tell_time(began.elapsed());
                }
                result?;
            }
            "in" => self.go_into(rest)?,
            "keep" => self.keep(rest)?,
            "why" => self.why(rest)?,
            _ => return Ok(Next::Leave),
        }
        Ok(Next::More)
    }

    /// Runs a part of a line as an entry.
    pub(super) fn enter_part(&mut self, text: &str) -> Result<(), Failure> {
        self.transact(|prompt| prompt.read(text))
    }

    /// Does something with entries, once or as often as asked.
    fn repeat(
        &mut self,
        count: &str,
        mut act: impl FnMut(&mut Self) -> Result<Option<(String, Restored)>, Failure>,
        what: &str,
        none: &str,
    ) -> Result<(), Failure> {
        let count = match count {
            "" => 1,
            number => number.parse::<usize>().ok().filter(|number| *number > 0).ok_or_else(|| {
                usage(format!("{number:?} is no number of entries."), "Give a number from 1, or none for one entry.")
            })?,
        };
        for number in 0..count {
            match act(self)? {
                Some((text, restored)) => self.tell_back(&text, what, &restored),
                None if number == 0 => return Err(usage(none, "`:journal` shows what stands.").into()),
                None => break,
            }
        }
        Ok(())
    }

    fn tell_back(&self, text: &str, what: &str, restored: &Restored) {
        let mut lines = text.trim().lines();
        let first = lines.next().unwrap_or_default();
        let more = if lines.next().is_some() { " …" } else { "" };
        let sentence = sentence(restored).unwrap_or_else(|| "no change of the lab".to_owned());
        let style = self.options.printing.stderr();
        self.note(&format!("{what}: {first}{more}   {}", style.paint(Ink::Faint, &format!("# {sentence}"))));
    }

    fn go_back_to(&mut self, name: &str) -> Result<(), Failure> {
        let Some(count) = self.history.since(name) else {
            let names = self.history.savepoints();
            let error = OpError::new("repl::savepoint", format!("There is no savepoint `{name}`.")).usage();
            return Err(match closest(name, names.iter().map(String::as_str)) {
                Some(near) => error.help(format!("Did you mean `{near}`?")),
                None if names.is_empty() => error.help("`:savepoint NAME` makes one."),
                None => error.help(format!("There are `{}`.", names.join("`, `"))),
            }
            .into());
        };
        for _ in 0..count {
            if let Some((text, restored)) = self.undo()? {
                self.tell_back(&text, "taken back", &restored);
            }
        }
        if count == 0 {
            self.note(&format!("Nothing has changed since `{name}`."));
        }
        Ok(())
    }

    fn go_into(&mut self, name: &str) -> Result<(), Failure> {
        let ns = namespace(if name.is_empty() { "host" } else { name })?;
        if !self.lab.borrow_mut().netns_exists(&ns).map_err(|error| self.failure(error))? {
            let error = OpError::new("netns::unknown", format!("There is no namespace `{ns}`.")).usage();
            return Err(error.help("`:ls` shows those that there are.").into());
        }
        self.prompt.borrow().go_to(ns);
        Ok(())
    }

    fn why(&mut self, words: &str) -> Result<(), Failure> {
        let Some((ns, to)) = words.split_once(char::is_whitespace) else {
            return Err(
                usage("`:why` needs a namespace and an address.", "Write it as in `:why web1 10.0.0.2:80`.").into()
            );
        };
        self.enter_part(&format!("ns({ns:?}).why({:?})", to.trim()))
    }

    /// Runs a program in the current namespace, on this terminal.
    pub(super) fn external(&mut self, command: &str) -> Result<(), Failure> {
        if command.is_empty() {
            return Err(usage("There is no command after `!`.", "Write it as in `!ip route`.").into());
        }
        self.lab.borrow_mut().settle().map_err(|error| self.failure(error))?;
        let ns = self.prompt.borrow().here();
        let argv = |script: String| ["sh".to_owned(), "-c".to_owned(), script].to_vec();
        let status = if self.options.printing.json {
            let argv = argv(command.to_owned());
            let command = observe::Command { argv, env: Vec::new(), cwd: None, stdin: None, timeout: None };
            let output = self.lab.borrow_mut().exec(&ns, &command).map_err(|error| self.failure(error))?;
            self.show(&output.stdout);
            self.show(&output.stderr);
            output.status
        } else if self.options.is_interactive {
            let status = run_here(&ns, &argv(command.to_owned()), &self.registered.dir());
            sandbox::take_terminal();
            status?
        } else {
            // The lines that follow are for us.
            run_here(&ns, &argv(format!("exec </dev/null; {command}")), &self.registered.dir())?
        };
        if status == 0 {
            return Ok(());
        }
        if self.options.is_interactive {
            self.note(&self.options.printing.stderr().paint(Ink::Faint, &format!("# status {status}")));
            return Ok(());
        }
        Err(OpError::new("exec::status", format!("`{command}` ended with status {status}.")).into())
    }
}

fn unknown(name: &str) -> OpError {
    let error = OpError::new("repl::command", format!("There is no command `:{name}`.")).usage();
    match closest(name, ALL.iter().map(|command| command.name)) {
        Some(near) => error.help(format!("Did you mean `:{near}`? `:help` shows them all.")),
        None => error.help("`:help` shows them all."),
    }
}
