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
    /// Field 5: the pid of its process group's leader.
    pub group: i32,
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
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// The processes that a started process left behind: of its session, not older than it, and still writing to its
/// log. All three, because a session's number can be given to another once the session is empty.
pub fn left_behind(leader: i32, start: u64, log: &Path) -> Done<Vec<i32>> {
    // Without the log there is no proof, so nothing is touched.
    let Ok(log) = fs::metadata(log) else { return Ok(Vec::new()) };
    let writes_to_log = |pid| [1, 2].iter().any(|fd| is_same_file(Path::new(&format!("/proc/{pid}/fd/{fd}")), &log));
    let session = running()?.filter(|(_, stat)| stat.session == leader && stat.start >= start).map(|(pid, _)| pid);
    Ok(session.filter(|pid| writes_to_log(*pid)).collect())
}

/// Whether any process of a group runs; killpg(2) finds zombies too.
pub fn group_runs(group: i32) -> Done<bool> {
    Ok(running()?.any(|(_, stat)| stat.group == group))
}

/// The processes that there are, zombies aside.
fn running() -> Done<impl Iterator<Item = (i32, Stat)>> {
    let entries = fs::read_dir("/proc").map_err(|e| Refusal::io("read /proc", &e))?;
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    // One that ends while we look is as good as gone before.
    let stats = pids.filter_map(|pid| Some((pid, stat(pid).ok()??)));
    Ok(stats.filter(|(_, stat)| !stat.is_zombie()))
}

fn is_same_file(path: &Path, file: &fs::Metadata) -> bool {
    fs::metadata(path).is_ok_and(|found| found.dev() == file.dev() && found.ino() == file.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields() {
        let line = "7 (a ) R 1 (b) S 1 6 7 0 -1 4194560 130 0 0 0 0 0 0 0 20 0 1 0 4242 2588672 0 18446744073709551615";
        assert_eq!(parse(line), Some(Stat { state: 'S', group: 6, session: 7, start: 4242 }));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn our_own_process_is_there_and_an_impossible_one_is_not() {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        assert!(stat(own).is_ok_and(|stat| stat.is_some()));
        assert_eq!(stat(i32::MAX), Ok(None));
    }
}
