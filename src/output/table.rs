//! Tables.

use super::style::{Ink, Style};
use comfy_table::{Table, presets};

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
