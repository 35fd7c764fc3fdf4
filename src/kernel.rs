//! What can change and question a network: the trait [`Kernel`], the real one ([`linux`]) and the in-memory
//! [`fake`].
//!
//! Every change goes through three steps: [`Kernel::prepare`] reads or chooses what will identify the object
//! (and does what nobody can see yet: an unnamed namespace, a process that waits to be released), the caller
//! writes that to the journal, and [`Kernel::apply`] acts. [`Kernel::undo`] compares the identity first.

use crate::model::change::{Change, Identity};
use crate::model::names::{IfName, Ns};
use crate::model::observe::{Command, LinkInfo, Output, Probe, ProcState, Reply, RouteAnswer, Snapshot};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

pub use ground::Ground;
pub use nix::errno::Errno;

pub mod fake;
mod ground;
pub mod interrupt;
pub mod linux;
pub mod memory;
pub mod read;
pub mod terminal;

/// Why a kernel (or a tool in its service) did not do what was asked, in its own terms. The lab turns it into
/// an [`OpError`](crate::model::error::OpError), because it knows what the recipe did before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub why: Why,
    /// The request: `RTM_NEWLINK`, `write /proc/sys/…`, `iptables-restore`.
    pub request: String,
    /// Further words: the kernel's extended acknowledgement, the tool's standard error.
    pub words: String,
}

/// The kinds of refusal that the layers above tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A system call or netlink request failed with this error number.
    Errno(i32),
    /// A program that we need is not installed.
    NoTool,
    /// A tool ended with this status; the words say why.
    Tool(i32),
    /// It took longer than it was allowed to.
    Timeout,
    /// The user asked to stop (Ctrl-C).
    Interrupted,
    /// The answer made no sense; the words say how.
    Protocol,
}

impl Refusal {
    /// A failed system call or netlink request.
    pub fn errno(request: impl Into<String>, errno: i32) -> Refusal {
        Refusal { why: Why::Errno(errno), request: request.into(), words: String::new() }
    }

    /// A refusal of another kind.
    pub fn new(why: Why, request: impl Into<String>, words: impl Into<String>) -> Refusal {
        Refusal { why, request: request.into(), words: words.into() }
    }

    /// A failed I/O call.
    pub fn io(request: impl Into<String>, error: &std::io::Error) -> Refusal {
        match error.raw_os_error() {
            Some(errno) => Refusal::errno(request, errno),
            None => Refusal::new(Why::Protocol, request, error.to_string()),
        }
    }

    /// Whether it is a failure with this error number.
    pub fn is(&self, errno: Errno) -> bool {
        self.number() == Some(errno as i32)
    }

    /// The error number, where there is one.
    pub fn number(&self) -> Option<i32> {
        match self.why {
            Why::Errno(errno) => Some(errno),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match self.why {
            Why::Errno(errno) => write!(f, "{}", nix::errno::Errno::from_raw(errno).desc())?,
            Why::NoTool => f.write_str("not installed")?,
            Why::Tool(status) => write!(f, "exit status {status}")?,
            Why::Timeout => f.write_str("timed out")?,
            Why::Interrupted => f.write_str("interrupted")?,
            Why::Protocol => f.write_str("unexpected answer")?,
        }
        if !self.words.is_empty() {
            write!(f, " ({})", self.words)?;
        }
        Ok(())
    }
}

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
pub struct Entry<'a> {
    /// The change that was made.
    pub change: &'a Change,
    /// What was recorded before it was made.
    pub identity: &'a Identity,
}

/// Something to be done once, on any thread.
pub type Errand = Box<dyn FnOnce() + Send>;

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
    fn afterwards(&mut self, errand: Errand) {
        errand();
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
    fn recall(&mut self, _entry: Entry<'_>) {}

    /// Undoes a change if its object is still provably ours.
    fn undo(&mut self, entry: Entry<'_>) -> Done<Undone>;

    /// Undoes several changes of one kind in one namespace, in the order given; the answers are in that order.
    /// The real kernel overrides this where one call can do for many.
    fn undo_all(&mut self, entries: &[Entry<'_>]) -> Vec<Done<Undone>> {
        entries.iter().map(|entry| self.undo(*entry)).collect()
    }

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
    fn ground(&mut self) -> Option<&mut dyn Ground> {
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
