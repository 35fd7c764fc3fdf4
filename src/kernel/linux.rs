//! The real kernel of this machine.

use crate::kernel::{ChangeRef, Done, Kernel, Observed, PacketFacts, Refusal, Task, Undone, Why, free_subnet};
use crate::model::change::{Change, each_kind};
use crate::model::identity::Identity;
use crate::model::names::{IfName, LabName, Ns};
use crate::model::observe::{Command, LinkInfo, NsSnapshot, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub mod addr;
pub mod boot;
pub mod conntrack;
pub mod files;
pub mod footprint;
mod kinds;
pub mod ledger;
pub mod link;
pub mod machine;
pub mod marked;
pub mod marks;
mod netconf;
pub mod netfilter;
pub mod netlink;
pub mod netns;
mod netns_pool;
pub mod netns_setup;
mod nfnetlink;
pub mod observe;
pub mod ours;
mod packet_facts;
pub mod probe;
pub mod process;
pub mod programs;
mod real;
pub mod route;
pub mod serve;
pub mod spaces;
pub mod sysctl;
pub mod trial;
mod view;

use crate::kernel::interrupt;
use conntrack::Addressee;
use files::Files;
use ledger::Ledger;
use marked::Found;
use marks::Marks;
use netfilter::{Netfilter, redirects};
use netns::Unnamed;
use ours::Ours;
use process::Processes;
use real::Real;
use spaces::Spaces;
use view::View;

/// What the kernel must know of the lab that it serves.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The lab's name, which is part of its marks.
    pub lab: LabName,
    /// Where the output of started processes goes.
    pub log_dir: PathBuf,
    /// Where the files are that processes find in `/etc` in place of the machine's: `/etc/netns`.
    pub etc_netns: PathBuf,
    /// Whether started processes outlive this one.
    pub persistent: bool,
    /// Where labs are counted that share the machine; nowhere in a sandbox.
    pub ledger: Option<Ledger>,
    /// Whether the lab's root namespace goes with it, so that what is empty can stay.
    pub sandboxed: bool,
}

/// The kernel of this machine, as seen from the lab's root namespace, where a thread must be whenever it calls. A process
/// that it starts ends with the thread that called, unless it is to outlive us.
#[derive(Debug)]
pub struct LinuxKernel {
    spaces: Spaces,
    marks: Marks,
    unnamed: Unnamed,
    ours: Ours,
    processes: Processes,
    netfilter: Netfilter,
    files: Files,
    ledger: Option<Ledger>,
}

impl LinuxKernel {
    /// Takes the calling thread's namespace as the lab's root, and draws the lab's marks.
    pub fn new(setup: Setup) -> Done<LinuxKernel> {
        Ok(LinuxKernel {
            spaces: Spaces::new()?,
            marks: Marks::new()?,
            unnamed: Unnamed::new(&setup.lab),
            ours: Ours::default(),
            processes: Processes::new(setup.log_dir, setup.etc_netns, setup.persistent),
            netfilter: Netfilter::new(&setup.lab, !setup.sandboxed),
            files: Files::default(),
            ledger: setup.ledger,
        })
    }

    /// Everything in the lab's root namespace and in every one that has a name, the lab's or not.
    pub fn snapshot_all(&mut self) -> Done<Vec<NsSnapshot>> {
        let all = [Ns::Host].into_iter().chain(netns::list()?.into_iter().map(Ns::Named));
        all.map(|ns| self.snapshot(&ns).map(|snapshot| (ns, snapshot))).collect()
    }

    /// Everything that carries our marks, of whatever lab.
    pub fn find_marked(&mut self) -> Done<Vec<Found>> {
        marked::find(&self.spaces, &mut self.netfilter)
    }

    /// Where labs are counted that set a sysctl in a namespace, if others than this one can.
    fn shared(&self, ns: &Ns) -> Option<&Ledger> {
        self.ledger.as_ref().filter(|_| self.ours.cookie(ns).is_none())
    }

    /// Undoes what was done in a namespace, if it still is the one where it was done.
    fn undo_in(&self, ns: &Ns, undo: impl FnOnce() -> Done<Undone>) -> Done<Undone> {
        let undone = self.spaces.within_same(ns, self.ours.cookie(ns), undo)?;
        Ok(undone.unwrap_or(Undone::AlreadyGone))
    }

    /// Takes note of what was undone.
    fn settle_undone(&mut self, entries: &[ChangeRef<'_>], undone: &[Done<Undone>]) {
        let mut redirected: BTreeMap<&Ns, BTreeSet<Addressee>> = BTreeMap::new();
        for (entry, undone) in entries.iter().zip(undone) {
            if matches!(undone, Ok(Undone::Yes | Undone::AlreadyGone)) {
                each_kind!(entry.change, kind => kind.forget(&mut self.ours));
            }
            if let (Ok(Undone::Yes), Some((ns, to))) = (undone, redirects::of(entry.change)) {
                redirected.entry(ns).or_default().extend(to);
            }
        }
        for (ns, to) in redirected {
            // Without its rule a tracked connection would go on to where the rule sent it. That it cannot be forgotten
            // leaves nothing that needs undoing: it ends by itself.
            let _ = self.netfilter.forget(&self.spaces, ns, &to);
        }
    }

    /// Lets go of all namespaces, before anything that could remove one, or waits for somebody who does.
    fn leave(&mut self) {
        self.spaces.leave();
        self.netfilter.leave();
    }

    fn undo_one(&mut self, entry: ChangeRef<'_>) -> Done<Undone> {
        if *entry.identity == Identity::Already {
            return Ok(Undone::AlreadyGone);
        }
        each_kind!(entry.change, kind => kind.undo(self, entry))
    }
}

/// The identity is not of the kind that the change has: the journal was written by something else.
pub(crate) fn unprepared<T>(change: &Change) -> Done<T> {
    Err(Refusal::new(Why::Protocol, "the journal", format!("the identity does not fit the change {change:?}")))
}

impl Kernel for LinuxKernel {
    fn prepare(&mut self, n: u64, change: &Change) -> Done<Identity> {
        each_kind!(change, kind => kind.prepare(self, n))
    }

