//! Writing a journal anew, so that it does not grow with what is done but with what stands.

use super::{Journal, parse};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

/// A journal has at least so many lines before it is written anew.
const FEW: usize = 64;

/// How many lines a journal has, and what of it still counts.
#[derive(Debug, Default)]
pub(super) struct Length {
    /// The lines.
    pub(super) lines: usize,
    /// The changes that stand.
    pub(super) standing: usize,
}

impl Length {
    /// Whether most lines are about what is gone. So many lines were written since that writing all of it anew costs each of
    /// them no more than a few.
    fn is_too_long(&self) -> bool {
        self.lines > FEW + 4 * self.standing
    }
}

impl Journal {
    /// Writes the journal anew with the fewest lines that say the same, if most of them are of no use any more.
    pub(super) fn compact(&mut self) {
        if !self.length.is_too_long() {
            return;
        }
        if self.rewrite().is_err() {
            // The journal says what it said. To try again costs as much, so it has to grow as long first.
            self.length.lines = 0;
        }
    }

    fn rewrite(&mut self) -> io::Result<()> {
        let state = parse(&fs::read(&self.path)?, &self.path).map_err(io::Error::other)?;
        let lines = state.lines();
        let mut text = Vec::new();
        for line in &lines {
            serde_json::to_writer(&mut text, line)?;
            text.push(b'\n');
        }
        let new = self.path.with_extension("new");
        // Of an attempt that was killed there may be something.
        let _ = fs::remove_file(&new);
        let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(&text)?;
        if self.is_locked {
            // Before anybody can find it.
            file.try_lock()?;
        }
        fs::rename(&new, &self.path)?;
        self.file = file;
        self.length = Length { lines: lines.len(), standing: state.standing.len() };
        Ok(())
    }
}
