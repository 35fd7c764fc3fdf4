//! A namespace of the test's own, and the iptables commands that somebody else would type.

#![allow(dead_code)] // Each test binary uses a part.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rhailab::kernel::linux::netfilter::{Backend, Netfilter};
use rhailab::kernel::linux::spaces::Spaces;
use rhailab::kernel::{ChangeRef, Done, Undone};
use rhailab::model::change::Change;
use rhailab::model::family::Family;
use rhailab::model::identity::Identity;
use rhailab::model::names::{ChainName, LabName, Ns, NsName};
use rhailab::model::rule::Rule;
use rhailab::model::rules::{EditRules, RuleEdit, Table};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Moves the calling thread into a network and mount namespace of its own; false where that is not allowed.
pub fn sandbox() -> bool {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "these tests need root");
        eprintln!("SKIPPED: needs root");
        return false;
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
    std::fs::create_dir("/run/netns").unwrap();
    sh("ip link set lo up");
    true
}

/// Every combination of family and backend.
pub const KINDS: [(Family, Backend); 4] = [
    (Family::V4, Backend::Nft),
    (Family::V6, Backend::Nft),
    (Family::V4, Backend::Legacy),
    (Family::V6, Backend::Legacy),
];

/// Runs a test in a sandbox for each of them.
pub fn each_kind(test: fn(&mut Lab)) {
    for (family, backend) in KINDS {
        // A thread each, because a sandbox is entered by a thread.
        let run = move || {
            if sandbox() {
                println!("{family} {}", backend.as_str());
                test(&mut Lab::new(family, backend));
            }
        };
        std::thread::spawn(run).join().unwrap();
    }
}

/// Runs a shell command and returns its output.
pub fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A lab's rules in one family and backend.
pub struct Lab {
    pub family: Family,
    pub backend: Backend,
    pub spaces: Spaces,
    pub netfilter: Netfilter,
    pub made: Vec<(Change, Identity)>,
}

impl Lab {
    /// In the calling thread's namespace.
    pub fn new(family: Family, backend: Backend) -> Lab {
        if backend == Backend::Legacy {
            // Legacy is used where it is in use.
            sh("iptables-legacy -A INPUT -s 192.0.2.77 -j DROP");
        }
        let spaces = Spaces::new().unwrap();
        let mut netfilter = Netfilter::new(&LabName::new("lab").unwrap(), true);
        assert_eq!(netfilter.backend(&spaces).unwrap(), backend);
        Lab { family, backend, spaces, netfilter, made: Vec::new() }
    }

    /// How many `iptables-restore` processes a lab's usual rules take.
    pub fn processes(&self) -> u64 {
        u64::from(self.backend == Backend::Legacy)
    }

    /// The iptables of somebody else, of the same family and backend.
    pub fn iptables(&self, args: &str) -> String {
        sh(&format!("{}-{} {args}", self.family.iptables(), self.backend.as_str()))
    }

