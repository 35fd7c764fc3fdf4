//! `rhailab plan` and `rhailab export`: a recipe's changes without making them.

use super::Ended;
use super::args::{RecipeArgs, ReportArgs, default_name};
use super::recipe_help;
use crate::export::{self, Replay, Step, StepKind};
use crate::lab::Record;
use crate::model::change::Change;
use crate::model::error::{Class, OpError, OpResult, Site, io_words};
use crate::model::kind::Kind;
use crate::output::Printing;
use crate::output::baseline::Baseline;
use crate::output::style::Ink;
use crate::output::told;
use crate::output::{place, sign};
use crate::session::Failure;
use crate::session::LoadedRecipe;
use crate::session::rehearsal::rehearse;
use clap::Args;
use serde::Serialize;
use serde_json::json;
use std::fs;
use std::io::{Write, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Show every change a recipe would make, with its inverse, without making any
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab plan [OPTIONS] <RECIPE>")]
pub struct PlanArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print a JSON object for each change, one per line
    #[arg(long)]
    pub(super) json: bool,
}

/// Print a recipe as two shell scripts that build its network and remove it
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab export [OPTIONS] <RECIPE>")]
pub struct ExportArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Write up.sh and down.sh into this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print the script that builds only
    #[arg(long, conflicts_with_all = ["output", "down"])]
    up: bool,
    /// Print the script that removes only
    #[arg(long, conflicts_with = "output")]
    down: bool,
    #[command(flatten)]
    pub(super) report: ReportArgs,
}

/// `plan`.
pub fn plan(args: &PlanArgs, printing: Printing) -> Ended {
    if args.recipe.given.help {
        return recipe_help::show("plan", &args.recipe, printing);
    }
    let steps = steps(&args.recipe)?;
    let style = printing.stdout();
    let mut baseline = Baseline::default();
    let mut course = Replay::default();
    for step in &steps {
        let Record { n, site, change, .. } = &step.record;
        let (commands, undo) = course.go(step);
        if args.json {
            let (event, commands, undo) = match step.kind {
                StepKind::Makes => ("make", commands, undo),
                StepKind::Alters => ("alter", commands, undo),
                StepKind::Undoes | StepKind::Falls => ("undo", change.commands(), commands),
            };
            let event = Planned { event, n: *n, site, change, commands, undo };
            told(writeln!(stdout(), "{}", serde_json::to_string(&event).unwrap_or_default()))?;
            continue;
        }
        // The line of what something falls with says enough: it has no commands.
        let (sign, ink) = sign(step.kind);
        for (number, command) in commands.iter().enumerate() {
            let comment = if number == 0 { format!("   # {}", place(site)) } else { String::new() };
            let mut definition = None;
            let command = baseline.shorten(command, |line| definition = Some(line.to_owned()));
            if let Some(line) = definition {
                told(writeln!(stdout(), "{}", style.paint(Ink::Faint, &line)))?;
            }
            let command = style.paint(ink, &format!("{sign} {command}"));
            told(writeln!(stdout(), "{command}{}", style.paint(Ink::Faint, &comment)))?;
        }
        for command in undo {
            told(writeln!(stdout(), "    {}", style.paint(Ink::Faint, &format!("- {command}"))))?;
        }
    }
    Ok(0)
}

/// A step as `--json` has it.
#[derive(Serialize)]
struct Planned<'a> {
    event: &'static str,
    n: u64,
    site: &'a Site,
    change: &'a Change,
    commands: Vec<String>,
    undo: Vec<String>,
}

/// `export`.
pub fn export_scripts(args: &ExportArgs, printing: Printing) -> Ended {
    if args.recipe.given.help {
        return recipe_help::show("export", &args.recipe, printing);
    }
    let steps = steps(&args.recipe)?;
    let recipe = args.recipe.path()?.display().to_string();
    let (up, down) = (export::up(&recipe, &steps), export::down(&recipe, &steps));
    let mut out = stdout().lock();
    match &args.output {
        Some(dir) => {
            write_script(dir, "up.sh", &up)?;
            write_script(dir, "down.sh", &down)?;
            args.report.wrote(&dir.join("up.sh"))?;
            args.report.wrote(&dir.join("down.sh"))?;
        }
        None if args.report.json => {
            let wanted = [("up.sh", &up, !args.down), ("down.sh", &down, !args.up)];
            for (name, text, _) in wanted.into_iter().filter(|(_, _, is_wanted)| *is_wanted) {
                told(writeln!(out, "{}", json!({ "event": "script", "name": name, "text": text })))?;
            }
        }
        None if args.up => told(write!(out, "{up}"))?,
        None if args.down => told(write!(out, "{down}"))?,
        None => told(write!(out, "{up}\n{down}"))?,
    }
    Ok(0)
}

/// What happens in a rehearsal.
fn steps(recipe: &RecipeArgs) -> Result<Vec<Step>, Failure> {
    let input = recipe.input()?;
    let recipe = LoadedRecipe::load(&default_name(&input.recipe)?, &input, Rc::new(|_| {}))?;
    let (steps, result) = rehearse(&recipe);
    result.map(|()| steps)
}

fn write_script(dir: &Path, name: &str, text: &str) -> OpResult<()> {
    let path = dir.join(name);
    let write = || {
        fs::create_dir_all(dir)?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    };
    write().map_err(|e| {
        OpError::new("export::write", format!("Cannot write {}: {}.", path.display(), io_words(&e)))
            .class(Class::Machine)
    })
}
