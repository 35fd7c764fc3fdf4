//! Rules and chains, taken back by the tag they carry: made by messages to `nf_tables` as iptables would send them
//! ([`nft`]), or, where those do not know how, through one long-lived `iptables-restore` per namespace and family.
//!
//! Changes are made at once or together with others a little later ([`make`]): committing to a table costs time in proportion
//! to its size, in the kernel (`nf_tables` checks all its jumps again) and more so in the legacy tools (which write it anew),
//! so a hundred small commits take twice to ten times as long as one.

use crate::kernel::linux::conntrack::{self, Addressee};
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{ChangeRef, Done, Refusal, Task, Undone, Why};
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::names::{ChainName, LabName, Ns};
use crate::model::rule::saved::Saved;
use crate::model::rules::{EditRules, Table};
use crate::model::tag::Tag;
use std::collections::BTreeSet;

mod backend;
mod change;
mod child;
mod choice;
mod command;
mod deferred;
pub mod inventory;
mod make;
mod nft;
mod policy;
mod pool;
mod read;
pub mod redirects;
mod restore;
mod retract;
mod sockets;
mod tagged;
mod undo;
mod words;

pub use backend::Backend;
pub use policy::BuiltIn;
pub use restore::restores_started;

use backend::{Role, Tools};
use child::Patience;
use choice::Choice;
use deferred::Deferred;
use nft::{Also, Channel, Sent};
use pool::Pool;
use restore::{RestoreBlock, RestoreError};
use sockets::Sockets;
use undo::Item;

/// Whose rules.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    ns: Ns,
    family: Family,
    backend: Backend,
}

/// Changes of one table that are to be undone, with their places among all.
struct Group<'a> {
    target: Target,
    table: Table,
    items: Vec<(usize, Item<'a>)>,
}

/// The rules of a lab.
#[derive(Debug)]
pub struct Netfilter {
    lab: LabName,
    /// Whether tables and base chains that the lab made are to go with its rules. In a sandbox they go with that.
    tidies: bool,
    tools: Tools,
    choice: Choice,
    pool: Pool,
    sockets: Sockets,
    deferred: Vec<Deferred>,
    failed: Vec<(u64, Refusal)>,
}

