//! `bench quick|full`: builds the same labs with several tools, each run in a sandbox of its own, and prints what it
//! cost.
//!
//! Whole processes are timed, from spawn to wait4(2). Tools take turns, so that a machine that gets busy or warm meets
//! all of them alike, and so does what the tool before has left in the processor's caches. Every network is checked before
//! its removal counts as one.

mod commands;
mod measure;
mod one;
mod report;
mod sandbox;
mod schedule;
mod tool;
mod verify;

use report::Rows;
use rhailab_bench::lab::Lab;
use rhailab_bench::{Context as _, Result, rules};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use tool::{Paths, Tool};

const USAGE: &str = "\
usage: bench [quick|full] --rhailab PROGRAM --scratch FOLDER [--tools WORD,…] [--labs WORD,…] [--json]

  quick      a few minutes (the default)
  full       more rounds, and all tools at 500 namespaces
  --tools    only these: ours, ours-tmpfs, ours-run, raw, batch, shell, nothing
  --labs     only these: first, article, star, vips; or star:1000, for one of the sizes
  --json     print one JSON object per run instead of tables";

struct Options {
    words: Vec<String>,
    rhailab: PathBuf,
    scratch: PathBuf,
    tools: Vec<Tool>,
    /// All, if empty.
    labs: Vec<String>,
    json: bool,
}

fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match options().and_then(|options| dispatch(&options)) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options {
        words: Vec::new(),
        rhailab: PathBuf::new(),
        scratch: PathBuf::new(),
        tools: Tool::ALL.to_vec(),
        labs: Vec::new(),
        json: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"));
        match arg.as_str() {
            "--rhailab" => options.rhailab = value()?.into(),
            "--scratch" => options.scratch = value()?.into(),
            "--tools" => options.tools = value()?.split(',').map(Tool::parse).collect::<Result<_>>()?,
            "--labs" => options.labs = value()?.split(',').map(str::to_owned).collect(),
            "--json" => options.json = true,
            _ if arg.starts_with('-') => return Err(format!("unknown option {arg}\n{USAGE}").into()),
            _ => options.words.push(arg),
        }
    }
    Ok(options)
}

fn dispatch(options: &Options) -> Result<ExitCode> {
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["quick"] => compare(options, false),
        ["full"] => compare(options, true),
        // How this program calls itself, once per run.
        ["one", tool, kind, size] => {
            let row = one::run(Tool::parse(tool)?, Lab::parse(kind, size)?, &paths(options)?)?;
            println!("{row}");
            Ok(ExitCode::SUCCESS)
        }
        _ => Err(USAGE.into()),
    }
}

fn paths(options: &Options) -> Result<Paths> {
    let raw = std::env::current_exe()?.with_file_name("raw");
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    Ok(Paths { rhailab: options.rhailab.clone(), raw, recipes, scratch: options.scratch.clone() })
}

fn compare(options: &Options, full: bool) -> Result<ExitCode> {
    let mut sets = schedule::named(schedule::sets(full), &options.labs)?;
    for set in &mut sets {
        set.tools.retain(|tool| options.tools.contains(tool));
    }
    let mut rows = Rows::default();
    for set in &sets {
        let mut tools = set.tools.clone();
        for round in 1..=set.rounds {
            if std::io::stderr().is_terminal() {
                eprint!("\r\x1b[K{}: round {round} of {}", set.lab, set.rounds);
            }
            for tool in schedule::turns(&tools, round) {
                let row = sandboxed(options, tool, set.lab);
                if !row["error"].is_null() {
                    // It has nothing to compare.
                    tools.retain(|other| *other != tool);
                }
                rows.0.push(row);
            }
        }
    }
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[K");
    }
    if options.json {
        for row in &rows.0 {
            println!("{row}");
        }
    } else {
        println!("{}\n{}", machine(), report::markdown(&sets, &rows).trim_end());
    }
    Ok(if rows.any_failed() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// One run, in a process of its own because it moves to a sandbox.
fn sandboxed(options: &Options, tool: Tool, lab: Lab) -> Value {
    let run = || -> Result<Value> {
        let size = lab.size().to_string();
        let output = Command::new(std::env::current_exe()?)
            .args(["one", tool.word(), lab.kind(), &size])
            .args([OsString::from("--rhailab"), options.rhailab.clone().into()])
            .args([OsString::from("--scratch"), options.scratch.clone().into()])
            .output()
            .context("bench one")?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    run().unwrap_or_else(
        |why| json!({ "tool": tool.word(), "lab": lab.kind(), "n": lab.size(), "error": why.to_string() }),
    )
}

/// A line on where this was measured.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_string();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output();
        output.map_or_else(|_| program.into(), |output| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    format!(
        "Medians of whole processes on Linux {}, {processors} processors, {}, load {}; × is the ratio to the reference.\n",
        read("/proc/sys/kernel/osrelease"),
        version(&rules::command("iptables")),
        read("/proc/loadavg").split(' ').next().unwrap_or_default(),
    )
}
