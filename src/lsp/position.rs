//! Places as the protocol counts them: lines from 0, and characters in UTF-16 code units.

use lsp_types::{Position, Range};

/// Where the lines of a text begin. They end with `\n`, `\r\n` or `\r`.
pub struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    /// Those of a text.
    pub fn of(text: &'t str) -> Lines<'t> {
        let bytes = text.as_bytes();
        let ends = |at: usize| match bytes.get(at) {
            Some(b'\n') => true,
            Some(b'\r') => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        };
        let starts = (0..bytes.len()).filter(|at| ends(*at)).map(|at| at + 1);
        Lines { text, starts: [0].into_iter().chain(starts).collect() }
    }

    /// A line without its end.
    fn line(&self, number: usize) -> Option<&'t str> {
        let start = *self.starts.get(number)?;
        let end = self.starts.get(number + 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).map(|line| line.trim_end_matches(['\n', '\r']))
    }

    /// The byte at a place; the nearest one where there is no such place.
    pub fn offset(&self, position: Position) -> usize {
        let number = usize::try_from(position.line).unwrap_or(usize::MAX);
        let (Some(start), Some(line)) = (self.starts.get(number), self.line(number)) else { return self.text.len() };
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
    pub fn position(&self, offset: usize) -> Position {
        let number = self.starts.partition_point(|start| *start <= offset) - 1;
        let (start, line) = (self.starts[number], self.line(number).unwrap_or_default());
        let before = line.get(..offset - start).unwrap_or(line);
        let units: usize = before.chars().map(char::len_utf16).sum();
        Position::new(u32::try_from(number).unwrap_or(u32::MAX), u32::try_from(units).unwrap_or(u32::MAX))
    }

    /// The places of some bytes.
    pub fn range(&self, bytes: &std::ops::Range<usize>) -> Range {
        Range::new(self.position(bytes.start), self.position(bytes.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prop_assert_eq, proptest};

    #[test]
    fn characters_are_utf16_units() {
        let text = "aé😀b\r\nx\ry\n";
        let lines = Lines::of(text);
        let (position, offset) = (|byte| lines.position(byte), |place| lines.offset(place));
        assert_eq!(position(text.find('b').unwrap()), Position::new(0, 4));
        assert_eq!(offset(Position::new(0, 4)), text.find('b').unwrap());
        assert_eq!(offset(Position::new(0, 3)), text.find('😀').unwrap(), "in the middle of a character");
        assert_eq!(offset(Position::new(0, 99)), text.find('\r').unwrap());
        assert_eq!(position(text.find('y').unwrap()), Position::new(2, 0));
        assert_eq!(offset(Position::new(3, 0)), text.len());
        assert_eq!(offset(Position::new(9, 9)), text.len());
        assert_eq!(Lines::of("").offset(Position::new(0, 0)), 0);
    }

    proptest! {
        #[test]
        fn places_and_bytes_agree(text in "[aé😀\r\n]{0,20}") {
            let lines = Lines::of(&text);
            for (at, _) in text.char_indices() {
                // The place between `\r` and `\n` is the end of the line before them.
                if text[..at].ends_with('\r') && text[at..].starts_with('\n') {
                    continue;
                }
                prop_assert_eq!(lines.offset(lines.position(at)), at);
            }
        }
    }
}
