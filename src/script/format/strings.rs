//! Strings that go on in the next line after a backslash.
//!
//! Rhai takes white space from the beginning of that line, but not beyond the column at which the string began. So where
//! the string's first line is moved, the lines that it goes on in have to be moved as far.

use super::{Token, TokenKind};
use std::ops::Range;

/// A string of several lines.
#[derive(Debug, Clone)]
pub struct Continued {
    /// Its bytes.
    pub at: Range<usize>,
    /// Whether it must stay where it is: behind an escape at the beginning of a line Rhai goes on taking white space.
    pub is_odd: bool,
}

/// The strings of several lines among the tokens of a text, those in templates too.
pub fn continued(tokens: &[Token], text: &str) -> Vec<Continued> {
    let mut found = Vec::new();
    let mut open = Vec::new();
    // Text after the code in a template is no string, even if it begins like one.
    let mut is_piece = false;
    for token in tokens {
        let word = token.text(text);
        let was_piece = std::mem::take(&mut is_piece);
        match token.kind {
            TokenKind::Open => open.push(word == "${"),
            TokenKind::Close => is_piece = open.pop() == Some(true),
            TokenKind::Text if !was_piece && word.starts_with('"') && word.contains('\n') => {
                found.push(Continued { at: token.at.clone(), is_odd: is_odd(word) });
            }
            _ => {}
        }
    }
    found
}

fn is_odd(string: &str) -> bool {
    let begins_with_escape = |line: &str| {
        let line = line.trim_start();
        line.starts_with('\\') && !matches!(line, "\\" | "\\\r")
    };
    string.split('\n').skip(1).any(begins_with_escape)
}
