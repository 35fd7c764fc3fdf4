//! The `iptables-restore` processes that are kept: one for each namespace and family in use.

use super::Target;
use super::backend::{Role, Tools};
use super::child::Patience;
use super::restore::{Restore, RestoreBlock, RestoreError};
use super::sockets::inode;
use crate::kernel::Done;
use crate::kernel::linux::spaces::Spaces;
use crate::model::names::Ns;

/// How many are kept: each takes 1 MB and three descriptors.
const KEPT: usize = 16;

/// A process, with what tells whether the namespace of that name is still the one it is in.
#[derive(Debug)]
struct Kept {
    target: Target,
    inode: u64,
    restore: Restore,
}

/// The processes.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// Those at work, least recently used first.
    kept: Vec<Kept>,
    /// Those that were told to end.
    leaving: Vec<Restore>,
}

impl Pool {
    /// The process for a target, started if need be.
    fn restore(&mut self, spaces: &Spaces, tools: &mut Tools, target: &Target) -> Done<&mut Restore> {
        let inode = inode(&target.ns)?;
        let at = self.kept.iter().position(|kept| kept.target == *target);
        match at {
            Some(at) if self.kept[at].inode == inode && self.kept[at].restore.is_running() => {
                self.kept[at..].rotate_left(1);
            }
            _ => {
                if let Some(at) = at.or((self.kept.len() >= KEPT).then_some(0)) {
                    self.kept.remove(at);
                }
                let program = tools.program(target.family, target.backend, Role::Restore)?;
                let restore = spaces.within(&target.ns, || Restore::start(&program))?;
                self.kept.push(Kept { target: target.clone(), inode, restore });
            }
        }
        let last = self.kept.len() - 1;
        Ok(&mut self.kept[last].restore)
    }

    /// Commits blocks in order, each of them all or none. A fault comes with the place of the block that it struck.
    pub(super) fn commit(
        &mut self,
        (spaces, tools): (&Spaces, &mut Tools),
        target: &Target,
        blocks: &[RestoreBlock<'_>],
        patience: Patience,
    ) -> Result<(), (usize, RestoreError)> {
        let restore = self.restore(spaces, tools, target).map_err(|refusal| (0, RestoreError::NotAsked(refusal)))?;
        let committed = restore.commit(blocks, patience);
        if committed.is_err() {
            self.forget(target);
        }
        committed
    }

    /// Ends the process for a target.
    fn forget(&mut self, target: &Target) {
        self.kept.retain(|kept| kept.target != *target);
    }

    /// Tells all processes that nothing more will come.
    pub(super) fn rest(&mut self) {
        for mut kept in self.kept.drain(..) {
            kept.restore.rest();
            self.leaving.push(kept.restore);
        }
    }

    /// Ends the processes in a namespace.
    pub(super) fn close(&mut self, ns: &Ns) {
        self.kept.retain(|kept| kept.target.ns != *ns);
    }
}
