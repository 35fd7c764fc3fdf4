//! Netfilter sockets that are kept and used again: closing one waits until the kernel has freed what was deleted of rules,
//! one grace period (15 to 20 ms).

use super::nft::Channel;
use crate::kernel::Done;
use crate::kernel::linux::spaces::{self, Spaces};
use crate::model::names::Ns;
use std::os::unix::fs::MetadataExt;

/// How many are kept, for as many namespaces that a teardown passes before anybody waits.
const KEPT: usize = 64;

/// The sockets, those in use last first.
#[derive(Debug, Default)]
pub(super) struct Sockets(Vec<Kept>);

/// A socket, with what tells whether the namespace of that name is still the one it is in.
#[derive(Debug)]
struct Kept {
    ns: Ns,
    inode: u64,
    channel: Channel,
}

/// What tells a namespace from others of its name, as long as something is in it: the kernel cannot give the inode number to
/// another one then.
pub(super) fn inode(ns: &Ns) -> Done<u64> {
    let Some(path) = spaces::path(ns) else { return Ok(0) };
    let there = std::fs::metadata(&path).map_err(|e| spaces::unopened(ns, &path, &e))?;
    Ok(there.ino())
}

impl Sockets {
    /// Talks to netfilter in a namespace.
    pub(super) fn talk<T>(&mut self, spaces: &Spaces, ns: &Ns, act: impl FnOnce(&mut Channel) -> Done<T>) -> Done<T> {
        let inode = inode(ns)?;
        let known = self.0.iter().position(|kept| (&kept.ns, kept.inode) == (ns, inode));
        let mut kept = match known {
            Some(at) => self.0.remove(at),
            None => Kept { ns: ns.clone(), inode, channel: spaces.within(ns, Channel::open)? },
        };
        let result = act(&mut kept.channel);
        self.0.truncate(KEPT - 1);
        self.0.insert(0, kept);
        result
    }

    /// Closes those that would keep a namespace alive which somebody removes.
    pub(super) fn leave(&mut self) {
        self.0.retain(|kept| kept.ns == Ns::Host);
    }

    /// Closes those in a namespace.
    pub(super) fn close(&mut self, ns: &Ns) {
        self.0.retain(|kept| kept.ns != *ns);
    }

    /// Closes all.
    pub(super) fn rest(&mut self) {
        self.0.clear();
    }
}
