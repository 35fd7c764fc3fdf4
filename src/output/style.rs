//! Colours and widths of what is printed.

use crate::diagnostics::ReportStyle;
use clap::ColorChoice;
use clap::builder::styling::{AnsiColor, Style as Ansi};
use std::io::IsTerminal;
use std::os::fd::AsFd;
use terminal_size::terminal_size_of;

/// The width of what is printed where there is no terminal.
const DEFAULT_WIDTH: usize = 100;

/// How a stream is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether with colours.
    pub color: bool,
    /// How wide.
    pub width: usize,
    /// Whether a person watches it.
    pub is_terminal: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Something made.
    Made,
    /// Something undone.
    Undone,
    /// A side remark.
    Faint,
    /// A heading or a name.
    Strong,
    /// Something wrong.
    Bad,
}

impl Style {
    /// The style of standard output.
    pub fn stdout(choice: ColorChoice) -> Style {
        Style::of(choice, &std::io::stdout())
    }

    /// The style of standard error.
    pub fn stderr(choice: ColorChoice) -> Style {
        Style::of(choice, &std::io::stderr())
    }

    fn of(choice: ColorChoice, stream: &(impl AsFd + IsTerminal)) -> Style {
        let is_terminal = stream.is_terminal();
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org
            ColorChoice::Auto => {
                is_terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            }
        };
        let width = terminal_size_of(stream).map_or(DEFAULT_WIDTH, |(width, _)| width.0.into());
        Style { color, width, is_terminal, unicode: speaks_utf8() }
    }

    /// `text` in its colour.
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let ansi = match ink {
            Ink::Made => AnsiColor::Green.on_default(),
            Ink::Undone => AnsiColor::Yellow.on_default(),
            Ink::Faint => Ansi::new().dimmed(),
            Ink::Strong => Ansi::new().bold(),
            Ink::Bad => AnsiColor::Red.on_default().bold(),
        };
        format!("{ansi}{text}{ansi:#}")
    }
}

impl From<Style> for ReportStyle {
    fn from(Style { color, width, unicode, .. }: Style) -> ReportStyle {
        ReportStyle { color, width, unicode }
    }
}

/// Whether the user's locale has UTF-8 (locale(7)). Where none is set, as in most containers, terminals have it.
fn speaks_utf8() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_none_or(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

/// The first `width` characters of a line, with a mark where it was cut.
pub fn cut(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    let kept: String = line.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// A text in lines of at most `width` characters, broken between words; a longer word has a line of its own.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_broken_between_words() {
        assert_eq!(wrap("äö üß  x\ny", 5), ["äö üß", "x y"]);
        assert_eq!(wrap("longer than that", 3), ["longer", "than", "that"]);
        assert!(wrap(" ", 9).is_empty());
    }

    #[test]
    fn a_line_is_cut_by_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }

    #[test]
    fn paint_adds_nothing_without_colour() {
        let style = Style { color: false, width: 80, is_terminal: false, unicode: true };
        assert_eq!(style.paint(Ink::Bad, "x"), "x");
        assert_eq!(Style { color: true, ..style }.paint(Ink::Made, "x"), "\u{1b}[32mx\u{1b}[0m");
    }
}
