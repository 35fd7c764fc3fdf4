//! `rhailab ls`: the labs that are there.

use super::args::Context;
use super::engine::Ended;
use super::style::{Ink, Style};
use super::told;
use crate::lab::registry::{Card, Life, Mode, Registry};
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
    card: &'a Card,
    life: Life,
}

/// `ls`.
pub fn ls(args: &LsArgs, context: Context) -> Ended {
    let mut cards = Vec::new();
    for place in Registry::open()?.list()? {
        // One without a card is being made or removed just now.
        cards.extend(place.card()?);
    }
    let mut out = stdout().lock();
    if args.json {
        for card in &cards {
            let line = Line { card, life: card.life() };
            told(writeln!(out, "{}", serde_json::to_string(&line).unwrap_or_default()))?;
        }
        return Ok(0);
    }
    if cards.is_empty() {
        told(writeln!(out, "No lab stands. `rhailab up RECIPE` makes one."))?;
        return Ok(0);
    }
    told(writeln!(out, "{}", table(&cards, context.stdout())))?;
    if cards.iter().any(|card| card.life() == Life::Dead) {
        told(writeln!(out, "`rhailab recover` cleans up after the dead ones."))?;
    }
    Ok(0)
}

fn table(cards: &[Card], style: Style) -> String {
    let mut table = new_table(["LAB", "STATE", "WHERE", "SINCE", "RECIPE"]);
    for card in cards {
        let state = match card.life() {
            Life::Up => "up",
            Life::Running => "running",
            Life::Dead => "dead",
        };
        let place = match card.mode {
            Mode::Sandbox => "sandbox",
            Mode::Host => "this machine",
        };
        table.add_row([card.name.as_str(), state, place, &card.started, &card.recipe.to_string_lossy()]);
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
