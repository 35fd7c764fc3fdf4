//! What is asked of a table, step by step.

use super::words::quote;
use crate::kernel::{Done, Errno, Refusal};
use crate::model::family::Family;
use crate::model::rule::Rule;
use crate::model::rules::{RuleEdit, Table, bad_chain};
use crate::model::tag::Tag;

/// `iptables-restore` reads lines into a buffer of 10240 bytes and takes what is over for the next line.
const LINE_MAX: usize = 10_000;

/// Words that make `iptables-restore` skip a line of the other family without a word, which would pass for
/// success.
const FAMILY_WORDS: [&str; 4] = ["-4", "-6", "--ipv4", "--ipv6"];

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum IptablesCommand {
    /// Make a chain.
    NewChain(String),
    /// Delete a chain that nothing uses.
    DeleteChain(String),
    /// Put a rule behind the others.
    Append(Marked),
    /// Put a rule at a place, from 1.
    Insert(u32, Marked),
    /// Delete a rule.
    Delete(Marked),
}

/// A rule with all that identifies it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Marked {
    /// Its chain.
    pub(super) chain: String,
    /// The tag that it carries besides its own words.
    pub(super) tag: Option<Tag>,
    /// Its own words.
    pub(super) rule: Rule,
}

impl Marked {
    pub(super) fn new(chain: &str, tag: &Tag, rule: &Rule) -> Marked {
        Marked { chain: chain.to_owned(), tag: Some(tag.clone()), rule: rule.clone() }
    }

    /// What follows the chain's name. Our comment comes first: behind the rule's own words, an option that lacks its
    /// argument would take ours for it, and the error would speak of words that are not in the recipe.
    pub(super) fn words(&self) -> Vec<String> {
        let comment =
            |tag: &Tag| ["-m", "comment", "--comment"].map(str::to_owned).into_iter().chain([tag.to_string()]);
        self.tag.iter().flat_map(comment).chain(self.rule.words().iter().cloned()).collect()
    }
}

impl IptablesCommand {
    /// What does an edit for the change marked `tag`.
    pub(super) fn of(edit: &RuleEdit, tag: &Tag) -> IptablesCommand {
        match edit {
            RuleEdit::NewChain(chain) => IptablesCommand::NewChain(chain.to_string()),
            RuleEdit::Append { chain, rule } => IptablesCommand::Append(Marked::new(chain, tag, rule)),
            RuleEdit::Insert { chain, at, rule } => IptablesCommand::Insert(*at, Marked::new(chain, tag, rule)),
        }
    }

    /// What deletes the rule that an edit added, if it added one.
    pub(super) fn against(edit: &RuleEdit, tag: &Tag) -> Option<IptablesCommand> {
        edit.added().map(|(chain, rule)| IptablesCommand::Delete(Marked::new(chain, tag, rule)))
    }

    /// The line of `iptables-restore` that says so.
    pub(super) fn line(&self) -> String {
        let (mut words, marked) = match self {
            IptablesCommand::NewChain(chain) => return format!("-N {chain}"),
            IptablesCommand::DeleteChain(chain) => return format!("-X {chain}"),
            IptablesCommand::Append(marked) => (vec!["-A".to_owned(), quote(&marked.chain)], marked),
            IptablesCommand::Insert(at, marked) => {
                (vec!["-I".to_owned(), quote(&marked.chain), at.to_string()], marked)
            }
            IptablesCommand::Delete(marked) => (vec!["-D".to_owned(), quote(&marked.chain)], marked),
        };
        words.extend(marked.words().iter().map(|word| quote(word)));
        words.join(" ")
    }

    /// Whether a line can say so.
    pub(super) fn check(&self) -> Done<()> {
        let (IptablesCommand::Append(marked) | IptablesCommand::Insert(_, marked) | IptablesCommand::Delete(marked)) =
            self
        else {
            // A name that was checked when it was made.
            return Ok(());
        };
        let words = marked.rule.words();
        let why = if let Some(why) = bad_chain(&marked.chain) {
            format!("the name of the chain {:?} {why}", marked.chain)
        } else if let Some(word) = words.iter().find(|word| word.contains(['\n', '\0'])) {
            format!("iptables takes no line break or NUL in a rule, as in {word:?}")
        } else if let Some(word) = words.iter().find(|word| FAMILY_WORDS.contains(&word.as_str())) {
            format!("`{word}` would make iptables-restore skip the rule unseen")
        } else {
            match self.line().len() {
                length if length > LINE_MAX => format!("the rule has {length} bytes; iptables takes {LINE_MAX}"),
                _ => return Ok(()),
            }
        };
        let mut refusal = Refusal::errno(format!("rule `{}`", shell_words::join(&*words)), Errno::EINVAL as i32);
        refusal.words = why;
        Err(refusal)
    }
}

/// The `iptables` command that asks for the same as an edit, for errors.
pub(super) fn asked(family: Family, table: Table, edit: &RuleEdit) -> String {
    let (option, chain, at, rule): (_, &str, _, _) = match edit {
        RuleEdit::NewChain(chain) => ("-N", chain.as_str(), None, None),
        RuleEdit::Append { chain, rule } => ("-A", chain, None, Some(rule)),
        RuleEdit::Insert { chain, at, rule } => ("-I", chain, (*at > 1).then(|| at.to_string()), Some(rule)),
    };
    let words = rule.map(Rule::words).unwrap_or_default();
    let head = [family.iptables(), "-t", table.as_str(), option, chain];
    shell_words::join(head.into_iter().chain(at.as_deref()).chain(words.iter().map(String::as_str)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_the_line_or_skip_it_is_refused() {
        let tag = Tag::parse("rhailab:x:1").unwrap();
        let check = |chain: &str, word: &str| {
            IptablesCommand::of(&RuleEdit::append(chain, vec![word.to_owned()].into()), &tag).check()
        };
        for word in ["a\nb", "a\0b", "-6", "--ipv4", &"x".repeat(LINE_MAX)] {
            assert!(check("INPUT", word).is_err(), "{word:?}");
        }
        for chain in ["INPUT\n-F", "-F", "", "a b"] {
            assert!(check(chain, "word").is_err(), "{chain:?}");
        }
        assert_eq!(check("INPUT", "word"), Ok(()));
    }
}
