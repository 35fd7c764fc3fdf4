//! Which iptables a lab's rules are made with.

use super::backend::{Backend, Role, Tools};
use super::read;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Task};
use crate::model::family::Family;
use crate::model::names::Ns;
use std::sync::{Arc, OnceLock};

/// The choice of a lab, made once.
#[derive(Debug, Default)]
pub(super) struct Choice {
    made: Option<Backend>,
    /// What was found out ahead, with the programs.
    ahead: Arc<OnceLock<(Tools, Backend)>>,
}

impl Choice {
    /// The backend: nft, unless the rules of the lab's root namespace are in the legacy one.
    pub(super) fn backend(&mut self, tools: &mut Tools, spaces: &Spaces) -> Done<Backend> {
        if let Some(backend) = self.made {
            return Ok(backend);
        }
        let backend = match self.ahead.get() {
            Some((found, backend)) => {
                tools.clone_from(found);
                *backend
            }
            None => choose(tools, spaces)?,
        };
        self.made = Some(backend);
        Ok(backend)
    }

    /// What chooses it on another thread, in the lab's root namespace. Nobody waits for it, and an error is left to whoever
    /// asks, and meets it too.
    pub(super) fn expect(&self) -> Task {
        let ahead = Arc::clone(&self.ahead);
        Box::new(move || {
            let mut tools = Tools::default();
            if let Ok(backend) = Spaces::new().and_then(|spaces| choose(&mut tools, &spaces)) {
                let _ = ahead.set((tools, backend));
            }
        })
    }
}

fn choose(tools: &mut Tools, spaces: &Spaces) -> Done<Backend> {
    if !tools.has(Family::V4, Backend::Nft)? {
        // Asking for it says that it is missing, if it is.
        tools.program(Family::V4, Backend::Legacy, Role::Restore)?;
        return Ok(Backend::Legacy);
    }
    let only_legacy = is_used(tools, spaces, Backend::Legacy)? && !is_used(tools, spaces, Backend::Nft)?;
    Ok(if only_legacy { Backend::Legacy } else { Backend::Nft })
}

/// Whether the lab's root namespace has rules in a backend whose programs are there.
fn is_used(tools: &mut Tools, spaces: &Spaces, backend: Backend) -> Done<bool> {
    for family in [Family::V4, Family::V6] {
        if let Some(saved) = read::saved(tools, spaces, &Ns::Host, family, backend)?
            && !saved.is_bare()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_ahead_is_not_looked_for_again() {
        let mut choice = Choice::default();
        choice.expect()();
        let backend = choice.ahead.get().map(|(_, backend)| *backend);
        assert!(backend.is_some());
        let (mut tools, spaces) = (Tools::default(), Spaces::new().unwrap());
        assert_eq!(choice.backend(&mut tools, &spaces).ok(), backend);
        assert_eq!(Some(tools), choice.ahead.get().map(|(found, _)| found.clone()));
    }
}
