//! What is wrong with a text that Rhai cannot parse.

use super::mark::{Part, mark};
use crate::model::error::{Class, Mark, OpError, Site, closest};
use crate::ops;
use crate::script::place::site;
use crate::script::scan::{KEYWORDS, RESERVED, Token, TokenKind, line_col, offset, scan};
use crate::script::sources::Sources;
use rhai::{LexError, ParseError, ParseErrorType};
use std::sync::Arc;

/// Explains a parse error of a source.
pub fn syntax(error: &ParseError, source: &Arc<str>, sources: &Sources) -> OpError {
    let text = sources.text(source).unwrap_or_else(|| "".into());
    // At the end of the text there is nothing to point at: point at the last thing before it.
    let place = site(source, error.position());
    let (mut explained, label) = explain(error.err_type(), &text, &place);
    let is_at_end = offset(&text, place.line, place.col) >= text.trim_end().len();
    explained.0.mark = match (error.err_type(), label) {
        (kind, label)
            if is_at_end || matches!(kind, ParseErrorType::MissingToken(..) | ParseErrorType::UnexpectedEOF) =>
        {
            after_previous(&text, &place, &label)
        }
        (_, label) => mark(sources, &place, Part::Name, &label),
    };
    explained.0.site = Some(place);
    explained.class(Class::Usage)
}

/// A comment that is not closed, which for Rhai just ends the text.
pub fn unclosed(text: &str, source: &Arc<str>) -> Option<OpError> {
    if !text.contains("/*") {
        return None;
    }
    let mut scan = scan(text);
    let last = scan.tokens.pop().filter(|last| scan.unfinished && last.text(text).starts_with("/*"))?;
    let (line, col) = line_col(text, last.at.start);
    let mut error = OpError::new("script::syntax", "A comment is not closed.")
        .help("Close it with `*/`; comments may be nested.")
        .class(Class::Usage);
    error.0.site = Some(Site { source: Arc::clone(source), line, col });
    error.0.mark = Some(Mark { range: last.at.start..last.at.start + 2, label: "starts here".into() });
    Some(error)
}

/// Rhai reports what follows a missing token, which may be lines away.
fn after_previous(text: &str, place: &Site, label: &str) -> Option<Mark> {
    let at = offset(text, place.line, place.col);
    let previous = scan(text).tokens.into_iter().rfind(|token| {
        !matches!(token.kind, TokenKind::Comment | TokenKind::Doc)
            && (token.at.end <= at || at >= text.trim_end().len())
    })?;
    Some(Mark { range: previous.at, label: label.to_string() })
}

fn explain(kind: &ParseErrorType, text: &str, place: &Site) -> (OpError, String) {
    let error = |message: &str| OpError::new("script::syntax", message);
    match kind {
        ParseErrorType::MissingToken(token, why) if token == "," && why.starts_with("to separate the ") => {
            let close = if why.contains("array") {
                ']'
            } else if why.contains("map") {
                '}'
            } else {
                ')'
            };
            let place =
                why.replace("to separate the ", "in the ").replace("arguments to function call", "arguments of");
            (
                error(&format!("Expected `,` or `{close}` {}.", place.replace('\'', "`"))),
                format!("`,` or `{close}` is missing after this"),
            )
        }
        ParseErrorType::MissingToken(token, why) => (
            error(&format!("Expected `{token}` {}.", why.replace('\'', "`"))),
            format!("`{token}` is missing after this"),
        ),
        ParseErrorType::UnexpectedEOF => (
            error("The text ends in the middle of a statement.").help("A bracket or string may not be closed."),
            "nothing follows this".into(),
        ),
        ParseErrorType::Reserved(word) if RESERVED.contains(&word.as_str()) => (
            error(&format!("`{word}` is a word that the language keeps for itself.")).help(format!(
                "Use another name, such as `{word}_`; as a key of a map it can be written `\"{word}\"`."
            )),
            "reserved".into(),
        ),
        ParseErrorType::BadInput(LexError::ImproperSymbol(word, _)) if word == "eval" => (
            error("Recipes cannot evaluate text.").help("Everything a recipe calls is checked before it starts."),
            "not available".into(),
        ),
        ParseErrorType::BadInput(LexError::UnterminatedString) => (
            error("A string is not closed on its line.").help("Texts of several lines are written in back-ticks."),
            "starts here".into(),
        ),
        ParseErrorType::VariableUndefined(name) => unknown_variable(name, text, place),
        ParseErrorType::ModuleUndefined(name) => (
            OpError::new("script::unknown_module", format!("No module is imported as `{name}`."))
                .help(format!("Import it first: `import \"std/{name}\" as {name};`.")),
            "not imported".into(),
        ),
        ParseErrorType::AssignmentToConstant(name) if !name.is_empty() => {
            let (error, label) = constant(name);
            (error, label.into())
        }
        ParseErrorType::MismatchedType(due, given) if due.contains("iterable") => (
            error(&format!("`for` cannot go through {given}."))
                .help("It goes through arrays, maps, strings and ranges such as `0..5`."),
            "not a list".into(),
        ),
        ParseErrorType::MismatchedType(due, given) if due.contains("boolean") => (
            error(&format!("A condition is `true` or `false`, not {given}."))
                .help("Compare it with something, as in `n > 0`."),
            "not a condition".into(),
        ),
        ParseErrorType::ExprTooDeep => (
            OpError::new("limit::expression", "The expression is nested too deeply.")
                .help("Split it over several statements."),
            "in here".into(),
        ),
        other => {
            let message = other.to_string().replace('\'', "`");
            (error(&format!("{}.", message.trim_end_matches('.'))), "here".into())
        }
    }
}

