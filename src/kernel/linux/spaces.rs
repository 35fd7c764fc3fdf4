//! Acting inside a namespace: one `setns` there, one back (2 µs together), or a netlink socket that was opened there.
//!
//! A descriptor or socket of a namespace keeps it alive when it is deleted. So only those of the namespace that was
//! spoken to last are kept, and only until anybody else may have done something ([`Spaces::leave`]).

use crate::kernel::linux::netlink::Socket;
use crate::kernel::{Cause, Done, Refusal, Why};
use crate::model::names::{Ns, NsName};
use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::socket::sockopt::GetStruct;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where named namespaces are (ip-netns(8)).
pub const NETNS_DIR: &str = "/run/netns";

/// The namespaces that the calling thread can act in. Not for sharing between threads: a namespace is entered
/// by the thread that calls.
#[derive(Debug)]
pub struct Spaces {
    home: Arc<File>,
    /// The socket in the lab's root namespace, which nobody can delete as long as we are in it.
    home_socket: RefCell<Option<Socket>>,
    last: RefCell<Option<Visit>>,
}

/// A namespace that was spoken to.
#[derive(Debug)]
struct Visit {
    name: NsName,
    file: Arc<File>,
    socket: Socket,
}

/// A namespace that has no name yet.
#[derive(Debug)]
pub struct Fresh {
    /// The namespace.
    pub file: File,
    /// A socket that was opened in it.
    pub socket: Socket,
}

impl Fresh {
    /// The calling thread's namespace.
    pub fn here() -> Done<Fresh> {
        let socket = Socket::open()?;
        Ok(Fresh { file: own(socket.fd())?, socket })
    }
}

/// The file that stands for a named namespace.
pub fn path(ns: &Ns) -> Option<PathBuf> {
    ns.name().map(|name| PathBuf::from(NETNS_DIR).join(name.as_str()))
}

/// Why the file that stands for a namespace could not be opened.
pub fn unopened(ns: &Ns, path: &Path, error: &std::io::Error) -> Refusal {
    let cause = if error.kind() == ErrorKind::NotFound { Cause::NoNetns(ns.clone()) } else { Cause::Unknown };
    Refusal::io(format!("open {}", path.display()), error).because(cause)
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
    cookie_of(any_socket()?)
}

/// A socket of the calling thread's namespace, to ask about that.
fn any_socket() -> Done<OwnedFd> {
    let any = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None);
    any.map_err(|e| Refusal::errno("socket", e as i32))
}

/// The cookie of the namespace that a socket was opened in.
pub fn cookie_of(socket: impl AsFd) -> Done<u64> {
    getsockopt(&socket, NetnsCookie).map_err(|e| Refusal::errno("SO_NETNS_COOKIE", e as i32))
}

mod request {
    // `SIOCGSKNS` of linux/sockios.h: the namespace of a socket.
    nix::ioctl_none_bad!(netns_of, 0x894C);
}

/// The calling thread's network namespace, by a socket that was opened in it. Not by `/proc/thread-self`, if that can be
/// helped: what is known there is taken apart when the thread ends, and whoever waits for the process at that time spins for
/// up to a tick (`d_invalidate` in the kernel's fs/dcache.c, which does not wait for another that is at it).
fn own(socket: impl AsFd) -> Done<File> {
    let socket = socket.as_fd().as_raw_fd();
    #[expect(unsafe_code, reason = "an ioctl is unsafe in itself, and returns a number")]
    // SAFETY: this request takes no argument, and returns a descriptor that nobody has.
    let own = unsafe { request::netns_of(socket).map(|fd| OwnedFd::from_raw_fd(fd)) };
    // Without rights over the namespace.
    own.map(File::from).or_else(|_| {
        let path = "/proc/thread-self/ns/net";
        File::open(path).map_err(|e| Refusal::io(format!("open {path}"), &e))
    })
}

