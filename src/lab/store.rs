//! The journal's file: append-only, one `write(2)` for each intent.
//!
//! That something was done is written with the next intent: where it is missing, the change is taken for one that may have
//! been made, which is looked into anyway. The page cache survives a killed process and kernel objects do not survive a
//! reboot, so nothing of it is flushed to the disk. What is about files on the disk is written there as well
//! ([`durable`]), and waited for before these files are made ([`Journal::settle`]).

mod compact;
mod durable;

use super::Record;
use super::journal::{Contents, Line, Misfit, OLDEST, VERSION};
use crate::kernel::linux::boot::boot_id;
use crate::kernel::linux::process::procfs::start_time;
use crate::kernel::{Errno, Task};
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::model::kind::Kind;
use crate::model::names::LabName;
use compact::Length;
use durable::Durable;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A journal being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Lines that go with the next one.
    waiting: Vec<u8>,
    /// What must outlive a reboot; nothing in a sandbox, whose files go with it.
    durable: Option<Durable>,
    length: Length,
    is_locked: bool,
}

impl Journal {
    /// Starts a journal at a path where there is none, readable by its owner only. What must outlive a reboot goes to
    /// `files` as well.
    pub fn create(path: &Path, lab: &LabName, recipe: &str, files: Option<&Path>) -> OpResult<Journal> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|e| failed("create", path, &e))?;
        let mut journal = Journal::of(file, path);
        let pid = std::process::id();
        journal.remark(&Line::Start {
            version: VERSION,
            lab: lab.to_string(),
            recipe: recipe.to_owned(),
            boot_id: boot_id(),
            pid: i32::try_from(pid).unwrap_or(0),
            pid_start: start_time(pid).unwrap_or(0),
        })?;
        journal.durable = files.map(|files| Durable::new(files, &journal.waiting));
        journal.flush()?;
        Ok(journal)
    }

    /// Opens a journal to go on writing it. A torn last line is cut off, so that the next one stands alone.
    pub fn open(path: &Path, files: Option<&Path>) -> OpResult<Journal> {
        let file = OpenOptions::new().append(true).open(path).map_err(|e| failed("open", path, &e))?;
        let bytes = std::fs::read(path).map_err(|e| failed("read", path, &e))?;
        let whole = whole_lines(&bytes);
        if whole.len() < bytes.len() {
            file.set_len(whole.len() as u64).map_err(|e| failed("mend", path, &e))?;
        }
        let durable = files.map(|files| {
            let start = whole.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            Durable::new(files, start)
        });
        let lines = whole.split_inclusive(|byte| *byte == b'\n').count();
        let length = Length { lines, standing: 0 };
        Ok(Journal { durable, length, ..Journal::of(file, path) })
    }

    fn of(file: File, path: &Path) -> Journal {
        let (waiting, length) = (Vec::new(), Length::default());
        Journal { file, path: path.to_owned(), waiting, durable: None, length, is_locked: false }
    }

    /// Says that files will be made on the disk. The answer is to be called soon, beside other work, so that what must be
    /// there before them is there sooner.
    pub fn expect_files(&mut self) -> OpResult<Option<Task>> {
        self.durable.as_mut().map(Durable::expect).transpose()
    }

    /// Locks it for as long as this is open, and says whether nobody else has: a lab that stays is held by its own
    /// process, so that who goes on with it locks its journal.
    pub fn lock(&mut self) -> OpResult<bool> {
        match self.file.try_lock() {
            Ok(()) => {
                self.is_locked = true;
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(failed("lock", &self.path, &e)),
        }
    }

    /// Appends a line, after those that wait.
    pub fn append(&mut self, line: &Line) -> OpResult<()> {
        let start = self.waiting.len();
        self.remark(line)?;
        let outlives = match line {
            Line::Intent { n, change, .. } if change.is_on_disk() && self.durable.is_some() => {
                Some((*n, self.waiting.get(start..).unwrap_or_default().to_owned()))
            }
            _ => None,
        };
        self.flush()?;
        // A journal that ends is about to be removed.
        if *line != Line::End {
            self.compact();
        }
        match (&mut self.durable, outlives) {
            (Some(durable), Some((n, text))) => durable.intend(n, &text),
            _ => Ok(()),
        }
    }

    /// Appends a line together with the next one that is appended.
    pub fn remark(&mut self, line: &Line) -> OpResult<()> {
        let length = self.waiting.len();
        if let Err(error) = serde_json::to_writer(&mut self.waiting, line) {
            self.waiting.truncate(length);
            return Err(failed("encode", &self.path, &error.into()));
        }
        self.waiting.push(b'\n');
        self.length.lines += 1;
        match line {
            Line::Intent { .. } => self.length.standing += 1,
            Line::Undone { .. } => self.length.standing = self.length.standing.saturating_sub(1),
            Line::Start { .. } | Line::Alter { .. } | Line::Done { .. } | Line::Kept | Line::End => {}
        }
        if let (Some(durable), Line::Undone { n }) = (&mut self.durable, line) {
            durable.undone(*n, self.waiting.get(length..).unwrap_or_default());
        }
        Ok(())
    }

    /// Says which changes stand, of a journal that is gone on with.
    pub fn recall(&mut self, records: &[Record]) {
        self.length.standing = records.len();
        if let Some(durable) = &mut self.durable {
            durable.recall(records.iter().filter(|record| record.change.is_on_disk()).map(|record| record.n));
        }
    }

    /// Writes the lines that wait.
    pub fn flush(&mut self) -> OpResult<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // One write: a reader, and a crash, see whole lines and perhaps a torn last one.
        let (length, written) = (self.waiting.len(), self.file.write(&self.waiting));
        self.waiting.clear();
        let written = written.map_err(|e| failed("write", &self.path, &e))?;
        if written != length {
            self.cut_off(written);
            return Err(failed("write", &self.path, &io::Error::from_raw_os_error(Errno::ENOSPC as i32)));
        }
        Ok(())
    }

    /// Writes everything, and waits until what is about files on the disk is on the disk.
    pub fn settle(&mut self) -> OpResult<()> {
        self.flush()?;
        self.durable.as_mut().map_or(Ok(()), Durable::settle)
    }

    /// Takes half a line back, lest the next one follow it, should there be space again by then.
    fn cut_off(&mut self, bytes: usize) {
        let length = self.file.metadata().map(|about| about.len().saturating_sub(bytes as u64));
        // A reader takes a torn last line for what it is.
        let _ = length.and_then(|length| self.file.set_len(length));
    }
}

