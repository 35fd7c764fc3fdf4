//! Rules and chains, taken back by the tag they carry: made by messages to `nf_tables` as iptables would send them
//! ([`nft`]), or, where those do not know how, through one long-lived `iptables-restore` per namespace and family.
//!
//! Changes are made at once ([`Netfilter::apply`]) or together with others a little later ([`Netfilter::defer`]):
//! committing to a table costs time in proportion to its size, in the kernel (`nf_tables` checks all its jumps again) and
//! more so in the legacy tools (which write it anew), so a hundred small commits take twice to ten times as long as one.

use crate::kernel::linux::nfnetlink::Nfnetlink;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Entry, Errand, Refusal, Undone, Why};
use crate::model::change::{Change, Identity};
use crate::model::family::Family;
use crate::model::names::{LabName, Ns};
use crate::model::rules::{EditRules, RuleEdit, Table};

mod backend;
pub mod census;
mod change;
mod child;
mod choice;
mod deferred;
mod nft;
mod pool;
mod read;
pub mod redirects;
mod restore;
mod retract;
mod saved;
mod tagged;
mod undo;
mod words;

pub use backend::Backend;
pub use restore::restores_started;

use backend::{Role, Tools};
use child::Patience;
use choice::Choice;
use deferred::{Batch, Deferred};
use pool::Pool;
use restore::{Block, Fault};
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
    tools: Tools,
    choice: Choice,
    pool: Pool,
    /// Those in use last, newest first. Closing one waits until the kernel has freed what was deleted of rules, one
    /// grace period (15 to 20 ms), which a teardown has better uses for.
    sockets: Vec<(Ns, Nfnetlink)>,
    deferred: Vec<Deferred>,
    failed: Vec<(u64, Refusal)>,
}

/// How many sockets are kept, for as many namespaces that a teardown passes before anybody waits.
const SOCKETS: usize = 64;

