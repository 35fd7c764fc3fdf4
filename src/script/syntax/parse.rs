//! Statements.

use super::{Block, Expr, ExprKind, Function, Ident, Statement, StatementKind, Tree, literal};
use crate::script::scan::{Token, TokenKind, scan};
use std::ops::Range;

/// How deeply anything may be nested; what is deeper is passed over.
const DEPTH: usize = 200;

/// Words that begin a statement and never an expression.
const STARTERS: &[&str] = &["let", "const", "fn", "private", "import", "export"];

/// Makes a tree of a text.
pub fn parse(text: &str) -> Tree {
    let all = scan(text).tokens;
    let is_code = |token: &Token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc);
    // A first line `#!…` is no code.
    let shebang = if text.starts_with("#!") { text.find('\n').unwrap_or(text.len()) } else { 0 };
    let tokens = all.iter().filter(|token| is_code(token) && token.at.start >= shebang).cloned().collect();
    let docs = all.into_iter().filter(|token| token.kind == TokenKind::Doc).collect();
    let mut parser = Parser { text, tokens, docs, at: 0, depth: 0, functions: Vec::new() };
    let mut statements = Vec::new();
    while parser.at < parser.tokens.len() {
        parser.statements(&mut statements);
        // A bracket that closes nothing.
        parser.at += 1;
    }
    Tree { body: Block { at: 0..text.len(), statements }, functions: parser.functions }
}

/// A position in the tokens of a text.
pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    tokens: Vec<Token>,
    docs: Vec<Token>,
    at: usize,
    depth: usize,
    functions: Vec<Function>,
}

