//! The in-memory kernel, for a test that looks into it while a lab owns it.

use rhailab::kernel::fake::FakeKernel;
use rhailab::kernel::{ChangeRef, Done, Kernel, Observed, Refusal, Undone};
use rhailab::model::change::Change;
use rhailab::model::identity::Identity;
use rhailab::model::names::{IfName, Ns};
use rhailab::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

/// A fake that the test can look into while the lab owns it, and that counts undo calls.
pub struct Watched {
    /// The fake.
    pub fake: Rc<RefCell<FakeKernel>>,
    /// The sizes of the batches that were undone.
    pub batches: Rc<RefCell<Vec<usize>>>,
    /// The number of a change that is refused, and how.
    pub refusal: Option<(u64, Refusal)>,
}

impl Kernel for Watched {
    fn prepare(&mut self, n: u64, change: &Change) -> Done<Identity> {
        self.fake.borrow_mut().prepare(n, change)
    }
    fn apply(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        if let Some((_, refusal)) = self.refusal.as_ref().filter(|(number, _)| *number == n) {
            return Err(refusal.clone());
        }
        self.fake.borrow_mut().apply(n, change, identity)
    }
    fn alter(&mut self, step: u64, before: ChangeRef<'_>, after: &Change) -> Done<()> {
        self.fake.borrow_mut().alter(step, before, after)
    }
    fn forget(&mut self, n: u64) {
        self.fake.borrow_mut().forget(n);
    }
    fn abandon(&mut self, n: u64) {
        self.fake.borrow_mut().abandon(n);
    }
    fn undo(&mut self, entry: ChangeRef<'_>) -> Done<Undone> {
        self.fake.borrow_mut().undo(entry)
    }
    fn undo_all(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Undone>> {
        self.batches.borrow_mut().push(entries.len());
        entries.iter().map(|entry| self.undo(*entry)).collect()
    }
    fn read(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Vec<Observed>>> {
        self.fake.borrow_mut().read(entries)
    }
    fn exec(&mut self, ns: &Ns, command: &Command) -> Done<Output> {
        self.fake.borrow_mut().exec(ns, command)
    }
    fn probe(&mut self, ns: &Ns, probe: &Probe) -> Done<Reply> {
        self.fake.borrow_mut().probe(ns, probe)
    }
    fn sysctl(&mut self, ns: &Ns, key: &str) -> Done<String> {
        self.fake.borrow_mut().sysctl(ns, key)
    }
    fn link(&mut self, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
        self.fake.borrow_mut().link(ns, name)
    }
    fn netns_exists(&mut self, ns: &Ns) -> Done<bool> {
        self.fake.borrow_mut().netns_exists(ns)
    }
    fn route_to(&mut self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
        self.fake.borrow_mut().route_to(ns, to)
    }
    fn snapshot(&mut self, ns: &Ns) -> Done<Snapshot> {
        self.fake.borrow_mut().snapshot(ns)
    }
    fn process(&mut self, process: &Identity) -> Done<ProcState> {
        self.fake.borrow_mut().process(process)
    }
    fn signal(&mut self, process: &Identity, signal: i32) -> Done<()> {
        self.fake.borrow_mut().signal(process, signal)
    }
    fn forget_flows(&mut self, ns: &Ns, to: IpAddr, port: u16, protocol: u8) -> Done<()> {
        self.fake.borrow_mut().forget_flows(ns, to, port, protocol)
    }
    fn sleep(&mut self, time: Duration) -> Done<()> {
        self.fake.borrow_mut().sleep(time)
    }
    fn is_fake(&self) -> bool {
        true
    }
}
