//! What is said while a lab is made and taken down.

use super::json::{Json, milliseconds};
use super::style::{Ink, Style, cut};
use super::{changes, place, raw_err, report, write_err};
use crate::kernel::{Undone, interrupt};
use crate::lab::{Event, Record};
use crate::model::change::Change;
use crate::model::error::{Class, OpError, io_words};
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::session::{Failure, Notice, Sink};
use std::io::{Error, ErrorKind, Write, stdout};
use std::time::{Duration, Instant};

/// How often the live line changes: faster than that nobody reads, and every change costs a write.
const PACE: Duration = Duration::from_millis(50);

/// What the live line leaves free: a terminal shows Ctrl-C as `^C`, and in the next line it could not be erased.
const CTRL_C: usize = 3;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Nothing but the recipe's own output and errors.
    Quiet,
    /// One line at the end, and a live line before that where a person watches.
    Brief,
    /// A line for each command.
    Verbose,
    /// An event per line on standard output, and nothing else there.
    Json,
}

/// The one who says it.
#[derive(Debug)]
pub struct Progress {
    level: Level,
    /// Of standard error, where all this goes except for JSON.
    style: Style,
    lab: String,
    started: Instant,
    made: usize,
    altered: usize,
    undone: usize,
    /// Of those undone, how many had gone with something else.
    went_along: usize,
    /// When the live line was last drawn; none if it is not there.
    drawn: Option<Instant>,
    /// Why standard output cannot be written, once it could not.
    broken: Option<Error>,
}

impl Progress {
    /// Somebody who speaks of `lab` as the user asked.
    pub fn new(lab: &str, level: Level, style: Style) -> Progress {
        Progress {
            level,
            style,
            lab: lab.to_owned(),
            started: Instant::now(),
            made: 0,
            altered: 0,
            undone: 0,
            went_along: 0,
            drawn: None,
            broken: None,
        }
    }

    /// How many changes were undone so far.
    pub fn undone(&self) -> usize {
        self.undone
    }

    /// Something happened in the lab.
    fn lab(&mut self, event: &Event<'_>) {
        match event {
            Event::Made(_) => self.made += 1,
            Event::Undone(_, undone) => {
                self.undone += 1;
                self.went_along += usize::from(*undone == Undone::Along);
            }
            Event::Altered(..) => self.altered += 1,
            Event::Stuck(..) => {}
        }
        match self.level {
            Level::Quiet => {}
            Level::Json => self.json(&Json::of(event)),
            Level::Brief => self.draw(event),
            Level::Verbose => self.tell(event),
        }
    }

    /// Prints something of the recipe.
    pub fn print(&mut self, text: &str) {
        self.erase();
        match self.level {
            Level::Json => self.json(&Json::Print { text }),
            _ => self.out(text),
        }
    }

    /// A remark to the user, unless they want none.
    pub fn note(&mut self, text: &str) {
        self.erase();
        if matches!(self.level, Level::Brief | Level::Verbose) {
            write_err(text);
        }
    }

    fn show_failure(&mut self, failure: &Failure) {
        self.erase();
        self.json(&Json::failure(&failure.error));
        if self.level != Level::Json {
            write_err(&report(failure, self.style));
        }
    }

    fn tearing_down(&mut self) {
        if self.level == Level::Brief && self.style.is_terminal {
            let text = if self.style.unicode { "taking it down …" } else { "taking it down ..." };
            raw_err(&format!("\r\x1b[K{}", self.style.paint(Ink::Faint, text)));
            self.drawn = Some(Instant::now());
        }
    }

    fn end(&mut self, code: i32, kept: bool) {
        self.erase();
        let (lab, made, undone, time) = (&self.lab, self.made, self.undone, self.started.elapsed());
        let event = Json::End { lab, kept, made, undone, code, milliseconds: milliseconds(time) }.line();
        if self.level == Level::Json {
            self.out(&event);
        }
        let is_watched = self.level == Level::Verbose || (self.level == Level::Brief && self.style.is_terminal);
        // The recipe's own output is what a run is about; only who watches wants a balance.
        if made + undone > 0 && is_watched {
            write_err(&self.style.paint(Ink::Faint, &self.balance(code, kept, time)));
        }
    }

    /// What was made and undone, in a sentence.
    fn balance(&self, code: i32, kept: bool, time: Duration) -> String {
        let (made, undone, time) = (self.made, self.undone, time.as_secs_f64());
        match self.level {
            Level::Verbose if !kept => {
                let along = self.went_along;
                let along = if along == 0 { String::new() } else { format!(" ({along} went with others)") };
                let made = if made == 0 { String::new() } else { format!("{} made, ", changes(made)) };
                let altered = if self.altered == 0 { String::new() } else { format!("{} altered, ", self.altered) };
                format!("{made}{altered}{undone} undone{along}, in {time:.2} s.")
            }
            _ if kept => format!("{} made in {time:.2} s.", changes(made)),
            _ if made == 0 => format!("{} undone in {time:.2} s.", changes(undone)),
            _ if code == Class::Leftover.exit_code() => {
                format!("{} made in {time:.2} s, not all undone.", changes(made))
            }
            _ => format!("{} made and undone in {time:.2} s.", changes(made)),
        }
    }

