//! A tolerant scanner of Rhai text: tokens with their bytes, for any input at all.
//!
//! Rhai itself keeps only the line and column at which a call starts. Spans in reports, and later highlighting,
//! completion and the editor's server, come from here.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The name of a variable, function or property.
    Name,
    /// A word of the language.
    Keyword,
    /// A word that Rhai keeps for itself and gives no meaning.
    Reserved,
    /// A number.
    Number,
    /// A string, or the part of a template between two interpolations.
    Text,
    /// A string that its line ends before it does.
    Unclosed,
    /// A character.
    Char,
    /// A comment.
    Comment,
    /// A comment that documents what follows (`///`) or the file (`//!`).
    Doc,
    /// `(`, `[`, `{`, `#{`, `?[` or a template's `${`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// An operator or separator.
    Symbol,
    /// Something Rhai does not know.
    Unknown,
}

/// A piece of text that belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Its bytes.
    pub at: Range<usize>,
}

impl Token {
    /// Its text, in the text it was scanned from.
    pub fn text<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.at.clone()).unwrap_or_default()
    }
}

/// All tokens of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// In order, without the white space between them.
    pub tokens: Vec<Token>,
    /// Whether the text ends inside a string, a template or a block comment.
    pub unfinished: bool,
}

/// The words of the language.
pub const KEYWORDS: &[&str] = &[
    "let", "const", "if", "else", "switch", "do", "while", "until", "loop", "for", "in", "break", "continue", "return",
    "throw", "try", "catch", "fn", "private", "import", "export", "as", "true", "false", "this", "global",
];

/// The words that Rhai refuses as names, even of methods and map keys.
pub const RESERVED: &[&str] = &[
    "var",
    "static",
    "shared",
    "is",
    "goto",
    "case",
    "default",
    "match",
    "new",
    "use",
    "with",
    "module",
    "package",
    "super",
    "thread",
    "spawn",
    "go",
    "await",
    "async",
    "sync",
    "yield",
    "void",
    "null",
    "nil",
    "public",
    "protected",
];

/// Symbols of more than one character, longest first where one begins another.
const SYMBOLS: &[&str] = &[
    "<<=", ">>=", "**=", "..=", "...", "??=", "!in", "?.", "??", "::", "==", "!=", "<=", ">=", "&&", "||", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "->", "=>", "..",
];

/// Splits `text` into tokens. Every text has a scan; what is wrong with it shows in the kinds.
pub fn scan(text: &str) -> Scan {
    let mut scanner =
        Scanner { text, at: 0, tokens: Vec::new(), modes: vec![Mode::Code { depth: 0 }], unfinished: false };
    while scanner.at < text.len() {
        match scanner.modes.last() {
            Some(Mode::Template) => scanner.template(scanner.at),
            _ => scanner.code(),
        }
    }
    Scan { unfinished: scanner.unfinished || scanner.modes.len() > 1, tokens: scanner.tokens }
}

/// The byte at a line and column as Rhai counts them: both from 1, columns in characters.
pub fn offset(text: &str, line: u32, col: u32) -> usize {
    let mut start = 0;
    for (number, content) in (1..).zip(text.split_inclusive('\n')) {
        if number == line {
            let content = content.trim_end_matches('\n');
            let column = usize::try_from(col.saturating_sub(1)).unwrap_or(usize::MAX);
            return start + content.char_indices().nth(column).map_or(content.len(), |(at, _)| at);
        }
        start += content.len();
    }
    text.len()
}

/// The line and column of a byte.
pub fn line_col(text: &str, offset: usize) -> (u32, u32) {
    let before = text.get(..offset).unwrap_or(text);
    let lines = before.matches('\n').count();
    let col = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (u32::try_from(lines + 1).unwrap_or(u32::MAX), u32::try_from(col + 1).unwrap_or(u32::MAX))
}

/// What the scanner is inside of. A template's `${` puts code on top of the template.
enum Mode {
    /// Code, with the number of its open brackets.
    Code { depth: usize },
    /// The text of a template.
    Template,
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    modes: Vec<Mode>,
    unfinished: bool,
}

