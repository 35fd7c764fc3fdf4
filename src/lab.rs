//! The lab: the only mutator. It journals every change before it is made, rolls a failed call back, and
//! unwinds everything at the end.

use crate::kernel::{ChangeRef, Kernel, Refusal, Undone, Why};
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult, Site};
use crate::model::identity::Identity;
use crate::model::kind::{Kind, Phase};
use crate::model::names::{IfName, LabName, Ns};
use crate::model::secret::Secret;
use crate::model::state::State;
use ipnet::IpNet;
use journal::Line;
use restore::Watch;
use std::collections::BTreeSet;
use store::Journal;

mod alter;
mod confine;
mod explain;
mod fault;
mod inquire;
pub mod journal;
pub mod machine;
mod neighbours;
pub mod recover;
pub mod registry;
mod repair;
mod restore;
mod secrets;
mod standing;
pub mod state_dirs;
mod stop;
pub mod store;
mod undo;
mod unwind;
pub mod why;

pub use crate::model::made::{Made, Record};
pub use confine::Right;
pub use fault::Fault;
pub use neighbours::Neighbours;
pub use restore::{Difference, Restored};
pub use standing::{Standing, survey};
pub use stop::{STOPPED, stopped};
pub use unwind::{Leftover, teardown};

/// What happens in a lab, for progress, `--json` and the journal's readers.
#[derive(Debug)]
pub enum Event<'a> {
    /// A change was made.
    Made(&'a Record),
    /// A change was undone, found gone, or left because it is not ours.
    Undone(&'a Record, Undone),
    /// A change was altered in place.
    Altered(Altered<'a>),
    /// A change could not be undone; the error says why.
    Stuck(&'a Record, &'a OpError),
}

/// A change that was altered in place.
#[derive(Debug, Clone, Copy)]
pub struct Altered<'a> {
    /// A number of its own among those of the changes.
    pub step: u64,
    /// The recipe line that asked for it.
    pub site: &'a Site,
    /// The change as it was.
    pub before: &'a Record,
    /// The change as it is.
    pub after: &'a Record,
}

impl Altered<'_> {
    /// The shell commands that do the same.
    pub fn commands(&self) -> Vec<String> {
        self.after.change.commands_from(&self.before.change).unwrap_or_default()
    }
}

