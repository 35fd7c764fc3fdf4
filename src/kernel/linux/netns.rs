//! Named network namespaces as ip-netns(8) has them: files under `/run/netns` with a namespace bound on each.

use crate::kernel::linux::link;
use crate::kernel::linux::netns_pool::NetnsPool;
use crate::kernel::linux::netns_setup::{LOOPBACK, set_up};
use crate::kernel::linux::spaces::{self, Fresh, NETNS_DIR, Spaces};
use crate::kernel::linux::sysctl::Preset;
use crate::kernel::{Done, Refusal, Task, Undone, Why};
use crate::model::identity::Identity;
use crate::model::names::{LabName, Ns, NsName};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The namespaces that are made but not named yet.
#[derive(Debug)]
pub struct Unnamed {
    mark: String,
    pool: Option<NetnsPool>,
    /// How many are still to be asked for, as far as that is known; 0 where nothing is.
    expected: usize,
    made: HashMap<u64, Fresh>,
    folder_is_ready: bool,
}

/// How the alias of `lo` begins in a namespace that a lab has made; the lab's name follows.
const MARK: &str = "rhailab:";

fn mark_of(lab: &LabName) -> String {
    format!("{MARK}{lab}")
}

impl Unnamed {
    /// For a lab, whose mark they get.
    pub fn new(lab: &LabName) -> Unnamed {
        Unnamed { mark: mark_of(lab), pool: None, expected: 0, made: HashMap::new(), folder_is_ready: false }
    }

    /// Begins to make one with these sysctls ahead of the one that will be asked for; so many will be in all, if that is
    /// known.
    pub fn expect(&mut self, sysctls: &[(String, String)], count: Option<usize>) {
        self.expected = count.unwrap_or(usize::MAX);
        if let Some(pool) = &self.pool {
            pool.limit(count);
        } else if self.expected > 0 {
            self.pool = NetnsPool::open(sysctls, &self.mark, count);
        }
    }

    /// Calls this when no more is made ahead.
    pub fn afterwards(&self, task: Task) {
        match &self.pool {
            Some(pool) => pool.afterwards(task),
            None => task(),
        }
    }

    /// Lets go of what was made ahead.
    pub fn rest(&mut self) {
        self.pool = None;
    }

    /// Makes a namespace that nobody can see, as number `n`, and sets it up, so that nobody will find it half done.
    pub fn prepare(&mut self, spaces: &Spaces, n: u64, name: &NsName, sysctls: &[(String, String)]) -> Done<Identity> {
        let place = place(name);
        // Refused before the journal speaks of it: an empty file of that name would look like our unfinished work.
        if place.symlink_metadata().is_ok() {
            return Err(Refusal::errno(format!("create {}", place.display()), Errno::EEXIST as i32));
        }
        let ready = self.pool.as_ref().and_then(|pool| pool.take(sysctls));
        let make = || {
            let sysctls = Preset::new(sysctls)?;
            spaces.inside_new(|| set_up(&sysctls, Some(&self.mark)))
        };
        let fresh = ready.map_or_else(make, Ok)?;
        self.expected = self.expected.saturating_sub(1);
        if self.pool.is_none() && self.expected > 0 {
            self.expect(sysctls, Some(self.expected));
        }
        let cookie = spaces::cookie_of(fresh.socket.fd())?;
        self.made.insert(n, fresh);
        Ok(Identity::Netns { cookie })
    }

    /// Names namespace number `n`.
    pub fn apply(&mut self, spaces: &Spaces, n: u64, name: &NsName) -> Done<()> {
        let Some(fresh) = self.made.remove(&n) else {
            return Err(Refusal::new(Why::Protocol, "unshare", "the change was not prepared as a namespace"));
        };
        if !self.folder_is_ready {
            share_folder()?;
            self.folder_is_ready = true;
        }
        bind(&fresh.file, &place(name))?;
        spaces.named(fresh, name);
        Ok(())
    }

    /// Lets namespace number `n` go, if there is one.
    pub fn abandon(&mut self, n: u64) {
        self.made.remove(&n);
    }
}