/// An assignment to a constant.
pub fn constant(name: &str) -> (OpError, &'static str) {
    let error = OpError::new("script::constant", format!("The constant `{name}` cannot be changed."))
        .help(format!("Declare it with `let {name} = …` if it is to change."));
    (error, "assigned here")
}

/// A variable that the text declares elsewhere, or a slip of the pen.
fn unknown_variable(name: &str, text: &str, place: &Site) -> (OpError, String) {
    let tokens: Vec<Token> = scan(text).tokens;
    let at = offset(text, place.line, place.col);
    let names: Vec<(&str, usize)> = declared(&tokens, text);
    let error = OpError::new("script::unknown_variable", format!("There is no variable `{name}` here."));
    let function = enclosing_function(&tokens, text, at);
    let declaration = names.iter().find(|(declared, _)| *declared == name);
    let help = match (declaration, function) {
        (Some((_, from)), Some(start)) if *from < start || *from > at => format!(
            "Functions do not see the variables of the script: pass `{name}` as a parameter, or declare it with \
             `const {name} = …` and write `global::{name}`."
        ),
        (Some((_, from)), _) => {
            let line = text.get(..*from).unwrap_or_default().matches('\n').count() + 1;
            if *from > at {
                format!("It is declared on line {line}, after this use.")
            } else {
                format!("The one declared on line {line} ends with its block.")
            }
        }
        (None, _) if ops::named(name).any(|def| matches!(def.kind, ops::FnKind::Free | ops::FnKind::InNs)) => {
            format!("`{name}` is a function: call it with `{name}(…)`, or wrap it in a closure.")
        }
        (None, _) => match closest(name, names.iter().map(|(name, _)| *name).chain(KEYWORDS.iter().copied())) {
            Some(near) => format!("Did you mean `{near}`?"),
            None => format!("Declare it first: `let {name} = …`."),
        },
    };
    (error.help(help), "not declared".into())
}

/// Every name that a statement declares, and where.
fn declared<'t>(tokens: &[Token], text: &'t str) -> Vec<(&'t str, usize)> {
    tokens
        .windows(2)
        .filter(|pair| matches!(pair[0].text(text), "let" | "const" | "for"))
        .map(|pair| (pair[1].text(text), pair[1].at.start))
        .collect()
}

/// Where the function starts whose body holds the byte `at`.
fn enclosing_function(tokens: &[Token], text: &str, at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut function = None;
    for token in tokens.iter().take_while(|token| token.at.start < at) {
        match token.kind {
            TokenKind::Keyword if token.text(text) == "fn" => function = Some((token.at.start, depth)),
            TokenKind::Open => depth += 1,
            TokenKind::Close => {
                depth = depth.saturating_sub(1);
                // Functions stand at the top only: the bracket that closes a body is back at its depth.
                if token.text(text) == "}" && function.is_some_and(|(_, outer)| depth == outer) {
                    function = None;
                }
            }
            _ => {}
        }
    }
    function.map(|(start, _)| start)
}