/// A file of `/proc/net` in the calling thread's namespace: by the process, if that is in the same one.
pub fn proc_net(file: &str) -> Done<String> {
    let inode = |about: std::io::Result<Metadata>| about.map(|about| about.ino()).ok();
    let (thread, process) = (inode(own(any_socket()?)?.metadata()), inode(std::fs::metadata("/proc/self/ns/net")));
    let who = if thread.is_some() && thread == process { "self" } else { "thread-self" };
    Ok(format!("/proc/{who}/net/{file}"))
}

/// A thread in the network namespace with this cookie, if there is one that we may look at.
pub fn inhabitant(cookie: u64) -> Done<Option<i32>> {
    let spaces = Spaces::new()?;
    let mut seen = BTreeSet::new();
    for pid in numbers("/proc") {
        // Usually all threads of a process are in one namespace, but nothing makes them.
        for tid in numbers(&format!("/proc/{pid}/task")) {
            // It may end any time.
            let Ok(there) = File::open(format!("/proc/{tid}/ns/net")) else { continue };
            let Ok(inode) = there.metadata().map(|about| about.ino()) else { continue };
            if seen.insert(inode) && spaces.inside(&there, self::cookie)? == cookie {
                return Ok(Some(tid));
            }
        }
    }
    Ok(None)
}

/// The entries of a folder that are numbers.
fn numbers(folder: &str) -> Vec<i32> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

impl Spaces {
    /// Takes the calling thread's network namespace as the lab's root, `host()`.
    pub fn new() -> Done<Spaces> {
        let home = Arc::new(own(any_socket()?)?);
        Ok(Spaces { home, home_socket: RefCell::default(), last: RefCell::default() })
    }

    /// Opens a namespace: for `setns` in a child, or for a netlink attribute that names it.
    pub fn open(&self, ns: &Ns) -> Done<Arc<File>> {
        let Some(path) = path(ns) else { return Ok(Arc::clone(&self.home)) };
        if let Some(visit) = self.last.borrow().as_ref().filter(|visit| Some(&visit.name) == ns.name()) {
            return Ok(Arc::clone(&visit.file));
        }
        File::open(&path).map(Arc::new).map_err(|e| unopened(ns, &path, &e))
    }

    /// Talks to a namespace through a netlink socket in it. (What `act` needs to be done in the namespace itself, such as
    /// opening its files, is for [`within`](Spaces::within).)
    pub fn talk<T>(&self, ns: &Ns, act: impl FnOnce(&mut Socket) -> Done<T>) -> Done<T> {
        let Some(name) = ns.name() else {
            let kept = self.home_socket.take();
            let mut socket = kept.map_or_else(Socket::open, Ok)?;
            let result = act(&mut socket);
            // After a refusal there may be an answer that nobody has read.
            self.home_socket.replace(result.is_ok().then_some(socket));
            return result;
        };
        let known = self.last.take().filter(|visit| visit.name == *name);
        let mut visit = known.map_or_else(|| self.visit(ns, name), Ok)?;
        let result = act(&mut visit.socket);
        if result.is_ok() {
            self.last.replace(Some(visit));
        }
        result
    }

    fn visit(&self, ns: &Ns, name: &NsName) -> Done<Visit> {
        let file = self.open(ns)?;
        let socket = self.inside(&file, Socket::open)?;
        Ok(Visit { name: name.clone(), file, socket })
    }

    /// Takes note that a namespace which was just made has got its name.
    pub fn named(&self, Fresh { file, socket }: Fresh, name: &NsName) {
        self.last.replace(Some(Visit { name: name.clone(), file: Arc::new(file), socket }));
    }

    /// Lets go of the namespace that was spoken to last. To be called before anything that could take a name away, or
    /// wait for somebody who does.
    pub fn leave(&self) {
        self.last.take();
    }

    /// The inode number of a namespace, which is its own only while it lives.
    pub fn inode(&self, ns: &Ns) -> Done<u64> {
        self.open(ns)?.metadata().map(|about| about.ino()).map_err(|e| Refusal::io("stat a namespace", &e))
    }

    /// The cookie of a namespace.
    pub fn cookie(&self, ns: &Ns) -> Done<u64> {
        self.talk(ns, |socket| cookie_of(socket.fd()))
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
        // The name is what counts here, not the namespace that had it a moment ago.
        self.leave();
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
