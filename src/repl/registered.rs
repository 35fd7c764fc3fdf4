//! Where a prompt's lab is, what it is called, and what becomes of it at the end.

use crate::kernel::Kernel;
use crate::lab::registry::{LabDir, LabInfo, LabLock, Mode, Registry};
use crate::lab::state_dirs::own_dir;
use crate::model::error::OpResult;
use crate::model::names::{LabName, Ns};
use crate::output::style::{Ink, Style};
use crate::session::machine;
use std::path::PathBuf;

/// The file in the state folder with what was entered.
const HISTORY: &str = "repl_history";

/// A prompt's lab on record.
#[derive(Debug)]
pub struct RegisteredLab<'s> {
    /// Its folder, taken by us; none of a lab that was there before.
    pub(super) lock: Option<&'s LabLock>,
    /// Its folder under another name, if it was given one.
    pub(super) renamed: Option<LabLock>,
    /// What it is.
    pub(super) info: LabInfo,
    /// Where the labs are.
    pub(super) registry: Registry,
    /// Whether a lab that stays is to be taken down now.
    is_going_down: bool,
}

/// What becomes of the lab.
#[derive(Debug)]
pub enum Ending {
    /// It was taken down, or falls with its process.
    Down {
        /// The exit code.
        code: i32,
    },
    /// It stays.
    Stays {
        /// The exit code.
        code: i32,
    },
    /// It is another process's to take down.
    DownElsewhere {
        /// The exit code.
        code: i32,
    },
}

impl<'s> RegisteredLab<'s> {
    /// A lab that is made for the prompt, whose folder we have taken, or one that was there before.
    pub fn new(registry: Registry, info: LabInfo, lock: Option<&'s LabLock>) -> RegisteredLab<'s> {
        RegisteredLab { lock, renamed: None, info, registry, is_going_down: false }
    }

    /// The lab's name.
    pub(super) fn name(&self) -> &LabName {
        &self.info.name
    }

    /// Its folder.
    pub(super) fn dir(&self) -> LabDir {
        self.registry.dir(&self.info.name)
    }

    /// Whether it was there before the prompt.
    pub(super) fn is_attached(&self) -> bool {
        self.lock.is_none()
    }

    /// Whether it stays when the prompt ends.
    pub(super) fn stays(&self) -> bool {
        self.info.kept && !self.is_going_down
    }

    /// Has a lab taken down that would stay.
    pub(super) fn take_down(&mut self) {
        self.is_going_down = true;
    }

    /// Has a lab taken down that the prompt has made.
    pub(super) fn take_down_own(&mut self) {
        self.is_going_down |= !self.is_attached();
    }

    /// Whether it is taken down by ending its holder, which is not this process.
    pub(super) fn is_taken_down_elsewhere(&self) -> bool {
        self.is_going_down && self.is_attached() && self.info.mode == Mode::Sandbox
    }

    /// Whether what cannot be undone falls with the sandbox.
    pub(super) fn goes_with_us(&self) -> bool {
        self.info.mode == Mode::Sandbox
    }

    /// Writes what the lab is.
    pub(super) fn write(&self) -> OpResult<()> {
        match self.renamed.as_ref().or(self.lock) {
            Some(lock) => lock.write(&self.info),
            None => Ok(()),
        }
    }

    /// A kernel to look at the lab with.
    pub(super) fn kernel(&self) -> OpResult<Box<dyn Kernel>> {
        Ok(machine::kernel(&self.info.name, &self.dir(), self.info.mode, true)?)
    }

    /// Where to keep what was entered.
    pub(super) fn history_file(&self) -> Option<PathBuf> {
        let dir = self.dir();
        own_dir(dir.disk()).ok()?;
        Some(dir.disk().join(HISTORY))
    }

    /// What stands before a line.
    pub(super) fn prompt(&self, here: &Ns) -> String {
        match here {
            Ns::Host => format!("{}> ", self.info.name),
            Ns::Named(ns) => format!("{}:{ns}> ", self.info.name),
        }
    }

    /// The first words.
    pub(super) fn greeting(&self, style: Style) -> String {
        let what = match (self.is_attached(), self.info.mode) {
            (true, _) => format!("The lab `{}`, live: what you enter is made in it at once.", self.info.name),
            (false, Mode::Sandbox) => {
                "A lab in a sandbox: what you enter is made at once, and gone when you leave.".to_owned()
            }
            (false, Mode::Host) => {
                "A lab on this machine: what you enter is made at once, and undone when you leave.".to_owned()
            }
        };
        let keys = ":help shows the commands, Tab completes, Ctrl-C stops a call, Ctrl-D leaves.";
        format!("{what}\n{}", style.paint(Ink::Faint, keys))
    }

    /// What is left to do with the lab's folder.
    pub(super) fn end(self, code: i32) -> Ending {
        if self.stays() {
            return Ending::Stays { code };
        }
        if self.is_taken_down_elsewhere() {
            return Ending::DownElsewhere { code };
        }
        if let Some(lock) = self.renamed {
            // Our own files, which nobody looks for any more; `recover` removes them, too.
            let _ = lock.remove();
        }
        Ending::Down { code }
    }
}
