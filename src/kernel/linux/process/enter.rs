//! What a child sees of its namespace beside the network itself, as `ip netns exec` has it: `/sys` and the files
//! of `/etc/netns/NAME` in place of those of `/etc` (ip-netns(8)).

use super::strings::c_string;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Refusal};
use crate::model::names::Ns;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;

/// A namespace to be entered. Everything is opened and resolved by [`EnterNetns::open`]; [`EnterNetns::enter`] only makes
/// system calls.
pub struct EnterNetns {
    net: Arc<File>,
    binds: Vec<Bind>,
}

/// A file or folder of `/etc/netns/NAME` and what it covers.
struct Bind {
    source: CString,
    target: CString,
    /// What to say where it cannot be done, up to the reason.
    complaint: String,
}

/// Which part of entering failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hurdle {
    /// The network namespace itself.
    Net,
    /// The private mount namespace.
    Mounts,
}

const NONE: Option<&CStr> = None;

impl EnterNetns {
    /// What a child needs to enter `ns`; nothing for the lab's root namespace, where the caller is.
    pub fn open(spaces: &Spaces, ns: &Ns, etc_netns: &Path) -> Done<Option<EnterNetns>> {
        let Some(name) = ns.name() else { return Ok(None) };
        let net = spaces.open(ns)?;
        let binds = binds(&etc_netns.join(name.as_str()), Path::new("/etc"))?;
        Ok(Some(EnterNetns { net, binds }))
    }

    /// The descriptor that [`EnterNetns::enter`] needs.
    pub fn fd(&self) -> RawFd {
        self.net.as_raw_fd()
    }

    /// Moves the calling process in. Async-signal-safe: no allocation, only system calls.
    ///
    /// A file that cannot be put in place is reported on standard error, and where the kernel does not let us
    /// mount sysfs (in a container that hides parts of it) the old `/sys` stays: neither keeps a command from
    /// running, as with `ip netns exec`.
    pub fn enter(&self) -> Result<(), (Hurdle, Errno)> {
        setns(self.net.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|e| (Hurdle::Net, e))?;
        unshare(CloneFlags::CLONE_NEWNS).map_err(|e| (Hurdle::Mounts, e))?;
        // Slave, not private: what is unmounted outside must not be kept busy by this copy.
        mount(NONE, c"/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE).map_err(|e| (Hurdle::Mounts, e))?;
        // Over the old one, which so is still there if this fails. A read-only sysfs can only be covered by another.
        let sysfs = |flags| mount(Some(c"rhailab"), c"/sys", Some(c"sysfs"), flags, NONE);
        let _ = sysfs(MsFlags::empty()).or_else(|_| sysfs(MsFlags::MS_RDONLY));
        for bind in &self.binds {
            let done = mount(Some(bind.source.as_c_str()), bind.target.as_c_str(), NONE, MsFlags::MS_BIND, NONE);
            if let Err(errno) = done {
                for part in [&bind.complaint, errno.desc(), "\n"] {
                    // Nowhere is left to say that standard error cannot be written.
                    let _ = nix::unistd::write(io::stderr(), part.as_bytes());
                }
            }
        }
        Ok(())
    }
}

/// The bind mounts that put the entries of `dir` over those of `etc`.
fn binds(dir: &Path, etc: &Path) -> Done<Vec<Bind>> {
    let refuse = |e: &io::Error| Refusal::io(format!("read {}", dir.display()), e);
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refuse(&error)),
    };
    entries
        .map(|entry| {
            let entry = entry.map_err(|e| refuse(&e))?;
            let (source, named) = (entry.path(), etc.join(entry.file_name()));
            // A mount cannot cover a symbolic link, and resolv.conf often is one: cover what it points at. One
            // that points nowhere is tried as it is, for the kernel's own reason.
            let target = fs::canonicalize(&named).unwrap_or_else(|_| named.clone());
            let complaint = format!("rhailab: {} is not used for {}: ", source.display(), named.display());
            Ok(Bind { source: c_string(source)?, target: c_string(target)?, complaint })
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_link_in_etc_is_followed_to_what_is_covered() {
        let root = tempfile::tempdir().unwrap();
        let (dir, etc) = (root.path().join("netns/a"), root.path().join("etc"));
        fs::create_dir_all(&dir).unwrap();
        fs::create_dir_all(&etc).unwrap();
        for file in [dir.join("resolv.conf"), dir.join("absent"), root.path().join("real")] {
            fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink("../real", etc.join("resolv.conf")).unwrap();
        let mut targets: Vec<_> = binds(&dir, &etc).unwrap().into_iter().map(|bind| bind.target.into_bytes()).collect();
        targets.sort();
        let root = fs::canonicalize(root.path()).unwrap();
        let wanted: Vec<_> =
            [etc.join("absent"), root.join("real")].iter().map(|path| path.as_os_str().as_bytes().to_vec()).collect();
        assert_eq!(targets, wanted);
    }
}
