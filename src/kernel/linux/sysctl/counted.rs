//! Setting sysctls of a namespace that other labs use too: see [`ledger`](crate::kernel::linux::ledger).

use super::{get, path, put, same};
use crate::kernel::linux::ledger::{Ledger, SysctlRecord};
use crate::kernel::linux::netconf::unusual_forwarding;
use crate::kernel::linux::nfnetlink::{IPV4, IPV6};
use crate::kernel::linux::spaces;
use crate::kernel::{Done, Errno, Refusal, Undone, Why};
use crate::model::identity::Identity;
use std::path::Path;

/// Reads what a sysctl is now, in the calling thread's namespace, whose cookie that is, and whether another lab keeps it
/// from being set.
pub fn prepare(ledger: &Ledger, netns: u64, key: &str, value: &str) -> Done<Identity> {
    let path = path(key)?;
    let ledger = ledger.lock()?;
    let now = get(&path)?;
    match ledger.entry(netns, &path)? {
        // To be counted in, although there may be nothing to set.
        Some(entry) if !entry.others(ledger.me()).is_empty() => match entry.conflict(ledger.me(), key) {
            Some(refusal) if !same(&entry.value, value) => Err(refusal),
            _ => Ok(Identity::WasText(entry.first)),
        },
        _ if same(&now, value) => Ok(Identity::Already),
        _ => Ok(Identity::WasText(now)),
    }
}

/// Sets a sysctl and counts the lab in.
pub fn apply(ledger: &Ledger, netns: u64, key: &str, value: &str) -> Done<()> {
    let path = path(key)?;
    let ledger = ledger.lock()?;
    let now = get(&path)?;
    let mut entry = match ledger.entry(netns, &path)? {
        Some(entry) => entry,
        None => SysctlRecord::new(&now, along(&path, &now)?),
    };
    if let Some(refusal) = entry.conflict(ledger.me(), key).filter(|_| !same(&entry.value, value)) {
        return Err(refusal);
    }
    let before = entry.clone();
    entry.join(ledger.me(), value);
    // Counted first: who is killed in between must be found in there.
    ledger.write(netns, &path, &entry)?;
    if same(&now, value) {
        return Ok(());
    }
    put(&path, value).or_else(|refusal| {
        ledger.write(netns, &path, &before)?;
        Err(refusal)
    })
}

/// Counts the lab out, and puts the first value back if it is the last one and the value is still the labs'.
pub fn undo(ledger: &Ledger, key: &str, value: &str, was: &str) -> Done<Undone> {
    let path = path(key)?;
    let (ledger, netns) = (ledger.lock()?, spaces::cookie()?);
    let me = ledger.me().clone();
    let Some(mut entry) = ledger.entry(netns, &path)?.filter(|entry| entry.count(&me) > 0) else {
        // It was never set, or was put back already.
        return Ok(Undone::AlreadyGone);
    };
    entry.leave(&me);
    let others: Vec<String> = entry.others(&me).into_iter().map(|lab| format!("`{lab}`")).collect();
    if !others.is_empty() {
        ledger.write(netns, &path, &entry)?;
        let (who, needs) = (others.join(" and "), if others.len() == 1 { "needs" } else { "need" });
        return Ok(Undone::StillUsed(format!("{who} {needs} {key} = {}", entry.value)));
    }
    // By itself a lab may have set it more than once.
    let is_last = entry.count(&me) == 0;
    let goal = if is_last { entry.first.clone() } else { was.to_owned() };
    let undone = put_back(&path, key, (value, &goal), if is_last { &entry.along } else { &[] })?;
    goal.clone_into(&mut entry.value);
    ledger.write(netns, &path, &entry)?;
    Ok(undone)
}

fn put_back(path: &Path, key: &str, (value, goal): (&str, &str), along: &[(String, String)]) -> Done<Undone> {
    let Some(now) = unless_gone(get(path))? else { return Ok(Undone::AlreadyGone) };
    if same(&now, goal) {
        return Ok(Undone::AlreadyGone);
    }
    if !same(&now, value) {
        return Ok(Undone::NotOurs(format!("{key} was set to {now} meanwhile")));
    }
    if unless_gone(put(path, goal))?.is_none() {
        return Ok(Undone::AlreadyGone);
    }
    for (file, was) in along {
        let file = Path::new(file);
        // Another interface of the same name has no such past, which nothing here can tell.
        if unless_gone(get(file))?.is_some_and(|now| !same(&now, was)) {
            unless_gone(put(file, was))?;
        }
    }
    Ok(Undone::Yes)
}

/// Nothing where the interface is gone that a sysctl is about, which it may be at any moment: another lab's goes with
/// that lab.
fn unless_gone<T>(done: Done<T>) -> Done<Option<T>> {
    match done {
        Err(refusal) if refusal.is(Errno::ENOENT) => Ok(None),
        done => done.map(Some),
    }
}

/// The sysctls that the kernel sets along with one whose value is `now`, and will not set back along with it, with their values:
/// the switch for all interfaces sets each interface's (`inet_forward_change` and `addrconf_fixup_forwarding` in the kernel's
/// net/ipv4/devinet.c and net/ipv6/addrconf.c).
fn along(path: &Path, now: &str) -> Done<Vec<(String, String)>> {
    let (conf, family) = match path.to_str() {
        Some("/proc/sys/net/ipv4/ip_forward" | "/proc/sys/net/ipv4/conf/all/forwarding") => {
            (Path::new("/proc/sys/net/ipv4/conf"), IPV4)
        }
        Some("/proc/sys/net/ipv6/conf/all/forwarding") => (Path::new("/proc/sys/net/ipv6/conf"), IPV6),
        _ => return Ok(Vec::new()),
    };
    let garbled = |_| Refusal::new(Why::Protocol, format!("read {}", path.display()), format!("`{now}` is no number"));
    let unusual = unusual_forwarding(family, now.parse().map_err(garbled)?)?;
    let file = |of: &str, value| (conf.join(of).display().to_string(), value);
    let mut along: Vec<(String, String)> =
        unusual.into_iter().map(|(of, value)| file(&format!("{of}/forwarding"), value.to_string())).collect();
    if family == IPV4 {
        let redirects = "all/accept_redirects";
        along.push(file(redirects, get(&conf.join(redirects))?));
    }
    Ok(along)
}
