//! What each kind of change does on this machine: one implementation beside each kind's own code.

use super::ours::Ours;
use super::view::View;
use super::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Undone};
use crate::model::identity::Identity;
use crate::model::kind::Kind;

/// A kind of change that the kernel of this machine knows.
pub(super) trait Real: Kind {
    /// Reads or chooses the identity, without a visible effect, as change number `n`.
    fn prepare(&self, kernel: &mut LinuxKernel, n: u64) -> Done<Identity>;

    /// Makes the change. When it fails, nothing of it is left.
    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()>;

    /// Makes the change of one before it of the same kind, which stands, in place. When it fails, that stands as it was.
    fn alter(&self, _kernel: &mut LinuxKernel, before: ChangeRef<'_>) -> Done<()> {
        unprepared(before.change)
    }

    /// Undoes the change if its object is still provably ours.
    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone>;

    /// Undoes several changes at once, in the order given, if they are all of this kind and one call can do for many.
    fn undo_all(&self, _kernel: &mut LinuxKernel, _entries: &[ChangeRef<'_>]) -> Option<Vec<Done<Undone>>> {
        None
    }

    /// Notes what was made, by this process or an earlier one, for telling it from somebody else's later.
    fn note(&self, _ours: &mut Ours, _identity: &Identity) {}

    /// Notes that it was undone.
    fn forget(&self, _ours: &mut Ours) {}

    /// Reads what there is of each of its facts, in their order.
    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>>;
}
