//! The layout of a text: how far its lines are indented, and where it has blank lines.
//!
//! Nothing within a line is touched, so every token stays as it is, and a text that is laid out stays so. Only a string that
//! goes on after a backslash is moved with its first line, for Rhai takes white space from it by where it began.

mod strings;

use super::scan::{Token, TokenKind, scan};
use std::ops::Range;
use strings::{Continued, continued};

/// One level of indentation.
const LEVEL: &str = "    ";

/// Symbols that go on with what the line before ends with, if that is a value.
const GOING_ON: &[&str] = &[
    "+", "-", "*", "/", "%", "**", "&&", "||", "&", "|", "^", "==", "!=", "<", "<=", ">", ">=", "??", "<<", ">>", "..",
    "..=", "=", "+=", "-=", "*=", "/=",
];

/// Symbols that something has to follow.
const UNFINISHED: &[&str] = &[
    "+", "*", "/", "%", "**", "&&", "==", "!=", "<", "<=", ">", ">=", "??", "<<", ">>", "=", "+=", "-=", "*=", "/=",
    "=>",
];

/// The text laid out; none where its brackets or strings do not match, for then nobody knows what belongs to what.
pub fn format(text: &str) -> Option<String> {
    let mut layout = Layout::of(text)?;
    let mut out = String::new();
    let mut blank = false;
    let mut start = 0;
    while start < text.len() {
        let end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        let line = start..end;
        start = end + 1;
        if let Some(moved) = layout.moved(line.start) {
            let content = layout.kept(&line);
            let width = content.chars().take_while(|c| c.is_whitespace()).count();
            // Rhai counts characters, of which a tab is one.
            let new = width.saturating_add_signed(moved);
            let (space, rest) = content.split_at(content.len() - content.trim_start().len());
            out.push_str(&" ".repeat(new.saturating_sub(width)));
            out.extend(space.chars().skip(width.saturating_sub(new)));
            out.push_str(rest);
            out.push('\n');
            layout.moves.push((line.start, isize_of(new) - isize_of(width)));
            blank = false;
            continue;
        }
        if layout.is_fixed(line.start) {
            out.push_str(layout.kept(&line));
            out.push('\n');
            blank = false;
            continue;
        }
        let content = layout.kept(&line).trim_start();
        if content.trim().is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push('\n');
        }
        let level = layout.level(&line);
        let before = layout.kept(&line).chars().take_while(|c| c.is_whitespace()).count();
        layout.moves.push((line.start, isize_of(level * LEVEL.len()) - isize_of(before)));
        out.push_str(&LEVEL.repeat(level));
        out.push_str(content);
        out.push('\n');
    }
    Some(out)
}

fn isize_of(number: usize) -> isize {
    isize::try_from(number).unwrap_or(isize::MAX)
}

/// A bracket that is open.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// The level of the line that it belongs to.
    level: usize,
    /// The level of what within it begins with `if` or its like and has no block yet, which is that of its block.
    heading: Option<usize>,
}

struct Layout<'t> {
    text: &'t str,
    /// Where a first line `#!…` ends.
    shebang: usize,
    /// Code and comments, but what is in templates.
    tokens: Vec<Token>,
    /// The first token that was not laid out yet.
    next: usize,
    /// What spans several lines and must stay as it is: templates, raw strings, comments in `/* */`.
    fixed: Vec<Range<usize>>,
    /// The open brackets.
    open: Vec<Open>,
    /// As `heading` of a bracket, outside of all of them.
    heading: Option<usize>,
    /// Strings that go on in further lines.
    continued: Vec<Continued>,
    /// By how many characters lines were moved to the right, by where they begin; others stay.
    moves: Vec<(usize, isize)>,
}

/// Words that a block follows, with something before it that may have several lines.
const HEADINGS: &[&str] = &["if", "while", "until", "for", "switch"];

impl<'t> Layout<'t> {
    fn of(text: &'t str) -> Option<Layout<'t>> {
        let scan = scan(text);
        let shebang = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
        let mut all = scan.tokens;
        all.retain(|token| token.at.start >= shebang);
        if scan.unfinished || all.iter().any(|token| token.kind == TokenKind::Unclosed) || !match_up(&all, text) {
            return None;
        }
        let continued = continued(&all, text);
        let mut fixed = Vec::new();
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(token) = all.get(at) {
            let end = template_end(&all, at, text);
            let bytes = token.at.start..all.get(end).map_or(token.at.end, |last| last.at.end);
            if text[bytes.clone()].contains('\n') {
                fixed.push(bytes.clone());
            }
            tokens.push(Token { kind: token.kind, at: bytes });
            at = end + 1;
        }
        let (open, moves) = (Vec::new(), Vec::new());
        Some(Layout { text, shebang, tokens, next: 0, fixed, open, heading: None, continued, moves })
    }

    /// By how much a line that begins in a string is moved, which is as far as the string's first line is.
    fn moved(&self, start: usize) -> Option<isize> {
        let begun = self.continued.partition_point(|string| string.at.start < start);
        let string = self.continued[..begun].last().filter(|string| start < string.at.end)?;
        let first = self.text[..string.at.start].rfind('\n').map_or(0, |end| end + 1);
        let at = self.moves.binary_search_by_key(&first, |(line, _)| *line);
        Some(at.ok().and_then(|at| self.moves.get(at)).map_or(0, |(_, by)| *by))
    }

    /// Whether a line that begins at a byte begins in the middle of something.
    fn is_fixed(&self, start: usize) -> bool {
        let end = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
        let is_odd = |string: &Continued| string.is_odd && (start..end).contains(&string.at.start);
        self.is_within(start) || start < self.shebang || self.continued.iter().any(is_odd)
    }

    /// Whether a byte is in the middle of something that stays as it is.
    fn is_within(&self, at: usize) -> bool {
        let begun = self.fixed.partition_point(|fixed| fixed.start < at);
        self.fixed[..begun].last().is_some_and(|fixed| at < fixed.end)
    }

    /// A line without the white space at its end, unless that is part of something.
    fn kept(&self, line: &Range<usize>) -> &'t str {
        let content = &self.text[line.clone()];
        let before = self.tokens.partition_point(|token| token.at.end < line.end);
        let is_doc = |token: &Token| token.kind == TokenKind::Doc && token.at.end == line.end;
        let in_string = self.continued.iter().any(|string| string.at.start < line.end && line.end < string.at.end);
        let is_part = in_string || self.is_within(line.end) || self.tokens.get(before).is_some_and(is_doc);
        if is_part { content } else { content.trim_end() }
    }