    /// Clears the live line away, for something else to be shown.
    pub fn pause(&mut self) {
        self.erase();
    }

    /// An event that only programs want to know of.
    pub fn json(&mut self, event: &Json<'_>) {
        if self.level == Level::Json {
            self.out(&event.line());
        }
    }

    /// Prints a line on standard output. When that fails, the run is asked to stop, as SIGPIPE would.
    fn out(&mut self, text: &str) {
        if self.broken.is_some() {
            return;
        }
        let mut out = stdout().lock();
        if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
            self.broken = Some(error);
            interrupt::raise();
        }
    }

    fn tell(&self, event: &Event<'_>) {
        let (record, sign, ink, remark) = match event {
            Event::Made(record) if record.identity == Identity::Already => (record, '=', Ink::Faint, "already so"),
            Event::Made(record) => (record, '+', Ink::Made, ""),
            Event::Altered(altered) => (&altered.after, '~', Ink::Made, ""),
            Event::Undone(record, Undone::Yes) => (record, '-', Ink::Undone, ""),
            // The line of what it went along with says enough.
            Event::Undone(_, Undone::Along) => return,
            Event::Undone(record, Undone::AlreadyGone) => (record, '-', Ink::Faint, "gone already"),
            Event::Undone(record, Undone::StillUsed(why)) => (record, '=', Ink::Faint, why.as_str()),
            Event::Undone(record, Undone::NotOurs(why)) => (record, '!', Ink::Bad, why.as_str()),
            Event::Stuck(record, error) => (record, '!', Ink::Bad, error.0.message.as_str()),
        };
        let commands = match event {
            Event::Made(Record { change, .. }) => change.headlines(),
            Event::Altered(altered) => altered.commands(),
            // The comments that mark our rules would double the lines' length.
            _ if matches!(record.change, Change::EditRules(_)) => record.change.undo_commands(&Identity::Spec),
            _ => record.change.undo_commands(&record.identity),
        };
        let site = if let Event::Altered(altered) = event { altered.site } else { &record.site };
        for (number, command) in commands.iter().enumerate() {
            let mut comment = if number == 0 { place(site) } else { String::new() };
            if !remark.is_empty() && number == 0 {
                comment = format!("{comment}: {remark}");
            }
            let line = if comment.is_empty() {
                self.style.paint(ink, &format!("{sign} {command}"))
            } else {
                let comment = self.style.paint(Ink::Faint, &format!("# {comment}"));
                format!("{}   {comment}", self.style.paint(ink, &format!("{sign} {command}")))
            };
            write_err(&line);
        }
    }

    /// Draws the live line over the one before.
    fn draw(&mut self, event: &Event<'_>) {
        let soon = self.drawn.unwrap_or(self.started) + PACE > Instant::now();
        if !self.style.is_terminal || soon {
            return;
        }
        let (sign, count, command) = match event {
            Event::Made(record) => ('+', self.made, record.change.commands()),
            Event::Altered(altered) => ('~', self.made, altered.commands()),
            Event::Undone(record, _) | Event::Stuck(record, _) => {
                ('-', self.undone, record.change.undo_commands(&record.identity))
            }
        };
        // What has several lines could not be erased.
        let command = command.first().map_or("", String::as_str).replace('\n', " ");
        let text = format!("{count:>5} {sign} {command}");
        let line = self.style.paint(Ink::Faint, &cut(&text, self.style.width.saturating_sub(CTRL_C)));
        raw_err(&format!("\r\x1b[K{line}"));
        self.drawn = Some(Instant::now());
    }

    fn erase(&mut self) {
        if self.drawn.take().is_some() {
            raw_err("\r\x1b[K");
        }
    }
}

impl Sink for Progress {
    fn notice(&mut self, notice: &Notice<'_>) {
        match notice {
            Notice::Started { mode, recipe } => {
                let recipe = recipe.display().to_string();
                self.json(&Json::Start { lab: &self.lab.clone(), mode: *mode, recipe });
            }
            Notice::Recovering { started } => {
                let lab = self.lab.clone();
                self.json(&Json::Recovery { lab: &lab, started });
                self.note(&format!(
                    "The lab `{lab}` of {started} ended without being taken down. What it left is undone first."
                ));
            }
            Notice::Lab(event) => self.lab(event),
            Notice::Printed(text) => self.print(text),
            Notice::Remark(text) => self.note(text),
            Notice::Failed(failure) => self.show_failure(failure),
            Notice::TearingDown => self.tearing_down(),
            Notice::Ended { code, kept } => self.end(*code, *kept),
        }
    }

    fn wants_changes(&self) -> bool {
        matches!(self.level, Level::Verbose | Level::Json)
    }

    fn undelivered(&self) -> Option<OpError> {
        self.broken().filter(|_| self.broken.as_ref().is_some_and(|error| error.kind() != ErrorKind::BrokenPipe))
    }

    fn broken(&self) -> Option<OpError> {
        let error = self.broken.as_ref()?;
        let message = match error.kind() {
            ErrorKind::BrokenPipe => "Nobody reads the output any more, so the recipe was stopped.".to_owned(),
            _ => format!("The output cannot be written: {}.", io_words(error)),
        };
        Some(OpError::new("output::write", message).help("What it has made is taken down."))
    }
}
