//! Stand-ins with the names and signatures of the modules that are still to come.

#![expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "stand-ins")]

use crate::kernel::{Done, Refusal, Why};

fn pending<T>(request: &str) -> Done<T> {
    Err(Refusal::new(Why::Protocol, request, "not built in yet"))
}

pub mod process {
    use super::pending;
    use crate::change::{Identity, NewProcess};
    use crate::kernel::linux::spaces::Spaces;
    use crate::kernel::{Done, Undone};
    use crate::names::Ns;
    use crate::observe::{Command, Output, ProcState};
    use std::path::PathBuf;

    #[derive(Debug)]
    pub struct Processes;

    impl Processes {
        pub fn new(_log_dir: PathBuf, _etc_netns: PathBuf, _persistent: bool) -> Processes {
            Processes
        }
        pub fn prepare(&mut self, _: &Spaces, _n: u64, _: &Ns, _: &NewProcess) -> Done<Identity> {
            pending("start")
        }
        pub fn release(&mut self, _n: u64) -> Done<()> {
            pending("start")
        }
        pub fn abandon(&mut self, _n: u64) {}
        pub fn undo(&mut self, _: &Identity) -> Done<Undone> {
            pending("kill")
        }
        pub fn exec(&mut self, _: &Spaces, _: &Ns, _: &Command) -> Done<Output> {
            pending("exec")
        }
        pub fn state(&mut self, _: &Identity) -> Done<ProcState> {
            pending("process")
        }
        pub fn signal(&mut self, _: &Identity, _signal: i32) -> Done<()> {
            pending("kill")
        }
    }
}

pub mod probe {
    use super::pending;
    use crate::kernel::Done;
    use crate::kernel::linux::spaces::Spaces;
    use crate::names::Ns;
    use crate::observe::{Probe, Reply};

    pub fn run(_: &Spaces, _: &Ns, _: &Probe) -> Done<Reply> {
        pending("probe")
    }
}

pub mod netfilter {
    use super::pending;
    use crate::change::{Family, Identity, RuleEdit, Table};
    use crate::kernel::linux::spaces::Spaces;
    use crate::kernel::{Done, Entry, Undone};
    use crate::names::{LabName, Ns};

    #[derive(Debug)]
    pub struct Netfilter;

    impl Netfilter {
        pub fn new(_lab: &LabName) -> Netfilter {
            Netfilter
        }
        pub fn prepare(&mut self, _: &Spaces, _n: u64, _: &Ns, _: Family) -> Done<Identity> {
            pending("iptables-restore")
        }
        pub fn apply(&mut self, _: &Spaces, _: &Ns, _: Family, _: Table, _: &[RuleEdit], _: &Identity) -> Done<()> {
            pending("iptables-restore")
        }
        pub fn undo_all(&mut self, _: &Spaces, entries: &[Entry<'_>]) -> Vec<Done<Undone>> {
            entries.iter().map(|_| pending("iptables-restore")).collect()
        }
        pub fn save(&mut self, _: &Spaces, _: &Ns) -> Done<Vec<String>> {
            Ok(Vec::new())
        }
    }
}

pub mod conntrack {
    use super::pending;
    use crate::kernel::Done;
    use crate::kernel::linux::spaces::Spaces;
    use crate::names::Ns;
    use std::net::IpAddr;

    pub fn forget(_: &Spaces, _: &Ns, _: IpAddr, _port: u16, _protocol: u8) -> Done<usize> {
        pending("conntrack")
    }
}

pub mod interrupt {
    use super::pending;
    use crate::kernel::Done;
    use std::time::Duration;

    pub fn sleep(_: Duration) -> Done<()> {
        pending("sleep")
    }
}
