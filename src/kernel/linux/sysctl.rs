//! Kernel parameters under `/proc/sys` (sysctl(8)). What is under `net` there depends on the namespace of the
//! thread that opens the file.

mod counted;
mod preset;

pub use preset::Preset;

use crate::kernel::linux::ledger::Ledger;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::identity::Identity;
use crate::model::names::Ns;
use crate::model::sysctl::SetSysctl;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const ROOT: &str = "/proc/sys";

/// Reads a parameter in a namespace.
pub fn read(spaces: &Spaces, ns: &Ns, key: &str) -> Done<String> {
    let path = path(key)?;
    spaces.within(ns, || get(&path))
}

/// Reads what a parameter is now. With a ledger the namespace is one that other labs use too.
pub fn prepare(spaces: &Spaces, ledger: Option<&Ledger>, ns: &Ns, key: &str, value: &str) -> Done<Identity> {
    if let Some(ledger) = ledger {
        let netns = spaces.cookie(ns)?;
        return spaces.within(ns, || counted::prepare(ledger, netns, key, value));
    }
    let now = read(spaces, ns, key)?;
    Ok(if same(&now, value) { Identity::Already } else { Identity::WasText(now) })
}

/// Sets a parameter in a namespace.
pub fn apply(spaces: &Spaces, ledger: Option<&Ledger>, ns: &Ns, key: &str, value: &str) -> Done<()> {
    if let Some(ledger) = ledger {
        let netns = spaces.cookie(ns)?;
        return spaces.within(ns, || counted::apply(ledger, netns, key, value));
    }
    let path = path(key)?;
    spaces.within(ns, || put(&path, value))
}

/// Whether a parameter could be set. Called in the namespace.
pub fn may_write(key: &str) -> Done<()> {
    let path = path(key)?;
    OpenOptions::new()
        .write(true)
        .open(&path)
        .map(drop)
        .map_err(|e| Refusal::io(format!("write {}", path.display()), &e))
}

/// Sets a parameter back if it still has our value. Called in the namespace.
pub fn undo(ledger: Option<&Ledger>, key: &str, value: &str, was: &str) -> Done<Undone> {
    if let Some(ledger) = ledger {
        return counted::undo(ledger, key, value, was);
    }
    let path = path(key)?;
    match fs::exists(&path) {
        // The interface that it was about is gone.
        Ok(false) => return Ok(Undone::AlreadyGone),
        Ok(true) => {}
        Err(e) => return Err(Refusal::io(format!("stat {}", path.display()), &e)),
    }
    let now = get(&path)?;
    if same(&now, was) {
        return Ok(Undone::AlreadyGone);
    }
    if !same(&now, value) {
        return Ok(Undone::NotOurs(format!("{key} was set to {now} meanwhile")));
    }
    put(&path, was)?;
    Ok(Undone::Yes)
}

/// The file of a parameter. In a key whose first separator is a dot, dots separate and a slash stands for a dot
/// within a part; otherwise it is a path (sysctl(8)).
fn path(key: &str) -> Done<PathBuf> {
    let relative: String = match key.find(['.', '/']) {
        Some(at) if key[at..].starts_with('.') => key
            .chars()
            .map(|c| match c {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => key.to_owned(),
    };
    let is_bad = |part: &str| part.is_empty() || part == "." || part == ".." || part.contains('\0');
    if relative.split('/').any(is_bad) {
        return Err(Refusal::new(Why::Protocol, format!("sysctl {key}"), "this is not the name of a parameter"));
    }
    Ok(Path::new(ROOT).join(relative))
}

fn get(path: &Path) -> Done<String> {
    File::open(path).and_then(text).map_err(|e| Refusal::io(format!("read {}", path.display()), &e))
}

/// What a parameter's file says. The kernel gives all of it to one read(2) with room for it, so that nothing else need be
/// asked about the file.
fn text(mut file: File) -> io::Result<String> {
    let mut bytes = vec![0; 256];
    let count = file.read(&mut bytes)?;
    if count == bytes.len() {
        file.read_to_end(&mut bytes)?;
    } else {
        bytes.truncate(count);
    }
    let mut text = String::from_utf8(bytes).map_err(io::Error::other)?;
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
}

/// Writes a value in one write(2), which is how the kernel wants it.
fn put(path: &Path, value: &str) -> Done<()> {
    let done = OpenOptions::new().write(true).open(path).and_then(|mut file| file.write_all(value.as_bytes()));
    done.map_err(|e| Refusal::io(format!("write {}", path.display()), &e))
}

/// Whether two texts are one value: the kernel answers `4096\t131072` to `4096 131072`, and `1` to `01`.
fn same(a: &str, b: &str) -> bool {
    let values = |text: &str| -> Vec<String> {
        text.split_whitespace().map(|word| word.parse::<i64>().map_or(word.to_owned(), |n| n.to_string())).collect()
    };
    values(a) == values(b)
}

impl Real for SetSysctl {
    fn prepare(&self, kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        prepare(&kernel.spaces, kernel.shared(&self.ns), &self.ns, &self.key, &self.value)
    }

    fn apply(&self, kernel: &mut LinuxKernel, _entry: ChangeRef<'_>) -> Done<()> {
        apply(&kernel.spaces, kernel.shared(&self.ns), &self.ns, &self.key, &self.value)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let Identity::WasText(was) = entry.identity else { return unprepared(entry.change) };
        kernel.undo_in(&self.ns, || undo(kernel.shared(&self.ns), &self.key, &self.value, was))
    }

    fn read(&self, view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        let now = read(&view.kernel.spaces, &self.ns, &self.key)?;
        Ok(vec![Observed::Is(if same(&now, &self.value) { self.value.clone() } else { now })])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(key: &str) -> Option<String> {
        path(key).ok().map(|path| path.display().to_string())
    }

    #[test]
    fn a_key_is_spelled_as_sysctl_has_it() {
        assert_eq!(file("net.ipv4.ip_forward").as_deref(), Some("/proc/sys/net/ipv4/ip_forward"));
        assert_eq!(file("net.ipv4.conf.eth0/1.rp_filter").as_deref(), Some("/proc/sys/net/ipv4/conf/eth0.1/rp_filter"));
        assert_eq!(file("net/ipv4/conf/eth0.1/rp_filter").as_deref(), Some("/proc/sys/net/ipv4/conf/eth0.1/rp_filter"));
    }

    #[test]
    fn a_key_cannot_leave_its_folder() {
        for key in ["", "..", "/etc/passwd", "net/../../../etc/passwd", "net//ipv4", "net.ipv4.", "net.//.x", "a/\0"] {
            assert_eq!(file(key), None, "{key:?}");
        }
    }

    #[test]
    fn values_are_compared_as_the_kernel_reads_them() {
        assert!(same("4096\t131072\t6291456", "4096 131072 6291456"));
        assert!(same("1", "01"));
        assert!(!same("1", "0"));
        assert!(same("cubic", "cubic"));
    }
}
