//! Folding sentences to a width.
//!
//! miette folds too, but also within words, at hyphens and slashes, which spoils commands and paths.

/// Folds each line of a text at spaces, so that none is longer than `width` characters where that is possible. What
/// is quoted in back-ticks stays together, and a line that begins with spaces goes on under its first word.
pub fn fold(text: &str, width: usize) -> String {
    let mut folded: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let indent = " ".repeat(line.len() - line.trim_start_matches(' ').len());
        let mut current = indent.clone();
        for word in words(line.trim_start_matches(' '), width) {
            let is_first = current.len() == indent.len();
            if !is_first && count(&current) + 1 + count(word) > width {
                folded.push(std::mem::replace(&mut current, indent.clone()));
            } else if !is_first {
                current.push(' ');
            }
            current.push_str(word);
        }
        folded.push(current);
    }
    folded.join("\n")
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// The pieces between which a line may be broken.
fn words(line: &str, width: usize) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('`', None) => quote = Some(at),
            ('`', Some(_)) => quote = None,
            // A long quotation has to be broken like any other text, and so has one that is never closed.
            (' ', None) => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            (' ', Some(open)) if !is_short_quote(&line[open..], width) => {
                words.push(&line[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    words.push(&line[start..]);
    words
}

/// Whether what begins with a back-tick ends with one soon.
fn is_short_quote(text: &str, width: usize) -> bool {
    text[1..].find('`').is_some_and(|end| end < width / 2)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn a_line_is_broken_at_spaces_only() {
        assert_eq!(fold("set dev v-web-1 master /etc/netns/a", 16), "set dev v-web-1\nmaster\n/etc/netns/a");
        assert_eq!(fold("short", 3), "short");
        assert_eq!(fold("ä ö ü", 3), "ä ö\nü");
        assert_eq!(fold("", 9), "");
    }

    #[test]
    fn what_is_quoted_stays_together_if_it_is_short() {
        assert_eq!(fold("call `ip netns del` now", 26), "call `ip netns del` now");
        assert_eq!(fold("please call `ip netns` now", 18), "please call\n`ip netns` now");
        assert_eq!(fold("`a b c d e f g h`", 8), "`a b c d\ne f g h`");
        assert_eq!(fold("a ` b c d e f g h", 8), "a ` b c\nd e f g\nh");
    }

    #[test]
    fn lines_and_their_indents_are_kept() {
        assert_eq!(fold("one\n  two three\nfour", 8), "one\n  two\n  three\nfour");
    }
}
