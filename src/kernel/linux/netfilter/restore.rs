//! One long-lived `iptables-restore --noflush`: each block is one atomic transaction, and it is done when the
//! comment behind it comes back.
//!
//! With `-v`, `iptables-restore` prints the comments it reads, one by one as it comes to them, and since 1.8.5
//! ("flush stdout after every verbose log", made for Android's netd, which works the same way) it does not
//! buffer them. A block costs 0.1 ms this way; a process for each costs 1.5 to 4 ms.

use super::child::{Patience, ToolProcess};
use super::command::IptablesCommand;
use super::words;
use crate::kernel::{Done, Refusal, Why};
use crate::model::rules::Table;
use std::cell::Cell;
use std::fmt::Write as _;
use std::path::Path;

thread_local! {
    static STARTED: Cell<u64> = const { Cell::new(0) };
}

/// How many `iptables-restore` processes the calling thread has started.
pub fn restores_started() -> u64 {
    STARTED.get()
}

/// Why a block was not committed.
#[derive(Debug)]
pub(super) enum RestoreError {
    /// iptables or the kernel refused it; nothing of it is left.
    Refused {
        /// The line to blame, as an index, where it is one.
        at: Option<usize>,
        /// iptables' exit status.
        status: i32,
        /// What it said.
        words: String,
    },
    /// There is no process to ask; nothing was done.
    NotAsked(Refusal),
    /// There was no answer: it may or may not have been committed.
    Lost(Refusal),
}

/// Commands for one table, which are committed all or none.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestoreBlock<'a> {
    /// The table.
    pub(super) table: Table,
    /// The commands, a line each.
    pub(super) commands: &'a [IptablesCommand],
}

/// The process. Of no use after a [`RestoreError`].
#[derive(Debug)]
pub(super) struct Restore {
    child: ToolProcess,
    lines: u64,
    blocks: u64,
}

impl Restore {
    /// Starts one in the calling thread's network namespace.
    pub(super) fn start(program: &Path) -> Done<Restore> {
        // `-w`: the legacy tools share one lock; the others take none and ignore this.
        let child = ToolProcess::start(program, &["--noflush", "-w", "5", "-v"])?;
        STARTED.set(STARTED.get() + 1);
        Ok(Restore { child, lines: 0, blocks: 0 })
    }

    /// Tells it that nothing more will come, so that it ends.
    pub(super) fn rest(&mut self) {
        self.child.close_input();
    }

    /// Whether it still runs.
    pub(super) fn is_running(&self) -> bool {
        self.child.is_running()
    }

    /// Commits blocks in order, in one go. A fault comes with the place of the block that it struck: those before it
    /// are committed, and those after it were not asked for.
    pub(super) fn commit(
        &mut self,
        blocks: &[RestoreBlock<'_>],
        patience: Patience,
    ) -> Result<(), (usize, RestoreError)> {
        let mut input = String::new();
        let mut echoes = Vec::with_capacity(blocks.len());
        let mut first_lines = Vec::with_capacity(blocks.len());
        for RestoreBlock { table, commands } in blocks {
            self.blocks += 1;
            first_lines.push(self.lines + 2);
            self.lines += u64::try_from(commands.len()).unwrap_or(u64::MAX).saturating_add(3);
            let _ = writeln!(input, "*{}", table.as_str());
            for command in *commands {
                input.push_str(&command.line());
                input.push('\n');
            }
            let echo = format!("# rhailab {}\n", self.blocks);
            input.push_str("COMMIT\n");
            input.push_str(&echo);
            echoes.push(echo);
        }
        let Some(last) = echoes.last() else { return Ok(()) };
        let answered = self.child.ask(input.as_bytes(), last.as_bytes(), patience);
        if answered == Ok(true) {
            return Ok(());
        }
        let struck = echoes.iter().take_while(|echo| self.child.has_said(echo.as_bytes())).count();
        if let Err(mut refusal) = answered {
            if refusal.why == Why::Timeout {
                refusal.words.push_str("iptables before 1.8.5 keeps its answers to itself");
            }
            return Err((struck, RestoreError::Lost(refusal)));
        }
        let ended = self.child.ended();
        let blamed = words::blamed_line(&ended.stderr);
        if blamed.is_none() && !(1..128).contains(&ended.status) {
            let words = format!("it ended without an answer; {}", words::clean(&ended.stderr));
            return Err((struck, RestoreError::Lost(Refusal::new(Why::Tool(ended.status), "iptables-restore", words))));
        }
        let first = first_lines.get(struck).copied().unwrap_or_default();
        let count = blocks.get(struck).map_or(0, |block| block.commands.len());
        let at = blamed.and_then(|line| usize::try_from(line.checked_sub(first)?).ok()).filter(|at| *at < count);
        Err((struck, RestoreError::Refused { at, status: ended.status, words: words::clean(&ended.stderr) }))
    }
}
