//! Edits of tables as changes.

use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Undone};
use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::kind::Kind;
use crate::model::rule::saved::SavedLine;
use crate::model::rules::EditRules;
use crate::model::subject::{CHAIN, Fact, RULES};
use crate::model::tag::Tag;

impl Real for EditRules {
    fn prepare(&self, kernel: &mut LinuxKernel, n: u64) -> Done<Identity> {
        kernel.netfilter.prepare(&kernel.spaces, n, self)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        kernel.netfilter.defer(entry.n, entry.change, entry.identity)
    }

    fn alter(&self, kernel: &mut LinuxKernel, before: ChangeRef<'_>) -> Done<()> {
        kernel.netfilter.alter(&kernel.spaces, before, self)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let Identity::Rules { .. } = entry.identity else { return unprepared(entry.change) };
        let undone = kernel.netfilter.undo_all(&kernel.spaces, &[entry]).pop();
        undone.unwrap_or_else(|| unprepared(entry.change))
    }

    fn undo_all(&self, kernel: &mut LinuxKernel, entries: &[ChangeRef<'_>]) -> Option<Vec<Done<Undone>>> {
        let are_rules = entries.iter().all(|entry| matches!(entry.change, Change::EditRules(_)));
        are_rules.then(|| kernel.netfilter.undo_all(&kernel.spaces, entries))
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        let lines = view.rules(&self.ns)?;
        let tag = if let Identity::Rules { tag, .. } = identity { Tag::parse(tag) } else { None };
        let carries =
            |line: &SavedLine| matches!((line, &tag), (SavedLine::Rule(rule), Some(tag)) if rule.tags.contains(tag));
        let declares = |line: &SavedLine, name: &str| matches!(line, SavedLine::Chain(chain) if chain.name == name);
        let there = |is_there: bool| if is_there { Observed::Is(String::new()) } else { Observed::Gone };
        let facts = self.facts(identity);
        let read = |fact: &Fact| match fact.subject.what {
            RULES if fact.is_new && self.adds() => there(lines.iter().any(carries)),
            CHAIN => {
                let name = fact.subject.key.rsplit(' ').next().unwrap_or_default();
                there(lines.iter().any(|line| declares(line, name)))
            }
            _ => Observed::Unseen,
        };
        Ok(facts.iter().map(read).collect())
    }
}
