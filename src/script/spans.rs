//! Which bytes make up a call: its name, receiver, arguments and option keys.

use super::scan::{Token, TokenKind, scan};
use std::ops::Range;

/// A call, property or word, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSpan {
    /// The name, with the module before it: `topo::star`.
    pub name: Range<usize>,
    /// The name with its arguments.
    pub call: Range<usize>,
    /// What a method is called on: `a.b(1)` of `a.b(1).exec()`.
    pub receiver: Option<Range<usize>>,
    /// Each argument.
    pub args: Vec<Range<usize>>,
}

impl CallSpan {
    /// The call with its receiver.
    pub fn whole(&self) -> Range<usize> {
        self.receiver.as_ref().map_or(self.call.start, |receiver| receiver.start)..self.call.end
    }
}

/// A key of a map literal, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpan {
    /// The key, unquoted.
    pub name: String,
    /// Where the key is.
    pub key: Range<usize>,
    /// Where its value is.
    pub value: Range<usize>,
}

/// The call whose name is at byte `offset`; any other token is a call without arguments.
pub fn call_at(text: &str, offset: usize) -> CallSpan {
    let code = Code::new(text);
    let Some(mut at) = code.tokens.iter().position(|token| token.at.end > offset) else {
        let end = text.len()..text.len();
        return CallSpan { name: end.clone(), call: end, receiver: None, args: Vec::new() };
    };
    // Rhai gives some chains the position of their point.
    if code.is(at, ".") && at + 1 < code.tokens.len() {
        at += 1;
    }
    let (mut first, mut last) = (at, at);
    while first >= 2 && code.is(first - 1, "::") && code.kind(first - 2) == Some(TokenKind::Name) {
        first -= 2;
    }
    while code.is(last + 1, "::") && code.kind(last + 2) == Some(TokenKind::Name) {
        last += 2;
    }
    let name = code.tokens[first].at.start..code.tokens[last].at.end;
    let mut call = name.clone();
    let mut args = Vec::new();
    let is_word = matches!(code.kind(last), Some(TokenKind::Name | TokenKind::Keyword | TokenKind::Reserved));
    let open = if code.is(last + 1, "!") { last + 2 } else { last + 1 };
    if is_word && code.is(open, "(") {
        let close = code.closing(open);
        args = code.parts(open + 1..close.unwrap_or(code.tokens.len()));
        call.end = close.map_or(text.trim_end().len(), |close| code.tokens[close].at.end);
    }
    let receiver = first.checked_sub(1).filter(|dot| code.is_dot(*dot)).and_then(|dot| {
        let start = code.chain_start(dot)?;
        Some(code.tokens[start].at.start..code.tokens[dot - 1].at.end)
    });
    CallSpan { name, call, receiver, args }
}

/// The keys of the map literal at these bytes; none where something else is there.
pub fn keys(text: &str, range: Range<usize>) -> Vec<KeySpan> {
    let inner = text.get(range.clone()).unwrap_or_default();
    let code = Code::new(inner);
    if !code.is(0, "#{") || code.closing(0) != Some(code.tokens.len() - 1) {
        return Vec::new();
    }
    let place = |at: &Range<usize>| at.start + range.start..at.end + range.start;
    code.parts(1..code.tokens.len() - 1)
        .iter()
        .filter_map(|part| {
            let first = code.tokens.iter().position(|token| token.at.start == part.start)?;
            let value_start = code.tokens.get(first + 2).filter(|_| code.is(first + 1, ":"))?.at.start;
            let key = &code.tokens[first];
            Some(KeySpan {
                name: key.text(inner).trim_matches('"').to_string(),
                key: place(&key.at),
                value: place(&(value_start..part.end)),
            })
        })
        .collect()
}

/// Tokens without comments, which may stand anywhere.
struct Code<'t> {
    text: &'t str,
    tokens: Vec<Token>,
}

impl<'t> Code<'t> {
    fn new(text: &'t str) -> Code<'t> {
        let mut tokens = scan(text).tokens;
        tokens.retain(|token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc));
        Code { text, tokens }
    }

