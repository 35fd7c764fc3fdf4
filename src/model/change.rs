//! The changes that a lab is made of, as plain data.
//!
//! A [`Change`] can be applied and undone (by a [`Kernel`](crate::kernel::Kernel)), written to the journal,
//! rendered as the shell command that does the same and compared ([`Kind`]). With the
//! [`Identity`] that was recorded before it was made it says what must still be true for us to undo it.

use crate::model::error::OpError;
use crate::model::explain::no_netns;
use crate::model::kind::{IdentitySource, Kind, Phase};
pub use crate::model::kinds::Change;
pub(crate) use crate::model::kinds::each_kind;
use crate::model::link_attr::LinkSet;
use crate::model::mac::Mac;
use crate::model::made::Made;
use crate::model::names::Ns;
use crate::model::netns::AddNetns;
use crate::model::process::{NewProcess, Start};
use crate::model::refusal::{Cause, Refusal};
use crate::model::route::Route;
use crate::model::rules::EditRules;
use crate::model::secret::Secret;
use crate::model::subject::{Fact, LinkAt, Subject};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What makes the object of a change provably ours. It is read or chosen before the change is made, journalled
/// with the intent, and compared before the change is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The spec itself is the identity (addresses, and routes with our protocol number).
    Spec,
    /// A namespace: `SO_NETNS_COOKIE`, which the kernel never reuses within a boot, while device and inode
    /// numbers are reused at once.
    Netns {
        /// The cookie.
        cookie: u64,
    },
    /// An interface: the hardware addresses and the interface group given at creation.
    Link {
        /// The cookie of the namespace it was born in.
        cookie: u64,
        /// Its address.
        mac: Mac,
        /// Its veth peer's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<Mac>,
        /// The lab's `IFLA_GROUP`.
        group: u32,
    },
    /// The value an attribute had before.
    Was(LinkSet),
    /// The text a sysctl had before.
    WasText(String),
    /// Rules: their `--comment` and the backend they live in.
    Rules {
        /// `rhailab:LAB:N`, and the name of what they make, if that has one.
        tag: String,
        /// `nft` or `legacy`.
        backend: String,
    },
    /// A file: its path and content, which are in the change, and what we made for it.
    File {
        /// Parent folders that did not exist, innermost first.
        made_dirs: Vec<PathBuf>,
    },
    /// A process: pids are reused, a pid with its start time is not.
    Process {
        /// The pid, as seen from the lab.
        pid: i32,
        /// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
        start: u64,
        /// Where its output goes.
        log: PathBuf,
        /// A variable of its environment, by which those that it starts are known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        mark: String,
    },
    /// The machine was already as wanted: nothing was done and nothing is to be undone.
    Already,
}

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
}

impl Identity {
    /// The same with the hardware addresses of an interface that was there before.
    #[must_use]
    pub fn like(self, before: &Identity) -> Identity {
        match (self, before) {
            (Identity::Link { cookie, group, .. }, Identity::Link { mac, peer, .. }) => {
                Identity::Link { cookie, mac: *mac, peer: *peer, group }
            }
            (identity, _) => identity,
        }
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

    fn repair(&self, fact: &Fact) -> Option<Change> {
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

    fn explain(&self, refusal: &Refusal, made: &Made) -> OpError {
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

    fn commands_from(&self, before: &Change) -> Option<Vec<String>> {
        each_kind!(self, kind => kind.commands_from(before))
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