    fn apply(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()> {
        if *identity == Identity::Already {
            return Ok(());
        }
        each_kind!(change, kind => kind.apply(self, ChangeRef { n, change, identity }))?;
        each_kind!(change, kind => kind.note(&mut self.ours, identity));
        Ok(())
    }

    fn read(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Vec<Observed>>> {
        let mut view = View::new(self);
        let read = |entry: &ChangeRef<'_>| each_kind!(entry.change, kind => kind.read(&mut view, entry.identity));
        entries.iter().map(read).collect()
    }

    fn expect_netns(&mut self, sysctls: &[(String, String)], count: Option<usize>) {
        self.unnamed.expect(sysctls, count);
    }

    fn expect_rules(&mut self) {
        self.unnamed.afterwards(self.netfilter.expect());
    }

    fn afterwards(&mut self, task: Task) {
        self.unnamed.afterwards(task);
    }

    fn settle(&mut self) -> Vec<(u64, Refusal)> {
        self.unnamed.rest();
        self.netfilter.flush(&self.spaces)
    }

    fn settle_files(&mut self) -> Vec<(u64, Refusal)> {
        self.files.flush()
    }

    fn rest(&mut self) {
        self.netfilter.rest();
    }

    fn abandon(&mut self, n: u64) {
        self.unnamed.abandon(n);
        self.processes.abandon(n);
    }

    fn recall(&mut self, entry: ChangeRef<'_>) {
        each_kind!(entry.change, kind => kind.note(&mut self.ours, entry.identity));
    }

    fn alter(&mut self, _step: u64, before: ChangeRef<'_>, after: &Change) -> Done<()> {
        each_kind!(after, kind => kind.alter(self, before))
    }

    fn undo(&mut self, entry: ChangeRef<'_>) -> Done<Undone> {
        let undone = self.undo_one(entry);
        self.settle_undone(&[entry], std::slice::from_ref(&undone));
        undone
    }

    fn undo_all(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Undone>> {
        // What can be undone together is of one kind.
        let together = entries.first().and_then(|first| each_kind!(first.change, kind => kind.undo_all(self, entries)));
        let Some(undone) = together else {
            return entries.iter().map(|entry| self.undo(*entry)).collect();
        };
        self.settle_undone(entries, &undone);
        undone
    }

    fn exec(&mut self, ns: &Ns, command: &Command) -> Done<Output> {
        self.leave();
        self.processes.exec(&self.spaces, ns, command)
    }

    fn probe(&mut self, ns: &Ns, probe: &Probe) -> Done<Reply> {
        self.leave();
        probe::run(&self.spaces, ns, probe)
    }

    fn sysctl(&mut self, ns: &Ns, key: &str) -> Done<String> {
        sysctl::read(&self.spaces, ns, key)
    }

    fn link(&mut self, ns: &Ns, name: &IfName) -> Done<LinkInfo> {
        observe::link(&self.spaces, ns, name)
    }

    fn netns_exists(&mut self, ns: &Ns) -> Done<bool> {
        netns::exists(ns)
    }

    fn route_to(&mut self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer> {
        observe::route_to(&self.spaces, ns, to)
    }

    fn snapshot(&mut self, ns: &Ns) -> Done<Snapshot> {
        let rules = self.netfilter.save(&self.spaces, ns)?;
        Ok(Snapshot { rules, ..observe::snapshot(&self.spaces, ns)? })
    }

    fn network(&mut self, ns: &Ns) -> Done<Snapshot> {
        observe::snapshot(&self.spaces, ns)
    }

    fn used_subnets(&mut self, ns: &Ns) -> Done<Vec<IpNet>> {
        observe::used_subnets(&self.spaces, ns)
    }

    fn process(&mut self, process: &Identity) -> Done<ProcState> {
        self.processes.state(process)
    }

    fn signal(&mut self, process: &Identity, signal: i32) -> Done<()> {
        self.processes.signal(process, signal)
    }

    fn forget_flows(&mut self, ns: &Ns, to: IpAddr, port: u16, protocol: u8) -> Done<()> {
        let to = SocketAddr::new(to, port);
        self.netfilter.forget(&self.spaces, ns, &BTreeSet::from([Addressee { to, protocol }]))
    }

    fn reserve_subnet(&mut self, pool: IpNet, prefix: u8, taken: &[IpNet]) -> Done<Option<IpNet>> {
        match &self.ledger {
            Some(ledger) => ledger.lock()?.reserve(pool, prefix, taken),
            None => Ok(free_subnet(pool, prefix, taken)),
        }
    }

    fn sleep(&mut self, time: Duration) -> Done<()> {
        self.leave();
        interrupt::sleep(time)
    }

    fn packet_facts(&mut self) -> Option<&mut dyn PacketFacts> {
        Some(self)
    }

    fn is_fake(&self) -> bool {
        false
    }
}
