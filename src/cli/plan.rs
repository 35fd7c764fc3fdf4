//! `rhailab plan` and `rhailab export`: a recipe's changes without making them.

use super::args::{Context, RecipeArgs, default_name};
use super::foretell::rehearse;
use super::progress::{place, write_err};
use super::recipe_help;
use super::run::order;
use super::style::Ink;
use super::{fail, told};
use crate::change::Identity;
use crate::error::{Class, OpError, OpResult};
use crate::lab::Record;
use crate::render;
use clap::Args;
use std::fs;
use std::io::{Write, stdout};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Show every change a recipe would make, with its inverse, without making any
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct PlanArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Print a JSON object for each change, one per line
    #[arg(long)]
    json: bool,
}

/// Print a recipe as two shell scripts, one that builds its network and one that removes it
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
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
}

/// `plan`.
pub fn plan(args: &PlanArgs, context: Context) -> OpResult<i32> {
    if args.recipe.help {
        return recipe_help::show("plan", &args.recipe, context);
    }
    let records = match changes(&args.recipe, context)? {
        Ok(records) => records,
        Err(code) => return Ok(code),
    };
    let style = context.stdout();
    let mut out = stdout().lock();
    for record in &records {
        let undo = render::undo_commands(&record.change, &plain(&record.identity));
        if args.json {
            let event = crate::lab::Event::Made(record);
            told(writeln!(out, "{}", super::events::Json::of(&event).line()))?;
            continue;
        }
        for (number, command) in render::commands(&record.change).iter().enumerate() {
            let comment = if number == 0 { format!("   # {}", place(&record.site)) } else { String::new() };
            let made = style.paint(Ink::Made, &format!("+ {command}"));
            told(writeln!(out, "{made}{}", style.paint(Ink::Faint, &comment)))?;
        }
        for command in undo {
            told(writeln!(out, "  {}", style.paint(Ink::Undone, &format!("- {command}"))))?;
        }
    }
    Ok(0)
}

/// `export`.
pub fn export(args: &ExportArgs, context: Context) -> OpResult<i32> {
    if args.recipe.help {
        return recipe_help::show("export", &args.recipe, context);
    }
    let records = match changes(&args.recipe, context)? {
        Ok(records) => records,
        Err(code) => return Ok(code),
    };
    let recipe = args.recipe.path()?.display().to_string();
    let (up, down) = (up_script(&recipe, &records), down_script(&recipe, &records));
    let mut out = stdout().lock();
    match &args.output {
        Some(dir) => {
            write_script(dir, "up.sh", &up)?;
            write_script(dir, "down.sh", &down)?;
            write_err(&format!("Wrote {0}/up.sh and {0}/down.sh.", dir.display()));
        }
        None if args.up => told(write!(out, "{up}"))?,
        None if args.down => told(write!(out, "{down}"))?,
        None => told(write!(out, "{up}\n{down}"))?,
    }
    Ok(0)
}

/// Every change of a rehearsal; or the exit code, where it failed and that was said.
fn changes(recipe: &RecipeArgs, context: Context) -> OpResult<Result<Vec<Record>, i32>> {
    let order = order(recipe)?;
    let name = default_name(&order.recipe)?;
    // What the recipe prints was made up by the rehearsal, and would be taken for the plan.
    let (records, result) = rehearse(&name, &order, Box::new(|_| {}));
    Ok(match result {
        Ok(()) => Ok(records),
        Err(trouble) => Err(fail(&trouble, context)),
    })
}

/// An identity as it is before anything is made: rules carry no mark of a lab.
fn plain(identity: &Identity) -> Identity {
    match identity {
        Identity::Rules { .. } => Identity::Spec,
        other => other.clone(),
    }
}

fn up_script(recipe: &str, records: &[Record]) -> String {
    let mut text =
        format!("#!/bin/sh\n# Builds the network of {recipe}. Run it as root; its sibling removes it.\nset -eu\n");
    for record in records {
        add(&mut text, record, &render::commands(&record.change));
    }
    text
}

fn down_script(recipe: &str, records: &[Record]) -> String {
    let mut text =
        format!("#!/bin/sh\n# Removes the network of {recipe}. It goes on where something is gone already.\nset -u\n");
    for record in records.iter().rev() {
        add(&mut text, record, &render::undo_commands(&record.change, &plain(&record.identity)));
    }
    text
}

fn add(text: &mut String, record: &Record, commands: &[String]) {
    if commands.is_empty() || record.identity == Identity::Already {
        return;
    }
    text.push_str(&format!("\n# {}\n", place(&record.site)));
    for command in commands {
        text.push_str(command);
        text.push('\n');
    }
}

fn write_script(dir: &Path, name: &str, text: &str) -> OpResult<()> {
    let path = dir.join(name);
    let write = || {
        fs::create_dir_all(dir)?;
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
    };
    write().map_err(|e| {
        OpError::new("export::write", format!("Cannot write {}: {e}.", path.display())).class(Class::Machine)
    })
}