impl<'t> Parser<'t> {
    /// The token `ahead` of the next one.
    pub(super) fn peek(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead)
    }

    pub(super) fn kind(&self) -> Option<TokenKind> {
        self.peek(0).map(|token| token.kind)
    }

    pub(super) fn word(&self) -> &'t str {
        self.word_at(0)
    }

    pub(super) fn word_at(&self, ahead: usize) -> &'t str {
        self.peek(ahead).map_or("", |token| token.text(self.text))
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.word() == word
    }

    pub(super) fn bump(&mut self) {
        self.at += 1;
    }

    /// Goes past a word, if it is the next.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let is = self.is(word) && self.kind().is_some();
        self.at += usize::from(is);
        is
    }

    /// Where the next token starts.
    pub(super) fn start(&self) -> usize {
        self.peek(0).map_or(self.text.len(), |token| token.at.start)
    }

    /// Where the last token ended.
    pub(super) fn end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |token| token.at.end)
    }

    /// What went from `start` to the last token.
    pub(super) fn since(&self, start: usize) -> Range<usize> {
        start..self.end().max(start)
    }

    /// Whether the next token begins a statement and never an expression.
    pub(super) fn is_starter(&self) -> bool {
        self.kind() == Some(TokenKind::Keyword) && STARTERS.contains(&self.word())
    }

    /// Runs `parse` one level deeper, unless that is too deep; then it goes past one token.
    pub(super) fn deeper<T>(&mut self, parse: impl FnOnce(&mut Parser<'t>) -> T) -> Option<T> {
        if self.depth >= DEPTH {
            self.bump();
            return None;
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        Some(parsed)
    }

    /// Counts a link of a chain as a level, for trees of chains are as deep as they are long; false where it is too deep.
    pub(super) fn grow(&mut self) -> bool {
        let is_shallow = self.depth < DEPTH;
        self.depth += usize::from(is_shallow);
        is_shallow
    }

    /// Takes back so many levels of [`grow`](Parser::grow).
    pub(super) fn shrink(&mut self, links: usize) {
        self.depth = self.depth.saturating_sub(links);
    }

    /// A name, or nothing where something else is there.
    pub(super) fn ident(&mut self) -> Option<Ident> {
        let token = self.peek(0).filter(|token| token.kind == TokenKind::Name)?;
        let ident = Ident { name: token.text(self.text).to_owned(), at: token.at.clone() };
        self.bump();
        Some(ident)
    }

    fn ident_or_empty(&mut self) -> Ident {
        let end = self.end();
        self.ident().unwrap_or(Ident { name: String::new(), at: end..end })
    }

    /// A block in braces; an empty one where there is none.
    pub(super) fn block(&mut self) -> Block {
        let start = self.start();
        if !self.eat("{") {
            let end = self.end();
            return Block { at: end..end, statements: Vec::new() };
        }
        self.block_after(start)
    }

    /// A block whose opening bracket is behind us.
    pub(super) fn block_after(&mut self, start: usize) -> Block {
        let mut statements = Vec::new();
        self.deeper(|parser| parser.statements(&mut statements));
        let is_closed = self.eat("}");
        let end = if is_closed { self.end() } else { self.start().max(self.end()) };
        Block { at: start..end, statements }
    }

    /// Statements up to a `}` or the end.
    fn statements(&mut self, statements: &mut Vec<Statement>) {
        while let Some(kind) = self.kind() {
            if kind == TokenKind::Close {
                return;
            }
            if self.eat(";") {
                continue;
            }
            let before = self.at;
            statements.extend(self.statement());
            if self.at == before {
                self.bump();
            }
        }
    }

    fn statement(&mut self) -> Option<Statement> {
        let start = self.start();
        let kind = self.deeper(Parser::statement_kind)??;
        let at = self.since(start);
        let is_over = self.eat(";");
        Some(Statement {
            at,
            kind: match kind {
                StatementKind::Expr { value, .. } => StatementKind::Expr { value, is_ended: is_over },
                other => other,
            },
        })
    }

    fn statement_kind(&mut self) -> Option<StatementKind> {
        let is_keyword = self.kind() == Some(TokenKind::Keyword);
        match self.word() {
            "let" | "const" if is_keyword => Some(self.declaration(false)),
            "fn" | "private" if is_keyword => {
                self.function();
                None
            }
            "import" if is_keyword => {
                self.bump();
                let path = self.expr();
                let alias = if self.eat("as") { Some(self.ident_or_empty()) } else { None };
                Some(StatementKind::Import { path, alias })
            }
            "export" if is_keyword => {
                self.bump();
                if matches!(self.word(), "let" | "const") { Some(self.declaration(true)) } else { Some(self.export()) }
            }
            word @ ("return" | "throw" | "break" | "continue") if is_keyword => {
                self.bump();
                let has_value = !matches!(self.word(), ";" | "}" | "," | "") && !self.is_starter();
                let value = if has_value { Some(self.expr()) } else { None };
                let is_of_loop = matches!(word, "break" | "continue");
                Some(StatementKind::Leave { is_return: word == "return", is_of_loop, value })
            }
            "while" | "until" if is_keyword => {
                self.bump();
                let condition = Some(self.expr());
                Some(StatementKind::Loop { condition, body: self.block() })
            }
            "loop" if is_keyword => {
                self.bump();
                Some(StatementKind::Loop { condition: None, body: self.block() })
            }
            "do" if is_keyword => {
                self.bump();
                let body = self.block();
                let condition = if self.eat("while") || self.eat("until") { Some(self.expr()) } else { None };
                Some(StatementKind::Loop { condition, body })
            }
            "for" if is_keyword => Some(self.for_loop()),
            "try" if is_keyword => Some(self.try_catch()),
            _ => {
                let value = self.statement_expr();
                Some(StatementKind::Expr { value, is_ended: false })
            }
        }
    }

    fn declaration(&mut self, is_exported: bool) -> StatementKind {
        let is_const = self.is("const");
        self.bump();
        let name = self.ident_or_empty();
        let value = if self.eat("=") { Some(self.expr()) } else { None };
        StatementKind::Let { name, value, is_const, is_exported }
    }

    fn export(&mut self) -> StatementKind {
        let mut names = Vec::new();
        while let Some(name) = self.ident() {
            names.push(name);
            if self.eat("as") {
                self.ident();
            }
            if !self.eat(",") {
                break;
            }
        }
        StatementKind::Export { names }
    }

    fn for_loop(&mut self) -> StatementKind {
        self.bump();
        let (name, counter) = if self.eat("(") {
            let name = self.ident_or_empty();
            let counter = if self.eat(",") { self.ident() } else { None };
            self.eat(")");
            (name, counter)
        } else {
            (self.ident_or_empty(), None)
        };
        self.eat("in");
        let over = self.expr();
        StatementKind::For { name, counter, over, body: self.block() }
    }

    fn try_catch(&mut self) -> StatementKind {
        self.bump();
        let body = self.block();
        let mut caught = None;
        if self.eat("catch") && self.eat("(") {
            caught = self.ident();
            self.eat(")");
        }
        StatementKind::Try { body, caught, handler: self.block() }
    }

    fn function(&mut self) {
        let start = self.start();
        let is_private = self.eat("private");
        if !self.eat("fn") {
            return;
        }
        let mut name = self.ident_or_empty();
        // `fn Type.name(…)`, a method of a type, which may be written as a string.
        if name.name.is_empty() && self.kind() == Some(TokenKind::Text) && self.word_at(1) == "." {
            self.bump();
        }
        let is_method = self.is(".");
        if is_method {
            self.bump();
            name = self.ident_or_empty();
        }
        let mut params = Vec::new();
        if self.eat("(") {
            while let Some(param) = self.ident() {
                params.push(param);
                if !self.eat(",") {
                    break;
                }
            }
            self.eat(")");
        }
        let body = self.block();
        let at = self.since(start);
        let doc = self.doc_before(start);
        self.functions.push(Function { name, params, body, at, is_private, is_method, doc });
    }

    /// The comments that document what starts here: nothing but white space is between them and it.
    fn doc_before(&self, start: usize) -> String {
        let mut lines = Vec::new();
        let mut next = start;
        for token in self.docs.iter().rev().filter(|token| token.at.end <= start) {
            let between = self.text.get(token.at.end..next).unwrap_or_default();
            if !between.trim().is_empty() || token.text(self.text).starts_with("//!") {
                break;
            }
            lines.push(undecorated(token.text(self.text)));
            next = token.at.start;
        }
        lines.reverse();
        lines.join("\n").trim().to_owned()
    }

    /// A statement where an expression is due, or an expression.
    pub(super) fn arm(&mut self) -> Expr {
        let start = self.start();
        let is_statement = self.kind() == Some(TokenKind::Keyword)
            && matches!(
                self.word(),
                "return"
                    | "throw"
                    | "break"
                    | "continue"
                    | "while"
                    | "until"
                    | "loop"
                    | "do"
                    | "for"
                    | "try"
                    | "let"
                    | "const"
                    | "import"
            );
        if !is_statement {
            return self.statement_expr();
        }
        match self.deeper(Parser::statement_kind).flatten() {
            Some(kind) => {
                let at = self.since(start);
                Expr::new(at.clone(), ExprKind::Statement(Box::new(Statement { at, kind })))
            }
            None => Expr::new(self.since(start), ExprKind::Missing),
        }
    }

    /// A number or a string.
    pub(super) fn literal(&mut self, kind: TokenKind) -> Expr {
        let (at, text) = (self.start()..self.peek(0).map_or(0, |token| token.at.end), self.word());
        self.bump();
        let value = match kind {
            TokenKind::Number => match literal::number(text) {
                Some(literal::Number::Int(number)) => ExprKind::Int(number),
                Some(literal::Number::Float(number)) => ExprKind::Float(number),
                None => ExprKind::Missing,
            },
            TokenKind::Char => ExprKind::Char,
            _ => ExprKind::Str(literal::string(text)),
        };
        Expr::new(at, value)
    }
}

/// A documenting comment without what makes it one.
fn undecorated(comment: &str) -> String {
    if let Some(line) = comment.strip_prefix("///") {
        return line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned();
    }
    let inner = comment.trim_start_matches("/**").trim_end_matches("*/");
    inner
        .lines()
        .map(|line| line.trim().trim_start_matches("* ").trim_start_matches('*'))
        .collect::<Vec<_>>()
        .join("\n")
}
