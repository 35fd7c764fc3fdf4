//! The lab: the only mutator. It journals every change before it is made, rolls a failed call back, and
//! unwinds everything at the end.

use crate::kernel::{Entry, Kernel, Refusal, Undone, Why};
use crate::model::change::{Change, Identity};
use crate::model::error::{OpError, OpResult, Site};
use crate::model::names::{IfName, LabName, Ns};
use crate::model::render;
use index::Index;
use ipnet::IpNet;
use journal::Line;
use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;
use store::Journal;

mod baseline;
mod confine;
mod explain;
mod fault;
mod index;
mod inquire;
pub mod journal;
pub mod machine;
mod mend;
mod neighbours;
pub mod recover;
pub mod registry;
mod remake;
pub mod sandbox;
pub mod state;
mod stop;
pub mod store;
mod unwind;
mod users;
pub mod why;

pub use baseline::baseline;
pub use confine::Right;
pub use fault::Fault;
pub use mend::{LinkAt, Moves, drops};
pub use neighbours::Neighbours;
pub use stop::{STOPPED, stopped};
pub use unwind::{Leftover, teardown};

/// A change that was made, with where the recipe asked for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its number, from 1; no other change of the lab has it.
    pub n: u64,
    /// The recipe line that asked for it.
    pub site: Site,
    /// The change.
    pub change: Change,
    /// What makes its object ours.
    pub identity: Identity,
}

