//! Places as the protocol counts them: lines from 0, and characters in UTF-16 code units.

use lsp_types::{Position, Range};

/// The lines of a text with the byte where each begins, without their ends: `\n`, `\r\n` or `\r`.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = Some(0);
    std::iter::from_fn(move || {
        let start = rest?;
        let line = text.get(start..)?;
        let Some(end) = line.find(['\n', '\r']) else {
            rest = None;
            return Some((start, line));
        };
        let length = if line[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(start + end + length);
        Some((start, &line[..end]))
    })
}

/// The byte at a place; the nearest one where there is no such place.
pub fn offset(text: &str, position: Position) -> usize {
    let number = usize::try_from(position.line).unwrap_or(usize::MAX);
    let Some((start, line)) = lines(text).nth(number) else { return text.len() };
    let mut units = usize::try_from(position.character).unwrap_or(usize::MAX);
    for (at, c) in line.char_indices() {
        // In the middle of a character is at its beginning.
        if units < c.len_utf16() {
            return start + at;
        }
        units -= c.len_utf16();
    }
    start + line.len()
}

/// The place of a byte.
pub fn position(text: &str, offset: usize) -> Position {
    let mut found = Position::default();
    for (number, (start, line)) in (0..).zip(lines(text)) {
        if start > offset {
            break;
        }
        let before = line.get(..offset - start).unwrap_or(line);
        let units: usize = before.chars().map(char::len_utf16).sum();
        found = Position::new(number, u32::try_from(units).unwrap_or(u32::MAX));
    }
    found
}

/// The places of some bytes.
pub fn range(text: &str, bytes: &std::ops::Range<usize>) -> Range {
    Range::new(position(text, bytes.start), position(text, bytes.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    #[test]
    fn characters_are_utf16_units() {
        let text = "aé😀b\r\nx\ry\n";
        assert_eq!(position(text, text.find('b').unwrap()), Position::new(0, 4));
        assert_eq!(offset(text, Position::new(0, 4)), text.find('b').unwrap());
        assert_eq!(offset(text, Position::new(0, 3)), text.find('😀').unwrap(), "in the middle of a character");
        assert_eq!(offset(text, Position::new(0, 99)), text.find('\r').unwrap());
        assert_eq!(position(text, text.find('y').unwrap()), Position::new(2, 0));
        assert_eq!(offset(text, Position::new(3, 0)), text.len());
        assert_eq!(offset(text, Position::new(9, 9)), text.len());
        assert_eq!(offset("", Position::new(0, 0)), 0);
    }

    proptest! {
        #[test]
        fn places_and_bytes_agree(text in "[aé😀\r\n]{0,20}") {
            for (at, _) in text.char_indices() {
                // The place between `\r` and `\n` is the end of the line before them.
                if text[..at].ends_with('\r') && text[at..].starts_with('\n') {
                    continue;
                }
                prop_assert_eq!(offset(&text, position(&text, at)), at);
            }
        }
    }
}