    fn is(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.text(self.text) == word)
    }

    fn is_dot(&self, at: usize) -> bool {
        self.is(at, ".") || self.is(at, "?.")
    }

    fn kind(&self, at: usize) -> Option<TokenKind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// The bracket that closes the one at `open`.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// The bracket that opens the one at `close`.
    fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for at in (0..=close).rev() {
            match self.kind(at) {
                Some(TokenKind::Close) => depth += 1,
                Some(TokenKind::Open) => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }

    /// What the commas between these tokens separate. A comma between the bars of a closure separates nothing.
    fn parts(&self, tokens: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut part: Option<Range<usize>> = None;
        let mut depth = 0_usize;
        let mut in_bars = false;
        for token in self.tokens.get(tokens).unwrap_or_default() {
            let text = token.text(self.text);
            match token.kind {
                TokenKind::Open => depth += 1,
                TokenKind::Close => depth = depth.saturating_sub(1),
                _ if depth > 0 => {}
                _ if text == "," && !in_bars => {
                    parts.extend(part.take());
                    continue;
                }
                _ if text == "|" => in_bars = !in_bars && part.is_none(),
                _ => {}
            }
            let start = part.as_ref().map_or(token.at.start, |part| part.start);
            part = Some(start..token.at.end);
        }
        parts.extend(part);
        parts
    }

    /// Where the chain of calls and properties before the point at `dot` starts.
    fn chain_start(&self, mut dot: usize) -> Option<usize> {
        loop {
            let start = self.operand_start(dot)?;
            match start.checked_sub(1) {
                Some(before) if self.is_dot(before) || self.is(before, "::") => dot = before,
                _ => return Some(start),
            }
        }
    }

    /// Whether what ends here can be called or indexed. A block cannot: what follows it is the next statement.
    fn is_indexable(&self, at: usize) -> bool {
        match self.kind(at) {
            Some(TokenKind::Name) => true,
            Some(TokenKind::Close) => !self.is(at, "}") || self.opening(at).is_some_and(|open| self.is(open, "#{")),
            _ => false,
        }
    }

    /// Where the operand that ends just before `end` starts: a word, or a bracket with what is called or indexed.
    fn operand_start(&self, end: usize) -> Option<usize> {
        let mut at = end.checked_sub(1)?;
        loop {
            match self.kind(at)? {
                TokenKind::Close => {
                    at = self.opening(at)?;
                    match at.checked_sub(1) {
                        Some(before) if self.is_indexable(before) => at = before,
                        _ => return Some(at),
                    }
                }
                TokenKind::Name
                | TokenKind::Keyword
                | TokenKind::Reserved
                | TokenKind::Text
                | TokenKind::Number
                | TokenKind::Char => {
                    return Some(at);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CallSpan, call_at};
    use proptest::{prop_assert, proptest};
    use std::ops::Range;

    fn call<'t>(text: &'t str, at: &str) -> (CallSpan, &'t str) {
        let offset = text.find(at).unwrap_or_default();
        (call_at(text, offset), text)
    }

    fn texts(text: &str, ranges: &[Range<usize>]) -> Vec<String> {
        ranges.iter().map(|range| text[range.clone()].to_string()).collect()
    }

    #[test]
    fn a_call_has_its_arguments_and_its_receiver() {
        let (span, text) = call("let v = veth(a, \"et)h\", // b, c\n #{ mtu: f(1, 2) }, `x${g(\"}\")}y`);", "veth");
        assert_eq!(texts(text, &span.args), ["a", "\"et)h\"", "#{ mtu: f(1, 2) }", "`x${g(\"}\")}y`"]);
        assert!(text[span.whole()].ends_with("`)"));

        let (span, text) = call("x = [1, a.b(1)[2].c].d(|p, q| p + q, 3).exec(\"q\");", "exec");
        assert_eq!(&text[span.whole()], "[1, a.b(1)[2].c].d(|p, q| p + q, 3).exec(\"q\")");
        assert_eq!(&text[span.name], "exec");
    }

    #[test]
    fn a_block_before_a_list_is_another_statement() {
        let (span, text) = call("if a { b(); }\n[1, 2].map(f);", "map");
        assert_eq!(&text[span.whole()], "[1, 2].map(f)");
        let (span, text) = call("let x = #{ a: [1] }[\"a\"].map(f);", "map");
        assert_eq!(&text[span.whole()], "#{ a: [1] }[\"a\"].map(f)");
    }

    #[test]
    fn a_comma_between_bars_separates_no_arguments() {
        let (span, text) = call("list.fold(|a, b| a | b, || 1, 2)", "fold");
        assert_eq!(texts(text, &span.args), ["|a, b| a | b", "|| 1", "2"]);
    }

    #[test]
    fn a_name_in_a_module_is_one_name() {
        let (span, text) = call("let s = topo::star(\"s\", 3);", "topo");
        assert_eq!(&text[span.name], "topo::star");
        assert_eq!(span.args.len(), 2);
    }

    #[test]
    fn keys_of_a_map_literal_are_found_where_they_are() {
        let text = "f(#{ mtu: 1400, \"default\": g(1, 2), up: #{ a: 1 } })";
        let keys = super::keys(text, 2..text.len() - 1);
        assert_eq!(keys.iter().map(|key| key.name.as_str()).collect::<Vec<_>>(), ["mtu", "default", "up"]);
        assert_eq!(&text[keys[1].value.clone()], "g(1, 2)");
        assert_eq!(&text[keys[2].key.clone()], "up");
        assert!(super::keys(text, 0..1).is_empty());
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_has_a_span_inside_it(
            text in "[a-c\"'`#${}()\\[\\]\\\\\n .,|é:]{0,40}", at in 0_usize..50,
        ) {
            let span = call_at(&text, at);
            for range in span.args.iter().chain([&span.name, &span.call, &span.whole()]) {
                prop_assert!(text.get(range.clone()).is_some(), "{range:?}");
            }
            super::keys(&text, span.whole());
        }
    }
}
