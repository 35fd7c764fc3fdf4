//! The line editor of the prompt, with what the language's own completion and scanner know.

use super::commands::{self, Arg};
use crate::kernel::interrupt::{self, Aloud};
use crate::lab::Lab;
use crate::model::error::{Class, OpError, OpResult};
use crate::model::known::Known;
use crate::output::style::Style;
use crate::script::complete::{CandidateKind, complete};
use crate::script::describe::signatures;
use crate::script::page::{Live, Page};
use crate::script::prompt::Prompt;
use crate::script::scan::{TokenKind, scan};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Config, Context, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

mod paint;

/// How many entries are kept.
const KEPT: usize = 2000;

/// What was read.
pub(super) enum Read {
    /// A whole entry.
    Entry(String),
    /// The line was given up (Ctrl-C).
    Nothing,
    /// There is no more (Ctrl-D), or it is over.
    End,
}

/// The editor with its history.
pub(super) struct Editor {
    inner: rustyline::Editor<Help, FileHistory>,
    file: Option<PathBuf>,
}

impl Editor {
    /// An editor on the terminal of standard input, with the history of a file.
    pub fn new(prompt: &Rc<RefCell<Prompt>>, file: Option<PathBuf>, style: Style) -> OpResult<Editor> {
        let config = Config::builder()
            .max_history_size(KEPT)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(|error| refused(&error))?
            .history_ignore_space(true)
            .completion_type(CompletionType::List)
            .color_mode(if style.color { ColorMode::Forced } else { ColorMode::Disabled })
            .tab_stop(4)
            .build();
        let mut inner = rustyline::Editor::with_config(config).map_err(|error| refused(&error))?;
        inner.set_helper(Some(Help {
            prompt: Rc::clone(prompt),
            names: Names::default(),
            color: style.color,
            is_question: false,
        }));
        if let Some(file) = &file {
            // At the first start there is no history file yet.
            let _ = inner.load_history(file);
        }
        Ok(Editor { inner, file })
    }

    /// Takes note of what there is in the lab.
    pub fn look_at(&mut self, lab: &Lab, savepoints: Vec<String>) {
        if let Some(help) = self.inner.helper_mut() {
            help.names = Names::of(lab);
            help.names.savepoints = savepoints;
        }
    }

    /// Reads an entry, which may have several lines.
    pub fn read(&mut self, prompt: &str) -> OpResult<Read> {
        let _aloud = Aloud::begin();
        if interrupt::is_final() {
            return Ok(Read::End);
        }
        match self.inner.readline(prompt) {
            Ok(text) => {
                if !text.trim().is_empty() && !may_tell_secret(&text) {
                    self.inner.add_history_entry(text.as_str()).map_err(|error| refused(&error))?;
                }
                Ok(Read::Entry(text))
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) if interrupt::is_final() => Ok(Read::End),
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Ok(Read::Nothing),
            // A terminal that is gone can neither be read nor set.
            Err(ReadlineError::Eof | ReadlineError::Io(_) | ReadlineError::Errno(_)) => Ok(Read::End),
            Err(error) => Err(refused(&error)),
        }
    }

    /// Asks something; none where there is no answer.
    pub fn ask(&mut self, question: &str) -> Option<String> {
        let _aloud = Aloud::begin();
        if let Some(help) = self.inner.helper_mut() {
            help.is_question = true;
        }
        let answer = self.inner.readline(question).ok();
        if let Some(help) = self.inner.helper_mut() {
            help.is_question = false;
        }
        answer
    }

    /// Keeps what was entered for the next time.
    pub fn remember(&mut self) {
        if let Some(file) = &self.file {
            // A history that cannot be written is missing at the next start, which is no reason to end this prompt.
            let _ = self.inner.append_history(file);
        }
    }
}

fn refused(error: &ReadlineError) -> OpError {
    OpError::new("repl::terminal", format!("The terminal cannot be used: {error}."))
        .help("Entries can also be given through a pipe: `rhailab repl < entries.rhai`.")
        .class(Class::Machine)
}

/// The names of what is in the lab.
#[derive(Default)]
struct Names {
    namespaces: Vec<String>,
    links: Vec<String>,
    savepoints: Vec<String>,
}

impl Names {
    /// From the changes that stand, which takes no look at the kernel.
    fn of(lab: &Lab) -> Names {
        let namespaces = lab.made().namespaces().into_iter().map(ToString::to_string).collect();
        let mut names = Names { namespaces, ..Names::default() };
        for ns in lab.state().spaces() {
            names.links.extend(lab.state().links_in(ns).map(ToString::to_string));
        }
        names.links.sort();
        names.links.dedup();
        names
    }
}

/// What knows the language.
struct Help {
    prompt: Rc<RefCell<Prompt>>,
    names: Names,
    color: bool,
    is_question: bool,
}

impl Help {
    fn live(&self) -> Live {
        let (namespaces, links) = (self.names.namespaces.clone(), self.names.links.clone());
        Live { namespaces, links, ..self.prompt.borrow().live() }
    }

