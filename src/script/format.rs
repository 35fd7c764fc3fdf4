//! The layout of a text: how far its lines are indented, and where it has blank lines.
//!
//! Nothing within a line is touched, so every token stays as it is, and a text that is laid out stays so.

use super::scan::{Kind, Token, scan};
use std::ops::Range;

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
        out.push_str(&LEVEL.repeat(layout.level(&line)));
        out.push_str(content);
        out.push('\n');
    }
    Some(out)
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
    /// The level of the line that each open bracket is in.
    open: Vec<usize>,
}

impl<'t> Layout<'t> {
    fn of(text: &'t str) -> Option<Layout<'t>> {
        let scan = scan(text);
        let shebang = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
        let mut all = scan.tokens;
        all.retain(|token| token.at.start >= shebang);
        if scan.unfinished || all.iter().any(|token| token.kind == Kind::Unclosed) || !match_up(&all, text) {
            return None;
        }
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
        Some(Layout { text, shebang, tokens, next: 0, fixed, open: Vec::new() })
    }

    /// Whether a line that begins at a byte begins in the middle of something.
    fn is_fixed(&self, start: usize) -> bool {
        self.is_within(start) || start < self.shebang
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
        let is_doc = |token: &Token| token.kind == Kind::Doc && token.at.end == line.end;
        let is_part = self.is_within(line.end) || self.tokens.get(before).is_some_and(is_doc);
        if is_part { content } else { content.trim_end() }
    }

    /// How far a line is indented; goes past its tokens.
    fn level(&mut self, line: &Range<usize>) -> usize {
        // What ends in a line that stays as it is was passed over there.
        while self.tokens.get(self.next).is_some_and(|token| token.at.start < line.start) {
            self.pass(0);
        }
        let closers = self.tokens[self.next..]
            .iter()
            .take_while(|token| token.kind == Kind::Close && token.at.start < line.end)
            .count();
        let inner = self.open.last().map_or(0, |level| level + 1);
        let level = match closers {
            0 => inner + usize::from(self.goes_on()),
            // With the line of the bracket that the last of them closes.
            closers => self.open.len().checked_sub(closers).and_then(|at| self.open.get(at)).copied().unwrap_or(0),
        };
        while self.tokens.get(self.next).is_some_and(|token| token.at.start < line.end) {
            self.pass(level);
        }
        level
    }

    /// Goes past a token in a line of that level.
    fn pass(&mut self, level: usize) {
        match self.tokens.get(self.next).map(|token| token.kind) {
            Some(Kind::Open) => self.open.push(level),
            Some(Kind::Close) => drop(self.open.pop()),
            _ => {}
        }
        self.next += 1;
    }

    /// Whether the next code goes on with what the code before it has begun.
    fn goes_on(&self) -> bool {
        let is_code = |token: &&Token| !matches!(token.kind, Kind::Comment | Kind::Doc);
        let before = self.tokens[..self.next].iter().rfind(is_code);
        let after = self.tokens[self.next..].iter().find(is_code);
        let (Some(before), Some(after)) = (before, after) else { return false };
        let (before_text, after_text) = (before.text(self.text), after.text(self.text));
        if after.kind == Kind::Symbol && matches!(after_text, "." | "?." | "=>") {
            return true;
        }
        let is_value = matches!(before.kind, Kind::Name | Kind::Number | Kind::Text | Kind::Char)
            || matches!(before_text, ")" | "]" | "true" | "false" | "this");
        let is_operator = after.kind == Kind::Symbol && GOING_ON.contains(&after_text);
        (is_value && is_operator) || (before.kind == Kind::Symbol && UNFINISHED.contains(&before_text))
    }
}

/// Whether every bracket has its partner.
fn match_up(tokens: &[Token], text: &str) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match token.kind {
            Kind::Open => open.push(match token.text(text) {
                "(" => ")",
                "[" | "?[" => "]",
                _ => "}",
            }),
            Kind::Close if open.pop() != Some(token.text(text)) => return false,
            _ => {}
        }
    }
    open.is_empty()
}

/// The last token of the template that begins at one; any other token is its own last one.
fn template_end(tokens: &[Token], start: usize, text: &str) -> usize {
    let is_template = |token: &Token| token.kind == Kind::Text && token.text(text).starts_with('`');
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
                Kind::Open => depth += 1,
                Kind::Close => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                at = number;
                break;
            }
        }
        // The text after the code, if there is any before the next code or the end.
        let end = tokens.get(at).map_or(0, |token| token.at.end);
        if tokens.get(at + 1).is_some_and(|next| next.kind == Kind::Text && next.at.start == end) {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests;
