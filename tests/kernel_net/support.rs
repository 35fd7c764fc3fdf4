//! A sandbox for the calling thread, and a kernel in it.

use ipnet::IpNet;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use rhailab::kernel::linux::{LinuxKernel, Setup};
use rhailab::kernel::{ChangeRef, Done, Kernel, Refusal, Undone};
use rhailab::model::addr::AddAddr;
use rhailab::model::change::Change;
use rhailab::model::identity::Identity;
use rhailab::model::link::{AddLink, NewLink};
use rhailab::model::link_attr::SetLink;
use rhailab::model::link_set::LinkSet;
use rhailab::model::mac::Mac;
use rhailab::model::names::{IfName, LabName, Ns, NsName};
use rhailab::model::netns::AddNetns;
use rhailab::model::observe::LinkInfo;
use rhailab::model::route::{AddRoute, Route};
use rhailab::model::sysctl::SetSysctl;
use std::net::IpAddr;
use std::process::Command;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Tests that count requests run alone, all others together.
static COUNTERS: RwLock<()> = RwLock::new(());

/// Keeps the tests that count away while it lives, or all others.
#[expect(dead_code, reason = "held, not read")]
enum Turn {
    Shared(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

/// A kernel in a sandbox, with the changes that were made.
pub struct Lab {
    pub kernel: LinuxKernel,
    pub made: Vec<(Change, Identity)>,
    _turn: Turn,
}

/// A lab among others; none without root, which is a failure where CI must not skip.
pub fn lab() -> Option<Lab> {
    start(|| Turn::Shared(COUNTERS.read().unwrap_or_else(PoisonError::into_inner)))
}

/// A lab while no other test runs.
pub fn lone_lab() -> Option<Lab> {
    start(|| Turn::Alone(COUNTERS.write().unwrap_or_else(PoisonError::into_inner)))
}

fn start(turn: impl FnOnce() -> Turn) -> Option<Lab> {
    if !geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        eprintln!("SKIPPED: needs root");
        return None;
    }
    let turn = turn();
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    Some(Lab { kernel: kernel(), made: Vec::new(), _turn: turn })
}

/// A kernel of the calling thread's sandbox, as a new process would have it.
pub fn kernel() -> LinuxKernel {
    LinuxKernel::new(Setup {
        lab: LabName::new("test").unwrap(),
        log_dir: "/run/log".into(),
        etc_netns: "/run/etc-netns".into(),
        ledger: None,
        persistent: false,
        sandboxed: false,
    })
    .unwrap()
}

impl Lab {
    /// Makes a change and returns its place among those made.
    pub fn make(&mut self, change: Change) -> usize {
        let n = self.made.len();
        let what = format!("{change:?}");
        self.attempt(change).unwrap_or_else(|refusal| panic!("{what}: {refusal}"));
        n
    }

    /// Makes a change, if the kernel lets us.
    pub fn attempt(&mut self, change: Change) -> Done<Identity> {
        let n = self.made.len() as u64;
        let identity = self.kernel.prepare(n, &change)?;
        self.kernel.apply(n, &change, &identity)?;
        if let Some((_, refusal)) = self.settle().pop() {
            return Err(refusal);
        }
        self.made.push((change, identity.clone()));
        Ok(identity)
    }

    /// Makes what was put off, and returns what was refused.
    pub fn settle(&mut self) -> Vec<(u64, Refusal)> {
        let mut refused = self.kernel.settle();
        refused.extend(self.kernel.settle_files());
        refused
    }

    /// Undoes one of the changes made.
    pub fn undo(&mut self, at: usize) -> Undone {
        let (change, identity) = &self.made[at];
        self.kernel.undo(ChangeRef { n: 0, change, identity }).unwrap_or_else(|refusal| panic!("{change:?}: {refusal}"))
    }

    /// Undoes several at once.
    pub fn undo_all(&mut self, all: &[usize]) -> Vec<Undone> {
        let entry = |at: &usize| ChangeRef { n: 0, change: &self.made[*at].0, identity: &self.made[*at].1 };
        let entries: Vec<ChangeRef<'_>> = all.iter().map(entry).collect();
        self.kernel.undo_all(&entries).into_iter().map(Result::unwrap).collect()
    }

    /// Undoes a change twice: it must be there once, and gone then.
    pub fn undo_twice(&mut self, at: usize) {
        assert_eq!(self.undo(at), Undone::Yes, "{:?}", self.made[at]);
        assert_eq!(self.undo(at), Undone::AlreadyGone, "{:?}", self.made[at]);
    }

    /// An interface that must be there.
    pub fn link(&mut self, ns: &Ns, name: &str) -> LinkInfo {
        self.kernel.link(ns, &ifname(name)).unwrap_or_else(|refusal| panic!("{name} in {ns}: {refusal}"))
    }

    /// Whether there is an interface of that name.
    pub fn has_link(&mut self, ns: &Ns, name: &str) -> bool {
        self.kernel.link(ns, &ifname(name)).is_ok()
    }
}

/// Why something was left alone, if it was.
pub fn reason(undone: Undone) -> Option<String> {
    match undone {
        Undone::NotOurs(why) => Some(why),
        _ => None,
    }
}

/// Runs a command as somebody else would, in the calling thread's namespaces, and returns what it prints.
pub fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-ec", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn ifname(name: &str) -> IfName {
    IfName::new(name).unwrap()
}

pub fn ns(name: &str) -> Ns {
    Ns::Named(NsName::new(name).unwrap())
}

pub fn mac(text: &str) -> Mac {
    text.parse().unwrap()
}

pub fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A namespace with the settings that every lab gives its own.
pub fn add_netns(name: &str) -> Change {
    Change::AddNetns(AddNetns { name: NsName::new(name).unwrap(), sysctls: rhailab::model::baseline::baseline() })
}

pub fn bridge(ns: &Ns, name: &str) -> Change {
    let link = NewLink { up: true, ..NewLink::bridge(ifname(name)) };
    Change::AddLink(AddLink { ns: ns.clone(), link })
}

pub fn veth(ns: &Ns, name: &str, peer_ns: &Ns, peer: &str) -> Change {
    veth_with(ns, name, peer_ns, peer, |_| {})
}

pub fn veth_with(ns: &Ns, name: &str, peer_ns: &Ns, peer: &str, with: impl FnOnce(&mut NewLink)) -> Change {
    let mut link = NewLink::veth(ifname(name), ifname(peer), peer_ns.clone());
    with(&mut link);
    Change::AddLink(AddLink { ns: ns.clone(), link })
}

pub fn set(ns: &Ns, link: &str, set: LinkSet) -> Change {
    Change::SetLink(SetLink { ns: ns.clone(), link: ifname(link), set })
}

pub fn addr(ns: &Ns, link: &str, addr: &str) -> Change {
    Change::AddAddr(AddAddr { ns: ns.clone(), link: ifname(link), addr: net(addr) })
}

pub fn route(to: &str, via: Option<&str>, dev: Option<&str>) -> Route {
    Route { to: net(to), via: via.map(ip), dev: dev.map(ifname), ..Route::default() }
}

pub fn add_route(ns: &Ns, route: Route) -> Change {
    Change::AddRoute(AddRoute { ns: ns.clone(), route })
}

pub fn sysctl(ns: &Ns, key: &str, value: &str) -> Change {
    Change::SetSysctl(SetSysctl { ns: ns.clone(), key: key.into(), value: value.into() })
}
