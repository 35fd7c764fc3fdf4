//! What the parameters of new namespaces begin with.
//!
//! All namespaces have theirs under the same names, so that to look one up the kernel passes by those of all other namespaces
//! that it still knows (`proc_sys_compare` in its `fs/proc/proc_sysctl.c`): with a thousand namespaces that is a quarter of
//! all the time that a lab takes to make. What it knows belongs to a mount of proc(5). So namespaces beyond the first few are
//! looked into by way of a mount of our own, which is let go for another one after a while.

use super::{ROOT, path};
use crate::kernel::{Done, Refusal};
use nix::fcntl::{OFlag, open, openat};
use nix::libc;
use nix::sys::stat::Mode;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

const PROC: &str = "/proc";

/// How many namespaces are looked into by way of one mount.
const SHARED: u32 = 64;

/// Parameters for new namespaces, understood once for all of them.
#[derive(Debug)]
pub struct Preset {
    folders: Vec<Folder>,
    proc: RefCell<Proc>,
}

/// The mount of proc(5) that namespaces are looked into by way of.
#[derive(Debug, Default)]
struct Proc {
    /// One of our own; the machine's, where there is none.
    mount: Option<OwnedFd>,
    /// How many namespaces there have been.
    count: u32,
}

/// Parameters of one folder, which is opened once.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Where they are in it, and their values.
    values: Vec<(PathBuf, String)>,
}

impl Preset {
    /// These, which are set in this order.
    pub fn new(settings: &[(String, String)]) -> Done<Preset> {
        let mut folders: Vec<Folder> = Vec::new();
        for (key, value) in settings {
            let (path, rest) = in_folder(&path(key)?);
            let value = (rest, value.clone());
            match folders.last_mut().filter(|last| last.path == path) {
                Some(last) => last.values.push(value),
                None => folders.push(Folder { path, values: vec![value] }),
            }
        }
        Ok(Preset { folders, proc: RefCell::default() })
    }

    /// Sets them in a new namespace, the calling thread's. What the kernel is built without needs no value.
    pub fn set(&self) -> Done<()> {
        let mut proc = self.proc.borrow_mut();
        proc.turn();
        self.folders.iter().try_for_each(|folder| folder.set(&proc))
    }
}

impl Proc {
    /// Counts a namespace, and takes another mount if this one has had its share. Few namespaces are not worth one.
    fn turn(&mut self) {
        self.count += 1;
        if self.count.is_multiple_of(SHARED) {
            self.mount = mount();
        }
    }

    /// Opens a folder of it.
    fn open(&self, path: &Path) -> io::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = match (&self.mount, path.strip_prefix(PROC)) {
            (Some(mount), Ok(below)) => openat(mount, below, flags, Mode::empty()),
            _ => open(path, flags, Mode::empty()),
        };
        Ok(File::from(opened?))
    }
}

/// A mount of proc(5) that nobody else sees (fsopen(2), fsconfig(2), fsmount(2)); none where that is not allowed, as in a
/// container in which parts of it are hidden.
#[allow(unsafe_code)]
fn mount() -> Option<OwnedFd> {
    // `FSOPEN_CLOEXEC`, `FSCONFIG_CMD_CREATE` and `FSMOUNT_CLOEXEC` of the kernel's `linux/mount.h`.
    const CLOEXEC: libc::c_int = 1;
    const CREATE: libc::c_int = 6;
    let null = std::ptr::null::<libc::c_void>();
    // SAFETY: fsopen(2) reads a string that is there for ever.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, c"proc".as_ptr(), CLOEXEC) })?;
    // SAFETY: fsconfig(2) takes an open descriptor, and neither key nor value with this command.
    let created = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), CREATE, null, null, 0) };
    if created != 0 {
        return None;
    }
    // SAFETY: fsmount(2) takes an open descriptor and flags.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), CLOEXEC, 0) })
}

/// The descriptor that a system call has opened, if it has.
#[allow(unsafe_code)]
fn owned(opened: libc::c_long) -> Option<OwnedFd> {
    let fd = libc::c_int::try_from(opened).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the call has just opened it for us alone.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

impl Folder {
    fn set(&self, proc: &Proc) -> Done<()> {
        let there = match proc.open(&self.path) {
            Err(e) if self.may_lack(&e) => return Ok(()),
            opened => opened.map_err(|e| Refusal::io(format!("open {}", self.path.display()), &e))?,
        };
        for (name, value) in &self.values {
            let opened = openat(&there, name, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
            match opened.map_err(io::Error::from).and_then(|file| File::from(file).write_all(value.as_bytes())) {
                Err(e) if self.is("bridge") && self.may_lack(&e) => {}
                done => done.map_err(|e| Refusal::io(format!("write {}", self.path.join(name).display()), &e))?,
            }
        }
        Ok(())
    }

    fn is(&self, name: &str) -> bool {
        self.path == net().join(name)
    }

    /// Whether this error says that there is no such thing, which need not be: the module br_netfilter is not loaded, or
    /// IPv6 is off.
    fn may_lack(&self, error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::NotFound && (self.is("bridge") || self.is("ipv6"))
    }
}

fn net() -> PathBuf {
    Path::new(ROOT).join("net")
}

/// The folder that a parameter is set by way of, one in `/proc/sys/net` if it is below such a one, and where in it.
fn in_folder(path: &Path) -> (PathBuf, PathBuf) {
    let below = path.strip_prefix(net()).ok().and_then(|below| {
        let first = below.components().next()?;
        let rest = below.strip_prefix(first).ok().filter(|rest| !rest.as_os_str().is_empty())?;
        Some((net().join(first), rest.to_owned()))
    });
    below.unwrap_or_else(|| {
        let rest = path.strip_prefix(ROOT).unwrap_or(path);
        (PathBuf::from(ROOT), rest.to_owned())
    })
}
