//! Acting inside a namespace: one `setns` there, one back (2 µs together).
//!
//! No socket or descriptor of a namespace is kept between calls, because either would keep a deleted
//! namespace alive.

use crate::kernel::{Done, Refusal};
use crate::names::Ns;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::PathBuf;

/// Where named namespaces are (ip-netns(8)).
pub const NETNS_DIR: &str = "/run/netns";

/// The namespaces that the calling thread can act in. Not for sharing between threads: a namespace is entered
/// by the thread that calls.
#[derive(Debug)]
pub struct Spaces {
    home: File,
}

/// The file that stands for a named namespace.
pub fn path(ns: &Ns) -> Option<PathBuf> {
    ns.name().map(|name| PathBuf::from(NETNS_DIR).join(name.as_str()))
}

impl Spaces {
    /// Takes the calling thread's network namespace as the lab's root, `host()`.
    pub fn new() -> Done<Spaces> {
        let home =
            File::open("/proc/thread-self/ns/net").map_err(|e| Refusal::io("open /proc/thread-self/ns/net", &e))?;
        Ok(Spaces { home })
    }

    /// Opens a namespace: for `setns` in a child, or for a netlink attribute that names it.
    pub fn open(&self, ns: &Ns) -> Done<File> {
        match path(ns) {
            None => self.home.try_clone().map_err(|e| Refusal::io("dup", &e)),
            Some(path) => File::open(&path).map_err(|e| Refusal::io(format!("open {}", path.display()), &e)),
        }
    }

    /// Runs `act` in a namespace and comes back, whatever `act` returns.
    pub fn within<T>(&self, ns: &Ns, act: impl FnOnce() -> Done<T>) -> Done<T> {
        if *ns == Ns::Host {
            return act();
        }
        let there = self.open(ns)?;
        setns(there.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|e| Refusal::errno("setns", e as i32))?;
        let result = act();
        // Failing to come back would run the rest of the recipe in the wrong namespace: nothing can be right
        // after that, and there is no error the caller could handle.
        if let Err(errno) = setns(self.home.as_fd(), CloneFlags::CLONE_NEWNET) {
            eprintln!("rhailab: cannot return to the lab's root namespace: {errno}");
            std::process::abort();
        }
        result
    }
}
