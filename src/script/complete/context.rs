//! What a place in a text asks for.

use crate::script::page::Page;
use crate::script::scan::{Token, TokenKind, scan};
use crate::script::syntax::{Call, Expr, ExprKind};
use std::ops::Range;

/// What can stand at a place.
pub enum Context<'p> {
    /// Nothing that we could know: a comment, a number, a name that is being made up.
    Nothing,
    /// A method or property of what is before the point.
    Member,
    /// Something in the module of this name, or a constant of `global`.
    InModule(String),
    /// A key of the options of a call.
    Key(&'p Call),
    /// The path of an import.
    ImportPath,
    /// A text that is an argument of a call, by its place.
    Text(&'p Call, usize),
    /// A value, or a statement.
    Expression {
        /// Whether a statement can begin here.
        is_statement: bool,
    },
}

/// Words after which a name is made up.
const NAMING: &[&str] = &["let", "const", "fn", "for", "as"];

/// What a byte of a text asks for, and the bytes up to it that are written of it already.
pub fn context(page: &Page, offset: usize) -> (Context<'_>, Range<usize>) {
    let text = &*page.text;
    let tokens = scan(text).tokens;
    let here = tokens.iter().position(|token| token.at.start < offset && offset <= token.at.end);
    let nothing = (Context::Nothing, offset..offset);
    let Some(token) = here.and_then(|here| tokens.get(here)) else {
        let before = tokens.iter().rposition(|token| token.at.end <= offset);
        return (between(page, &tokens, before, offset), offset..offset);
    };
    let here = here.unwrap_or_default();
    let is_at_end = offset == token.at.end;
    match token.kind {
        // A comment goes on to the end of its line; one in `/* */` is over behind its end.
        TokenKind::Comment | TokenKind::Doc => {
            let is_over = is_at_end && token.text(text).starts_with("/*") && token.text(text).ends_with("*/");
            if is_over { (between(page, &tokens, Some(here), offset), offset..offset) } else { nothing }
        }
        TokenKind::Text | TokenKind::Unclosed => {
            let is_string = token.text(text).starts_with('"');
            let is_over = is_at_end && token.kind == TokenKind::Text;
            if !is_string || is_over {
                return nothing;
            }
            let range = token.at.start + 1..offset;
            let before = code_before(&tokens, here);
            let is_import = before.is_some_and(|before| before.text(text) == "import");
            if is_import { (Context::ImportPath, range) } else { (in_text(page, token.at.start), range) }
        }
        TokenKind::Number | TokenKind::Char => nothing,
        TokenKind::Name | TokenKind::Keyword | TokenKind::Reserved => {
            let before = here.checked_sub(1);
            (between(page, &tokens, before, token.at.start), token.at.start..offset)
        }
        _ if is_at_end => (between(page, &tokens, Some(here), offset), offset..offset),
        _ => nothing,
    }
}

fn code_before(tokens: &[Token], here: usize) -> Option<&Token> {
    tokens.get(..here)?.iter().rfind(|token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc))
}

/// What can begin at `start`, after the token `before`.
fn between<'p>(page: &'p Page, tokens: &[Token], before: Option<usize>, start: usize) -> Context<'p> {
    let text = &*page.text;
    let before = before.and_then(|before| code_before(tokens, before + 1).map(|token| (before, token)));
    let Some((at, token)) = before else { return Context::Expression { is_statement: true } };
    match token.text(text) {
        "." | "?." => Context::Member,
        "::" => {
            let module =
                code_before(tokens, at).filter(|module| matches!(module.kind, TokenKind::Name | TokenKind::Keyword));
            module.map_or(Context::Nothing, |module| Context::InModule(module.text(text).to_owned()))
        }
        "import" => Context::Nothing,
        word if NAMING.contains(&word) && token.kind == TokenKind::Keyword => Context::Nothing,
        // Where nothing follows yet, what is open ends with the token.
        "#{" | "," => match key_of(page, token.at.end) {
            Key::OfOptions(call) => Context::Key(call),
            // A map that is nobody's options has keys that only its author knows.
            Key::OfAMap => Context::Nothing,
            Key::None if is_parameter(page, start) => Context::Nothing,
            Key::None => Context::Expression { is_statement: false },
        },
        "(" | "|" if is_parameter(page, start) => Context::Nothing,
        ";" | "{" | "}" | "=>" => Context::Expression { is_statement: true },
        _ if token.kind == TokenKind::Keyword => Context::Expression { is_statement: false },
        // Two values cannot follow each other on one line; on the next, a statement begins.
        _ if matches!(
            token.kind,
            TokenKind::Name | TokenKind::Close | TokenKind::Number | TokenKind::Text | TokenKind::Char
        ) =>
        {
            let is_next = text.get(token.at.end..start).is_some_and(|blank| blank.contains('\n'));
            if is_next { Context::Expression { is_statement: true } } else { Context::Nothing }
        }
        _ => Context::Expression { is_statement: false },
    }
}

/// A key that can begin at a place.
enum Key<'p> {
    /// None can.
    None,
    /// One of a map that is no options.
    OfAMap,
    /// One of the options of a call.
    OfOptions(&'p Call),
}

/// The key of a map that can begin at `start`, after a bracket or a comma.
fn key_of(page: &Page, start: usize) -> Key<'_> {
    let around = page.around(start);
    // What is written of the key, or of what follows it, may be an expression of its own.
    let is_holder = |expr: &&&Expr| matches!(expr.kind, ExprKind::Map(_) | ExprKind::List(_) | ExprKind::Call(_));
    let Some(map) = around.iter().rev().find(is_holder) else { return Key::None };
    let ExprKind::Map(entries) = &map.kind else { return Key::None };
    if entries.iter().any(|entry| entry.key.at.end < start && start <= entry.value.at.end) {
        return Key::None;
    }
    let call = around.iter().rev().find_map(|expr| match &expr.kind {
        ExprKind::Call(call) if call.args.iter().any(|arg| arg.at == map.at) => Some(&**call),
        _ => None,
    });
    call.map_or(Key::OfAMap, Key::OfOptions)
}

/// Whether a parameter of a function or closure is named at `start`.
fn is_parameter(page: &Page, start: usize) -> bool {
    let in_function = page.tree.functions.iter().any(|function| {
        // Between the name and the body, whose braces may still be missing.
        let body = if function.body.at.is_empty() { function.at.end } else { function.body.at.start };
        function.name.at.end < start && start <= body
    });
    let in_closure = page.around(start).iter().any(|expr| match &expr.kind {
        ExprKind::Closure { body, .. } => expr.at.start < start && start < body.at.start,
        _ => false,
    });
    in_function || in_closure
}

/// What a string is the argument of.
fn in_text(page: &Page, start: usize) -> Context<'_> {
    let mut found = Context::Nothing;
    for expr in page.around(start + 1) {
        let ExprKind::Call(call) = &expr.kind else { continue };
        // In a list, too.
        if let Some(argument) = call.args.iter().position(|arg| arg.at.start <= start && start < arg.at.end) {
            found = Context::Text(call, argument);
        }
    }
    found
}
