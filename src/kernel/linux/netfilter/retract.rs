//! Taking changes back.

use super::child::Patience;
use super::command::IptablesCommand;
use super::nft::Also;
use super::restore::{RestoreBlock, RestoreError};
use super::undo::{self, Item, RulePlan, Ruleset, Spelling};
use super::{Netfilter, Target, read};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal, Undone, Why};
use crate::model::rule::saved::Saved;
use crate::model::rules::Table;
use nix::errno::Errno;

impl Netfilter {
    /// Takes changes of one table back, newest first, of which we believe that all still stand.
    pub(super) fn retract(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        items: &[Item<'_>],
    ) -> Vec<Done<Undone>> {
        let plan = undo::presumed(items);
        if self.carry_out(spaces, target, table, &plan).is_ok() {
            return plan.outcomes;
        }
        let outcomes = self.sift(spaces, target, table, items);
        // Also where no rule is left of the changes: of their tables there may be something.
        self.sweep(spaces, target, table);
        outcomes
    }

    /// Takes back what there is of changes: in one commit if that goes, else one by one.
    pub(super) fn sift(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        items: &[Item<'_>],
    ) -> Vec<Done<Undone>> {
        let before = match self.look(spaces, target) {
            Ok(Some(saved)) => saved,
            Ok(None) => return vec![Ok(Undone::AlreadyGone); items.len()],
            Err(refusal) => return vec![Err(refusal); items.len()],
        };
        let scene = Ruleset { table, now: &before, before: &before, spelling: Spelling::Recipe };
        let plan = undo::plan(items, scene);
        match self.carry_out(spaces, target, table, &plan) {
            Ok(()) => plan.outcomes,
            Err(_) => items.iter().map(|item| self.retract_one(spaces, target, item, scene)).collect(),
        }
    }

    /// Takes one change back, looking again and naming its rules in both ways.
    fn retract_one(&mut self, spaces: &Spaces, target: &Target, item: &Item<'_>, scene: Ruleset<'_>) -> Done<Undone> {
        let mut last = None;
        for spelling in [Spelling::Recipe, Spelling::Saved] {
            let Some(now) = self.look(spaces, target)? else { return Ok(Undone::AlreadyGone) };
            let mut plan = undo::plan(std::slice::from_ref(item), Ruleset { now: &now, spelling, ..scene });
            match self.carry_out(spaces, target, scene.table, &plan) {
                Ok(()) => return plan.outcomes.remove(0),
                Err(refusal) => last = Some(refusal),
            }
        }
        last.map_or(Ok(Undone::AlreadyGone), Err)
    }

    /// The rules of a target; none where its namespace is gone.
    fn look(&mut self, spaces: &Spaces, target: &Target) -> Done<Option<Saved>> {
        match spaces.open(&target.ns) {
            Err(refusal) if refusal.number() == Some(Errno::ENOENT as i32) => Ok(None),
            Err(refusal) => Err(refusal),
            Ok(_) => {
                let saved = read::saved(&mut self.tools, spaces, &target.ns, target.family, target.backend)?;
                saved.map(Some).ok_or_else(|| Refusal::new(Why::NoTool, target.family.iptables(), ""))
            }
        }
    }

    fn carry_out(&mut self, spaces: &Spaces, target: &Target, table: Table, plan: &RulePlan) -> Done<()> {
        if plan.commands.is_empty() {
            return Ok(());
        }
        let block = RestoreBlock { table, commands: &plan.commands };
        let also = if self.tidies { Also::Sweep } else { Also::Nothing };
        let how = (Patience::undoing(plan.commands.len()), also);
        match self.commit_all(spaces, target, &[block], how).map_err(|(_, fault)| fault) {
            Ok(()) => Ok(()),
            Err(RestoreError::Refused { at, status, words }) => {
                let line = at.and_then(|at| plan.commands.get(at)).map(IptablesCommand::line).unwrap_or_default();
                let request = format!("{} -t {} {line}", target.family.iptables(), table.as_str());
                Err(Refusal::new(Why::Tool(status), request.trim_end(), words))
            }
            Err(RestoreError::NotAsked(refusal) | RestoreError::Lost(refusal)) => Err(refusal),
        }
    }
}
