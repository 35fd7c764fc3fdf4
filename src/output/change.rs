//! A change of a lab.

use super::place as at;
use super::style::{Ink, Style};
use crate::lab::{Made, Record};
use crate::model::kind::Kind;

/// A change with what would undo it now.
pub fn entry(made: &Made, record: &Record, done: bool, style: Style) -> String {
    let unsure = if done { "" } else { " (may not have been made)" };
    let mut text = style.paint(Ink::Faint, &format!("{:>4}  {}{unsure}", record.n, at(&record.site))) + "\n";
    for command in record.change.commands() {
        text.push_str(&format!("    {}\n", style.paint(Ink::Made, &format!("+ {command}"))));
    }
    for command in made.present(record).change.undo_commands(&record.identity) {
        text.push_str(&format!("    {}\n", style.paint(Ink::Undone, &format!("- {command}"))));
    }
    text
}
