//! The language of iptables-restore(8): quoting words into lines, taking lines apart, reading its errors.

use crate::kernel::{Done, Refusal};
use crate::model::family::Family;
use crate::model::names::LabName;
use crate::model::rule::Rule;
use crate::model::rules::{RuleEdit, Table};

/// `iptables-restore` reads lines into a buffer of 10240 bytes and takes what is over for the next line.
const LINE_MAX: usize = 10_000;

/// Words that make `iptables-restore` skip a line of the other family without a word, which would pass for
/// success.
const FAMILY_WORDS: [&str; 4] = ["-4", "-6", "--ipv4", "--ipv6"];

/// The comment that marks the rules of a lab's change number `n`.
pub(super) fn tag(lab: &LabName, n: u64) -> String {
    format!("rhailab:{lab}:{n}")
}

/// The comment of another change of the lab that `tag` belongs to.
pub(super) fn sibling(tag: &str, n: u64) -> String {
    format!("{}:{n}", lab_of(tag))
}

/// What the tags of one lab have in common.
pub(super) fn lab_of(tag: &str) -> &str {
    tag.rsplit_once(':').map_or(tag, |(lab, _)| lab)
}

/// Whether a comment is a tag of the same lab as `tag`.
pub(super) fn same_lab(comment: &str, tag: &str) -> bool {
    comment.rsplit_once(':').is_some_and(|(lab, _)| lab == lab_of(tag))
}

/// A word as `iptables-restore` reads it back: plain where it can be, else in double quotes, in which a
/// backslash takes the next character as it is. An apostrophe is an ordinary character to it.
fn quote(word: &str) -> String {
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

/// Takes a line of `iptables-save` apart, with the rules that `iptables-restore` reads it by.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                loop {
                    match chars.next() {
                        None | Some('"') => break,
                        Some('\\') => word.extend(chars.next()),
                        Some(c) => word.push(c),
                    }
                }
                words.push(std::mem::take(&mut word));
            }
            ' ' | '\t' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The line that does an edit for the change marked `tag`.
pub(super) fn line(edit: &RuleEdit, tag: &str) -> Done<String> {
    match edit {
        RuleEdit::NewChain(chain) => Ok(format!("-N {chain}")),
        RuleEdit::Append { chain, rule } => tagged(&["-A", &quote(chain)], tag, &rule.words()),
        RuleEdit::Insert { chain, at, rule } => tagged(&["-I", &quote(chain), &at.to_string()], tag, &rule.words()),
        RuleEdit::Delete { chain, rule, owner } => tagged(&["-D", &quote(chain)], &sibling(tag, *owner), &rule.words()),
    }
}

/// The line that deletes the rule which this edit added; none for an edit that adds none.
pub(super) fn delete_line(edit: &RuleEdit, tag: &str) -> Option<Done<String>> {
    edit.added().map(|(chain, rule)| tagged(&["-D", &quote(chain)], tag, &rule.words()))
}

/// A line with our comment before the rule's own words: after them, an option that lacks its argument would
/// take ours for it, and the error would speak of words that are not in the recipe.
fn tagged(command: &[&str], tag: &str, words: &[String]) -> Done<String> {
    let mut line = command.join(" ");
    line.push_str(" -m comment --comment ");
    line.push_str(&quote(tag));
    for word in words {
        if word.contains(['\n', '\0']) {
            return Err(refused(words, format!("iptables takes no line break or NUL in a rule, as in {word:?}")));
        }
        if FAMILY_WORDS.contains(&word.as_str()) {
            return Err(refused(words, format!("`{word}` would make iptables-restore skip the rule unseen")));
        }
        line.push(' ');
        line.push_str(&quote(word));
    }
    if line.len() > LINE_MAX {
        return Err(refused(words, format!("the rule has {} bytes; iptables takes {LINE_MAX}", line.len())));
    }
    Ok(line)
}

fn refused(words: &[String], why: String) -> Refusal {
    let mut refusal = Refusal::errno(format!("rule `{}`", shell_words::join(words)), nix::errno::Errno::EINVAL as i32);
    refusal.words = why;
    refusal
}

/// The `iptables` command that asks for the same as an edit, for errors.
pub(super) fn command(family: Family, table: Table, edit: &RuleEdit) -> String {
    let (option, chain, at, rule): (_, &str, _, _) = match edit {
        RuleEdit::NewChain(chain) => ("-N", chain.as_str(), None, None),
        RuleEdit::Append { chain, rule } => ("-A", chain, None, Some(rule)),
        RuleEdit::Insert { chain, at, rule } => ("-I", chain, (*at > 1).then(|| at.to_string()), Some(rule)),
        RuleEdit::Delete { chain, rule, .. } => ("-D", chain, None, Some(rule)),
    };
    let words = rule.map(Rule::words).unwrap_or_default();
    let head = [family.iptables(), "-t", table.as_str(), option, chain];
    shell_words::join(head.into_iter().chain(at.as_deref()).chain(words.iter().map(String::as_str)))
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

/// Whether this is how iptables introduces itself: `iptables-nft-restore v1.8.9 (nf_tables`.
fn is_version(text: &str) -> bool {
    text.split_once("tables").is_some_and(|(name, rest)| name.starts_with("ip") && rest.contains(" v1."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_quoting() {
        for word in ["plain", "it's", "a b", "\"", "\\", "a\\\"b", "-x y", "", "tab\there", "café", "''", "#"] {
            assert_eq!(split(&format!("-x {} y", quote(word))), ["-x", word, "y"], "{word:?}");
        }
    }

    #[test]
    fn a_line_of_iptables_save_is_taken_apart() {
        let line = r#"-A INPUT -m comment --comment "user\'s \"own\" c\\omment" -j DROP"#;
        assert_eq!(
            split(line),
            ["-A", "INPUT", "-m", "comment", "--comment", r#"user's "own" c\omment"#, "-j", "DROP"]
        );
    }

    #[test]
    fn what_would_end_the_line_or_skip_it_is_refused() {
        for word in ["a\nb", "a\0b", "-6", "--ipv4", &"x".repeat(LINE_MAX)] {
            let edit = RuleEdit::append("INPUT", vec![word.to_owned()].into());
            assert!(line(&edit, "rhailab:x:1").is_err(), "{word:?}");
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
    fn tags_of_one_lab_are_told_from_anothers() {
        assert!(same_lab("rhailab:a:12", "rhailab:a:1"));
        assert!(!same_lab("rhailab:ab:1", "rhailab:a:1"));
        assert!(!same_lab("a comment", "rhailab:a:1"));
        assert_eq!(sibling("rhailab:a:1", 7), "rhailab:a:7");
    }
}
