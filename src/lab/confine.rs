//! What a recipe may not do although the language could: for recipes that one has not written oneself.

use super::Lab;
use crate::model::change::Change;
use crate::model::error::{OpError, OpResult};
use crate::model::kind::Kind;
use crate::model::names::Ns;
use std::collections::BTreeSet;

/// Something that can be denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To run programs.
    Exec,
    /// To change anything in the lab's root namespace.
    Host,
    /// To write files.
    Files,
}

impl Right {
    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Right::Exec => "exec",
            Right::Host => "host",
            Right::Files => "files",
        }
    }

    fn refusal(self, what: &str) -> OpError {
        let name = self.as_str();
        OpError::new("confined", format!("This recipe may not {what}: `--deny {name}` was given."))
            .help(format!("If you trust the recipe, run it without `--deny {name}`."))
    }
}

impl Lab {
    /// Denies the recipe these rights from now on.
    pub fn deny(&mut self, rights: &BTreeSet<Right>) {
        self.denied.clone_from(rights);
    }

    /// Refuses to run a program in a namespace, if that was denied.
    pub fn permit_program(&self, ns: &Ns) -> OpResult<()> {
        if self.denied.contains(&Right::Exec) {
            return Err(Right::Exec.refusal("run programs"));
        }
        // It could do there what the recipe may not.
        if *ns == Ns::Host && self.denied.contains(&Right::Host) {
            return Err(Right::Host.refusal("run programs in the lab's root namespace"));
        }
        Ok(())
    }

    /// Refuses a change of a kind that was denied.
    pub(super) fn permit(&self, change: &Change) -> OpResult<()> {
        if self.denied.is_empty() {
            return Ok(());
        }
        if self.denied.contains(&Right::Host) && change.spaces().contains(&Ns::Host) {
            return Err(Right::Host.refusal("change the lab's root namespace"));
        }
        if self.denied.contains(&Right::Files) && matches!(change, Change::WriteFile(_)) {
            return Err(Right::Files.refusal("write files"));
        }
        Ok(())
    }
}