/// Takes the name off a namespace with this cookie; without a name and a process it ends.
pub fn undo(spaces: &Spaces, name: &NsName, cookie: u64) -> Done<Undone> {
    spaces.leave();
    let place = place(name);
    let Some(file) = open(&place)? else { return Ok(Undone::AlreadyGone) };
    if spaces::is_namespace(&file)? {
        if spaces.inside(&file, spaces::cookie)? != cookie {
            return Ok(Undone::NotOurs(format!("{} is another namespace now", place.display())));
        }
        umount2(&place, MntFlags::MNT_DETACH)
            .map_err(|e| Refusal::errno(format!("umount {}", place.display()), e as i32))?;
    } else {
        // An empty file is what is left of us where we were killed between making it and binding on it.
        let about = file.metadata().map_err(|e| Refusal::io(format!("stat {}", place.display()), &e))?;
        if !about.is_file() || about.len() > 0 {
            return Ok(Undone::NotOurs(format!("{} is not a namespace", place.display())));
        }
    }
    fs::remove_file(&place).map_err(|e| Refusal::io(format!("unlink {}", place.display()), &e))?;
    Ok(Undone::Yes)
}

/// The lab that has made a namespace, as its mark says.
pub fn lab_of(spaces: &Spaces, ns: &Ns) -> Done<Option<String>> {
    let links = spaces.talk(ns, link::list)?;
    let alias = links.into_iter().find(|link| link.index == LOOPBACK).and_then(|lo| lo.alias);
    Ok(alias.and_then(|alias| alias.strip_prefix(MARK).map(str::to_owned)))
}

/// Whether there is a namespace of that name.
pub fn exists(ns: &Ns) -> Done<bool> {
    let Some(place) = spaces::path(ns) else { return Ok(true) };
    match open(&place)? {
        Some(file) => spaces::is_namespace(&file),
        None => Ok(false),
    }
}

/// The namespaces that have a name which a recipe could use.
pub fn list() -> Done<Vec<NsName>> {
    let refuse = |e: io::Error| Refusal::io(format!("read {NETNS_DIR}"), &e);
    let entries = match fs::read_dir(NETNS_DIR) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(refuse)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(refuse)?.file_name();
        names.extend(name.to_str().and_then(|name| NsName::new(name).ok()));
    }
    names.sort();
    Ok(names)
}

fn place(name: &NsName) -> PathBuf {
    Path::new(NETNS_DIR).join(name.as_str())
}

fn open(place: &Path) -> Done<Option<File>> {
    match File::open(place) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Refusal::io(format!("open {}", place.display()), &e)),
    }
}

/// Gives a namespace its name.
fn bind(file: &File, place: &Path) -> Done<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o000)
        .open(place)
        .map_err(|e| Refusal::io(format!("create {}", place.display()), &e))?;
    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    bind_mount(Path::new(&from), place, MsFlags::MS_BIND).map_err(|e| {
        let refusal = Refusal::errno(format!("mount {}", place.display()), e as i32);
        match fs::remove_file(place) {
            Ok(()) => refusal,
            Err(left) => Refusal { words: format!("and the empty file is left: {left}"), ..refusal },
        }
    })
}

/// Makes `/run/netns` a mount that other mount namespaces share, as `ip netns add` does: otherwise a process that
/// was started in a mount namespace of its own would keep every namespace that had a name then.
fn share_folder() -> Done<()> {
    let refuse = |e: Errno| Refusal::errno(format!("share {NETNS_DIR}"), e as i32);
    let refuse_io = |e: io::Error| Refusal::io(format!("create {NETNS_DIR}"), &e);
    DirBuilder::new().recursive(true).mode(0o755).create(NETNS_DIR).map_err(refuse_io)?;
    let folder = File::open(NETNS_DIR).map_err(refuse_io)?;
    // Whoever else does this at the same time (ip-netns takes the same lock) must not bind it twice, because the
    // second mount would hide what is in the first.
    let _lock = Flock::lock(folder, FlockArg::LockExclusive).map_err(|(_, e)| refuse(e))?;
    let folder = Path::new(NETNS_DIR);
    let share = || mount(None::<&str>, folder, None::<&str>, MsFlags::MS_SHARED | MsFlags::MS_REC, None::<&str>);
    match share() {
        // Not a mount of its own yet.
        Err(Errno::EINVAL) => {
            bind_mount(folder, folder, MsFlags::MS_BIND | MsFlags::MS_REC).map_err(refuse)?;
            share().map_err(refuse)
        }
        shared => shared.map_err(refuse),
    }
}

fn bind_mount(from: &Path, to: &Path, flags: MsFlags) -> nix::Result<()> {
    mount(Some(from), to, None::<&str>, flags, None::<&str>)
}
