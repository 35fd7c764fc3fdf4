//! What is said while a lab is made and taken down.

use super::args::{Context, OutputArgs};
use super::events::{Json, milliseconds};
use super::style::{Ink, Style, cut};
use crate::change::{Change, Identity};
use crate::error::{OpError, Site};
use crate::kernel::{Undone, interrupt};
use crate::lab::registry::Mode;
use crate::lab::{Event, Record};
use crate::render;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::time::{Duration, Instant};

/// How often the live line changes: faster than that nobody reads, and every change costs a write.
const PACE: Duration = Duration::from_millis(50);

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
        }
    }

    /// The lab begins.
    pub fn start(&self, mode: Mode, recipe: &std::path::Path) {
        self.json(&Json::Start { lab: &self.lab, mode, recipe: recipe.display().to_string() });
    }

    /// Something happened in the lab.
    pub fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Made(_) => self.made += 1,
            Event::Undone(_, undone) => {
                self.undone += 1;
                self.went_along += usize::from(*undone == Undone::Along);
            }
            Event::Stuck(..) => {}
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
            _ => write_out(text),
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
        self.json(&Json::End { lab, kept, made, undone, code, milliseconds: milliseconds(time) });
        // The recipe's own output is what a run is about; only who watches wants a balance.
        if self.manner == Manner::Verbose || (self.manner == Manner::Brief && self.style.is_terminal) {
            let time = time.as_secs_f64();
            let text = match self.manner {
                Manner::Verbose if !kept => {
                    let along = self.went_along;
                    let along = if along == 0 { String::new() } else { format!(" ({along} went with others)") };
                    let made = if made == 0 { String::new() } else { format!("{made} changes made, ") };
                    format!("{made}{undone} undone{along}, in {time:.2} s.")
                }
                _ => format!("{} changes in {time:.2} s.", made.max(undone)),
            };
            write_err(&self.style.paint(Ink::Faint, &text));
        }
    }

    /// Whether every change is shown, also those of the teardown.
    pub fn shows_changes(&self) -> bool {
        matches!(self.manner, Manner::Verbose | Manner::Json)
    }

    fn json(&self, event: &Json<'_>) {
        if self.manner == Manner::Json {
            write_out(&event.line());
        }
    }

    fn tell(&self, event: &Event<'_>) {
        let (record, sign, ink, remark) = match event {
            Event::Made(record) if record.identity == Identity::Already => (record, '=', Ink::Faint, "already so"),
            Event::Made(record) => (record, '+', Ink::Made, ""),
            Event::Undone(record, Undone::Yes) => (record, '-', Ink::Undone, ""),
            // The line of what it went along with says enough.
            Event::Undone(_, Undone::Along) => return,
            Event::Undone(record, Undone::AlreadyGone) => (record, '-', Ink::Faint, "gone already"),
            Event::Undone(record, Undone::NotOurs(why)) => (record, '!', Ink::Bad, why.as_str()),
            Event::Stuck(record, error) => (record, '!', Ink::Bad, error.0.message.as_str()),
        };
        let commands = match event {
            Event::Made(Record { change, .. }) => render::headlines(change),
            // The comments that mark our rules would double the lines' length.
            _ if matches!(record.change, Change::EditRules { .. }) => {
                render::undo_commands(&record.change, &Identity::Spec)
            }
            _ => render::undo_commands(&record.change, &record.identity),
        };
        for (number, command) in commands.iter().enumerate() {
            let mut comment = if number == 0 { place(&record.site) } else { String::new() };
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
            Event::Made(record) => ('+', self.made, render::commands(&record.change)),
            Event::Undone(record, _) | Event::Stuck(record, _) => {
                ('-', self.undone, render::undo_commands(&record.change, &record.identity))
            }
        };
        let text = format!("{count:>5} {sign} {}", command.first().map_or("", String::as_str));
        let line = self.style.paint(Ink::Faint, &cut(&text, self.style.width.saturating_sub(1)));
        raw_err(&format!("\r\x1b[K{line}"));
        self.drawn = Some(Instant::now());
    }

    fn erase(&mut self) {
        if self.drawn.take().is_some() {
            raw_err("\r\x1b[K");
        }
    }
}

/// A place as comments name it: the file and the line.
pub fn place(site: &Site) -> String {
    format!("{}:{}", site.source, site.line)
}

/// Prints a line on standard output. When nobody reads it any more, the run is asked to stop, as SIGPIPE would.
pub fn write_out(text: &str) {
    let mut out = stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && error.kind() == ErrorKind::BrokenPipe
    {
        interrupt::raise();
    }
}

/// Prints a line on standard error; there is nowhere to say that this failed.
pub fn write_err(text: &str) {
    raw_err(&format!("{text}\n"));
}

fn raw_err(text: &str) {
    let _ = stderr().lock().write_all(text.as_bytes());
}
