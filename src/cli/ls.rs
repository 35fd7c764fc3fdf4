//! `rhailab ls`: the labs that are there.

use super::args::Context;
use super::engine::Ended;
use super::style::{Ink, Style};
use super::told;
use crate::lab::registry::{LabInfo, Life, Mode, Registry};
use clap::Args;
use comfy_table::{Table, presets};
use serde::Serialize;
use std::io::{Write, stdout};

/// List the labs
#[derive(Debug, Args)]
pub struct LsArgs {
    /// Print a JSON object for each lab, one per line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    info: &'a LabInfo,
    life: Life,
}

/// `ls`.
pub fn ls(args: &LsArgs, context: Context) -> Ended {
    let mut infos = Vec::new();
    for place in Registry::open()?.list()? {
        // One without one is being made or removed just now.
        infos.extend(place.info()?);
    }
    let mut out = stdout().lock();
    if args.json {
        for info in &infos {
            let line = Line { info, life: info.life() };
            told(writeln!(out, "{}", serde_json::to_string(&line).unwrap_or_default()))?;
        }
        return Ok(0);
    }
    if infos.is_empty() {
        told(writeln!(out, "No lab stands. `rhailab up RECIPE` makes one."))?;
        return Ok(0);
    }
    told(writeln!(out, "{}", table(&infos, context.stdout())))?;
    if infos.iter().any(|info| info.life() == Life::Dead) {
        told(writeln!(out, "`rhailab recover` cleans up after the dead ones."))?;
    }
    Ok(0)
}

fn table(infos: &[LabInfo], style: Style) -> String {
    let mut table = new_table(["LAB", "STATE", "WHERE", "SINCE", "RECIPE"]);
    for info in infos {
        let state = match info.life() {
            Life::Up => "up",
            Life::Running => "running",
            Life::Dead => "dead",
        };
        let place = match info.mode {
            Mode::Sandbox => "sandbox",
            Mode::Host => "this machine",
        };
        table.add_row([info.name.as_str(), state, place, &info.started, &info.recipe.to_string_lossy()]);
    }
    print(&table, style)
}

/// A table without lines, under a heading.
pub fn new_table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    table
}

/// A table as text, its heading strong, without spaces at the ends of its lines. (The crate counts escape
/// sequences as columns, so colours come last.)
pub fn print(table: &Table, style: Style) -> String {
    let text = table.to_string();
    let mut lines = text.lines().map(str::trim);
    let head = style.paint(Ink::Strong, lines.next().unwrap_or_default());
    lines.fold(head, |text, line| text + "\n" + line)
}
