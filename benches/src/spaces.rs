//! Named network namespaces, without a process (ip-netns(8) says what makes one).

use crate::{Context as _, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

/// Where named namespaces are.
pub const DIR: &str = "/run/netns";

const SELF: &str = "/proc/thread-self/ns/net";

/// The file that stands for a named namespace.
pub fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

/// The namespace that the calling thread is in.
pub fn current() -> Result<File> {
    File::open(SELF).context(SELF)
}

/// Moves the calling thread into a new namespace and names it.
pub fn create(name: &str) -> Result<File> {
    let path = path(name);
    OpenOptions::new().write(true).create_new(true).open(&path).context(path.display())?;
    unshare(CloneFlags::CLONE_NEWNET).context("unshare")?;
    mount(Some(SELF), &path, None::<&str>, MsFlags::MS_BIND, None::<&str>).context(path.display())?;
    current()
}

/// Takes a name away; the namespace goes when nothing is in it.
pub fn remove(name: &str) -> Result<()> {
    let path = path(name);
    umount2(&path, MntFlags::MNT_DETACH).context(path.display())?;
    fs::remove_file(&path).context(path.display())
}

/// Moves the calling thread into a namespace.
pub fn enter(space: &File) -> Result<()> {
    setns(space, CloneFlags::CLONE_NEWNET).context("setns")
}

/// Acts in a named namespace, on a thread of its own.
pub fn within<T: Send>(name: &str, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let space = File::open(path(name)).context(name)?;
    on_thread(|| {
        enter(&space)?;
        act()
    })
}

/// Acts on a thread of its own, which may change its namespace.
pub fn on_thread<T: Send>(act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| match scope.spawn(act).join() {
        Ok(result) => result,
        Err(_) => Err("a thread panicked".into()),
    })
}
