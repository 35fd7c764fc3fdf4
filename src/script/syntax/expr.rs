//! Expressions.

use super::parse::Parser;
use super::{Call, Expr, ExprKind, Ident, MapEntry, Piece, literal};
use crate::script::scan::TokenKind;

/// How tightly a binary operator binds, as Rhai has it; nothing for what is none.
fn precedence(word: &str) -> Option<u8> {
    Some(match word {
        "||" | "|" | "^" => 1,
        "&&" | "&" => 2,
        "==" | "!=" => 3,
        "in" | "!in" => 4,
        "<" | "<=" | ">" | ">=" => 5,
        "??" => 6,
        ".." | "..=" => 7,
        "+" | "-" => 8,
        "*" | "/" | "%" => 9,
        "**" => 10,
        "<<" | ">>" => 11,
        _ => return None,
    })
}

const ASSIGNMENTS: &[&str] = &["=", "+=", "-=", "*=", "/=", "%=", "**=", "<<=", ">>=", "&=", "|=", "^=", "??="];

impl Parser<'_> {
    /// An expression; [`ExprKind::Missing`] where there is none.
    pub(super) fn expr(&mut self) -> Expr {
        let start = self.start();
        let parsed = self.deeper(|parser| {
            let left = parser.binary(0);
            parser.assignment(left)
        });
        parsed.unwrap_or(Expr::new(self.since(start), ExprKind::Missing))
    }

    /// An expression that is a statement: one that ends with a block ends there.
    pub(super) fn statement_expr(&mut self) -> Expr {
        if self.kind() == Some(TokenKind::Keyword) && matches!(self.word(), "if" | "switch") || self.is("{") {
            self.primary()
        } else {
            self.expr()
        }
    }

    fn assignment(&mut self, target: Expr) -> Expr {
        let word = self.word();
        if !ASSIGNMENTS.contains(&word) {
            return target;
        }
        self.bump();
        let value = Box::new(self.expr());
        let at = self.since(target.at.start);
        Expr::new(at, ExprKind::Assign { target: Box::new(target), is_compound: word != "=", value })
    }

    fn binary(&mut self, least: u8) -> Expr {
        let mut left = self.unary();
        let mut grown = 0;
        while let Some(binding) = precedence(self.word()).filter(|binding| *binding > least) {
            let operator = self.word().to_owned();
            self.bump();
            // A range may be open at its end.
            let is_open = operator.starts_with("..") && matches!(self.word(), ")" | "]" | "}" | "{" | "," | ";" | "");
            let end = self.end();
            let right = if is_open {
                Expr::new(end..end, ExprKind::Missing)
            } else {
                // Operators of one kind go from left to right, but for powers.
                let least = if operator == "**" { binding - 1 } else { binding };
                self.deeper(|parser| parser.binary(least)).unwrap_or(Expr::new(end..end, ExprKind::Missing))
            };
            let at = self.since(left.at.start);
            left = Expr::new(at, ExprKind::Binary { operator, left: Box::new(left), right: Box::new(right) });
            if !self.grow() {
                break;
            }
            grown += 1;
        }
        self.shrink(grown);
        left
    }

    fn unary(&mut self) -> Expr {
        let start = self.start();
        if !matches!(self.word(), "-" | "+" | "!") {
            return self.postfix();
        }
        let operator = self.word().to_owned();
        self.bump();
        let operand = self.deeper(Parser::unary).unwrap_or(Expr::new(start..start, ExprKind::Missing));
        Expr::new(self.since(start), ExprKind::Unary { operator, operand: Box::new(operand) })
    }

    /// A value with the calls, properties and indices that follow it, which may be a block: one that is a statement does not
    /// come here.
    fn postfix(&mut self) -> Expr {
        let mut value = self.primary();
        let mut grown = 0;
        while self.grow() {
            grown += 1;
            let start = value.at.start;
            match self.word() {
                "." | "?." => {
                    self.bump();
                    value = self.member(value, start);
                }
                "[" | "?[" => {
                    self.bump();
                    let index = Box::new(self.expr());
                    self.eat("]");
                    let at = self.since(start);
                    value = Expr::new(at, ExprKind::Index { on: Box::new(value), index });
                }
                _ => break,
            }
        }
        self.shrink(grown);
        value
    }

    /// What follows the point after a value.
    fn member(&mut self, on: Expr, start: usize) -> Expr {
        let end = self.end();
        let is_word = matches!(self.kind(), Some(TokenKind::Name | TokenKind::Reserved | TokenKind::Keyword));
        // A point that nothing follows yet is not continued by the next statement.
        let is_next = self.kind() != Some(TokenKind::Name) && self.text[end..self.start()].contains('\n');
        let name = if is_word && !is_next {
            let name = Ident { name: self.word().to_owned(), at: self.start()..self.start() + self.word().len() };
            self.bump();
            name
        } else {
            Ident { name: String::new(), at: end..end }
        };
        if !name.name.is_empty() && self.is("(") {
            let (args, inside) = self.args();
            let call = Call { on: Some(on), modules: Vec::new(), name, args, inside };
            return Expr::new(self.since(start), ExprKind::Call(Box::new(call)));
        }
        Expr::new(self.since(start), ExprKind::Property { on: Box::new(on), name })
    }

    /// The arguments of a call, and the bytes between its brackets.
    fn args(&mut self) -> (Vec<Expr>, std::ops::Range<usize>) {
        self.bump();
        let start = self.end();
        let args = self.list(")");
        let end = if self.is(")") {
            let end = self.start();
            self.bump();
            end
        } else {
            // Everything up to what goes on after it.
            self.start().max(start)
        };
        (args, start..end)
    }

    /// Expressions between commas, up to a bracket, which is left where it is.
    fn list(&mut self, close: &str) -> Vec<Expr> {
        let mut items = Vec::new();
        while !self.is(close) && !self.is(";") && !self.is_starter() && self.kind().is_some() {
            let before = self.start();
            let item = self.expr();
            if self.start() == before && !self.is(",") {
                break;
            }
            items.push(item);
            if !self.eat(",") {
                break;
            }
        }
        items
    }

    fn primary(&mut self) -> Expr {
        let start = self.start();
        let word = self.word();
        let kind = match (self.kind(), word) {
            (Some(kind @ (TokenKind::Number | TokenKind::Char)), _) => return self.literal(kind),
            (Some(kind @ TokenKind::Text), text) => {
                if text.starts_with('`') {
                    ExprKind::Template(self.template())
                } else {
                    return self.literal(kind);
                }
            }
            (Some(TokenKind::Unclosed), _) => {
                self.bump();
                ExprKind::Str(None)
            }
            (Some(TokenKind::Name), _) | (Some(TokenKind::Keyword), "global") => return self.name(),
            (Some(TokenKind::Keyword), "true" | "false") => {
                self.bump();
                ExprKind::Bool(word == "true")
            }
            (Some(TokenKind::Keyword), "this") => {
                self.bump();
                ExprKind::This
            }
            (Some(TokenKind::Keyword), "if") => self.if_else(),
            (Some(TokenKind::Keyword), "switch") => self.switch(),
            (Some(TokenKind::Keyword), "while" | "until" | "loop" | "do" | "for") => return self.arm(),
            (_, "(") => {
                self.bump();
                if self.eat(")") {
                    ExprKind::Unit
                } else {
                    let inner = self.expr();
                    self.eat(")");
                    // A name is where it is written, for who looks for it.
                    if matches!(inner.kind, ExprKind::Name(_)) {
                        return inner;
                    }
                    inner.kind
                }
            }
            (_, "[") => {
                self.bump();
                let items = self.list("]");
                self.eat("]");
                ExprKind::List(items)
            }
            (_, "#{") => self.map(),
            (_, "{") => ExprKind::Block(self.block()),
            (_, "|" | "||") => self.closure(),
            _ => ExprKind::Missing,
        };
        Expr::new(self.since(start), kind)
    }

    /// A variable, a call, or something in a module.
    fn name(&mut self) -> Expr {
        let start = self.start();
        let next = |parser: &mut Self| {
            let at = parser.start();
            let name = parser.word().to_owned();
            parser.bump();
            Ident { at: at..at + name.len(), name }
        };
        let mut modules = vec![next(self)];
        while self.eat("::") {
            let end = self.end();
            let is_name = self.kind() == Some(TokenKind::Name) && !self.text[end..self.start()].contains('\n');
            modules.push(if is_name { next(self) } else { Ident { name: String::new(), at: end..end } });
        }
        let name = modules.pop().unwrap_or_default();
        let is_captured = self.is("!") && self.word_at(1) == "(";
        if is_captured {
            self.bump();
        }
        if self.is("(") {
            let (args, inside) = self.args();
            let call = Call { on: None, modules, name, args, inside };
            return Expr::new(self.since(start), ExprKind::Call(Box::new(call)));
        }
        let kind = if modules.is_empty() { ExprKind::Name(name.name) } else { ExprKind::Path { modules, name } };
        Expr::new(self.since(start), kind)
    }

    /// Text in back-ticks. The scanner gives the text before, between and after the code as tokens of its own.
    fn template(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut is_first = true;
        loop {
            let end = self.peek(0).map_or(0, |token| token.at.end);
            let text = self.word();
            if self.kind() == Some(TokenKind::Text) {
                self.bump();
                let goes_on = self.is("${") && self.start() == end;
                pieces.push(Piece::Text(literal::template(text, is_first, !goes_on)));
                if !goes_on {
                    return pieces;
                }
            }
            is_first = false;
            let start = self.start();
            if !self.eat("${") {
                return pieces;
            }
            pieces.push(Piece::Code(self.block_after(start)));
            let is_adjacent = self.start() == self.end();
            if !is_adjacent || !(self.kind() == Some(TokenKind::Text) || self.is("${")) {
                return pieces;
            }
        }
    }

    fn map(&mut self) -> ExprKind {
        self.bump();
        let mut entries = Vec::new();
        while !self.is("}") && self.kind().is_some() && !self.is(";") && !self.is_starter() {
            let at = self.start()..self.peek(0).map_or(0, |token| token.at.end);
            let is_key = matches!(
                self.kind(),
                Some(
                    TokenKind::Name | TokenKind::Text | TokenKind::Keyword | TokenKind::Reserved | TokenKind::Unclosed
                )
            );
            if !is_key {
                break;
            }
            let word = self.word();
            // A key may be written as any string that has no code in it.
            let name = match self.kind() {
                Some(TokenKind::Text) if word.starts_with('`') => literal::template(word, true, true),
                Some(TokenKind::Text) => literal::string(word).unwrap_or_default(),
                _ => word.trim_matches('"').to_owned(),
            };
            let key = Ident { name, at };
            self.bump();
            let end = self.end();
            let value = if self.eat(":") { self.expr() } else { Expr::new(end..end, ExprKind::Missing) };
            entries.push(MapEntry { key, value });
            if !self.eat(",") {
                break;
            }
        }
        self.eat("}");
        ExprKind::Map(entries)
    }

    fn closure(&mut self) -> ExprKind {
        let mut params = Vec::new();
        if !self.eat("||") {
            self.bump();
            while let Some(param) = self.ident() {
                params.push(param);
                if !self.eat(",") {
                    break;
                }
            }
            self.eat("|");
        }
        ExprKind::Closure { params, body: Box::new(self.arm()) }
    }

    fn if_else(&mut self) -> ExprKind {
        self.bump();
        let condition = Box::new(self.expr());
        let then = self.block();
        let otherwise = if !self.eat("else") {
            None
        } else if self.is("if") || self.is("{") {
            let end = self.end();
            let other = self.deeper(Parser::primary);
            Some(Box::new(other.unwrap_or(Expr::new(end..end, ExprKind::Missing))))
        } else {
            None
        };
        ExprKind::If { condition, then, otherwise }
    }

    fn switch(&mut self) -> ExprKind {
        self.bump();
        let on = Box::new(self.expr());
        let mut arms = Vec::new();
        self.eat("{");
        while !self.is("}") && self.kind().is_some() {
            let before = self.start();
            let mut patterns = vec![self.expr()];
            if self.eat("if") {
                patterns.push(self.expr());
            }
            let is_arm = self.eat("=>");
            let value = self.arm();
            arms.push((patterns, value));
            self.eat(",");
            if !is_arm || self.start() == before {
                break;
            }
        }
        self.eat("}");
        ExprKind::Switch { on, arms }
    }
}
