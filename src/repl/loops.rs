//! Where lines come from: a terminal, or anything else.

use super::editor::{Editor, Read};
use super::{Ending, Next, Repl};
use crate::kernel::interrupt;
use crate::lab::STOPPED;
use crate::model::error::{Class, OpError, io_words};
use crate::output::is_up;
use crate::session::failure::{exit_code, leftover_error};
use crate::session::{Notice, Sink};
use std::io::BufRead;

impl Repl<'_> {
    /// Reads lines until there are no more, and returns the exit code.
    pub(super) fn live(&mut self) -> i32 {
        let greeted = self.options.is_interactive && !self.options.is_quiet;
        if greeted {
            self.note(&self.registered.greeting(self.options.printing.stderr()));
        }
        let mut code = 0;
        if let Some(recipe) = self.options.recipe.clone()
            && let Err(failure) = self.load(&recipe)
        {
            code = self.report(&failure);
            if interrupt::is_final() || !(self.options.is_interactive || self.options.keeps_going) {
                return code;
            }
        }
        if self.options.is_interactive {
            // At a terminal the user has seen the recipe's errors, so they do not decide the exit code.
            return self.at_terminal();
        }
        code.max(self.piped())
    }

    fn at_terminal(&mut self) -> i32 {
        let mut editor = match Editor::new(&self.prompt, self.registered.history_file(), self.style()) {
            Ok(editor) => editor,
            Err(error) => return self.report(&error.into()),
        };
        loop {
            let prompt = self.registered.prompt(&self.prompt.borrow().here());
            editor.look_at(&self.lab.borrow(), self.history.savepoints());
            let text = match editor.read(&prompt) {
                Ok(Read::Entry(text)) => text,
                Ok(Read::End) if interrupt::is_final() => return 0,
                Ok(Read::End) if self.may_leave(&mut editor) => return 0,
                // Ctrl-C at the prompt clears the line.
                Ok(Read::End | Read::Nothing) => continue,
                Err(error) => return self.report(&error.into()),
            };
            let next = self.act(&text);
            editor.remember();
            match next {
                Ok(Next::Leave) if self.may_leave(&mut editor) => return 0,
                Ok(Next::More | Next::Leave) => {}
                Err(failure) => {
                    self.report(&failure);
                }
            }
            if interrupt::is_final() {
                return 0;
            }
            // Ctrl-C that came too late stops nothing of what comes.
            interrupt::forget();
        }
    }

    /// Asks what becomes of a lab that stays, and whether to leave at all.
    fn may_leave(&mut self, editor: &mut Editor) -> bool {
        if !self.registered.is_attached() {
            return true;
        }
        let question = format!("Leave the lab `{}` up? [Y/n, c to go on] ", self.registered.name());
        loop {
            match editor.ask(&question) {
                Some(answer) => match answer.trim().to_ascii_lowercase().as_str() {
                    "" | "y" | "yes" => return true,
                    "n" | "no" => {
                        self.registered.take_down();
                        return true;
                    }
                    "c" | "cancel" => return false,
                    _ => {}
                },
                // Ctrl-D at the question leaves, too.
                None => return true,
            }
        }
    }

    fn piped(&mut self) -> i32 {
        let mut code = 0;
        let mut entry = String::new();
        let mut number = 0;
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = match input.read_line(&mut line) {
                Ok(read) => read,
                Err(error) => {
                    let message = format!("Standard input cannot be read: {}.", io_words(&error));
                    return self.report(&OpError::new("repl::input", message).class(Class::Machine).into());
                }
            };
            if read > 0 && !line.ends_with('\n') {
                line.push('\n');
            }
            number += 1;
            if entry.is_empty() {
                self.line = number;
            }
            entry.push_str(&line);
            let is_over = read == 0;
            let is_command = entry.trim_start().starts_with([':', '!']);
            if !is_over && !is_command && !self.prompt.borrow().is_complete(&entry) {
                continue;
            }
            let text = std::mem::take(&mut entry);
            if is_command || text.trim().is_empty() {
                self.prompt.borrow_mut().skip_piped(&text);
            }
            match self.act(&text) {
                Ok(Next::More) => {}
                Ok(Next::Leave) => return code,
                Err(mut failure) => {
                    if failure.error.0.site.is_none() {
                        failure.error.0.message = format!("stdin:{}: {}", self.line, failure.error.0.message);
                    }
                    let failed = self.report(&failure);
                    code = code.max(failed);
                    if !self.options.keeps_going || failure.error.0.code == STOPPED {
                        return code;
                    }
                }
            }
            if is_over || interrupt::pending() {
                return code;
            }
        }
    }

    /// Takes the lab down, or leaves it up.
    pub(super) fn end(mut self, code: i32) -> Ending {
        let mut code = match self.progress.borrow().undelivered() {
            None => code,
            Some(error) => code.max(exit_code(&error)),
        };
        // What asked the prompt to end must not stop the teardown.
        let is_term = interrupt::is_final() && interrupt::signal_name() == Some("SIGTERM");
        interrupt::forget();
        if is_term {
            self.registered.take_down_own();
        }
        let stays = self.registered.stays();
        if !stays && !self.registered.is_taken_down_elsewhere() {
            self.progress.borrow_mut().notice(&Notice::TearingDown);
            let left = self.lab.borrow_mut().unwind();
            if !left.is_empty() && !self.registered.goes_with_us() {
                code = self.report(&leftover_error(&left).into());
            }
        } else if stays {
            self.note(&is_up(self.registered.name()));
        }
        self.progress.borrow_mut().notice(&Notice::Ended { code, kept: stays });
        self.registered.end(code)
    }
}
