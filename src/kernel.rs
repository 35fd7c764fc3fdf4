//! What can change and question a network: the trait [`Kernel`], the real one ([`linux`]) and the in-memory
//! [`fake`].
//!
//! Every change goes through three steps: [`Kernel::prepare`] reads or chooses what will identify the object
//! (and does what nobody can see yet: an unnamed namespace, a process that waits to be released), the caller
//! writes that to the journal, and [`Kernel::apply`] acts. [`Kernel::undo`] compares the identity first.

use crate::model::change::Change;
use crate::model::identity::Identity;
use crate::model::made::Record;
use crate::model::names::{IfName, Ns};
use crate::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

pub use crate::model::refusal::{Cause, Refusal, Why};
pub use nix::errno::Errno;
pub use packet_facts::PacketFacts;

pub mod fake;
pub mod interrupt;
pub mod linux;
pub mod memory;
mod packet_facts;
pub mod read;
pub mod users;

/// A result of a kernel call.
pub type Done<T> = Result<T, Refusal>;

/// What became of an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undone {
    /// It was there and ours, and is gone.
    Yes,
    /// It was gone already, which is as good.
    AlreadyGone,
    /// It went along with what it was part of: an address with its interface, an interface with its namespace.
    Along,
    /// It stays, because others that share it still need it (who and what is given).
    StillUsed(String),
    /// What is there now is not ours (the reason is given); it was left alone.
    NotOurs(String),
}

/// A change to be undone, with what identifies its object.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRef<'a> {
    /// The change's number.
    pub n: u64,
    /// The change that was made.
    pub change: &'a Change,
    /// What was recorded before it was made.
    pub identity: &'a Identity,
}

impl<'a> From<&'a Record> for ChangeRef<'a> {
    fn from(record: &'a Record) -> ChangeRef<'a> {
        ChangeRef { n: record.n, change: &record.change, identity: &record.identity }
    }
}

/// What a kernel says of something that a change has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// It has this value.
    Is(String),
    /// It is not there.
    Gone,
    /// It is not as it was made, for this reason.
    Not(String),
    /// Nobody can tell, or nobody need ask.
    Unseen,
}

/// Something to be done once, on any thread.
pub type Task = Box<dyn FnOnce() + Send>;

/// Something that can change and question a network.
pub trait Kernel {
    /// Reads or chooses the identity of the change's object, without a visible effect. `n` is the change's
    /// number in its lab. [`Identity::Already`] says that there is nothing to do.
    fn prepare(&mut self, n: u64, change: &Change) -> Done<Identity>;

    /// Makes the change that was prepared as number `n`. When it fails, nothing of it is left.
    fn apply(&mut self, n: u64, change: &Change, identity: &Identity) -> Done<()>;

    /// Says that namespaces with these sysctls will probably be made soon, and how many, where that is known, so that some
    /// may be made ready beside other work.
    fn expect_netns(&mut self, _sysctls: &[(String, String)], _count: Option<usize>) {}

    /// Says that there will be rules, so that what makes them can be found beside other work.
    fn expect_rules(&mut self) {}

    /// Calls this beside other work, once namespaces that are made ahead are ready; at once where none are.
    fn afterwards(&mut self, task: Task) {
        task();
    }

    /// Makes what was put off, except files: a kernel may make rules together with later ones, because a commit takes time
    /// in proportion to its table. Called before anything that could tell the difference. Returns the changes that were
    /// refused; nothing is left of them.
    fn settle(&mut self) -> Vec<(u64, Refusal)> {
        Vec::new()
    }

    /// The same with files, once the journal is on the disk that they will be on.
    fn settle_files(&mut self) -> Vec<(u64, Refusal)> {
        Vec::new()
    }

    /// Says that nothing more will be made, so that tools can end beside other work.
    fn rest(&mut self) {}

    /// Forgets what was prepared as number `n`, because it will not be applied.
    fn abandon(&mut self, n: u64);