/// Who is told of [`Event`]s.
pub type Listener = Box<dyn FnMut(&Event<'_>)>;

/// A lab in progress.
pub struct Lab {
    name: LabName,
    kernel: Box<dyn Kernel>,
    journal: Option<Journal>,
    made: Made,
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
    /// What was undone since somebody began to watch.
    watch: Option<Watch>,
    /// The changes that are known to lack something, which the kernel has dropped.
    lacking: BTreeSet<u64>,
    /// The secrets that its recipe has read.
    secrets: Vec<Secret>,
}

impl Lab {
    /// A lab that acts through `kernel` and writes `journal`, if it needs one: a lab in a sandbox that ends with
    /// its process does not.
    pub fn new(name: LabName, kernel: Box<dyn Kernel>, journal: Option<Journal>) -> Lab {
        Lab {
            name,
            kernel,
            journal,
            made: Made::default(),
            next: 1,
            listener: None,
            chosen: Vec::new(),
            neighbours: None,
            fault: None,
            denied: BTreeSet::new(),
            signalled: Vec::new(),
            watch: None,
            lacking: BTreeSet::new(),
            secrets: Vec::new(),
        }
    }

    /// A lab as its journal left it, for taking it down or going on with it.
    pub fn resume(name: LabName, kernel: Box<dyn Kernel>, journal: Option<Journal>, made: Vec<Record>) -> Lab {
        let mut lab = Lab::new(name, kernel, journal);
        for record in &made {
            lab.kernel.recall(ChangeRef::from(record));
        }
        if let Some(journal) = &mut lab.journal {
            journal.recall(&made);
        }
        lab.next = made.last().map_or(1, |record| record.n + 1);
        lab.made = Made::of(made);
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
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> + DoubleEndedIterator {
        self.made.records()
    }

    /// The changes that stand, with what they come to.
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// A change that stands.
    pub fn record(&self, n: u64) -> Option<&Record> {
        self.made.get(n)
    }

    /// What the changes that stand come to.
    pub fn state(&self) -> &State {
        self.made.state()
    }

    /// The number that the next change will have.
    pub fn next_number(&self) -> u64 {
        self.next
    }

    /// The identity of a change that stands.
    pub fn identity(&self, n: u64) -> Option<Identity> {
        self.made.get(n).map(|record| record.identity.clone())
    }

    /// Whether this is a rehearsal on the fake kernel: observations are made up.
    pub fn is_rehearsal(&self) -> bool {
        self.kernel.is_fake()
    }

    /// Makes the changes in order and returns their numbers. When one fails, those before it in this call are
    /// undone and the error is returned.
    pub fn commit(&mut self, site: &Site, changes: Vec<Change>) -> OpResult<Vec<u64>> {
        let mut numbers = Vec::with_capacity(changes.len());
        for change in changes {
            let made = self.make(site, change).and_then(|n| {
                numbers.push(n);
                self.meet_fault(n)
            });
            if let Err(error) = made {
                return Err(self.take_back(&numbers, error));
            }
        }
        Ok(numbers)
    }

    fn make(&mut self, site: &Site, change: Change) -> OpResult<u64> {
        self.permit(&change)?;
        let n = self.next;
        self.next += 1;
        let record = Record { n, site: site.clone(), change, identity: Identity::Spec };
        self.enact(record, |identity| identity)?;
        Ok(n)
    }

    /// Makes a change under its number. The identity that the kernel chooses for it may be replaced.
    fn enact(&mut self, mut record: Record, identity: impl FnOnce(Identity) -> Identity) -> OpResult<()> {
        let n = record.n;
        if record.change.phase() == Phase::Processes {
            self.settle()?;
        }
        self.find_secrets(&record.change)?;
        // Names as they are now, if the change is made again after interfaces were renamed.
        let present = self.made.state().present_again(n, &record.change);
        let change = present.as_ref().unwrap_or(&record.change);
        record.identity = match self.kernel.prepare(n, change) {
            Ok(chosen) => identity(chosen),
            Err(refusal) => return Err(self.explain(&refusal, change)),
        };
        if let Err(error) = self.announce(&record) {
            self.kernel.abandon(n);
            return Err(error);
        }
        if let Err(refusal) = self.kernel.apply(n, change, &record.identity) {
            let error = self.explain(&refusal, change);
            // Nothing of a refused change is left, so the intent is taken back.
            self.note(&Line::Undone { n })?;
            return Err(error);
        }
        if let Some(journal) = &mut self.journal {
            journal.remark(&Line::Done { n })?;
        }
        self.tell(&Event::Made(&record));
        self.made.add(record);
        Ok(())
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
            let Some(record) = self.made.remove(n) else { continue };
            let mut error = self.explain(&refusal, &record.change);
            error.0.site = Some(record.site.clone());
            errors.push(error);
            self.note(&Line::Undone { n })?;
            self.tell(&Event::Undone(&record, Undone::AlreadyGone));
        }
        if errors.is_empty() {
            return is_on_disk;
        }
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
        journal.append(&Line::intent(record))
    }

    fn note(&mut self, line: &Line) -> OpResult<()> {
        match &mut self.journal {
            Some(journal) => journal.append(line),
            None => Ok(()),
        }
    }

    /// Says in the journal that what stands is meant to stay.
    pub fn keep(&mut self) -> OpResult<()> {
        self.settle()?;
        self.kernel.rest();
        self.note(&Line::Kept)
    }

    fn tell(&mut self, event: &Event<'_>) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }

    /// The addresses that this lab gave an interface, oldest first; the kernel's, if it gave none.
    pub fn addresses(&mut self, ns: &Ns, link: &IfName) -> OpResult<Vec<IpNet>> {
        match self.made.state().addresses(ns, link) {
            Some(given) => Ok(given),
            None => Ok(self.link(ns, link)?.addrs),
        }
    }
}
