//! What is said of the trials.

use super::{How, MadeChange, TrialOutcome};
use crate::cli::args::OutputArgs;
use crate::model::error::OpResult;
use crate::output::Printing;
use crate::output::style::{Ink, Style, cut};
use crate::output::table::{new_table, print};
use crate::output::told;
use crate::output::{changes, write_err};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{Write, stderr, stdout};
use std::time::Instant;

/// The longest command shown.
const COMMAND: usize = 60;

/// Tells of trials as they come, or sums them up at the end.
#[derive(Debug)]
pub struct ProofReport {
    output: OutputArgs,
    out: Style,
    err: Style,
    started: Instant,
    made: Vec<MadeChange>,
    total: usize,
    done: usize,
    /// What each trial left, by change and manner.
    leaks: BTreeMap<(u64, Column), Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Whole,
    Error,
    Kill,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line<'a> {
    Trial { how: How, after: u64, code: Option<i32>, leaks: &'a [String] },
    End { changes: usize, trials: usize, leaks: usize, milliseconds: u64 },
}

impl ProofReport {
    /// One that speaks as the user asked.
    pub fn new(output: OutputArgs, printing: Printing) -> ProofReport {
        let (out, err) = (printing.stdout(), printing.stderr());
        let (made, leaks) = (Vec::new(), BTreeMap::new());
        ProofReport { output, out, err, started: Instant::now(), made, total: 0, done: 0, leaks }
    }

    /// The recipe fails by itself, so that it can be tried only as far as it goes.
    pub fn failed(outcome: &TrialOutcome) {
        write_err(&outcome.said);
        write_err("The recipe fails by itself. What can be proved is that nothing is left of the changes before that.");
    }

    /// The trials begin.
    pub fn begin(&mut self, made: &[MadeChange], trials: usize) {
        self.made = made.to_vec();
        self.total = trials + 1;
    }

    /// A trial is over.
    pub fn trial(&mut self, how: How, after: u64, outcome: &TrialOutcome) -> OpResult<()> {
        self.done += 1;
        let column = match how {
            How::Whole => Column::Whole,
            How::Error => Column::Error,
            How::Kill => Column::Kill,
        };
        self.leaks.insert((after, column), outcome.leaks.clone());
        if self.output.json {
            let line = Line::Trial { how, after, code: outcome.code, leaks: &outcome.leaks };
            return told(writeln!(stdout(), "{}", serde_json::to_string(&line).unwrap_or_default()));
        }
        if self.err.is_terminal && !self.output.quiet {
            let text = format!("\r\x1b[Ktrial {} of {}", self.done, self.total);
            // Nobody misses a counter that cannot be shown.
            let _ = stderr().write_all(self.err.paint(Ink::Faint, &text).as_bytes());
        }
        Ok(())
    }

    /// All are over; returns how many left something.
    pub fn end(&self) -> OpResult<usize> {
        let leaking = self.leaks.values().filter(|leaks| !leaks.is_empty()).count();
        let time = self.started.elapsed();
        if self.output.json {
            let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let (changes, trials) = (self.made.len(), self.leaks.len());
            let line = Line::End { changes, trials, leaks: leaking, milliseconds };
            told(writeln!(stdout(), "{}", serde_json::to_string(&line).unwrap_or_default()))?;
            return Ok(leaking);
        }
        if self.err.is_terminal && !self.output.quiet {
            let _ = stderr().write_all(b"\r\x1b[K");
        }
        if !self.output.quiet || leaking > 0 {
            told(write!(stdout(), "{}", self.text(leaking, time.as_secs_f64())))?;
        }
        Ok(leaking)
    }

    /// What was left, with the trials that left just that.
    fn differences(&self) -> BTreeMap<&[String], Vec<String>> {
        let mut numbers: BTreeMap<&[String], BTreeMap<Column, Vec<String>>> = BTreeMap::new();
        for ((after, column), leaks) in self.leaks.iter().filter(|(_, leaks)| !leaks.is_empty()) {
            numbers.entry(leaks).or_default().entry(*column).or_default().push(after.to_string());
        }
        let words = |(column, numbers): (Column, Vec<String>)| match column {
            Column::Whole => "after a whole run".to_owned(),
            Column::Error => format!("after an error behind change {}", numbers.join(", ")),
            Column::Kill => format!("after kill -9 behind change {}", numbers.join(", ")),
        };
        numbers.into_iter().map(|(leaks, columns)| (leaks, columns.into_iter().map(words).collect())).collect()
    }

    fn text(&self, leaking: usize, seconds: f64) -> String {
        let mut table = new_table(["AFTER", "CHANGE", "LINE", "ERROR", "KILL -9"]);
        for MadeChange { n, place, command } in &self.made {
            let verdict = |column| match self.leaks.get(&(*n, column)) {
                None => "not tried".to_owned(),
                Some(leaks) if leaks.is_empty() => "clean".to_owned(),
                Some(leaks) => format!("{} left", leaks.len()),
            };
            table.add_row([
                n.to_string(),
                cut(command, COMMAND),
                place.rsplit('/').next().unwrap_or(place).to_owned(),
                verdict(Column::Error),
                verdict(Column::Kill),
            ]);
        }
        let mut text = print(&table, self.out) + "\n\n";
        for (leaks, trials) in self.differences() {
            text.push_str(&format!("A difference {}:\n", trials.join("; ")));
            for leak in leaks {
                text.push_str(&format!("  {}\n", self.out.paint(Ink::Bad, leak)));
            }
        }
        let trials = self.leaks.len();
        let verdict = match leaking {
            0 => self.out.paint(Ink::Made, "nothing was left by any of them"),
            _ => self.out.paint(Ink::Bad, &format!("{leaking} of them left something")),
        };
        text.push_str(&format!("{}, {trials} trials in {seconds:.1} s: {verdict}.\n", changes(self.made.len())));
        text
    }
}
