//! The part of a journal that outlives a reboot: the intents of changes on the disk, and that they were undone.
//!
//! It is a file of its own with the journal's first line, and readable as a journal. To write to the disk itself takes as
//! long as many changes, so it goes on beside other work.

use super::failed;
use crate::kernel::Task;
use crate::lab::state_dirs::own_dir;
use crate::model::error::OpResult;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

/// The records of one lab. There is no file before there is one.
#[derive(Debug)]
pub struct Durable {
    file: Lines,
    /// The changes on record that have not been undone.
    standing: BTreeSet<u64>,
    /// Lines that were not on the disk when it was last waited for.
    unsettled: Vec<u8>,
    /// How many bytes of them the clerk has been given.
    given: usize,
    clerk: Option<Clerk>,
}

/// The file.
#[derive(Debug, Clone)]
struct Lines {
    path: PathBuf,
    /// What it begins with.
    start: Vec<u8>,
}

/// A thread that brings lines to the disk, beside other work.
#[derive(Debug)]
struct Clerk {
    lines: Arc<Sender<Vec<u8>>>,
    /// How many bytes are there now that were not before, or why it has given up.
    answers: Receiver<io::Result<usize>>,
}

impl Durable {
    /// Records in the file at `path`, which begins with the line `start`.
    pub fn new(path: &Path, start: &[u8]) -> Durable {
        let file = Lines { path: path.to_owned(), start: start.to_owned() };
        Durable { file, standing: BTreeSet::new(), unsettled: Vec::new(), given: 0, clerk: None }
    }

    /// Which changes are on record.
    pub fn recall(&mut self, numbers: impl Iterator<Item = u64>) {
        self.standing.extend(numbers);
    }

    /// Says that there will be intents. The answer is what makes the file meanwhile, whenever it is called.
    pub fn expect(&mut self) -> OpResult<Task> {
        self.find_folder()?;
        // Who calls it late must not keep the clerk waiting for it.
        let lines = self.clerk().map(|clerk| Arc::downgrade(&clerk.lines));
        Ok(Box::new(move || {
            if let Some(lines) = lines.and_then(|lines| lines.upgrade()) {
                // The thread is gone after an error. The error is among its answers, so this one need not be told.
                let _ = lines.send(Vec::new());
            }
        }))
    }

    /// Begins to put an intent on record; the change may be made when this has [settled](Durable::settle).
    pub fn intend(&mut self, n: u64, line: &[u8]) -> OpResult<()> {
        self.find_folder()?;
        self.unsettled.extend_from_slice(line);
        self.standing.insert(n);
        self.give();
        Ok(())
    }

    /// Sees to it that the folder is there and ours, unless a clerk has found it so.
    fn find_folder(&self) -> OpResult<()> {
        match self.file.path.parent() {
            Some(folder) if self.clerk.is_none() => {
                folder.parent().map_or(Ok(()), own_dir)?;
                own_dir(folder)
            }
            _ => Ok(()),
        }
    }

    /// Notes that a change was undone, if it is on record here: with the next intent, or when it is waited for.
    pub fn undone(&mut self, n: u64, line: &[u8]) {
        if self.standing.remove(&n) {
            self.unsettled.extend_from_slice(line);
        }
    }

    /// Waits until everything is on the disk.
    pub fn settle(&mut self) -> OpResult<()> {
        if self.unsettled.is_empty() {
            return Ok(());
        }
        self.give();
        // The thread ends by itself then; to wait for its end as well would take longer than to make another.
        let (count, written) = if let Some(clerk) = self.clerk.take() {
            clerk.wait(std::mem::take(&mut self.given))
        } else {
            let written = self.file.append(&mut None, &self.unsettled);
            (if written.is_ok() { self.unsettled.len() } else { 0 }, written)
        };
        self.unsettled.drain(..count);
        written.map_err(|e| failed("write", &self.file.path, &e))
    }

    /// Gives the clerk what it does not have yet.
    fn give(&mut self) {
        let text = self.unsettled.get(self.given..).unwrap_or_default().to_owned();
        if !text.is_empty()
            && let Some(clerk) = self.clerk()
        {
            // As above.
            let _ = clerk.lines.send(text);
            self.given = self.unsettled.len();
        }
    }

    /// The clerk, if there can be one.
    fn clerk(&mut self) -> Option<&Clerk> {
        if self.clerk.is_none() {
            self.clerk = Clerk::new(self.file.clone()).ok();
        }
        self.clerk.as_ref()
    }
}

impl Drop for Durable {
    /// Waits for a clerk who is at work: the file must not be made when all else of the lab has been removed.
    fn drop(&mut self) {
        if let Some(Clerk { lines, answers }) = self.clerk.take() {
            drop(lines);
            answers.into_iter().for_each(drop);
        }
    }
}

impl Lines {
    /// Appends lines to the file, which is opened or made if it is not `open` yet, and brings it to the disk: all of them
    /// or none.
    fn append(&self, open: &mut Option<File>, text: &[u8]) -> io::Result<()> {
        let file = match open {
            Some(file) => file,
            None => open.insert(OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?),
        };
        let before = file.metadata()?.len();
        let start: &[u8] = if before == 0 { &self.start } else { &[] };
        let written =
            file.write_all(&[start, text].concat()).and_then(|()| file.sync_data()).and_then(|()| match before {
                // Its name is on the disk with its folder (fsync(2)).
                0 => self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all()),
                _ => Ok(()),
            });
        if written.is_err() {
            // Half a line must not stand before the next try; a reader ignores it at the end.
            let _ = file.set_len(before);
        }
        written
    }
}

impl Clerk {
    fn new(file: Lines) -> io::Result<Clerk> {
        let (lines, inbox) = mpsc::channel::<Vec<u8>>();
        let (outbox, answers) = mpsc::channel();
        let work = move || {
            let mut open = None;
            while let Ok(mut text) = inbox.recv() {
                // One flush is enough for all that there is by now.
                text.extend(inbox.try_iter().flatten());
                let done = file.append(&mut open, &text).map(|()| text.len());
                if done.is_err() | outbox.send(done).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("sync".into()).spawn(work).map(|_| Clerk { lines: Arc::new(lines), answers })
    }

    /// Waits until all that it was given is there; how many bytes are, and why not all.
    fn wait(self, given: usize) -> (usize, io::Result<()>) {
        let mut count = 0;
        while count < given {
            // If the thread has died, what it has not answered for was not written.
            match self.answers.recv().unwrap_or_else(|_| Err(io::Error::other("it was broken off"))) {
                Ok(more) => count += more,
                Err(error) => return (count, Err(error)),
            }
        }
        (count, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn durable() -> (TempDir, PathBuf, Durable) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("disk/files/lab.jsonl");
        let durable = Durable::new(&path, b"start\n");
        (dir, path, durable)
    }

    #[test]
    fn a_file_that_is_expected_has_its_start_once() {
        let (_dir, path, mut durable) = durable();
        durable.expect().unwrap()();
        durable.intend(1, b"one\n").unwrap();
        durable.settle().unwrap();
        durable.intend(2, b"two\n").unwrap();
        durable.settle().unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "start\none\ntwo\n");
    }

    #[test]
    fn a_file_is_made_before_its_records_go_or_never() {
        let (_dir, path, mut in_time) = durable();
        in_time.expect().unwrap()();
        drop(in_time);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "start\n");

        let (_dir, path, mut late) = durable();
        let task = late.expect().unwrap();
        drop(late);
        task();
        assert!(!path.exists());
    }
}