impl<'t> Scanner<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn emit(&mut self, kind: TokenKind, start: usize) {
        if self.at > start {
            self.tokens.push(Token { kind, at: start..self.at });
        }
    }

    /// Goes past what `wanted` holds for.
    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }

    /// Goes past one character.
    fn step(&mut self) {
        self.at += self.rest().chars().next().map_or(0, char::len_utf8);
    }

    /// One token of code, or white space.
    fn code(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if first.is_whitespace() {
            self.skip(char::is_whitespace);
        } else if rest.starts_with("//") {
            self.skip(|c| c != '\n');
            let is_doc = (rest.starts_with("///") && !rest.starts_with("////")) || rest.starts_with("//!");
            self.emit(if is_doc { TokenKind::Doc } else { TokenKind::Comment }, start);
        } else if rest.starts_with("/*") {
            self.block_comment(start);
        } else if first.is_ascii_alphabetic() || first == '_' {
            self.skip(|c| c.is_ascii_alphanumeric() || c == '_');
            self.emit(word_kind(&rest[..self.at - start]), start);
        } else if first.is_ascii_digit() {
            self.number(start);
        } else if first == '"' {
            self.string(start);
        } else if first == '`' {
            self.at += 1;
            self.modes.push(Mode::Template);
            self.template(start);
        } else if first == '\'' {
            self.character(start);
        } else if rest.trim_start_matches('#').starts_with('"') {
            self.raw_string(start);
        } else {
            self.symbol(start, first);
        }
    }

    fn block_comment(&mut self, start: usize) {
        let rest = self.rest();
        let is_doc = rest.starts_with("/**") && !rest.starts_with("/***");
        let mut depth = 0_usize;
        loop {
            let rest = self.rest();
            if rest.starts_with("/*") {
                self.at += 2;
                depth += 1;
            } else if rest.starts_with("*/") {
                self.at += 2;
                depth -= 1;
            } else if rest.is_empty() {
                self.unfinished = true;
                break;
            } else {
                self.step();
            }
            if depth == 0 {
                break;
            }
        }
        self.emit(if is_doc { TokenKind::Doc } else { TokenKind::Comment }, start);
    }

    fn number(&mut self, start: usize) {
        let digits = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.skip(digits);
        // `1..5` is a range and `1.ms` a property; only a digit makes the point part of the number.
        if self.rest().strip_prefix('.').is_some_and(|after| after.starts_with(|c: char| c.is_ascii_digit())) {
            self.at += 1;
            self.skip(digits);
        }
        self.emit(TokenKind::Number, start);
    }

    /// `"…"`: ends on its line, unless a backslash ends the line.
    fn string(&mut self, start: usize) {
        self.at += 1;
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                self.unfinished |= self.text[start..].ends_with("\\\n");
                return self.emit(TokenKind::Unclosed, start);
            } else if rest.starts_with('\n') {
                return self.emit(TokenKind::Unclosed, start);
            } else if rest.starts_with('\\') {
                self.step();
                // The end of a line has two characters where it was written on Windows.
                self.at += usize::from(self.rest().starts_with("\r\n"));
                self.step();
            } else if rest.starts_with("\"\"") {
                self.at += 2;
            } else if rest.starts_with('"') {
                self.at += 1;
                return self.emit(TokenKind::Text, start);
            } else {
                self.step();
            }
        }
    }

    /// The text of a template up to its end or its next `${`.
    fn template(&mut self, start: usize) {
        loop {
            let rest = self.rest();
            if rest.is_empty() {
                self.unfinished = true;
                return self.emit(TokenKind::Text, start);
            } else if rest.starts_with("``") {
                self.at += 2;
            } else if rest.starts_with('`') {
                self.at += 1;
                self.modes.pop();
                return self.emit(TokenKind::Text, start);
            } else if rest.starts_with("\\${") {
                self.at += 3;
            } else if rest.starts_with("${") {
                self.emit(TokenKind::Text, start);
                let open = self.at;
                self.at += 2;
                self.modes.push(Mode::Code { depth: 0 });
                return self.emit(TokenKind::Open, open);
            } else {
                self.step();
            }
        }
    }

    /// `#"…"#`, with any number of `#`.
    fn raw_string(&mut self, start: usize) {
        let rest = self.rest();
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let close = format!("\"{}", "#".repeat(hashes));
        if let Some(length) = rest[hashes + 1..].find(&close) {
            self.at += hashes + 1 + length + close.len();
        } else {
            self.at = self.text.len();
            self.unfinished = true;
        }
        self.emit(TokenKind::Text, start);
    }

    fn character(&mut self, start: usize) {
        self.at += 1;
        loop {
            match self.rest().chars().next() {
                None | Some('\n') => return self.emit(TokenKind::Unclosed, start),
                Some('\'') => {
                    self.at += 1;
                    return self.emit(TokenKind::Char, start);
                }
                Some('\\') => {
                    self.step();
                    self.step();
                }
                Some(_) => self.step(),
            }
        }
    }

    fn symbol(&mut self, start: usize, first: char) {
        let rest = self.rest();
        let opener = ["#{", "?["].into_iter().find(|opener| rest.starts_with(opener));
        if opener.is_some() || matches!(first, '(' | '[' | '{') {
            self.at += opener.map_or(1, str::len);
            if let Some(Mode::Code { depth }) = self.modes.last_mut() {
                *depth += 1;
            }
            self.emit(TokenKind::Open, start);
        } else if matches!(first, ')' | ']' | '}') {
            self.at += 1;
            self.emit(TokenKind::Close, start);
            let nested = self.modes.len() > 1;
            match self.modes.last_mut() {
                Some(Mode::Code { depth }) if *depth > 0 => *depth -= 1,
                // The `}` that ends a template's `${`; elsewhere it is one too many, which is not ours to judge.
                _ if first == '}' && nested => {
                    self.modes.pop();
                }
                _ => {}
            }
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.at += symbol.len();
            self.emit(TokenKind::Symbol, start);
        } else {
            self.step();
            self.emit(if first.is_ascii_punctuation() { TokenKind::Symbol } else { TokenKind::Unknown }, start);
        }
    }
}

fn word_kind(word: &str) -> TokenKind {
    if KEYWORDS.contains(&word) {
        TokenKind::Keyword
    } else if RESERVED.contains(&word) {
        TokenKind::Reserved
    } else {
        TokenKind::Name
    }
}

#[cfg(test)]
mod tests;
