//! The changes that a lab is made of, as plain data.
//!
//! A [`Change`] can be applied and undone (by a [`Kernel`](crate::kernel::Kernel)), written to the journal,
//! rendered as the shell command that does the same and compared ([`Kind`]). With the
//! [`Identity`] that was recorded before it was made it says what must still be true for us to undo it.

use crate::model::error::OpError;
use crate::model::explain::no_netns;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase, Repair};
pub use crate::model::kinds::Change;
pub(crate) use crate::model::kinds::each_kind;
use crate::model::known::Known;
use crate::model::link_attr::SetLink;
use crate::model::names::Ns;
use crate::model::netns::AddNetns;
use crate::model::process::{NewProcess, Start};
use crate::model::refusal::{Cause, Refusal};
use crate::model::route::Route;
use crate::model::rules::EditRules;
use crate::model::secret::Secret;
use crate::model::subject::{Fact, LinkAt, Subject};

impl Change {
    /// The namespace that it makes, if it is that kind of change.
    pub fn netns(&self) -> Option<&AddNetns> {
        if let Change::AddNetns(netns) = self { Some(netns) } else { None }
    }

    /// The route that it adds, if it is that kind of change.
    pub fn route(&self) -> Option<&Route> {
        if let Change::AddRoute(added) = self { Some(&added.route) } else { None }
    }

    /// The rules that it edits, if it is that kind of change.
    pub fn rules(&self) -> Option<&EditRules> {
        if let Change::EditRules(rules) = self { Some(rules) } else { None }
    }

    /// The start of a process, if it is that kind of change.
    pub fn start(&self) -> Option<&Start> {
        if let Change::Start(start) = self { Some(start) } else { None }
    }

    /// The process that it starts, if it is that kind of change.
    pub fn process(&self) -> Option<&NewProcess> {
        self.start().map(|start| &start.process)
    }

    /// The change that makes this one of its facts again by itself, after the kernel has dropped it.
    pub fn repairing(&self, fact: &Fact) -> Option<Change> {
        match self.repair(fact)? {
            Repair::Again => Some(self.clone()),
            Repair::Set(set) => {
                let (ns, link) = (fact.subject.ns.clone(), fact.subject.link.clone()?);
                Some(Change::SetLink(SetLink { ns, link, set }))
            }
        }
    }

    /// The shell commands that make it of what it was before, if it can be altered in place.
    pub fn commands_from(&self, before: &Change) -> Option<Vec<String>> {
        Some(self.rules()?.commands_from(before.rules()?))
    }
}

impl Kind for Change {
    fn ns(&self) -> Ns {
        each_kind!(self, kind => kind.ns())
    }

    fn spaces(&self) -> Vec<Ns> {
        each_kind!(self, kind => kind.spaces())
    }

    fn facts(&self, identity: &Identity) -> Vec<Fact> {
        each_kind!(self, kind => kind.facts(identity))
    }

    fn identity(&self, source: &mut dyn IdentitySource, before: Option<&str>) -> Identity {
        each_kind!(self, kind => kind.identity(source, before))
    }

    fn initial(&self, subject: &Subject) -> Option<String> {
        each_kind!(self, kind => kind.initial(subject))
    }

    fn repair(&self, fact: &Fact) -> Option<Repair> {
        each_kind!(self, kind => kind.repair(fact))
    }

    fn may_drop(&self) -> bool {
        each_kind!(self, kind => kind.may_drop())
    }

    fn undo_may_drop(&self) -> bool {
        each_kind!(self, kind => kind.undo_may_drop())
    }

    fn order(&self) -> Option<Subject> {
        each_kind!(self, kind => kind.order())
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        if let Cause::NoNetns(ns) = &refusal.cause {
            let error = no_netns(ns, made);
            return if self.ns() == *ns { error } else { each_kind!(self, kind => kind.blame_ns(ns, error)) };
        }
        each_kind!(self, kind => kind.explain(refusal, made))
    }

    fn phase(&self) -> Phase {
        each_kind!(self, kind => kind.phase())
    }

    fn falls_with(&self) -> Vec<Subject> {
        each_kind!(self, kind => kind.falls_with())
    }

    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        each_kind!(self, kind => kind.follow(now));
    }

    fn commands(&self) -> Vec<String> {
        each_kind!(self, kind => kind.commands())
    }

    fn headlines(&self) -> Vec<String> {
        each_kind!(self, kind => kind.headlines())
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        each_kind!(self, kind => kind.undo_commands(identity))
    }

    fn calls(&self) -> Vec<String> {
        each_kind!(self, kind => kind.calls())
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        each_kind!(self, kind => kind.touches())
    }

    fn secrets(&self) -> Vec<&Secret> {
        each_kind!(self, kind => kind.secrets())
    }

    fn is_on_disk(&self) -> bool {
        each_kind!(self, kind => kind.is_on_disk())
    }
}
