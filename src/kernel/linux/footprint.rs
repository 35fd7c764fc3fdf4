//! Everything on this machine that a lab could change, as lines of text to be compared before and after.

use super::LinuxKernel;
use super::netfilter::inventory;
use super::netns;
use super::process::procfs;
use crate::kernel::{Done, Refusal};
use crate::model::names::Ns;
use crate::model::observe::LinkInfo;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Sysctls that a lab can set, and that do not change by themselves.
const SYSCTLS: [&str; 3] = ["/proc/sys/net/ipv4", "/proc/sys/net/ipv6", "/proc/sys/net/bridge"];

/// The interfaces, addresses, routes, rules and tables of rules of the calling thread's namespace and of all that have a name, the sysctls
/// of the former, the files in `etc_netns`, and the processes.
pub fn take(kernel: &mut LinuxKernel, etc_netns: &Path) -> Done<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for (ns, snapshot) in kernel.snapshot_all()? {
        let mut add = |line: String| all.insert(if ns == Ns::Host { line } else { format!("{ns}: {line}") });
        for LinkInfo { name, kind, mac, mtu, up, master, group, addrs, .. } in snapshot.links {
            let master = master.map_or_else(String::new, |master| format!(" master {master}"));
            let up = if up { "up" } else { "down" };
            add(format!("interface {name} {kind} {up} mtu {mtu} group {group}{master}"));
            if let Some(mac) = mac {
                add(format!("interface {name} has {mac}"));
            }
            for addr in addrs.iter().filter(|addr| !is_link_local(addr.addr())) {
                add(format!("address {addr} on {name}"));
            }
        }
        for route in snapshot.routes {
            add(format!("route {route:?}"));
        }
        for rule in snapshot.rules {
            add(format!("rule {rule}"));
        }
        for line in kernel.spaces.within(&ns, inventory::outline)? {
            add(line);
        }
    }
    for name in netns::list()? {
        all.insert(format!("namespace {name}"));
    }
    for folder in SYSCTLS {
        files(Path::new(folder), &mut all);
    }
    files(etc_netns, &mut all);
    for pid in procfs::pids()? {
        // A kernel thread and a zombie have no command line.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        if !line.is_empty() {
            all.insert(format!("process {}", String::from_utf8_lossy(&line).replace('\0', " ").trim_end()));
        }
    }
    Ok(all)
}

/// Made by the kernel when an interface comes up, a moment later.
fn is_link_local(ip: std::net::IpAddr) -> bool {
    matches!(ip, std::net::IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// The files below a folder with their text; those that cannot be read are not a lab's to write.
fn files(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.insert(format!("folder {}", path.display()));
            files(&path, all);
        } else if let Ok(text) = fs::read_to_string(&path) {
            all.insert(format!("{} = {}", path.display(), text.trim_end().replace('\n', "\\n")));
        }
    }
}

/// Ends this process as `kill -9` does.
pub fn die() -> Refusal {
    let killed = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    // Not reached, unless the kernel is not the one we know.
    Refusal::errno("raise", killed.err().map_or(0, |errno| errno as i32))
}
