//! `rhailab logs`: what the processes of a lab print.

use super::Ended;
use super::completions;
use super::log_files::{file, names, unreadable};
use crate::kernel::interrupt;
use crate::lab::registry::{LabDir, Life, Registry};
use crate::model::error::{Class, OpError, OpResult, closest};
use crate::output::Printing;
use crate::output::style::Ink;
use crate::output::told;
use crate::session::machine;
use crate::session::name::lab_name;
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::io::{Read, Write, stdout};
use std::time::Duration;

/// How often a followed log is looked at.
const PACE: Duration = Duration::from_millis(100);

/// Show what the processes of a lab have printed
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// The process; all, if none is given
    #[arg(value_name = "PROCESS", add = completions::processes())]
    process: Option<String>,
    /// Go on as they print more, until the lab ends
    #[arg(short, long)]
    follow: bool,
    /// Print a JSON object for each line (docs/json.md)
    #[arg(long)]
    pub(super) json: bool,
}

struct Log {
    name: String,
    file: File,
    /// What was read of a line that is not complete yet.
    rest: Vec<u8>,
}

/// A line as `--json` has it.
#[derive(Serialize)]
struct Printed<'a> {
    event: &'static str,
    process: &'a str,
    text: &'a str,
}

/// `logs`.
pub fn logs(args: &LogsArgs, printing: Printing) -> Ended {
    let (dir, _) = Registry::open()?.find(&lab_name(&args.lab)?)?;
    let names = names(&dir.logs())?;
    let names = match &args.process {
        None => names,
        Some(name) if names.contains(name) => vec![name.clone()],
        Some(name) => return Err(unknown(&args.lab, name, &names).into()),
    };
    if args.follow {
        machine::heed_signals()?;
    }
    let mut logs = Vec::new();
    for name in names {
        let path = file(&dir.logs(), &name);
        let file = File::open(&path).map_err(|e| unreadable(&path, &e))?;
        logs.push(Log { name, file, rest: Vec::new() });
    }
    let style = printing.stdout();
    let heading = |name: &str| style.paint(Ink::Strong, &format!("==> {name} <=="));
    let mut last = None;
    loop {
        // Looked at before the logs are read, so that what was printed last is read.
        let over = !args.follow || is_over(&dir)?;
        for (number, log) in logs.iter_mut().enumerate() {
            let mut text = Vec::new();
            log.file.read_to_end(&mut text).map_err(|e| unreadable(&file(&dir.logs(), &log.name), &e))?;
            if args.json {
                log.print_lines(&text, over)?;
                continue;
            }
            if text.is_empty() {
                continue;
            }
            let mut out = stdout().lock();
            if args.process.is_none() && last != Some(number) {
                told(writeln!(out, "{}", heading(&log.name)))?;
            }
            last = Some(number);
            told(out.write_all(&text).and_then(|()| out.flush()))?;
        }
        if over || interrupt::pending() {
            return Ok(0);
        }
        std::thread::sleep(PACE);
    }
}

impl Log {
    /// Prints the lines that are complete with what was read now; at the end, also one that is not.
    fn print_lines(&mut self, text: &[u8], is_end: bool) -> OpResult<()> {
        self.rest.extend_from_slice(text);
        let complete = match self.rest.iter().rposition(|byte| *byte == b'\n') {
            _ if is_end => self.rest.len(),
            Some(at) => at + 1,
            None => 0,
        };
        let lines: Vec<u8> = self.rest.drain(..complete).collect();
        let mut out = stdout().lock();
        for line in String::from_utf8_lossy(&lines).lines() {
            let line = Printed { event: "log", process: &self.name, text: line };
            told(writeln!(out, "{}", serde_json::to_string(&line).unwrap_or_default()))?;
        }
        told(out.flush())
    }
}

fn is_over(dir: &LabDir) -> OpResult<bool> {
    Ok(dir.info()?.is_none_or(|info| info.life() == Life::Dead))
}

fn unknown(lab: &str, name: &str, names: &[String]) -> OpError {
    let error = OpError::new("logs::unknown", format!("The lab `{lab}` has no process `{name}`.")).class(Class::Usage);
    match closest(name, names.iter().map(String::as_str)) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if names.is_empty() => error.help("It has started none."),
        None => error.help(format!("It has started {}.", names.join(", "))),
    }
}
