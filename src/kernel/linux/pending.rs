//! Stand-ins with the names and signatures of the modules that are still to come.

#![expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "stand-ins")]

use crate::kernel::{Done, Refusal, Why};

fn pending<T>(request: &str) -> Done<T> {
    Err(Refusal::new(Why::Protocol, request, "not built in yet"))
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
