//! Edits of tables as changes.

use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{Done, Entry, Observed, Undone};
use crate::model::change::{Change, Identity};
use crate::model::kind::Kind;
use crate::model::rules::EditRules;
use crate::model::subject::{CHAIN, Fact, RULES};

impl Real for EditRules {
    fn prepare(&self, kernel: &mut LinuxKernel, n: u64) -> Done<Identity> {
        kernel.netfilter.prepare(&kernel.spaces, n, &self.ns, self.family)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: Entry<'_>) -> Done<()> {
        kernel.netfilter.defer(&kernel.spaces, entry.n, entry.change, entry.identity)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: Entry<'_>) -> Done<Undone> {
        let Identity::Rules { .. } = entry.identity else { return unprepared(entry.change) };
        let undone = kernel.netfilter.undo_all(&kernel.spaces, &[entry]).pop();
        undone.unwrap_or_else(|| unprepared(entry.change))
    }

    fn undo_all(&self, kernel: &mut LinuxKernel, entries: &[Entry<'_>]) -> Option<Vec<Done<Undone>>> {
        let are_rules = entries.iter().all(|entry| matches!(entry.change, Change::EditRules(_)));
        are_rules.then(|| kernel.netfilter.undo_all(&kernel.spaces, entries))
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        let rules = view.rules(&self.ns)?;
        let tag = if let Identity::Rules { tag, .. } = identity { tag.as_str() } else { "" };
        let there = |is_there: bool| if is_there { Observed::Is(String::new()) } else { Observed::Gone };
        let facts = self.facts(identity);
        let read = |fact: &Fact| match fact.subject.what {
            RULES if fact.is_new && self.adds() => there(rules.iter().any(|rule| has_tag(rule, tag))),
            CHAIN => {
                let name = fact.subject.key.rsplit(' ').next().unwrap_or_default();
                there(rules.iter().any(|rule| declares(rule, name)))
            }
            _ => Observed::Unseen,
        };
        Ok(facts.iter().map(read).collect())
    }
}

/// Whether a rule carries a mark; `lab:1` is not in `lab:12`.
fn has_tag(rule: &str, tag: &str) -> bool {
    rule.split([' ', '"']).any(|word| word == tag)
}

/// Whether a line of `iptables-save` (`:CHAIN`) or `iptables -S` (`-N CHAIN`) is about the making of a chain.
fn declares(rule: &str, chain: &str) -> bool {
    let words: Vec<&str> = rule.split(' ').collect();
    words.iter().any(|word| word.strip_prefix(':') == Some(chain)) || words.windows(2).any(|pair| pair == ["-N", chain])
}

#[cfg(test)]
mod tests {
    use super::{declares, has_tag};

    #[test]
    fn a_mark_is_a_whole_word() {
        assert!(has_tag("-A INPUT -m comment --comment \"rhailab:web:1\" -j ACCEPT", "rhailab:web:1"));
        assert!(!has_tag("-A INPUT -m comment --comment \"rhailab:web:12\" -j ACCEPT", "rhailab:web:1"));
        assert!(declares("4 *nat :VIP -", "VIP") && declares("-N VIP", "VIP"));
        assert!(!declares("4 *nat :VIP2 -", "VIP") && !declares("4 *nat -A OUTPUT -j VIP", "VIP"));
    }
}