impl Netfilter {
    /// For the lab of that name, whose tags mark its rules. `tidies`: whether its root namespace outlives it.
    pub fn new(lab: &LabName, tidies: bool) -> Netfilter {
        Netfilter {
            lab: lab.clone(),
            tidies,
            tools: Tools::default(),
            choice: Choice::default(),
            pool: Pool::default(),
            sockets: Sockets::default(),
            deferred: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// The backend that this lab's rules are made in.
    pub fn backend(&mut self, spaces: &Spaces) -> Done<Backend> {
        self.choice.backend(&mut self.tools, spaces)
    }

    /// What finds that out on another thread, in the lab's root namespace.
    pub fn expect(&self) -> Task {
        self.choice.expect()
    }

    /// The identity of the rules that change number `n` will make.
    pub fn prepare(&mut self, spaces: &Spaces, n: u64, rules: &EditRules) -> Done<Identity> {
        let backend = self.backend(spaces)?;
        self.tools.program(rules.family, backend, Role::Restore)?;
        let object = rules.object.as_ref().and_then(|object| ChainName::new(object.name()).ok());
        Ok(Identity::Rules { tag: Tag::new(&self.lab, n, object).to_string(), backend: backend.as_str().to_owned() })
    }

    /// The rules of a namespace with their counters, once for each backend that has tables there.
    pub fn counted(&mut self, spaces: &Spaces, ns: &Ns, family: Family) -> Done<Vec<Saved>> {
        let mut all = Vec::new();
        for backend in [Backend::Nft, Backend::Legacy] {
            all.extend(read::counted(&mut self.tools, spaces, ns, family, backend)?);
        }
        Ok(all)
    }

    /// Undoes `EditRules` changes, newest first. The answers are in the same order.
    pub fn undo_all(&mut self, spaces: &Spaces, entries: &[ChangeRef<'_>]) -> Vec<Done<Undone>> {
        let mut answers: Vec<Done<Undone>> = vec![Ok(Undone::AlreadyGone); entries.len()];
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let Change::EditRules(EditRules { ns, family, table, edits, .. }) = entry.change else {
                answers[at] = Err(no_rules());
                continue;
            };
            if *entry.identity == Identity::Already {
                continue;
            }
            let (tag, backend) = match marks(entry.identity) {
                Ok(marks) => marks,
                Err(refusal) => {
                    answers[at] = Err(refusal);
                    continue;
                }
            };
            let target = Target { ns: ns.clone(), family: *family, backend };
            if let Some(waiting) = self.deferred.iter().position(|d| d.target == target && d.tag == tag) {
                self.deferred.remove(waiting);
                answers[at] = Ok(Undone::Yes);
                continue;
            }
            match groups.iter_mut().find(|group| group.target == target && group.table == *table) {
                Some(group) => group.items.push((at, Item { edits, tag })),
                None => groups.push(Group { target, table: *table, items: vec![(at, Item { edits, tag })] }),
            }
        }
        // What is forwarded only because the lab lets it must not get out untranslated, not even for a moment.
        groups.sort_by_key(|group| group.table != Table::Filter);
        for Group { target, table, items } in groups {
            self.flush_target(spaces, &target);
            let (places, items): (Vec<usize>, Vec<Item<'_>>) = items.into_iter().unzip();
            for (at, outcome) in places.into_iter().zip(self.retract(spaces, &target, table, &items)) {
                answers[at] = outcome;
            }
        }
        answers
    }

    /// What somebody put into the tables of a namespace, of both families and backends, one line each:
    /// `4 *nat -A POSTROUTING …`, `6 *filter :FORWARD DROP`.
    pub fn save(&mut self, spaces: &Spaces, ns: &Ns) -> Done<Vec<String>> {
        let mut lines = Vec::new();
        for (family, digit) in [(Family::V4, '4'), (Family::V6, '6')] {
            for backend in [Backend::Nft, Backend::Legacy] {
                // Rules without a program to read them are not the lab's.
                let saved = read::saved(&mut self.tools, spaces, ns, family, backend)?.unwrap_or_default();
                lines.extend(saved.lines().map(|line| format!("{digit} {line}")));
            }
        }
        Ok(lines)
    }

    /// Forgets tracked connections that were addressed to one of these.
    pub fn forget(&mut self, spaces: &Spaces, ns: &Ns, addressees: &BTreeSet<Addressee>) -> Done<()> {
        if spaces.within(ns, || Ok(conntrack::tracks_none()))? {
            return Ok(());
        }
        self.talk(spaces, ns, |channel| conntrack::forget(&mut channel.netlink, addressees))
    }

    /// Talks to netfilter in a namespace.
    fn talk<T>(&mut self, spaces: &Spaces, ns: &Ns, act: impl FnOnce(&mut Channel) -> Done<T>) -> Done<T> {
        self.sockets.talk(spaces, ns, act)
    }

    /// Lets go of all namespaces that somebody may want to remove.
    pub(super) fn leave(&mut self) {
        self.sockets.leave();
    }

    /// Lets the processes end that make rules.
    pub fn rest(&mut self) {
        self.sockets.rest();
        self.pool.rest();
    }

    /// Forgets a namespace that is about to be removed: what was deferred for it, and the sockets and processes in it,
    /// which would keep it alive.
    pub fn close(&mut self, ns: &Ns) {
        self.deferred.retain(|deferred| deferred.target.ns != *ns);
        self.sockets.close(ns);
        self.pool.close(ns);
    }

    /// Commits blocks in order, each of them all or none. A fault comes with the place of the block that it struck.
    fn commit_all(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        blocks: &[RestoreBlock<'_>],
        (patience, also): (Patience, Also),
    ) -> Result<(), (usize, RestoreError)> {
        let is_nft = target.backend == Backend::Nft;
        if is_nft {
            match self.talk(spaces, &target.ns, |channel| Ok(nft::commit(channel, target.family, blocks, also))) {
                Ok(Sent::Made) => return Ok(()),
                Ok(Sent::NotMade) => {}
                Ok(Sent::Unknown(refusal)) => return Err((0, RestoreError::Lost(refusal))),
                Err(refusal) => return Err((0, RestoreError::NotAsked(refusal))),
            }
            if self.tidies {
                // Without it iptables makes the same, only that nobody knows later whose it is.
                let _ = self.talk(spaces, &target.ns, |channel| Ok(nft::prepare(channel, target.family, blocks)));
            }
        }
        let committed = self.pool.commit((spaces, &mut self.tools), target, blocks, patience);
        if committed.is_err() || also == Also::Sweep {
            for block in blocks {
                self.sweep(spaces, target, block.table);
            }
        }
        committed
    }

    /// Deletes the base chains of a table that we made, and the table, as far as nobody uses them.
    fn sweep(&mut self, spaces: &Spaces, target: &Target, table: Table) {
        if self.tidies && target.backend == Backend::Nft {
            // What cannot be swept is empty, and does nothing.
            let _ = self.talk(spaces, &target.ns, |channel| Ok(nft::sweep(channel, target.family, table)));
        }
    }
}

/// For a change of another kind.
fn no_rules() -> Refusal {
    Refusal::new(Why::Protocol, "iptables", "this change makes no rules")
}

/// The tag and backend in an identity.
fn marks(identity: &Identity) -> Done<(Tag, Backend)> {
    let nonsense = || Refusal::new(Why::Protocol, "iptables", format!("no rules have the identity {identity:?}"));
    match identity {
        Identity::Rules { tag, backend } => Tag::parse(tag).zip(Backend::parse(backend)).ok_or_else(nonsense),
        _ => Err(nonsense()),
    }
}
