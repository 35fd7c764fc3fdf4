//! The colours of what is being written.

use crate::script::scan::{Token, TokenKind, scan};

/// Escape sequences (ECMA-48, select graphic rendition).
const KEYWORD: &str = "1;34";
const CALL: &str = "36";
const TEXT: &str = "32";
const NUMBER: &str = "35";
const FAINT: &str = "2";
const WRONG: &str = "31";
const STRONG: &str = "1";
const MATCHED: &str = "1;4";

fn paint(code: &str, text: &str) -> String {
    // Each line by itself, as the editor breaks lines wherever they are too long.
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// The prompt.
pub fn prompt(text: &str) -> String {
    paint(STRONG, text)
}

/// What is not written yet.
pub fn hint(text: &str) -> String {
    paint(FAINT, text)
}

/// A line with its cursor at a byte.
pub fn line(line: &str, at: usize) -> String {
    if line.starts_with([':', '!']) {
        let end = line.find(' ').unwrap_or(line.len());
        let (command, rest) = line.split_at(end);
        return paint(KEYWORD, command) + rest;
    }
    let tokens = scan(line).tokens;
    let pair = pair(&tokens, at);
    let mut text = String::new();
    let mut end = 0;
    for (number, token) in tokens.iter().enumerate() {
        text.push_str(line.get(end..token.at.start).unwrap_or_default());
        let word = token.text(line);
        let is_called = tokens.get(number + 1).is_some_and(|next| next.text(line) == "(");
        let code = match token.kind {
            TokenKind::Keyword => KEYWORD,
            TokenKind::Reserved | TokenKind::Unclosed | TokenKind::Unknown => WRONG,
            TokenKind::Text | TokenKind::Char => TEXT,
            TokenKind::Number => NUMBER,
            TokenKind::Comment | TokenKind::Doc => FAINT,
            TokenKind::Name if is_called => CALL,
            TokenKind::Open | TokenKind::Close
                if pair.is_some_and(|(open, close)| open == number || close == number) =>
            {
                MATCHED
            }
            _ => "",
        };
        text.push_str(&if code.is_empty() { word.to_owned() } else { paint(code, word) });
        end = token.at.end;
    }
    text.push_str(line.get(end..).unwrap_or_default());
    text
}

/// The brackets of which one is before or under the cursor, as the numbers of their tokens.
fn pair(tokens: &[Token], at: usize) -> Option<(usize, usize)> {
    let mut open = Vec::new();
    let mut found = None;
    for (number, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Open => open.push(number),
            TokenKind::Close => {
                let Some(start) = open.pop() else { continue };
                let is_at =
                    |number: usize| tokens.get(number).is_some_and(|token| token.at.start == at || token.at.end == at);
                if is_at(start) || is_at(number) {
                    found = Some((start, number));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracket_at_the_cursor_and_its_partner_are_marked() {
        let text = "a(b(1), 2)";
        let tokens = scan(text).tokens;
        let brackets =
            |at: usize| pair(&tokens, at).map(|(open, close)| (tokens[open].at.start, tokens[close].at.start));
        assert_eq!(brackets(text.len()), Some((1, 9)));
        assert_eq!(brackets(6), Some((3, 5)));
        assert_eq!(brackets(8), None);
    }

    #[test]
    fn nothing_of_the_line_is_lost() {
        for text in ["let x = netns(\"w\"); // c", "`a ${b} c", ":help netns", "!ls -l", "ä ) } \"", ""] {
            let mut shown = line(text, 0);
            while let Some(start) = shown.find('\x1b') {
                let end = start + shown[start..].find('m').unwrap() + 1;
                shown.replace_range(start..end, "");
            }
            assert_eq!(shown, text);
        }
    }
}
