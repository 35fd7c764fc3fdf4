//! What `/proc` tells about processes (`proc_pid_stat(5)`).

use crate::kernel::{Done, Refusal};
use nix::errno::Errno;
use std::fs::{self, File};
use std::io::{self, Read};

/// The parts of `/proc/PID/stat` that identify a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Field 3: `R`, `S`, `Z` for a zombie, …
    pub state: char,
    /// Field 5: the pid of its process group's leader.
    pub group: i32,
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
    // It is shorter, and the kernel gives all of it at once.
    let mut bytes = [0; 1024];
    match File::open(&path).and_then(|mut file| file.read(&mut bytes)) {
        Ok(length) => match parse(&String::from_utf8_lossy(bytes.get(..length).unwrap_or_default())) {
            Some(stat) => Ok(Some(stat)),
            None => Err(Refusal::new(crate::kernel::Why::Protocol, format!("read {path}"), "fields are missing")),
        },
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(Refusal::io(format!("read {path}"), &error)),
    }
}

/// When a process started, in clock ticks since boot; none if there is no such process, or nothing of it is left but its
/// exit status: whoever should take that may never do so.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = stat(i32::try_from(pid).ok()?).ok()??;
    (!stat.is_zombie()).then_some(stat.start)
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
        start: fields.get(19)?.parse().ok()?,
    })
}

/// Whether any process of a group runs; killpg(2) finds zombies too.
pub fn group_runs(group: i32) -> Done<bool> {
    Ok(running()?.any(|(_, stat)| stat.group == group))
}

/// The pids that there are.
pub fn pids() -> Done<impl Iterator<Item = i32>> {
    let entries = fs::read_dir("/proc").map_err(|e| Refusal::io("read /proc", &e))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// The processes that there are, zombies aside.
fn running() -> Done<impl Iterator<Item = (i32, Stat)>> {
    // One that ends while we look is as good as gone before.
    let stats = pids()?.filter_map(|pid| Some((pid, stat(pid).ok()??)));
    Ok(stats.filter(|(_, stat)| !stat.is_zombie()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_cannot_shift_the_fields() {
        let line = "7 (a ) R 1 (b) S 1 6 7 0 -1 4194560 130 0 0 0 0 0 0 0 20 0 1 0 4242 2588672 0 18446744073709551615";
        assert_eq!(parse(line), Some(Stat { state: 'S', group: 6, start: 4242 }));
        assert_eq!(parse("7 (a) S 1"), None);
    }

    #[test]
    fn our_own_process_is_there_and_an_impossible_one_is_not() {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        assert!(stat(own).is_ok_and(|stat| stat.is_some()));
        assert_eq!(stat(i32::MAX), Ok(None));
    }
}
