//! The tools that are compared, each as the commands that build and remove a lab.

use crate::commands;
use rhailab_bench::lab::Lab;
use rhailab_bench::{Context as _, Result};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A way to build a lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `rhailab up --host` and `rhailab down`.
    Ours,
    /// The same, with nothing on the disk.
    OursInMemory,
    /// `rhailab run`: built and removed by one process, in the sandbox that it makes for itself.
    OursRun,
    /// The reference program.
    Raw,
    /// `ip -batch` and one `iptables-restore`.
    Batch,
    /// One process per command.
    Shell,
    /// A program that does nothing.
    Nothing,
}

impl Tool {
    /// Every tool.
    pub const ALL: [Tool; 7] =
        [Tool::Ours, Tool::OursInMemory, Tool::OursRun, Tool::Raw, Tool::Batch, Tool::Shell, Tool::Nothing];

    /// The word that selects it.
    pub fn word(self) -> &'static str {
        match self {
            Tool::Ours => "ours",
            Tool::OursInMemory => "ours-tmpfs",
            Tool::OursRun => "ours-run",
            Tool::Raw => "raw",
            Tool::Batch => "batch",
            Tool::Shell => "shell",
            Tool::Nothing => "nothing",
        }
    }

    /// The tool that a word selects.
    pub fn parse(word: &str) -> Result<Tool> {
        let known = || Tool::ALL.map(Tool::word).join(", ");
        let named = Tool::ALL.into_iter().find(|tool| tool.word() == word);
        named.ok_or_else(|| format!("no such tool: {word}; there are {}", known()).into())
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tool::Ours => "**rhailab up / down**",
            Tool::OursInMemory => "rhailab, nothing on disk",
            Tool::OursRun => "rhailab run (own sandbox, up and down)",
            Tool::Raw => "raw netlink",
            Tool::Batch => "ip -batch, one restore",
            Tool::Shell => "shell, process per command",
            Tool::Nothing => "a process that does nothing",
        })
    }
}

/// Where things are.
pub struct Paths {
    /// Our program.
    pub rhailab: PathBuf,
    /// The reference program.
    pub raw: PathBuf,
    /// The folder of our recipes.
    pub recipes: PathBuf,
    /// A folder on the disk for the files of runs.
    pub scratch: PathBuf,
}

/// What to run for one up and down.
pub struct Plan {
    /// Builds the lab.
    pub up: Vec<String>,
    /// Removes it; none where `up` has already done that.
    pub down: Option<Vec<String>>,
    /// Variables for both.
    pub env: Vec<(String, String)>,
}

/// Plans a run, inside the sandbox: files that are private to it go to `/run`.
pub fn plan(tool: Tool, lab: Lab, paths: &Paths) -> Result<Plan> {
    let private = Path::new("/run/bench");
    fs::create_dir_all(private).context(private.display())?;
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<String>>();
    let size = lab.size().to_string();
    let plan = |up, down| Plan { up, down, env: Vec::new() };
    Ok(match tool {
        Tool::Ours => ours(lab, paths, Vec::new()),
        Tool::OursInMemory => ours(lab, paths, vec![("RHAILAB_STATE_DIR".into(), "/run/bench/state".into())]),
        Tool::OursRun => plan(recipe(lab, paths, "run"), None),
        Tool::Raw => {
            let raw = paths.raw.to_string_lossy();
            plan(words(&[&raw, "up", lab.kind(), &size]), Some(words(&[&raw, "down", lab.kind(), &size])))
        }
        Tool::Batch | Tool::Shell => {
            let scripts =
                if tool == Tool::Shell { commands::one_by_one(lab) } else { commands::in_batches(lab, private)? };
            scripts.write(private)?;
            plan(words(&["sh", "-e", "/run/bench/up.sh"]), Some(words(&["sh", "-e", "/run/bench/down.sh"])))
        }
        Tool::Nothing => plan(words(&["true"]), None),
    })
}

fn ours(lab: Lab, paths: &Paths, env: Vec<(String, String)>) -> Plan {
    let mut up = recipe(lab, paths, "up");
    up.extend(["--name", "bench", "--host"].map(String::from));
    let program = paths.rhailab.to_string_lossy().into_owned();
    let down = vec![program, "down".into(), "bench".into()];
    Plan { up, down: Some(down), env }
}

fn recipe(lab: Lab, paths: &Paths, command: &str) -> Vec<String> {
    let file = paths.recipes.join(format!("{}.rhai", lab.kind()));
    let mut argv: Vec<String> =
        vec![paths.rhailab.to_string_lossy().into(), command.into(), file.to_string_lossy().into()];
    if let Lab::Star(n) | Lab::Vips(n) = lab {
        argv.extend(["-p".into(), format!("n={n}")]);
    }
    argv
}
