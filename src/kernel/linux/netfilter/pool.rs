//! The `iptables-restore` processes that are kept: one for each namespace and family in use.

use super::Target;
use super::backend::{Role, Tools};
use super::child::Patience;
use super::restore::{Fault, Restore};
use crate::change::Table;
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::{Done, Refusal};
use crate::names::Ns;
use std::os::unix::fs::MetadataExt;

/// How many are kept: each takes 1 MB and three descriptors.
const KEPT: usize = 16;

/// A process, with what tells whether the namespace of that name is still the one it is in. While it lives, the
/// kernel cannot give the inode number to another namespace.
#[derive(Debug)]
struct Kept {
    target: Target,
    inode: u64,
    restore: Restore,
}

/// The processes, least recently used first.
#[derive(Debug, Default)]
pub(super) struct Pool(Vec<Kept>);

impl Pool {
    /// The process for a target, started if need be.
    pub(super) fn restore(&mut self, spaces: &Spaces, tools: &mut Tools, target: &Target) -> Done<&mut Restore> {
        let inode = match spaces::path(&target.ns) {
            None => 0,
            Some(path) => {
                let there = std::fs::metadata(&path);
                there.map_err(|e| Refusal::io(format!("open {}", path.display()), &e))?.ino()
            }
        };
        let at = self.0.iter().position(|kept| kept.target == *target);
        match at {
            Some(at) if self.0[at].inode == inode && self.0[at].restore.is_running() => self.0[at..].rotate_left(1),
            _ => {
                if let Some(at) = at.or((self.0.len() >= KEPT).then_some(0)) {
                    self.0.remove(at);
                }
                let program = tools.program(target.family, target.backend, Role::Restore)?;
                let restore = spaces.within(&target.ns, || Restore::start(&program))?;
                self.0.push(Kept { target: target.clone(), inode, restore });
            }
        }
        let last = self.0.len() - 1;
        Ok(&mut self.0[last].restore)
    }

    /// Commits lines to a table, all or none.
    pub(super) fn commit(
        &mut self,
        (spaces, tools): (&Spaces, &mut Tools),
        target: &Target,
        table: Table,
        lines: &[String],
        patience: Patience,
    ) -> Result<(), Fault> {
        let restore = self.restore(spaces, tools, target).map_err(Fault::NotAsked)?;
        let committed = restore.commit(table, lines, patience);
        if committed.is_err() {
            self.0.retain(|kept| kept.target != *target);
        }
        committed
    }

    /// Ends the processes in a namespace.
    pub(super) fn close(&mut self, ns: &Ns) {
        self.0.retain(|kept| kept.target.ns != *ns);
    }
}
