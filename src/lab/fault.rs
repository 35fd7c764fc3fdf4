//! A mishap on purpose: to prove that a lab leaves nothing, wherever it is broken off.

use super::Lab;
use crate::kernel::linux::footprint::die;
use crate::model::error::{OpError, OpResult};

/// What happens, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of the change after which it happens.
    pub after: u64,
    /// Whether the process is killed; else the call that asked for the change fails.
    pub kills: bool,
}

impl Lab {
    /// Lets it happen.
    pub fn break_off(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// Called when change number `n` was made.
    pub(super) fn meet_fault(&mut self, n: u64) -> OpResult<()> {
        let Some(fault) = self.fault.filter(|fault| fault.after == n) else { return Ok(()) };
        // What was put off belongs to what must be undone.
        self.settle()?;
        if fault.kills {
            return Err(OpError::new("prove::unkilled", format!("{}.", die())));
        }
        Err(OpError::new("prove::fault", format!("The recipe was made to fail after its change {n}.")))
    }
}
