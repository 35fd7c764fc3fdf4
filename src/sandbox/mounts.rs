//! The file system of a sandbox: the machine's, with `/run`, `/proc`, `/sys` and `/etc` of its own.

use super::wire::{SetupFailure, SetupStep, errno};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use std::fs::{create_dir, read_dir, read_link, read_to_string};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The folder in `/run` where root's labs are.
pub const RUN: &str = "rhailab";

const NONE: Option<&str> = None;

/// Directories that are there on every machine and that nobody needs for the moment: each mount is built on top of
/// one and then moved to its place. (It cannot be /proc: another thread needs that meanwhile.)
const STAGE_FOR_RUN: &str = "/etc";
const STAGE_FOR_ETC: &str = "/sys";
const STAGE_FOR_SYS: &str = "/etc";

/// In `/run`: what the overlay of `/etc` writes to, and the folder that covers `/etc/netns`.
const OWN: &str = ".etc";

/// In a mirrored folder: the folder itself as the machine has it.
const HOST: &str = ".host";

/// What of the machine's `/run` a lab must not see: its labs, namespaces and iptables lock, and the sockets of
/// resolvers, which would answer with the machine's names whatever the lab's `resolv.conf` says.
const HIDDEN_RUN: &[&str] = &[
    OWN,
    RUN,
    "netns",
    "xtables.lock",
    "nscd",
    "avahi-daemon/socket",
    "systemd/resolve/io.systemd.Resolve",
    "systemd/resolve/io.systemd.Resolve.Monitor",
];

/// Mounts everything but `/sys`. `user_ns` says whether we are root in a user namespace only.
pub fn make(user_ns: bool) -> Result<(), SetupFailure> {
    let at = |step| move |errno| SetupFailure { step, errno };
    // A slave, not private: nothing of ours gets out, but what the machine unmounts goes here too, so that a lab
    // that stays does not keep a removed disk or a deleted namespace alive.
    // https://docs.kernel.org/filesystems/sharedsubtree.html
    mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_SLAVE, NONE).map_err(at(SetupStep::Private))?;
    run(user_ns).map_err(at(SetupStep::Run))?;
    etc(user_ns).map_err(at(SetupStep::Etc))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, NONE).map_err(at(SetupStep::Proc))
}

fn run(user_ns: bool) -> nix::Result<()> {
    mirror("/run", STAGE_FOR_RUN, HIDDEN_RUN)?;
    let (labs, here) = (format!("/run/{HOST}/{RUN}"), format!("/run/{RUN}"));
    if !user_ns && Path::new(&labs).exists() {
        // The lab's own folder is in it. Not a link, which a lab in this one would take for a trap.
        make_dir(&here)?;
        bind(&labs, &here)?;
    }
    make_dir("/run/netns")?;
    // Shared, as ip-netns(8) makes it: a namespace deleted here must also vanish from the mount namespaces of
    // the processes started earlier, or they would keep it alive.
    bind("/run/netns", "/run/netns")?;
    mount(NONE, "/run/netns", NONE, MsFlags::MS_REC | MsFlags::MS_SHARED, NONE)
}

/// An overlay, so that `/etc` can be written and the machine's stays as it is; its `netns` folder starts empty.
fn etc(user_ns: bool) -> nix::Result<()> {
    for dir in ["", "/upper", "/work", "/netns"] {
        make_dir(&format!("/run/{OWN}{dir}"))?;
    }
    // Only real root may use the trusted.* attributes that overlayfs works with by default.
    // https://docs.kernel.org/filesystems/overlayfs.html#user-xattr
    let flag = if user_ns { ",userxattr" } else { "" };
    let options = format!("lowerdir=/etc,upperdir=/run/{OWN}/upper,workdir=/run/{OWN}/work{flag}");
    let overlay = || mount(Some("etc"), "/etc", Some("overlay"), MsFlags::empty(), Some(options.as_str()));
    // An overlay shows what is under a mount point, not what is mounted there, as containers do with
    // /etc/resolv.conf. A kernel without overlays is the other reason for links instead.
    if has_mounts_below("/etc") || overlay().is_err() {
        mirror("/etc", STAGE_FOR_ETC, &["netns"])?;
    }
    match make_dir("/etc/netns") {
        Ok(()) | Err(Errno::EEXIST) => bind(&format!("/run/{OWN}/netns"), "/etc/netns"),
        Err(errno) => Err(errno),
    }
}

/// Mounts `/sys`. It shows the interfaces of the namespace that it was mounted in, so the lab needs its own.
pub fn sys() -> Result<(), SetupFailure> {
    own_sys().map_err(|errno| SetupFailure { step: SetupStep::Sys, errno })
}

fn own_sys() -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    match mount(Some("sysfs"), STAGE_FOR_SYS, Some("sysfs"), flags, NONE) {
        // A container runtime covers parts of /sys, and then the kernel grants no uncovered one. Only tools that
        // read /sys/class/net will notice, so that is no reason to refuse the lab.
        Err(Errno::EPERM) => return Ok(()),
        other => other?,
    }
    match bind("/sys/fs/cgroup", &format!("{STAGE_FOR_SYS}/fs/cgroup")) {
        Ok(()) | Err(Errno::ENOENT) => move_mount(STAGE_FOR_SYS, "/sys"),
        Err(errno) => Err(errno),
    }
}

/// Replaces `dir` by a tmpfs of links to what was in it, which stays reachable as [`HOST`]. What is below a
/// hidden path is not linked; the folders above one are mirrored, so that their other entries are.
fn mirror(dir: &str, stage: &str, hidden: &[&str]) -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), stage, Some("tmpfs"), flags, Some("mode=0755"))?;
    let host = format!("{stage}/{HOST}");
    make_dir(&host)?;
    bind(dir, &host)?;
    link_all(Path::new(stage), Path::new(dir), Path::new(""), hidden).map_err(|e| errno(&e))?;
    move_mount(stage, dir)
}

fn link_all(stage: &Path, dir: &Path, below: &Path, hidden: &[&str]) -> io::Result<()> {
    for entry in read_dir(dir.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let kind = entry.file_type()?;
        let link = stage.join(&path);
        if path == Path::new(HOST) || hidden.iter().any(|hidden| Path::new(hidden) == path) {
            continue;
        }
        if kind.is_symlink() {
            // Copied, not followed: a relative one means something in its own folder only.
            symlink(read_link(entry.path())?, link)?;
        } else if kind.is_dir() && hidden.iter().any(|hidden| Path::new(hidden).starts_with(&path)) {
            create_dir(link)?;
            link_all(stage, dir, &path, hidden)?;
        } else {
            // Relative, so that it leads to the right place also in a sandbox inside this one.
            let up: PathBuf = below.components().map(|_| "..").collect();
            symlink(up.join(HOST).join(&path), link)?;
        }
    }
    Ok(())
}

fn has_mounts_below(dir: &str) -> bool {
    // Unreadable means /proc is not there, and then nothing else will work either.
    let mounts = read_to_string("/proc/thread-self/mountinfo").unwrap_or_default();
    let prefix = format!("{dir}/");
    mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|point| point.starts_with(&prefix)))
}

fn make_dir(path: &str) -> nix::Result<()> {
    create_dir(path).map_err(|e| errno(&e))
}

fn bind(from: &str, to: &str) -> nix::Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)
}

fn move_mount(from: &str, to: &str) -> nix::Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_MOVE, NONE)
}
