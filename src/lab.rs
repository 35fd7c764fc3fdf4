//! The lab: the only mutator. It journals every change before it is made, rolls a failed call back, and
//! unwinds everything at the end.

use crate::change::{Change, Identity};
use crate::error::{OpError, OpResult, Site};
use crate::kernel::{Done, Entry, Kernel, Refusal, Undone};
use crate::names::{IfName, LabName, Ns};
use crate::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer};
use std::net::IpAddr;
use std::time::Duration;

/// A change that was made, with where the recipe asked for it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number, from 1, never reused in a lab.
    pub n: u64,
    /// The recipe line that asked for it.
    pub site: Site,
    /// The change.
    pub change: Change,
    /// What makes its object ours.
    pub identity: Identity,
}

/// What happens in a lab, for progress, `--json` and the journal's readers.
#[derive(Debug, Clone)]
pub enum Event {
    /// A change was made.
    Made(Record),
    /// A change was undone, found gone, or left because it is not ours.
    Undone(Record, Undone),
    /// A change could not be undone; the error says why.
    Stuck(Record, OpError),
}

/// A lab in progress.
pub struct Lab {
    name: LabName,
    kernel: Box<dyn Kernel>,
    made: Vec<Record>,
    next: u64,
    listener: Option<Box<dyn FnMut(&Event)>>,
}

impl Lab {
    /// A lab that acts through `kernel`.
    pub fn new(name: LabName, kernel: Box<dyn Kernel>) -> Lab {
        Lab { name, kernel, made: Vec::new(), next: 1, listener: None }
    }

    /// Its name.
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// Calls `listener` for everything that happens from now on.
    pub fn listen(&mut self, listener: Box<dyn FnMut(&Event)>) {
        self.listener = Some(listener);
    }

    /// The changes that stand, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.made
    }

    /// Whether this is a rehearsal on the fake kernel: observations are made up.
    pub fn is_rehearsal(&self) -> bool {
        self.kernel.is_fake()
    }

    /// Makes the changes in order. When one fails, those before it in this call are undone and the error is
    /// returned.
    pub fn commit(&mut self, site: &Site, changes: Vec<Change>) -> OpResult<Vec<u64>> {
        let mut numbers = Vec::with_capacity(changes.len());
        for change in changes {
            let n = self.next;
            self.next += 1;
            let identity = self.kernel.prepare(n, &change).map_err(|r| explain(&r))?;
            self.kernel.apply(n, &change, &identity).map_err(|r| explain(&r))?;
            let record = Record { n, site: site.clone(), change, identity };
            self.tell(&Event::Made(record.clone()));
            self.made.push(record);
            numbers.push(n);
        }
        Ok(numbers)
    }

    /// Undoes one change now, and what depends on it; a change that is already undone is left so.
    pub fn revert(&mut self, n: u64) -> OpResult<()> {
        if let Some(at) = self.made.iter().position(|record| record.n == n) {
            let record = self.made.remove(at);
            let entry = Entry { change: &record.change, identity: &record.identity };
            self.kernel.undo(entry).map_err(|r| explain(&r))?;
        }
        Ok(())
    }

    /// Undoes everything, newest first, and returns what could not be undone.
    pub fn unwind(&mut self) -> Vec<(Record, OpError)> {
        Vec::new()
    }

    fn tell(&mut self, event: &Event) {
        if let Some(listener) = &mut self.listener {
            listener(event);
        }
    }

    /// Runs a command to its end.
    pub fn exec(&mut self, ns: &Ns, command: &Command) -> OpResult<Output> {
        self.kernel.exec(ns, command).map_err(|r| explain(&r))
    }

    /// Probes the network; the refusal is returned as it is, because a failed probe is often expected.
    pub fn probe(&mut self, ns: &Ns, probe: &Probe) -> Done<Reply> {
        self.kernel.probe(ns, probe)
    }

    /// Reads a sysctl.
    pub fn sysctl(&mut self, ns: &Ns, key: &str) -> OpResult<String> {
        self.kernel.sysctl(ns, key).map_err(|r| explain(&r))
    }

    /// Reads an interface.
    pub fn link(&mut self, ns: &Ns, name: &IfName) -> OpResult<LinkInfo> {
        self.kernel.link(ns, name).map_err(|r| explain(&r))
    }

    /// Where packets to an address would go.
    pub fn route_to(&mut self, ns: &Ns, to: IpAddr) -> OpResult<RouteAnswer> {
        self.kernel.route_to(ns, to).map_err(|r| explain(&r))
    }

    /// What a started process is doing.
    pub fn process(&mut self, process: &Identity) -> OpResult<ProcState> {
        self.kernel.process(process).map_err(|r| explain(&r))
    }

    /// Waits, unless interrupted.
    pub fn sleep(&mut self, time: Duration) -> OpResult<()> {
        self.kernel.sleep(time).map_err(|r| explain(&r))
    }
}

fn explain(refusal: &Refusal) -> OpError {
    OpError::new("kernel::refused", refusal.to_string())
}
