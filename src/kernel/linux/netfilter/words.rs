//! The language of iptables-restore(8): quoting words into lines, reading its errors.

use crate::kernel::Cause;

/// A word as `iptables-restore` reads it back: plain where it can be, else in double quotes, in which a
/// backslash takes the next character as it is. An apostrophe is an ordinary character to it.
pub(super) fn quote(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '"', '\\']) {
        return word.to_owned();
    }
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

/// The first line that `iptables-restore` blames on its standard error, counted from its start.
pub(super) fn blamed_line(stderr: &str) -> Option<u64> {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
    // The second form is the kernel's refusal at COMMIT, the third a refusal without words.
    let last_word = stderr.lines().find_map(|line| line.strip_prefix("Error occurred at line: "));
    let at_commit = || stderr.lines().find_map(|line| line.strip_prefix("line "));
    let plain = || stderr.lines().find_map(|line| Some(line.split_once("-restore: line ")?.1));
    last_word.or_else(at_commit).or_else(plain).and_then(number)
}

/// What iptables said, without its name, its line numbers and its advice. Empty where it said nothing else.
pub(super) fn clean(stderr: &str) -> String {
    let mut said: Vec<&str> = Vec::new();
    for line in stderr.lines() {
        // "iptables-nft-restore v1.8.9 (nf_tables): words", "iptables-restore: line 3 failed: words",
        // "line 3: words".
        let line = line.split_once("): ").filter(|(name, _)| is_version(name)).map_or(line, |(_, words)| words);
        let line = match line.split_once("-restore: line ") {
            Some((_, rest)) => rest.split_once("failed: ").map_or("", |(_, words)| words),
            None => line,
        };
        let line = match line.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
            Some((number, words)) if number.bytes().all(|b| b.is_ascii_digit()) => words,
            _ => line,
        };
        let line = line.trim().trim_end_matches("):").trim();
        let noise = line.is_empty()
            || line.starts_with("Try `")
            || line.starts_with("Error occurred at line")
            || line.starts_with("# Warning")
            || is_version(line);
        if !noise {
            said.push(line);
        }
    }
    said.join("; ")
}

/// What a refusal with these words is about.
pub(super) fn cause(words: &str) -> Cause {
    if words.contains("Chain already exists") {
        Cause::ChainExists
    } else if words.contains("No chain/target/match by that name") {
        Cause::NoName
    } else if words.contains("Chain '") && words.contains("' does not exist") {
        Cause::NoChain
    } else {
        Cause::Unknown
    }
}

/// Whether this is how iptables introduces itself: `iptables-nft-restore v1.8.9 (nf_tables`.
fn is_version(text: &str) -> bool {
    text.split_once("tables").is_some_and(|(name, rest)| name.starts_with("ip") && rest.contains(" v1."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::rule::split;

    #[test]
    fn words_survive_quoting() {
        for word in ["plain", "it's", "a b", "\"", "\\", "a\\\"b", "-x y", "", "tab\there", "café", "''", "#"] {
            assert_eq!(split(&format!("-x {} y", quote(word))), ["-x", word, "y"], "{word:?}");
        }
    }

    #[test]
    fn errors_are_reduced_to_their_words_and_line() {
        for (stderr, line, words) in [
            (
                "iptables-nft-restore v1.8.9 (nf_tables): Couldn't load match `nope':No such file or directory\n\nError \
                 occurred at line: 3\nTry `iptables-nft-restore -h' or 'iptables-nft-restore --help' for more \
                 information.\n",
                Some(3),
                "Couldn't load match `nope':No such file or directory",
            ),
            (
                "iptables-nft-restore v1.8.9 (nf_tables): \nline 5: RULE_APPEND failed (Too many links): rule in chain \
                 A\nline 6: RULE_APPEND failed (Invalid argument): rule in chain B\n",
                Some(5),
                "RULE_APPEND failed (Too many links): rule in chain A; RULE_APPEND failed (Invalid argument): rule in \
                 chain B",
            ),
            ("iptables-restore: line 12 failed\n", Some(12), ""),
            ("ip6tables-nft-restore: line 3 failed: Chain already exists.\n", Some(3), "Chain already exists."),
            ("Bad argument `line 7: x'\nError occurred at line: 9\n", Some(9), "Bad argument `line 7: x'"),
            (
                "iptables-restore v1.8.9 (legacy): \nThe \"nat\" table is not intended for filtering, the use of DROP is \
                 therefore inhibited.\n\n\nError occurred at line: 3\n",
                Some(3),
                "The \"nat\" table is not intended for filtering, the use of DROP is therefore inhibited.",
            ),
            ("# Warning: iptables-legacy tables present, use iptables-legacy to see them\n", None, ""),
        ] {
            assert_eq!((blamed_line(stderr), clean(stderr).as_str()), (line, words), "{stderr}");
        }
    }

    #[test]
    fn what_iptables_says_is_read_here_and_nowhere_else() {
        for (words, is) in [
            ("Chain already exists.", Cause::ChainExists),
            ("No chain/target/match by that name.", Cause::NoName),
            ("Chain 'NOWHERE' does not exist", Cause::NoChain),
            ("Set foo doesn't exist.", Cause::Unknown),
        ] {
            assert_eq!(cause(words), is, "{words}");
        }
    }
}
