//! A place of its own for every run: user (where needed), network and mount namespaces, `/run` empty, `/etc`
//! writable without being written, `/var/lib` a folder on the disk.

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};
use rhailab_bench::netlink::{End, LOOPBACK, Requests, Socket};
use rhailab_bench::{Context as _, Result, spaces};
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::{Command, Stdio};

const UPLINK: u32 = 3_000_000;

/// Moves this process, which must have one thread, into a sandbox, where `disk` is `/var/lib`.
pub fn enter(disk: &Path) -> Result<()> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let mut flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    if !uid.is_root() {
        flags |= CloneFlags::CLONE_NEWUSER;
    }
    unshare(flags).context("unshare (are unprivileged user namespaces allowed here?)")?;
    if !uid.is_root() {
        // A group map may only be written by those who gave up setgroups(2) (user_namespaces(7)).
        fs::write("/proc/self/setgroups", "deny").context("setgroups")?;
        fs::write("/proc/self/uid_map", format!("0 {uid} 1")).context("uid_map")?;
        fs::write("/proc/self/gid_map", format!("0 {gid} 1")).context("gid_map")?;
    }
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("making mounts private")?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>).context("tmpfs on /run")?;
    for dir in [spaces::DIR, "/run/etc"] {
        fs::create_dir_all(dir).context(dir)?;
    }
    // A copy, not an overlay: rhailab lays an overlay of its own on it, and file systems stack two deep only. What an
    // ordinary user cannot read is left out.
    Command::new("cp").args(["-a", "/etc/.", "/run/etc"]).stderr(Stdio::null()).status().context("cp")?;
    mount(Some("/run/etc"), "/etc", None::<&str>, MsFlags::MS_BIND, None::<&str>).context("private /etc")?;
    mount(Some(disk), "/var/lib", None::<&str>, MsFlags::MS_BIND, None::<&str>).context("private /var/lib")?;
    // A new namespace copies the machine's value; labs are compared from the same start.
    fs::write("/proc/sys/net/ipv4/ip_forward", "0").context("ip_forward")?;
    let mut requests = Requests::default();
    requests.set_up(LOOPBACK, true);
    // Stands for the machine's uplink: a packet to a virtual IP must have a route before it can be redirected.
    requests.bridge(&End { index: UPLINK, name: "uplink" }, 0);
    requests.addr(UPLINK, Ipv4Addr::new(192, 0, 2, 1), 24);
    requests.set_up(UPLINK, true);
    requests.default_route(UPLINK, Ipv4Addr::new(192, 0, 2, 254));
    Socket::open()?.send(requests)
}

/// Waits until the kernel has removed the namespaces of earlier runs, which it does in the background, one batch
/// after the other (`cleanup_net`): a batch that is seen to begin is behind those before it, and when a second
/// one begins the first has ended.
pub fn settle() -> Result<()> {
    for round in ["settle0", "settle1"] {
        let monitor = Socket::monitor()?;
        let space = spaces::on_thread(|| spaces::create(round))?;
        let mut requests = Requests::default();
        requests.veth(
            &End { index: 2_000_000, name: round },
            0,
            0,
            &End { index: 2_000_000, name: "peer" },
            space.as_fd(),
        );
        Socket::open()?.send(requests)?;
        drop(space);
        spaces::remove(round)?;
        monitor.wait_for_gone(round)?;
    }
    Ok(())
}