/// What happens in a lab, for progress, `--json` and the journal's readers.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change was made.
    Made(&'a Record),
    /// A change was undone, found gone, or left because it is not ours.
    Undone(&'a Record, Undone),
    /// A change could not be undone; the error says why.
    Stuck(&'a Record, &'a OpError),
}

/// Who is told of [`Event`]s.
pub type Listener = Box<dyn FnMut(&Event<'_>)>;

/// A lab in progress.
pub struct Lab {
    name: LabName,
    kernel: Box<dyn Kernel>,
    journal: Option<Journal>,
    made: Vec<Record>,
    index: Index,
    next: u64,
    listener: Option<Listener>,
    /// The subnets that were chosen for it.
    chosen: Vec<IpNet>,
    /// The other labs on its machine; nobody in a sandbox.
    neighbours: Option<Neighbours>,
    fault: Option<Fault>,
    denied: BTreeSet<Right>,
    /// The processes that were sent signals.
    signalled: Vec<Identity>,
}

impl Lab {
    /// A lab that acts through `kernel` and writes `journal`, if it needs one: a lab in a sandbox that ends with
    /// its process does not.
    pub fn new(name: LabName, kernel: Box<dyn Kernel>, journal: Option<Journal>) -> Lab {
        Lab {
            name,
            kernel,
            journal,
            made: Vec::new(),
            index: Index::default(),
            next: 1,
            listener: None,
            chosen: Vec::new(),
            neighbours: None,
            fault: None,
            denied: BTreeSet::new(),
            signalled: Vec::new(),
        }
    }

    /// A lab as its journal left it, for taking it down or going on with it.
    pub fn resume(name: LabName, kernel: Box<dyn Kernel>, journal: Option<Journal>, made: Vec<Record>) -> Lab {
        let mut lab = Lab::new(name, kernel, journal);
        for Record { change, identity, .. } in &made {
            lab.kernel.recall(Entry { change, identity });
        }
        if let Some(journal) = &mut lab.journal {
            journal.recall(&made);
        }
        lab.next = made.last().map_or(1, |record| record.n + 1);
        lab.made = made;
        lab.reindex();
        lab
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// Calls `listener` for everything that happens from now on.
    pub fn listen(&mut self, listener: Listener) {
        self.listener = Some(listener);
    }

    /// Lets errors tell what belongs to other labs on the machine.
    pub fn know(&mut self, neighbours: Neighbours) {
        self.neighbours = Some(neighbours);
    }

    /// Why a change was refused.
    fn explain(&self, refusal: &Refusal, change: &Change) -> OpError {
        let error = explain::change(refusal, change, &self.made);
        let error = match &self.neighbours {
            Some(neighbours) => neighbours.find_owner(error, refusal, change),
            None => error,
        };
        error.naming_owner()
    }

    /// The changes that stand, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.made
    }

    /// The number that the next change will have.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The identity of a change that stands.
    pub fn identity(&self, n: u64) -> Option<Identity> {
        self.made.iter().rev().find(|record| record.n == n).map(|record| record.identity.clone())
    }

    /// Whether this is a rehearsal on the fake kernel: observations are made up.
    pub fn is_rehearsal(&self) -> bool {
        self.kernel.is_fake()
    }

    /// Makes the changes in order and returns their numbers. When one fails, those before it in this call are
    /// undone and the error is returned.
    pub fn commit(&mut self, site: &Site, changes: Vec<Change>) -> OpResult<Vec<u64>> {
        let first = self.made.len();
        let mut numbers = Vec::with_capacity(changes.len());
        for change in changes {
            match self.make(site, change) {
                Ok(n) => numbers.push(n),
                Err(mut error) => {
                    let half: Vec<u64> = self.made.iter().skip(first).map(|record| record.n).collect();
                    let left = self.undo_numbers(&half);
                    error.0.leftovers.extend(left.iter().map(Leftover::describe));
                    return Err(error);
                }
            }
        }
        Ok(numbers)
    }

    fn make(&mut self, site: &Site, change: Change) -> OpResult<u64> {
        self.permit(&change)?;
        if matches!(change, Change::Start(_)) {
            self.settle()?;
        }
        let n = self.next;
        self.next += 1;
        let identity = match self.kernel.prepare(n, &change) {
            Ok(identity) => identity,
            Err(refusal) => return Err(self.explain(&refusal, &change)),
        };
        let record = Record { n, site: site.clone(), change, identity };
        if let Err(error) = self.announce(&record) {
            self.kernel.abandon(n);
            return Err(error);
        }
        if let Err(refusal) = self.kernel.apply(n, &record.change, &record.identity) {
            let error = self.explain(&refusal, &record.change);
            // Nothing of a refused change is left, so the intent is taken back.
            self.note(&Line::Undone { n })?;
            return Err(error);
        }
        if let Some(journal) = &mut self.journal {
            journal.remark(&Line::Done { n })?;
        }
        self.tell(&Event::Made(&record));
        self.index.add(&record.change);
        self.made.push(record);
        self.meet_fault(n)?;
        Ok(n)
    }

    /// Makes what the kernel has put off, before anything looks at it. An error carries the line that asked for
    /// the change that was refused, which is taken back.
    pub fn settle(&mut self) -> OpResult<()> {
        let mut refused = self.kernel.settle();
        let is_on_disk = self.journal.as_mut().map_or(Ok(()), Journal::settle);
        if is_on_disk.is_ok() {
            refused.extend(self.kernel.settle_files());
        }
        let mut errors = Vec::new();
        let mut is_stopped = false;
        for (n, refusal) in refused {
            is_stopped |= refusal.why == Why::Interrupted;
            let Some(at) = self.made.iter().rposition(|record| record.n == n) else { continue };
            let record = self.made.remove(at);
            let mut error = self.explain(&refusal, &record.change);
            error.0.site = Some(record.site.clone());
            errors.push(error);
            self.note(&Line::Undone { n })?;
            self.tell(&Event::Undone(&record, Undone::AlreadyGone));
        }
        if errors.is_empty() {
            return is_on_disk;
        }
        self.reindex();
        if is_stopped {
            // None of the changes is to blame.
            return Err(stopped());
        }
        let mut errors = errors.into_iter();
        let mut first = errors.next().unwrap_or_else(|| OpError::new("kernel::refused", "A change was refused."));
        first.0.notes.extend(errors.filter_map(|error| Some((error.0.site.clone()?, error.to_string()))));
        Err(first)
    }

    fn announce(&mut self, record: &Record) -> OpResult<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        journal.append(&Line::Intent {
            n: record.n,
            site: record.site.clone(),
            change: record.change.clone(),
            identity: record.identity.clone(),
            inverse: render::undo_commands(&record.change, &record.identity),
        })
    }

    fn note(&mut self, line: &Line) -> OpResult<()> {
        match &mut self.journal {
            Some(journal) => journal.append(line),
            None => Ok(()),
        }
    }

    fn reindex(&mut self) {
        self.index = Index::of(self.made.iter().map(|record| &record.change));
    }

    /// Undoes one change now, together with what depends on it. A change that is undone already is left so.
    pub fn revert(&mut self, n: u64) -> OpResult<()> {
        self.revert_all(&[n])
    }

    /// Undoes several changes at once, together with what depends on them.
    pub fn revert_all(&mut self, changes: &[u64]) -> OpResult<()> {
        let numbers = unwind::with_dependents(&self.made, changes);
        self.undo_numbers(&numbers).into_iter().next().map_or(Ok(()), |left| Err(left.error))
    }

    /// Undoes everything, as few kernel calls as it takes, and returns what could not be undone.
    pub fn unwind(&mut self) -> Vec<Leftover> {
        let numbers: Vec<u64> = self.made.iter().map(|record| record.n).collect();
        let left = self.undo_numbers(&numbers);
        if left.is_empty() {
            // As for one change that is undone.
            let _ = self.note(&Line::End);
        }
        left
    }

    /// Says in the journal that what stands is meant to stay.
    pub fn keep(&mut self) -> OpResult<()> {
        self.settle()?;
        self.kernel.rest();
        self.note(&Line::Kept)
    }

    fn undo_numbers(&mut self, numbers: &[u64]) -> Vec<Leftover> {
        // What is refused now has nothing to be undone, and the error that led here comes first.
        let _ = self.settle();
        let numbers: HashSet<u64> = numbers.iter().copied().collect();
        let (mut going, staying): (Vec<Record>, Vec<Record>) =
            std::mem::take(&mut self.made).into_iter().partition(|record| numbers.contains(&record.n));
        self.made = staying;
        let plan = unwind::plan(&going);
        let mut left = Vec::new();
        let mut failed = HashSet::new();
        for step in &plan.steps {
            let records: Vec<&Record> = step.iter().filter_map(|at| going.get(*at)).collect();
            let entries: Vec<Entry<'_>> =
                records.iter().map(|r| Entry { change: &r.change, identity: &r.identity }).collect();
            for (record, result) in records.into_iter().zip(self.kernel.undo_all(&entries)) {
                match result {
                    Ok(undone) => self.gone(record, undone),
                    Err(refusal) => {
                        let error = explain::undo(&refusal, record);
                        self.tell(&Event::Stuck(record, &error));
                        failed.insert(record.n);
                        left.push(Leftover { record: record.clone(), error });
                    }
                }
            }
            self.flush();
        }
        for (at, owner) in &plan.subsumed {
            if let (Some(record), Some(owner)) = (going.get(*at), going.get(*owner))
                && !failed.contains(&owner.n)
            {
                self.gone(record, Undone::Along);
            }
        }
        going.retain(|record| failed.contains(&record.n));
        self.made.extend(going);
        self.made.sort_by_key(|record| record.n);
        self.reindex();
        self.flush();
        left
    }

    /// Writes what the journal has to say, if it can: see [`gone`](Lab::gone).
    fn flush(&mut self) {
        if let Some(journal) = &mut self.journal {
            let _ = journal.flush();
        }
    }

    fn gone(&mut self, record: &Record, undone: Undone) {
        self.tell(&Event::Undone(record, undone));
        // The change is undone whether or not the journal can say so. One that says too little makes a later
        // `recover` find it gone, which is harmless; and on a full disk no further change is made.
        if let Some(journal) = &mut self.journal {
            let _ = journal.remark(&Line::Undone { n: record.n });
        }
    }

    fn tell(&mut self, event: &Event<'_>) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }

    /// The addresses that this lab gave an interface, oldest first; the kernel's, if it gave none.
    pub fn addresses(&mut self, ns: &Ns, link: &IfName) -> OpResult<Vec<IpNet>> {
        match self.index.addresses(ns, link) {
            Some(given) => Ok(given.to_vec()),
            None => Ok(self.link(ns, link)?.addrs),
        }
    }

    /// Whether the recipe masquerades all packets from a subnet.
    pub fn masquerades(&self, ns: &Ns, net: &IpNet) -> bool {
        self.index.masquerades(ns, net)
    }

    /// The interface in `ns` at the other end of the veth pair on which this lab put an address.
    pub fn end_towards(&self, ns: &Ns, ip: IpAddr) -> Option<IfName> {
        self.index.end_towards(ns, ip).cloned()
    }
}