    /// Tells of a change that an earlier process made for the same lab, before anything is asked about it.
    fn recall(&mut self, _entry: ChangeRef<'_>) {}

    /// Makes another change of the same kind of one that stands, in place, where the kind allows that. When it fails, what
    /// stood stands. `step` is a number of its own among those of the changes.
    fn alter(&mut self, step: u64, before: ChangeRef<'_>, after: &Change) -> Done<()>;

    /// Takes in that a change is no longer on record, because a later one has set the same thing.
    fn forget(&mut self, _n: u64) {}

    /// Undoes a change if its object is still provably ours.
    fn undo(&mut self, entry: ChangeRef<'_>) -> Done<Undone>;

    /// Undoes several changes of one kind in one namespace, in the order given; the answers are in that order.
    /// The real kernel overrides this where one call can do for many.
    fn undo_all(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Undone>> {
        entries.iter().map(|entry| self.undo(*entry)).collect()
    }

    /// Reads what stands of changes, given in the names of now: for each of a change's facts what there is, in their order.
    fn read(&mut self, entries: &[ChangeRef<'_>]) -> Vec<Done<Vec<Observed>>>;

    /// Runs a command in a namespace to its end.
    fn exec(&mut self, ns: &Ns, command: &Command) -> Done<Output>;

    /// Puts a probe to the network from a namespace.
    fn probe(&mut self, ns: &Ns, probe: &Probe) -> Done<Reply>;

    /// Reads a sysctl in a namespace.
    fn sysctl(&mut self, ns: &Ns, key: &str) -> Done<String>;

    /// One interface, with its addresses; `ENODEV` where there is none of that name.
    fn link(&mut self, ns: &Ns, name: &IfName) -> Done<LinkInfo>;

    /// Whether a namespace of that name is there.
    fn netns_exists(&mut self, ns: &Ns) -> Done<bool>;

    /// Where packets to `to` would go.
    fn route_to(&mut self, ns: &Ns, to: IpAddr) -> Done<RouteAnswer>;

    /// Everything in a namespace.
    fn snapshot(&mut self, ns: &Ns) -> Done<Snapshot>;

    /// The interfaces and routes of a namespace, without its rules, which take a process each to read.
    fn network(&mut self, ns: &Ns) -> Done<Snapshot> {
        self.snapshot(ns)
    }

    /// The subnets that a namespace has addresses in or routes to.
    fn used_subnets(&mut self, ns: &Ns) -> Done<Vec<IpNet>> {
        let Snapshot { links, routes, .. } = self.network(ns)?;
        let routes = routes.into_iter().map(|route| route.to).filter(|to| to.prefix_len() > 0);
        Ok(routes.chain(links.iter().flat_map(|link| &link.addrs).map(IpNet::trunc)).collect())
    }

    /// What a started process is doing.
    fn process(&mut self, process: &Identity) -> Done<ProcState>;

    /// Asks a started process to end with this signal number.
    fn signal(&mut self, process: &Identity, signal: i32) -> Done<()>;

    /// Forgets tracked connections to an original destination, so that packets meet the NAT rules anew
    /// (conntrack(8), `conntrack -D -d`).
    fn forget_flows(&mut self, ns: &Ns, to: IpAddr, port: u16, protocol: u8) -> Done<()>;

    /// Chooses the first subnet of that prefix length in a pool that overlaps none of those `taken`, and none that
    /// another lab on this machine has chosen; none where there is no such subnet.
    fn reserve_subnet(&mut self, pool: IpNet, prefix: u8, taken: &[IpNet]) -> Done<Option<IpNet>> {
        Ok(free_subnet(pool, prefix, taken))
    }

    /// Waits, unless interrupted.
    fn sleep(&mut self, time: Duration) -> Done<()>;

    /// Who knows what a packet meets on its way; nobody in a rehearsal.
    fn packet_facts(&mut self) -> Option<&mut dyn PacketFacts> {
        None
    }

    /// Whether this is a rehearsal: observations are made up, so the script must not judge them.
    fn is_fake(&self) -> bool;
}

/// The first subnet of that prefix length in a pool that overlaps none of those `taken`.
pub fn free_subnet(pool: IpNet, prefix: u8, taken: &[IpNet]) -> Option<IpNet> {
    let overlap = |a: &IpNet, b: &IpNet| a.contains(b) || b.contains(a);
    pool.subnets(prefix).ok()?.find(|net| !taken.iter().any(|other| overlap(net, other)))
}
