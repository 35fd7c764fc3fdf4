//! What is said while a lab is made and taken down.

use super::args::{Context, OutputArgs};
use super::events::{Json, milliseconds};
use super::style::{Ink, Style, cut};
use crate::export::Deed;
use crate::kernel::{Undone, interrupt};
use crate::lab::registry::Mode;
use crate::lab::{Event, Record, STOPPED};
use crate::model::change::{Change, Identity};
use crate::model::error::{Class, OpError, OpResult, Site, io_words};
use crate::model::kind::Kind;
use std::io::{Error, ErrorKind, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// How often the live line changes: faster than that nobody reads, and every change costs a write.
const PACE: Duration = Duration::from_millis(50);

/// What the live line leaves free: a terminal shows Ctrl-C as `^C`, and in the next line it could not be erased.
const CTRL_C: usize = 3;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
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
    manner: Manner,
    /// Of standard error, where all this goes except for JSON.
    style: Style,
    lab: String,
    started: Instant,
    made: usize,
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
    pub fn new(lab: &str, output: OutputArgs, context: Context) -> Progress {
        let manner = match output {
            OutputArgs { json: true, .. } => Manner::Json,
            OutputArgs { verbose: true, .. } => Manner::Verbose,
            OutputArgs { quiet: true, .. } => Manner::Quiet,
            _ => Manner::Brief,
        };
        Progress {
            manner,
            style: context.stderr(),
            lab: lab.to_owned(),
            started: Instant::now(),
            made: 0,
            undone: 0,
            went_along: 0,
            drawn: None,
            broken: None,
        }
    }

    /// The lab has come by another name.
    pub fn rename(&mut self, lab: &str) {
        lab.clone_into(&mut self.lab);
    }

    /// The lab begins.
    pub fn start(&mut self, mode: Mode, recipe: &std::path::Path) {
        let event = Json::Start { lab: &self.lab, mode, recipe: recipe.display().to_string() }.line();
        if self.manner == Manner::Json {
            self.out(&event);
        }
    }

    /// What an earlier run left is about to be undone.
    pub fn recovery(&mut self, started: &str) {
        self.json(&Json::Recovery { lab: &self.lab.clone(), started });
        self.note(&format!(
            "The lab `{}` of {started} ended without being taken down. What it left is undone first.",
            self.lab
        ));
    }

    /// How many changes were undone so far.
    pub fn undone(&self) -> usize {
        self.undone
    }

    /// Something happened in the lab.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Made(_) => self.made += 1,
            Event::Undone(_, undone) => {
                self.undone += 1;
                self.went_along += usize::from(*undone == Undone::Along);
            }
            Event::Altered(..) | Event::Stuck(..) => {}
        }
        match self.manner {
            Manner::Quiet => {}
            Manner::Json => self.json(&Json::of(event)),
            Manner::Brief => self.draw(event),
            Manner::Verbose => self.tell(event),
        }
    }

    /// The recipe printed something.
    pub fn print(&mut self, text: &str) {
        self.erase();
        match self.manner {
            Manner::Json => self.json(&Json::Print { text }),
            _ => self.out(text),
        }
    }

    /// What the recipe printed must have arrived, unless its reader wanted no more.
    pub fn delivered(&self) -> OpResult<()> {
        match &self.broken {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(self.undelivered()),
            _ => Ok(()),
        }
    }

    /// The error of a recipe that was stopped: that of the output, if it was the output that stopped it.
    pub fn why_stopped(&self, error: OpError) -> OpError {
        if error.0.code != STOPPED || self.broken.is_none() {
            return error;
        }
        let mut why = self.undelivered();
        (why.0.site, why.0.mark, why.0.calls) = (error.0.site, error.0.mark, error.0.calls);
        why
    }

    fn undelivered(&self) -> OpError {
        let message = match &self.broken {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                format!("The output cannot be written: {}.", io_words(error))
            }
            _ => "Nobody reads the output any more, so the recipe was stopped.".to_owned(),
        };
        OpError::new("output::write", message).help("What it has made is taken down.")
    }

    /// The lab is about to be taken down.
    pub fn teardown(&mut self) {
        if self.manner == Manner::Brief && self.style.is_terminal {
            let text = if self.style.unicode { "taking it down …" } else { "taking it down ..." };
            raw_err(&format!("\r\x1b[K{}", self.style.paint(Ink::Faint, text)));
            self.drawn = Some(Instant::now());
        }
    }

    /// Something failed; `report` is the rendered error.
    pub fn error(&mut self, error: &OpError, report: &str) {
        self.erase();
        self.json(&Json::failure(error));
        if self.manner != Manner::Json {
            write_err(report);
        }
    }

    /// A remark to the user, unless they want none.
    pub fn note(&mut self, text: &str) {
        self.erase();
        if matches!(self.manner, Manner::Brief | Manner::Verbose) {
            write_err(text);
        }
    }

    /// It is over.
    pub fn end(&mut self, code: i32, kept: bool) {
        self.erase();
        let (lab, made, undone, time) = (&self.lab, self.made, self.undone, self.started.elapsed());
        let event = Json::End { lab, kept, made, undone, code, milliseconds: milliseconds(time) }.line();
        if self.manner == Manner::Json {
            self.out(&event);
        }
        // The recipe's own output is what a run is about; only who watches wants a balance.
        if made + undone == 0 {
            return;
        }
        if self.manner == Manner::Verbose || (self.manner == Manner::Brief && self.style.is_terminal) {
            let time = time.as_secs_f64();
            let text = match self.manner {
                Manner::Verbose if !kept => {
                    let along = self.went_along;
                    let along = if along == 0 { String::new() } else { format!(" ({along} went with others)") };
                    let made = if made == 0 { String::new() } else { format!("{} made, ", changes(made)) };
                    format!("{made}{undone} undone{along}, in {time:.2} s.")
                }
                _ if kept => format!("{} made in {time:.2} s.", changes(made)),
                _ if made == 0 => format!("{} undone in {time:.2} s.", changes(undone)),
                _ if code == Class::Leftover.exit_code() => {
                    format!("{} made in {time:.2} s, not all undone.", changes(made))
                }
                _ => format!("{} made and undone in {time:.2} s.", changes(made)),
            };
            write_err(&self.style.paint(Ink::Faint, &text));
        }
    }

    /// Whether every change is shown, also those of the teardown.
    pub fn shows_changes(&self) -> bool {
        matches!(self.manner, Manner::Verbose | Manner::Json)
    }

    /// Clears the live line away, for something else to be shown.
    pub fn pause(&mut self) {
        self.erase();
    }

    /// An event that only programs want to know of.
    pub fn json(&mut self, event: &Json<'_>) {
        if self.manner == Manner::Json {
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

/// "1 change", "2 changes".
pub fn changes(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// How the lines of a step begin, and their colour.
pub(crate) fn sign(deed: Deed) -> (char, Ink) {
    match deed {
        Deed::Makes => ('+', Ink::Made),
        Deed::Alters => ('~', Ink::Made),
        Deed::Undoes | Deed::Falls => ('-', Ink::Undone),
    }
}

/// A place as comments name it: the file and the line, where it is one of a recipe.
pub fn place(site: &Site) -> String {
    if site.line == 0 { site.source.to_string() } else { format!("{}:{}", site.source, site.line) }
}

/// Prints a line on standard output after which nothing follows, so that it does not matter whether anybody reads it.
pub fn write_out(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}

/// Prints a line on standard error; there is nowhere to say that this failed.
pub fn write_err(text: &str) {
    raw_err(&format!("{text}\n"));
}

fn raw_err(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}
