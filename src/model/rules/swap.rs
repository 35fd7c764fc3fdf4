//! How edits become other edits in place.

use super::{EditRules, RuleEdit};
use crate::model::names::ChainName;

impl EditRules {
    /// How these edits become those: the edits whose rules go, and those whose rules come. The rules of a chain of their own
    /// keep their order, so that all of them go and come if one does.
    pub fn swap<'a>(&'a self, to: &'a EditRules) -> (Vec<&'a RuleEdit>, Vec<&'a RuleEdit>) {
        let own: Vec<&str> = self.new_chains().map(ChainName::as_str).collect();
        let changed: Vec<&str> =
            own.iter().copied().filter(|chain| !self.rules_of(chain).eq(to.rules_of(chain))).collect();
        let is_kept = |edit: &RuleEdit| match edit.added() {
            None => true,
            Some((chain, _)) if own.contains(&chain) => !changed.contains(&chain),
            Some(_) => self.edits.contains(edit) && to.edits.contains(edit),
        };
        let swapped = |edits: &'a EditRules| edits.edits.iter().filter(|edit| !is_kept(edit)).collect();
        (swapped(self), swapped(to))
    }

    /// The edits that add rules to a chain, in order.
    fn rules_of(&self, name: &str) -> impl Iterator<Item = &RuleEdit> {
        self.edits.iter().filter(move |edit| edit.added().is_some_and(|(chain, _)| chain == name))
    }
}