impl Netfilter {
    /// For the lab of that name, whose tags mark its rules.
    pub fn new(lab: &LabName) -> Netfilter {
        Netfilter {
            lab: lab.clone(),
            tools: Tools::default(),
            choice: Choice::default(),
            pool: Pool::default(),
            sockets: Vec::new(),
            deferred: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// The backend that this lab's rules are made in.
    pub fn backend(&mut self, spaces: &Spaces) -> Done<Backend> {
        self.choice.backend(&mut self.tools, spaces)
    }

    /// What finds that out on another thread, in the lab's root namespace.
    pub fn expect(&self) -> Errand {
        self.choice.expect()
    }

    /// The identity of the rules that change number `n` will make.
    pub fn prepare(&mut self, spaces: &Spaces, n: u64, _ns: &Ns, family: Family) -> Done<Identity> {
        let backend = self.backend(spaces)?;
        self.tools.program(family, backend, Role::Restore)?;
        Ok(Identity::Rules { tag: words::tag(&self.lab, n), backend: backend.as_str().to_owned() })
    }

    /// Makes a change, all of it or nothing.
    pub fn apply(
        &mut self,
        spaces: &Spaces,
        ns: &Ns,
        family: Family,
        table: Table,
        edits: &[RuleEdit],
        identity: &Identity,
    ) -> Done<()> {
        let (tag, backend) = marks(identity)?;
        let target = Target { ns: ns.clone(), family, backend };
        let lines = edits.iter().map(|edit| words::line(edit, tag)).collect::<Done<Vec<String>>>()?;
        self.flush_target(spaces, &target);
        self.make(spaces, &target, table, Item { edits, tag }, &lines)
    }

    /// Makes change number `n` together with others at the next [`Netfilter::flush`]. A swap is made now: it is
    /// there to be one moment in which everything changes. Only what no line could say is refused at once.
    pub fn defer(&mut self, spaces: &Spaces, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        let Change::EditRules(EditRules { ns, family, table, edits }) = change else { return Err(no_rules()) };
        if edits.iter().any(|edit| matches!(edit, RuleEdit::Delete { .. })) {
            return self.apply(spaces, ns, *family, *table, edits, identity);
        }
        let (tag, backend) = marks(identity)?;
        let lines = edits.iter().map(|edit| words::line(edit, tag)).collect::<Done<Vec<String>>>()?;
        let target = Target { ns: ns.clone(), family: *family, backend };
        let (edits, tag) = (edits.clone(), tag.to_owned());
        self.deferred.push(Deferred { n, target, table: *table, edits, lines, tag });
        Ok(())
    }

    /// The rules of a namespace with their counters, one text for each backend that has tables there.
    pub fn counted(&mut self, spaces: &Spaces, ns: &Ns, family: Family) -> Done<Vec<String>> {
        let mut texts = Vec::new();
        for backend in [Backend::Nft, Backend::Legacy] {
            texts.extend(read::counted(&mut self.tools, spaces, ns, family, backend)?);
        }
        Ok(texts)
    }

    /// Whether there are deferred changes.
    pub fn is_pending(&self) -> bool {
        !self.deferred.is_empty() || !self.failed.is_empty()
    }

    /// Makes the deferred changes. Returns those that failed, by number; nothing is left of them, and the
    /// others are made.
    pub fn flush(&mut self, spaces: &Spaces) -> Vec<(u64, Refusal)> {
        self.sockets.clear();
        while let Some(first) = self.deferred.first() {
            let target = first.target.clone();
            self.flush_target(spaces, &target);
        }
        std::mem::take(&mut self.failed)
    }

    /// Undoes `EditRules` changes, newest first. The answers are in the same order.
    pub fn undo_all(&mut self, spaces: &Spaces, entries: &[Entry<'_>]) -> Vec<Done<Undone>> {
        let mut answers: Vec<Done<Undone>> = vec![Ok(Undone::AlreadyGone); entries.len()];
        let mut groups: Vec<Group<'_>> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let Change::EditRules(EditRules { ns, family, table, edits }) = entry.change else {
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

    /// What a built-in IPv4 chain does with packets that no rule decides about: `ACCEPT` or `DROP`.
    pub fn policy(&mut self, spaces: &Spaces, ns: &Ns, table: Table, chain: &str) -> Done<String> {
        let lines = self.chain(spaces, ns, Family::V4, table, chain)?;
        let policy = |line: &String| Some(line.strip_prefix("-P ")?.split_once(' ')?.1.to_owned());
        // A table that is not there lets everything pass.
        Ok(lines.iter().find_map(policy).unwrap_or_else(|| "ACCEPT".to_owned()))
    }

    /// One chain as `iptables -S CHAIN` prints it; nothing where its table is not there.
    pub fn chain(&mut self, spaces: &Spaces, ns: &Ns, family: Family, table: Table, chain: &str) -> Done<Vec<String>> {
        let backend = self.backend(spaces)?;
        read::chain(&mut self.tools, spaces, ns, (family, backend), table, chain)
    }

    /// Keeps a socket, which is closed when the next changes have been made or the processes [rest](Netfilter::rest).
    pub(super) fn keep(&mut self, ns: &Ns, socket: Nfnetlink) {
        self.sockets.truncate(SOCKETS - 1);
        self.sockets.insert(0, (ns.clone(), socket));
    }

    /// Lets the processes end that make rules.
    pub fn rest(&mut self) {
        self.sockets.clear();
        self.pool.rest();
    }

    /// Forgets a namespace that is about to be removed: what was deferred for it, and the sockets and processes in it,
    /// which would keep it alive.
    pub fn close(&mut self, ns: &Ns) {
        self.deferred.retain(|deferred| deferred.target.ns != *ns);
        self.sockets.retain(|(there, _)| there != ns);
        self.pool.close(ns);
    }

    /// Commits lines to a table, all or none.
    fn commit(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        lines: &[String],
        patience: Patience,
    ) -> Result<(), Fault> {
        self.commit_all(spaces, target, &[Block { table, lines }], patience).map_err(|(_, fault)| fault)
    }

    /// Commits blocks in order, each of them all or none. A fault comes with the place of the block that it struck.
    fn commit_all(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        blocks: &[Block<'_>],
        patience: Patience,
    ) -> Result<(), (usize, Fault)> {
        if target.backend == Backend::Nft {
            let sent = spaces.within(&target.ns, || Ok(nft::commit(target.family, blocks)));
            match sent.map_err(|refusal| (0, Fault::NotAsked(refusal)))? {
                Ok(Some(socket)) => {
                    self.keep(&target.ns, socket);
                    return Ok(());
                }
                Ok(None) => {}
                Err(refusal) => return Err((0, Fault::Lost(refusal))),
            }
        }
        self.pool.commit((spaces, &mut self.tools), target, blocks, patience)
    }

    /// Makes one change.
    fn make(&mut self, spaces: &Spaces, target: &Target, table: Table, item: Item<'_>, lines: &[String]) -> Done<()> {
        match self.commit(spaces, target, table, lines, Patience::making(lines.len())) {
            Ok(()) => Ok(()),
            Err(Fault::Refused { at, status, words }) => {
                Err(refusal((target.family, table), item.edits, at, status, words))
            }
            Err(Fault::NotAsked(refusal)) => Err(refusal),
            Err(Fault::Lost(refusal)) => Err(self.take_back(spaces, target, table, &[item], refusal)),
        }
    }

    /// Sees to it that nothing is left of changes whose fate is unknown.
    fn take_back(
        &mut self,
        spaces: &Spaces,
        target: &Target,
        table: Table,
        items: &[Item<'_>],
        mut why: Refusal,
    ) -> Refusal {
        for outcome in self.sift(spaces, target, table, items) {
            if let Err(left) = outcome {
                why.words = format!("{}; it may be made in part, because undoing it failed: {left}", why.words);
            }
        }
        why
    }

    /// Makes the deferred changes of one target, one commit for each table, all of them in one go.
    fn flush_target(&mut self, spaces: &Spaces, target: &Target) {
        let mut batches = Vec::new();
        for (table, _) in Table::ALL {
            let mut changes: Vec<Deferred> =
                self.deferred.extract_if(.., |d| d.target == *target && d.table == table).collect();
            let lines: Vec<String> = changes.iter_mut().flat_map(|change| change.lines.drain(..)).collect();
            if !lines.is_empty() {
                batches.push(Batch { table, changes, lines });
            }
        }
        while !batches.is_empty() {
            let blocks: Vec<Block<'_>> = batches.iter().map(Batch::block).collect();
            let patience = Patience::making(batches.iter().map(|batch| batch.lines.len()).sum());
            match self.commit_all(spaces, target, &blocks, patience) {
                Ok(()) => return,
                Err((struck, fault)) => {
                    // Those before it are made, and those after it are for the next round.
                    if let Some(batch) = batches.drain(..=struck).next_back() {
                        self.retry(spaces, target, &batch, fault);
                    }
                }
            }
        }
    }

    /// Makes the changes of a batch that failed as a whole one by one, as far as they can be made.
    fn retry(&mut self, spaces: &Spaces, target: &Target, batch: &Batch, fault: Fault) {
        let Batch { table, changes, .. } = batch;
        if let Fault::Lost(refusal) = fault {
            let items: Vec<Item<'_>> = changes.iter().rev().map(Deferred::item).collect();
            let refusal = self.take_back(spaces, target, *table, &items, refusal);
            self.failed.extend(changes.iter().map(|change| (change.n, refusal.clone())));
            return;
        }
        for change in changes {
            // No word of it is refused here that was not refused when it was deferred.
            let lines = change.edits.iter().map(|edit| words::line(edit, &change.tag)).collect::<Done<Vec<String>>>();
            let made = lines.and_then(|lines| self.make(spaces, target, *table, change.item(), &lines));
            if let Err(refusal) = made {
                self.failed.push((change.n, refusal));
            }
        }
    }
}

/// For a change of another kind.
fn no_rules() -> Refusal {
    Refusal::new(Why::Protocol, "iptables", "this change makes no rules")
}

/// The tag and backend in an identity.
fn marks(identity: &Identity) -> Done<(&str, Backend)> {
    let nonsense = || Refusal::new(Why::Protocol, "iptables", format!("no rules have the identity {identity:?}"));
    match identity {
        Identity::Rules { tag, backend } => Ok((tag, Backend::parse(backend).ok_or_else(nonsense)?)),
        _ => Err(nonsense()),
    }
}

/// A refused change, blaming the edit that was refused.
fn refusal(
    (family, table): (Family, Table),
    edits: &[RuleEdit],
    at: Option<usize>,
    status: i32,
    words: String,
) -> Refusal {
    let edit = at.and_then(|at| edits.get(at)).or_else(|| edits.first().filter(|_| edits.len() == 1));
    let request = match edit {
        Some(edit) => words::command(family, table, edit),
        None => format!("{}-restore, table {}", family.iptables(), table.as_str()),
    };
    // The legacy tools leave out what libiptc would say.
    let words = match edit {
        _ if !words.is_empty() => words,
        Some(RuleEdit::NewChain(_)) if at.is_some() => "Chain already exists.".to_owned(),
        Some(RuleEdit::Append { .. } | RuleEdit::Insert { .. }) if at.is_some() => {
            "No chain/target/match by that name.".to_owned()
        }
        Some(RuleEdit::Delete { .. }) if at.is_some() => {
            "Bad rule (does a matching rule exist in that chain?).".to_owned()
        }
        _ => "the kernel refused the table as a whole".to_owned(),
    };
    Refusal::new(Why::Tool(status), request, words.as_str()).because(words::cause(&words))
}