    /// How far a line is indented; goes past its tokens.
    fn level(&mut self, line: &Range<usize>) -> usize {
        // What ends in a line that stays as it is was passed over there.
        while self.tokens.get(self.next).is_some_and(|token| token.at.start < line.start) {
            self.pass(&mut 0);
        }
        let closers = self.tokens[self.next..]
            .iter()
            .take_while(|token| token.kind == TokenKind::Close && token.at.start < line.end)
            .count();
        let inner = self.open.last().map_or(0, |open| open.level + 1);
        let level = match closers {
            0 => inner + usize::from(self.goes_on()),
            // With the line of the bracket that the last of them closes.
            closers => {
                self.open.len().checked_sub(closers).and_then(|at| self.open.get(at)).map_or(0, |open| open.level)
            }
        };
        let mut here = level;
        while self.tokens.get(self.next).is_some_and(|token| token.at.start < line.end) {
            self.pass(&mut here);
        }
        level
    }

    /// Goes past a token in a line of that level, which is lower behind a bracket that an earlier line has opened.
    fn pass(&mut self, level: &mut usize) {
        let Some(token) = self.tokens.get(self.next) else { return };
        let word = token.text(self.text);
        let heading = self.open.last_mut().map_or(&mut self.heading, |open| &mut open.heading);
        match token.kind {
            TokenKind::Open => {
                let block = if word == "{" { heading.take() } else { None };
                self.open.push(Open { level: block.unwrap_or(*level), heading: None });
            }
            TokenKind::Close => *level = self.open.pop().map_or(*level, |open| open.level.min(*level)),
            TokenKind::Keyword if HEADINGS.contains(&word) => *heading = Some(*level),
            TokenKind::Symbol if matches!(word, ";" | "," | "=>") => *heading = None,
            _ => {}
        }
        self.next += 1;
    }

    /// Whether the next code goes on with what the code before it has begun.
    fn goes_on(&self) -> bool {
        let is_code = |token: &&Token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc);
        let before = self.tokens[..self.next].iter().rfind(is_code);
        let after = self.tokens[self.next..].iter().find(is_code);
        let (Some(before), Some(after)) = (before, after) else { return false };
        let (before_text, after_text) = (before.text(self.text), after.text(self.text));
        if after.kind == TokenKind::Symbol && matches!(after_text, "." | "?." | "=>") {
            return true;
        }
        let is_value = matches!(before.kind, TokenKind::Name | TokenKind::Number | TokenKind::Text | TokenKind::Char)
            || matches!(before_text, ")" | "]" | "true" | "false" | "this");
        let is_operator = after.kind == TokenKind::Symbol && GOING_ON.contains(&after_text);
        (is_value && is_operator) || (before.kind == TokenKind::Symbol && UNFINISHED.contains(&before_text))
    }
}

/// Whether every bracket has its partner.
fn match_up(tokens: &[Token], text: &str) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match token.kind {
            TokenKind::Open => open.push(match token.text(text) {
                "(" => ")",
                "[" | "?[" => "]",
                _ => "}",
            }),
            TokenKind::Close if open.pop() != Some(token.text(text)) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// The last token of the template that begins at one; any other token is its own last one.
fn template_end(tokens: &[Token], start: usize, text: &str) -> usize {
    let is_template = |token: &Token| token.kind == TokenKind::Text && token.text(text).starts_with('`');
    let mut at = start;
    if !tokens.get(at).is_some_and(is_template) {
        return start;
    }
    loop {
        let here = tokens.get(at).map_or(0, |token| token.at.end);
        let is_code = tokens.get(at + 1).is_some_and(|next| next.at.start == here && next.text(text) == "${");
        if !is_code {
            return at;
        }
        let mut depth = 0_usize;
        for (number, token) in tokens.iter().enumerate().skip(at + 1) {
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                at = number;
                break;
            }
        }
        // The text after the code, if there is any before the next code or the end.
        let end = tokens.get(at).map_or(0, |token| token.at.end);
        if tokens.get(at + 1).is_some_and(|next| next.kind == TokenKind::Text && next.at.start == end) {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
