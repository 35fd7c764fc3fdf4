//! `rhailab ls`: the labs that are there.

use super::Ended;
use crate::lab::registry::{LabInfo, Life, Mode, Registry};
use crate::output::Printing;
use crate::output::style::Style;
use crate::output::table::{new_table, print};
use crate::output::told;
use clap::Args;
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
pub fn ls(args: &LsArgs, printing: Printing) -> Ended {
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
    told(writeln!(out, "{}", table(&infos, printing.stdout())))?;
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