    /// What can follow in a text of the language.
    fn in_script(&self, text: &str, at: usize) -> (usize, Vec<Pair>) {
        let prompt = self.prompt.borrow();
        let vocabulary = prompt.vocabulary();
        let near = prompt.near(&vocabulary, self.live());
        let found = complete(&Page::new(text), at, &near).matching(text);
        let is_called = text.get(at..).is_some_and(|rest| rest.trim_start().starts_with('('));
        let pairs = found.candidates.into_iter().map(|candidate| {
            let label = candidate.label;
            let replacement = match candidate.kind {
                CandidateKind::Function { .. } if is_called => label.clone(),
                CandidateKind::Function { takes: true } => format!("{label}("),
                CandidateKind::Function { takes: false } => format!("{label}()"),
                CandidateKind::Option => format!("{label}: "),
                CandidateKind::Module => format!("{label}::"),
                _ => label.clone(),
            };
            Pair { display: label, replacement }
        });
        (found.range.start, pairs.collect())
    }

    /// What can follow in a command.
    fn in_command(&self, line: &str, at: usize) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = line.get(..at).unwrap_or(line);
        let Some((command, rest)) = typed.split_once(' ') else {
            let fitting = commands::ALL.iter().filter(|command| format!(":{}", command.name).starts_with(typed));
            let pair = |command: &commands::PromptCommand| Pair {
                display: format!(":{} {}", command.name, command.args).trim_end().to_owned(),
                replacement: format!(":{}{}", command.name, if command.args.is_empty() { "" } else { " " }),
            };
            return Ok((0, fitting.map(pair).collect()));
        };
        let start = at - rest.len();
        let among = |names: Vec<String>| {
            let mut names: Vec<String> = names.into_iter().filter(|name| name.starts_with(rest)).collect();
            names.sort();
            names.dedup();
            let pairs = names.into_iter().map(|name| Pair { display: name.clone(), replacement: name });
            Ok((start, pairs.collect()))
        };
        match commands::find(command.trim_start_matches(':')).map(|command| command.arg) {
            Some(Arg::Function) => among(commands::helpful()),
            Some(Arg::Savepoint) => among(self.names.savepoints.clone()),
            Some(Arg::Namespace) => among(self.names.namespaces.iter().cloned().chain(["host".to_owned()]).collect()),
            Some(Arg::File) => FilenameCompleter::new().complete_path(line, at),
            Some(Arg::Script) => {
                let (from, pairs) = self.in_script(line.get(start..).unwrap_or_default(), at - start);
                Ok((start + from, pairs))
            }
            Some(Arg::Other) | None => Ok((at, Vec::new())),
        }
    }
}

impl Helper for Help {}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        if self.is_question {
            Ok((at, Vec::new()))
        } else if line.starts_with(':') {
            self.in_command(line, at)
        } else if line.starts_with('!') {
            FilenameCompleter::new().complete_path(line, at)
        } else {
            Ok(self.in_script(line, at))
        }
    }
}

impl Hinter for Help {
    type Hint = String;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        if self.is_question || at < line.len() || line.is_empty() {
            return None;
        }
        if let Some(typed) = line.strip_prefix(':') {
            let command = commands::find(typed.trim_end())?;
            let gap = if typed.ends_with(' ') || command.args.is_empty() { "" } else { " " };
            return Some(format!("{gap}{}   {}", command.args, command.summary));
        }
        let prompt = self.prompt.borrow();
        let vocabulary = prompt.vocabulary();
        let near = prompt.near(&vocabulary, self.live());
        let forms = signatures(&Page::new(line), at, &near)?;
        let form = forms.all.first()?;
        let more = if forms.all.len() > 1 { format!("  (+{})", forms.all.len() - 1) } else { String::new() };
        // A hint of several lines would push the text that is being written around, so only the first form is shown.
        Some(format!("   {}{more}", form.label))
    }
}

/// Whether a secret may be written out in an entry, so that it must not be in the file.
fn may_tell_secret(entry: &str) -> bool {
    let tokens = scan(entry).tokens;
    let has = |name: &str| tokens.iter().any(|token| token.kind == TokenKind::Name && token.text(entry) == name);
    has("secret") && has("text")
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, at: usize) -> Cow<'l, str> {
        if !self.color || self.is_question { Cow::Borrowed(line) } else { Cow::Owned(paint::line(line, at)) }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.color { Cow::Owned(paint::prompt(prompt)) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.color { Cow::Owned(paint::hint(hint)) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.color
    }
}

impl Validator for Help {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input();
        let is_short = text.starts_with([':', '!']) || text.trim().is_empty() || text.ends_with("\n\n");
        let is_whole = self.is_question || is_short || self.prompt.borrow().is_complete(text);
        Ok(if is_whole { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

#[cfg(test)]
mod tests {
    use super::may_tell_secret;

    #[test]
    fn an_entry_that_spells_a_secret_out_is_not_for_the_file() {
        assert!(may_tell_secret("let t = secret(\"token\", #{ text: \"s3cret\" });"));
        assert!(!may_tell_secret("let t = secret(\"token\", #{ file: \"text\" });"));
        assert!(!may_tell_secret("print(\"secret text\")"));
    }
}
