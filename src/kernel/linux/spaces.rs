//! Acting inside a namespace: one `setns` there, one back (2 µs together).
//!
//! No socket or descriptor of a namespace is kept between calls, because either would keep a deleted
//! namespace alive.

use crate::kernel::{Done, Refusal, Why};
use crate::names::Ns;
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::sockopt::GetStruct;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
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

/// Whether an open file is a namespace, not merely the empty file that one is bound on.
pub fn is_namespace(file: &File) -> Done<bool> {
    let system = fstatfs(file).map_err(|e| Refusal::errno("fstatfs", e as i32))?;
    Ok(system.filesystem_type() == NSFS_MAGIC)
}

/// A socket option that `nix` has no name for (asm-generic/socket.h).
#[derive(Debug, Clone, Copy)]
struct NetnsCookie;

nix::getsockopt_impl!(NetnsCookie, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE, u64, GetStruct<u64>);

/// The cookie of the calling thread's namespace, which the kernel never uses again.
pub fn cookie() -> Done<u64> {
    let refuse = |e: Errno| Refusal::errno("SO_NETNS_COOKIE", e as i32);
    let any = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(refuse)?;
    getsockopt(&any, NetnsCookie).map_err(refuse)
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
        self.inside(&there, act)
    }

    /// Runs `act` in a namespace, if it is still the one with this cookie. The answer is `None` where the name is
    /// gone or stands for another namespace: what was in the one we knew went with it. Of the lab's root
    /// namespace that cannot be said, so another one is refused.
    pub fn within_same<T>(&self, ns: &Ns, cookie: Option<u64>, act: impl FnOnce() -> Done<T>) -> Done<Option<T>> {
        let is_same = || match cookie {
            Some(cookie) => Ok(self::cookie()? == cookie),
            None => Ok(true),
        };
        if *ns == Ns::Host {
            if !is_same()? {
                let words = "this is not the root namespace that the lab acted in";
                return Err(Refusal::new(Why::Protocol, "SO_NETNS_COOKIE", words));
            }
            return act().map(Some);
        }
        let there = match self.open(ns) {
            Err(refusal) if refusal.is(Errno::ENOENT) => return Ok(None),
            opened => opened?,
        };
        if !is_namespace(&there)? {
            return Ok(None);
        }
        self.inside(&there, || if is_same()? { act().map(Some) } else { Ok(None) })
    }

    /// Runs `act` in the namespace that a descriptor stands for and comes back.
    pub fn inside<T>(&self, there: &File, act: impl FnOnce() -> Done<T>) -> Done<T> {
        setns(there.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|e| Refusal::errno("setns", e as i32))?;
        let result = act();
        self.come_home();
        result
    }

    /// Makes a namespace without a name, runs `act` in it and comes back. It lives as long as something refers
    /// to it.
    pub fn inside_new<T>(&self, act: impl FnOnce() -> Done<T>) -> Done<T> {
        unshare(CloneFlags::CLONE_NEWNET).map_err(|e| Refusal::errno("unshare", e as i32))?;
        let result = act();
        self.come_home();
        result
    }

    /// Failing to come back would run the rest of the recipe in the wrong namespace: nothing can be right after
    /// that, and there is no error the caller could handle.
    fn come_home(&self) {
        if let Err(errno) = setns(self.home.as_fd(), CloneFlags::CLONE_NEWNET) {
            eprintln!("rhailab: cannot return to the lab's root namespace: {errno}");
            std::process::abort();
        }
    }
}
