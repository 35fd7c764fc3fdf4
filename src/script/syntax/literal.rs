//! The values of literals.

/// The text of a string literal; none where it has an escape that is not plain.
pub fn string(literal: &str) -> Option<String> {
    if literal.starts_with('#') {
        let hashes = literal.len() - literal.trim_start_matches('#').len();
        let end = literal.len().checked_sub(hashes + 1)?;
        return literal.get(hashes + 1..end).map(str::to_owned);
    }
    let inner = literal.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                chars.next();
                text.push('"');
            }
            '\\' => text.push(match chars.next()? {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                c @ ('\\' | '"' | '\'') => c,
                'x' => code(&mut chars, 2)?,
                'u' => code(&mut chars, 4)?,
                'U' => code(&mut chars, 8)?,
                _ => return None,
            }),
            c => text.push(c),
        }
    }
    Some(text)
}

fn code(chars: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text: String = chars.take(digits).collect();
    char::from_u32(u32::from_str_radix(&text, 16).ok()?)
}

/// The text of a piece of a template, without its back-ticks. A line break after the first one is no part of it.
pub fn template(piece: &str, is_first: bool, is_last: bool) -> String {
    let mut inner = piece;
    if is_first {
        inner = inner.strip_prefix('`').unwrap_or(inner);
        inner = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n')).unwrap_or(inner);
    }
    if is_last {
        inner = inner.strip_suffix('`').unwrap_or(inner);
    }
    inner.replace("\r\n", "\n").replace("``", "`").replace("\\${", "${")
}

/// A number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// A whole one.
    Int(i64),
    /// Another one.
    Float(f64),
}

/// The value of a number literal; none where it is too large or not a number at all.
pub fn number(literal: &str) -> Option<Number> {
    let digits = literal.replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return i64::from_str_radix(rest, radix).ok().map(Number::Int);
        }
    }
    digits.parse().map(Number::Int).ok().or_else(|| {
        let is_float = digits.contains(['.', 'e', 'E']);
        digits.parse().ok().filter(|_| is_float).map(Number::Float)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_unescaped() {
        assert_eq!(string(r#""a\"b\n\x41\u00e9""#).as_deref(), Some("a\"b\nA\u{e9}"));
        assert_eq!(string(r#""a""b""#).as_deref(), Some("a\"b"));
        assert_eq!(string(r##"#"a\"b"#"##).as_deref(), Some("a\\\"b"));
        assert_eq!(string("\"a\\\n b\""), None);
        assert_eq!(string("\""), None);
    }

    #[test]
    fn numbers_are_whole_or_not() {
        assert_eq!(number("1_000"), Some(Number::Int(1000)));
        assert_eq!(number("0xff"), Some(Number::Int(255)));
        assert_eq!(number("1.5"), Some(Number::Float(1.5)));
        assert_eq!(number("99999999999999999999"), None);
        assert_eq!(number("12ab"), None);
    }
}
