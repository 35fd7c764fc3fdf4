//! What `/proc` tells about processes (`proc_pid_stat(5)`).

use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The parts of `/proc/PID/stat` that identify a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `Z` for a zombie, …
    pub state: char,
    /// Field 6: the pid of its session's leader.
    pub session: i32,
    /// Field 22: when it was started, in clock ticks since boot.
    pub start: u64,
}

impl Stat {
    /// Whether it has ended and waits to be reaped.
    pub fn is_zombie(self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Reads a process's state; nothing where there is no such process.
pub fn stat(pid: i32) -> Done<Option<Stat>> {
    let path = format!("/proc/{pid}/stat");
    match fs::read(&path) {
        Ok(bytes) => match parse(&String::from_utf8_lossy(&bytes)) {
            Some(stat) => Ok(Some(stat)),
            None => Err(Refusal::new(crate::kernel::Why::Protocol, format!("read {path}"), "fields are missing")),
        },
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Refusal::io(format!("read {path}"), &error)),
    }
}

/// `ENOENT` before it is opened, `ESRCH` when the process ends between open and read.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ESRCH as i32)
}

fn parse(line: &str) -> Option<Stat> {
    // The command's name may hold spaces and parentheses; nothing after it does.
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// The processes that a started process left behind: of its session, not older than it, and still writing to its
/// log. All three, because a session's number can be given to another once the session is empty.
pub fn left_behind(leader: i32, start: u64, log: &Path) -> Done<Vec<i32>> {
    // Without the log there is no proof, so nothing is touched.
    let Ok(log) = fs::metadata(log) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(|e| Refusal::io("read /proc", &e))? {
        let entry = entry.map_err(|e| Refusal::io("read /proc", &e))?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let ours = stat(pid)?.is_some_and(|stat| stat.session == leader && stat.start >= start && !stat.is_zombie());
        if ours && [1, 2].iter().any(|fd| is_same_file(&entry.path().join(format!("fd/{fd}")), &log)) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn is_same_file(path: &Path, file: &fs::Metadata) -> bool {
    fs::metadata(path).is_ok_and(|found| found.dev() == file.dev() && found.ino() == file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields() {
        let line = "7 (a ) R 1 (b) S 1 7 7 0 -1 4194560 130 0 0 0 0 0 0 0 20 0 1 0 4242 2588672 0 18446744073709551615";
        assert_eq!(parse(line), Some(Stat { state: 'S', session: 7, start: 4242 }));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn our_own_process_is_there_and_an_impossible_one_is_not() {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        assert!(stat(own).is_ok_and(|stat| stat.is_some()));
        assert_eq!(stat(i32::MAX), Ok(None));
    }
}