    /// What `iptables-save` prints, without comments, counters and empty built-in chains.
    pub fn rules(&self) -> Vec<String> {
        let text = sh(&format!("{}-{}-save", self.family.iptables(), self.backend.as_str()));
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains(" ACCEPT ["));
        lines.filter(|line| line.starts_with(['-', ':'])).map(str::to_owned).collect()
    }

    /// Makes a change as a lab would, in the given namespace.
    pub fn apply_in(&mut self, ns: &Ns, table: Table, edits: Vec<RuleEdit>) -> Done<u64> {
        let n = self.made.len() as u64 + 1;
        let rules = EditRules::new(ns.clone(), self.family, table, edits);
        let identity = self.netfilter.prepare(&self.spaces, n, &rules)?;
        let change = Change::EditRules(rules);
        self.netfilter.defer(n, &change, &identity)?;
        self.made.push((change, identity));
        self.netfilter.flush(&self.spaces).pop().map_or(Ok(n), |(_, refusal)| Err(refusal))
    }

    /// Makes a change in the namespace of the test.
    pub fn apply(&mut self, table: Table, edits: Vec<RuleEdit>) -> Done<u64> {
        self.apply_in(&Ns::Host, table, edits)
    }

    /// Plans a change for the next flush.
    pub fn defer(&mut self, table: Table, edits: Vec<RuleEdit>) -> u64 {
        let n = self.made.len() as u64 + 1;
        let rules = EditRules::new(Ns::Host, self.family, table, edits);
        let identity = self.netfilter.prepare(&self.spaces, n, &rules).unwrap();
        let change = Change::EditRules(rules);
        self.netfilter.defer(n, &change, &identity).unwrap();
        self.made.push((change, identity));
        n
    }

    /// Undoes these changes in one call.
    pub fn undo(&mut self, numbers: &[u64]) -> Vec<Done<Undone>> {
        let made = &self.made;
        let record = |n: &u64| &made[usize::try_from(*n).unwrap() - 1];
        let entries: Vec<ChangeRef<'_>> =
            numbers.iter().map(record).map(|(change, identity)| ChangeRef { n: 0, change, identity }).collect();
        self.netfilter.undo_all(&self.spaces, &entries)
    }

    /// Undoes everything, newest first.
    pub fn undo_all(&mut self) -> Vec<Done<Undone>> {
        let numbers: Vec<u64> = (1..=self.made.len() as u64).rev().collect();
        self.undo(&numbers)
    }

    /// An address, with this family's number of bits.
    pub fn host(&self, n: u32) -> String {
        match self.family {
            Family::V4 => format!("10.9.{}.{}", n / 256, n % 256),
            Family::V6 => format!("fd00::{n:x}"),
        }
    }

    /// A rule that sends a virtual address's connections to a backend.
    pub fn dnat(&self, vip: u32, backend: u32) -> Rule {
        let to = match self.family {
            Family::V4 => format!("{}:8080", self.host(backend)),
            Family::V6 => format!("[{}]:8080", self.host(backend)),
        };
        words(&format!("-d {} -p tcp -m tcp --dport 80 -j DNAT --to-destination {to}", self.host(vip)))
    }

    /// A virtual address in a chain of its own.
    pub fn vip(&self, name: &str, vip: u32, backend: u32) -> Vec<RuleEdit> {
        vec![
            RuleEdit::NewChain(ChainName::new(name).unwrap()),
            append("PREROUTING", &format!("-j {name}")),
            append("OUTPUT", &format!("-j {name}")),
            RuleEdit::append(name, self.dnat(vip, backend)),
        ]
    }

    /// Alters a change in place.
    pub fn alter(&mut self, n: u64, edits: Vec<RuleEdit>) -> Done<()> {
        let (change, identity) = self.made[usize::try_from(n).unwrap() - 1].clone();
        let to = EditRules { edits, ..change.rules().unwrap().clone() };
        self.netfilter.alter(&self.spaces, ChangeRef { n, change: &change, identity: &identity }, &to)?;
        self.forge(n, to.edits);
        Ok(())
    }

    /// Says on record that a change has other edits.
    pub fn forge(&mut self, n: u64, edits: Vec<RuleEdit>) {
        let change = &mut self.made[usize::try_from(n).unwrap() - 1].0;
        *change = Change::EditRules(EditRules { edits, ..change.rules().unwrap().clone() });
    }
}

/// A rule whose words hold no space.
pub fn words(text: &str) -> Rule {
    text.split_whitespace().map(str::to_owned).collect::<Vec<String>>().into()
}

/// Appends a rule without quotes in it.
pub fn append(chain: &str, rule: &str) -> RuleEdit {
    RuleEdit::append(chain, words(rule))
}

/// Makes a named namespace.
pub fn netns(name: &str) -> Ns {
    sh(&format!("ip netns add {name}"));
    Ns::Named(NsName::new(name).unwrap())
}

/// Feeds a command.
pub fn feed(command: &str, input: &str) {
    let mut child = Command::new("sh").args(["-c", command]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{command}");
}

/// Hides what is in a folder.
pub fn empty(dir: &str) {
    assert!(Path::new(dir).is_dir());
    mount(Some("tmpfs"), dir, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
}
