//! Processes that a started one has started in its turn, wherever they have got to: known by a variable in their
//! environment, which every process hands on to its children. A process group and a session can be left, and a parent
//! can die.

use super::pidfd::PidFd;
use super::procfs;
use crate::kernel::{Done, Refusal, Why};
use nix::sys::signal::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

/// The variable.
pub const VARIABLE: &str = "RHAILAB_PROCESS";

/// How often to look for more, as one that is about to be killed may still start another.
const ROUNDS: usize = 10;

/// The strays of several started processes.
#[derive(Debug, Default)]
pub struct Strays {
    marks: BTreeSet<String>,
    /// The marks of those that were found.
    met: BTreeSet<String>,
}

/// One of them, with its mark.
struct Stray {
    pid: i32,
    mark: String,
    fd: PidFd,
}

impl Strays {
    /// Those that bear one of these marks.
    pub fn new(marks: impl Iterator<Item = String>) -> Strays {
        // No mark is that of a journal which knows none.
        Strays { marks: marks.filter(|mark| !mark.is_empty()).collect(), met: BTreeSet::new() }
    }

    /// Asks them to end, but for those in these process groups, who were asked already; and returns them. What cannot be
    /// found is sought again by [`end`](Strays::end).
    pub fn ask(&mut self, groups: &[i32]) -> Vec<PidFd> {
        let mut asked = Vec::new();
        for Stray { pid, mark, fd } in self.find().unwrap_or_default() {
            if procfs::stat(pid).is_ok_and(|stat| stat.is_some_and(|stat| groups.contains(&stat.group))) {
                continue;
            }
            // It may have ended; if it may not be signalled, `end` says so.
            let _ = fd.signal(Signal::SIGTERM as i32);
            self.met.insert(mark);
            asked.push(fd);
        }
        asked
    }

    /// Kills those that are still there, and returns the marks of all that were.
    pub fn end(mut self, patience: Duration) -> Done<BTreeSet<String>> {
        for _ in 0..ROUNDS {
            let found = self.find()?;
            if found.is_empty() {
                return Ok(self.met);
            }
            for stray in &found {
                let _ = stray.fd.signal(Signal::SIGKILL as i32);
            }
            let deadline = Instant::now() + patience;
            for stray in found {
                if !stray.fd.wait_through(deadline)? {
                    return Err(Refusal::new(Why::Timeout, format!("kill process {}", stray.pid), "it did not end"));
                }
                self.met.insert(stray.mark);
            }
        }
        Err(Refusal::new(Why::Timeout, "kill what a process started", "it starts others faster than they end"))
    }

    fn find(&self) -> Done<Vec<Stray>> {
        if self.marks.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for pid in procfs::pids()? {
            let Some(mark) = self.mark_of(pid) else { continue };
            // The descriptor between two looks, so that it stands for what both of them saw.
            if let Ok(fd) = PidFd::open(pid)
                && self.mark_of(pid).as_ref() == Some(&mark)
            {
                found.push(Stray { pid, mark, fd });
            }
        }
        Ok(found)
    }

    /// The mark of a process, if it is one of ours.
    fn mark_of(&self, pid: i32) -> Option<String> {
        variable(pid).filter(|mark| self.marks.contains(mark))
    }
}

/// A process that a lab has started.
#[derive(Debug)]
pub struct Leader {
    /// Its pid.
    pub pid: i32,
    /// Its start time.
    pub start: u64,
    /// Its program and arguments.
    pub argv: Vec<String>,
    /// Its mark.
    pub mark: String,
}

/// Of each mark that a process in one of these network namespaces bears (given by inode number), the oldest one that
/// does: the others are its strays.
pub fn leaders(netns: &BTreeSet<u64>) -> Done<Vec<Leader>> {
    let is_there = |pid| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|about| netns.contains(&about.ino()));
    let mut oldest: BTreeMap<String, Leader> = BTreeMap::new();
    for pid in procfs::pids()? {
        // One that ends meanwhile is none.
        let (Some(mark), Ok(Some(stat))) = (variable(pid), procfs::stat(pid)) else { continue };
        if !is_there(pid) {
            continue;
        }
        let argv = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = argv.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let argv = words.filter(|word| !word.is_empty()).collect();
        let leader = Leader { pid, start: stat.start, argv, mark: mark.clone() };
        match oldest.get(&mark) {
            Some(known) if (known.start, known.pid) <= (stat.start, pid) => {}
            _ => drop(oldest.insert(mark, leader)),
        }
    }
    Ok(oldest.into_values().collect())
}

/// The mark of a process, whosever. A zombie has no environment any more, nor has one that we may not look at.
fn variable(pid: i32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{VARIABLE}=");
    let mark = environment.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
    String::from_utf8(mark.to_vec()).ok()
}