/// The changes that may stand of a lab, by its journal; none where it has none.
pub fn records(path: &Path) -> OpResult<Vec<Record>> {
    if path.exists() { Ok(read(path)?.records()) } else { Ok(Vec::new()) }
}

/// Reads a journal; a torn last line is ignored, as it was written by a process that died while writing it,
/// before it acted.
pub fn read(path: &Path) -> OpResult<Contents> {
    parse(&std::fs::read(path).map_err(|e| failed("read", path, &e))?, path)
}

/// Reads what a journal's file holds; errors call it by its path.
pub fn parse(bytes: &[u8], path: &Path) -> OpResult<Contents> {
    let mut state = Contents::default();
    for (number, line) in whole_lines(bytes).split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let bad = |why: String| {
            OpError::new("journal::corrupt", format!("Line {} of the journal {} {why}.", number + 1, path.display()))
                .help("It was left as it is and nothing was undone. What the lab made can be told by its marks: interfaces whose hardware address begins with 72, routes of protocol 98, rules with a comment `rhailab:LAB:N`.")
                .class(Class::Leftover)
        };
        let line: Line = match serde_json::from_slice(line) {
            Ok(line) => line,
            Err(error) => match newer(line) {
                Some(version) => return Err(other_version(path, version)),
                None => return Err(bad(format!("cannot be read ({error})"))),
            },
        };
        state = state.next(line).map_err(|misfit| match misfit {
            Misfit::Version(version) => other_version(path, version),
            Misfit::Order(why) => bad(format!("does not follow: {why}")),
        })?;
    }
    Ok(state)
}

/// The lines that end in a newline; the rest is torn.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes.get(..end).unwrap_or_default()
}

/// The version that a start line of an unknown shape names.
fn newer(line: &[u8]) -> Option<u32> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    let version = u32::try_from(value.get("version")?.as_u64()?).ok()?;
    (!(OLDEST..=VERSION).contains(&version)).then_some(version)
}

fn other_version(path: &Path, version: u32) -> OpError {
    OpError::new(
        "journal::version",
        format!(
            "The journal {} has format version {version}; this rhailab reads versions {OLDEST} to {VERSION}.",
            path.display()
        ),
    )
    .help("Use the rhailab that made the lab to take it down. Nothing was touched.")
    .class(Class::Leftover)
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> OpError {
    OpError::new("journal::io", format!("Cannot {verb} the journal {}: {}.", path.display(), io_words(error)))
        .help("Without its journal a change could not be undone, so none is made. Free some space, or set RHAILAB_STATE_DIR to a folder that can be written.")
        .class(Class::Machine)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeKernel;
    use crate::lab::Lab;
    use crate::model::change::Change;
    use crate::model::error::Site;
    use crate::model::names::{Ns, NsName};
    use crate::model::netns::AddNetns;

    #[test]
    fn on_a_full_disk_a_change_is_not_made() -> OpResult<()> {
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| failed("open", &path, &e))?;
        let journal = Journal::of(file, &path);
        let mut lab = Lab::new(LabName::new("t")?, Box::new(FakeKernel::new()), Some(journal));
        let (site, name) = (Site { source: "t".into(), line: 1, col: 1 }, NsName::new("web")?);
        let made = lab.commit(&site, vec![Change::AddNetns(AddNetns { name: name.clone(), sysctls: [].into() })]);
        assert_eq!(made.map_err(|error| error.0.code), Err("journal::io"));
        assert!(!lab.netns_exists(&Ns::Named(name))?);
        Ok(())
    }
}
