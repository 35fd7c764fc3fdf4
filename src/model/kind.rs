//! What each kind of change says about itself. Everything else that handles changes is written in these terms, so that a new
//! kind needs no line elsewhere.

use crate::model::error::OpError;
use crate::model::identity::Identity;
use crate::model::known::Known;
use crate::model::link_set::LinkSet;
use crate::model::mac::Mac;
use crate::model::names::Ns;
use crate::model::refusal::Refusal;
use crate::model::secret::Secret;
use crate::model::subject::{Fact, LinkAt, Subject};
use std::path::Path;

/// A kind of change.
pub trait Kind {
    /// The namespace that it acts in.
    fn ns(&self) -> Ns;

    /// All namespaces that it changes something in, for `--deny host`.
    fn spaces(&self) -> Vec<Ns> {
        vec![self.ns()]
    }

    /// What it makes so, the thing itself first. Status, undo order, `restore` and the kernel in memory are made of this.
    fn facts(&self, identity: &Identity) -> Vec<Fact>;

    /// The identity that a kernel in memory gives it, which had `before` there. A real kernel reads or chooses its own.
    fn identity(&self, _source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        Identity::Spec
    }

    /// The value that something in what it makes begins with, without having been set: the MTU of a new interface.
    fn initial(&self, _subject: &Subject) -> Option<String> {
        None
    }

    /// How this one of its facts is made again by itself, after the kernel has dropped it.
    fn repair(&self, _fact: &Fact) -> Option<Repair> {
        None
    }

    /// Whether the kernel may drop something besides when it is made.
    fn may_drop(&self) -> bool {
        false
    }

    /// The same when it is undone.
    fn undo_may_drop(&self) -> bool {
        self.may_drop()
    }

    /// What it has a place in the order of, such as a table of rules.
    fn order(&self) -> Option<Subject> {
        None
    }

    /// The error of a refusal of it, for people.
    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError;

    /// Blames the argument that names a namespace other than that of the change, which is not there.
    fn blame_ns(&self, _ns: &Ns, error: OpError) -> OpError {
        error
    }

    /// When a teardown undoes it, if it does not fall with something else.
    fn phase(&self) -> Phase {
        Phase::Settings
    }

    /// What it falls with: once all of these are gone, the kernel has taken it away, too. None of what is undone by itself.
    fn falls_with(&self) -> Vec<Subject> {
        let identity = Identity::Spec;
        self.facts(&identity).first().and_then(|fact| fact.subject.home()).into_iter().collect()
    }

    /// Takes the names that interfaces have now in place of those that they had when it was made.
    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt);

    /// The shell commands that do the same, in order.
    fn commands(&self) -> Vec<String>;

    /// The same without what every such change has in common, for people.
    fn headlines(&self) -> Vec<String> {
        self.commands()
    }

    /// The shell commands that undo it, in order; of rules with [`Identity::Rules`] the tagged ones, else the plain ones.
    fn undo_commands(&self, identity: &Identity) -> Vec<String>;

    /// The calls of the language that do the same.
    fn calls(&self) -> Vec<String>;

    /// What it touches, for the announcement before a run on the machine: a noun and names.
    fn touches(&self) -> (&'static str, Vec<String>);

    /// The secrets that it is made of. Nothing that it says of itself has their values.
    fn secrets(&self) -> Vec<&Secret> {
        Vec::new()
    }

    /// Whether what it changes outlives a reboot, so that its journal records must reach the disk.
    fn is_on_disk(&self) -> bool {
        false
    }
}

/// How a fact is made again.
#[derive(Debug, Clone, PartialEq)]
pub enum Repair {
    /// By the same change.
    Again,
    /// By setting an attribute of the interface that it is about.
    Set(LinkSet),
}

/// Where a kernel in memory takes identities from.
pub trait IdentitySource {
    /// A number that nothing else has.
    fn number(&mut self) -> u64;

    /// A hardware address that nothing else has.
    fn mac(&mut self) -> Mac;

    /// The number of the change that is prepared.
    fn number_of_change(&self) -> u64;

    /// The cookie of a namespace.
    fn cookie(&self, ns: &Ns) -> u64;

    /// Whether there is something in a folder.
    fn has_folder(&self, path: &Path) -> bool;
}

/// The parts of a teardown, in order: processes end first, then forwarding and NAT go, then what they guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Processes.
    Processes,
    /// Rules, which are undone together.
    Rules,
    /// Whatever is undone one by one.
    Settings,
    /// Interfaces, which are deleted together.
    Links,
    /// Namespaces.
    Namespaces,
    /// Files.
    Files,
}

/// A name within a namespace, for people: `br0`, `web/eth0`.
pub fn within(ns: &Ns, name: impl std::fmt::Display) -> String {
    match ns {
        Ns::Host => name.to_string(),
        Ns::Named(ns) => format!("{ns}/{name}"),
    }
}
