//! Which iptables: the one that writes `nf_tables` or the legacy one, and where its programs are.

use super::{child, read};
use crate::change::Family;
use crate::kernel::linux::programs;
use crate::kernel::linux::spaces::Spaces;
use crate::kernel::{Done, Errand, Refusal, Why};
use crate::names::Ns;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Where the kernel keeps the rules. Each backend is blind to the other's, and packets meet both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `nf_tables`: works without root in a namespace of one's own, and takes no lock.
    Nft,
    /// `ip_tables`, as before 2018.
    Legacy,
}

impl Backend {
    /// Its name, in programs (`iptables-nft`) and in [`Identity::Rules`](crate::change::Identity::Rules).
    pub fn as_str(self) -> &'static str {
        match self {
            Backend::Nft => "nft",
            Backend::Legacy => "legacy",
        }
    }

    /// The backend of that name.
    pub fn parse(name: &str) -> Option<Backend> {
        [Backend::Nft, Backend::Legacy].into_iter().find(|backend| backend.as_str() == name)
    }
}

/// What a program is for: the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `iptables`
    Command,
    /// `iptables-restore`
    Restore,
    /// `iptables-save`
    Save,
}

impl Role {
    fn suffix(self) -> &'static str {
        match self {
            Role::Command => "",
            Role::Restore => "-restore",
            Role::Save => "-save",
        }
    }
}

/// The iptables programs of this machine, looked for once each.
#[derive(Debug, Clone, Default)]
pub(super) struct Tools {
    found: Vec<((Family, Backend, Role), PathBuf)>,
    plain: Vec<(Family, Option<Backend>)>,
    chosen: Option<Backend>,
    /// The same where it was found out ahead.
    ahead: Arc<OnceLock<Tools>>,
}

impl Tools {
    /// The program of a backend: by its own name (`iptables-nft-save`), else by the plain one
    /// (`iptables-save`) where that is the same.
    pub(super) fn program(&mut self, family: Family, backend: Backend, role: Role) -> Done<PathBuf> {
        let key = (family, backend, role);
        if let Some((_, path)) = self.found.iter().find(|(known, _)| *known == key) {
            return Ok(path.clone());
        }
        let (name, suffix) = (family.iptables(), role.suffix());
        let path = match programs::find(&format!("{name}-{}{suffix}", backend.as_str())) {
            Some(path) => Some(path),
            None if self.plain(family)? == Some(backend) => programs::find(&format!("{name}{suffix}")),
            None => None,
        };
        let path = path.ok_or_else(|| Refusal::new(Why::NoTool, name, ""))?;
        self.found.push((key, path.clone()));
        Ok(path)
    }

    /// Whether the backend's programs are there for a family.
    pub(super) fn has(&mut self, family: Family, backend: Backend) -> Done<bool> {
        match self.program(family, backend, Role::Restore) {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.why == Why::NoTool => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// What the plain `iptables` is, by its own word.
    pub(super) fn plain(&mut self, family: Family) -> Done<Option<Backend>> {
        if let Some((_, backend)) = self.plain.iter().find(|(known, _)| *known == family) {
            return Ok(*backend);
        }
        let backend = match programs::find(family.iptables()) {
            None => None,
            Some(path) => {
                let version = child::run(&path, &["--version"])?;
                // Before 1.8 there was only one kind, and no word for it.
                Some(if version.stdout.contains("(nf_tables)") { Backend::Nft } else { Backend::Legacy })
            }
        };
        self.plain.push((family, backend));
        Ok(backend)
    }

    /// The backend for a lab, chosen once.
    pub(super) fn chosen(&mut self, spaces: &Spaces) -> Done<Backend> {
        if let Some(tools) = self.ahead.get().filter(|_| self.chosen.is_none()) {
            *self = tools.clone();
        }
        match self.chosen {
            Some(backend) => Ok(backend),
            None => self.choose(spaces),
        }
    }

    /// What chooses it on another thread, in the lab's root namespace. Nobody waits for it, and an error is left to whoever
    /// asks, and meets it too.
    pub(super) fn expect(&self) -> Errand {
        let ahead = Arc::clone(&self.ahead);
        Box::new(move || {
            let mut tools = Tools::default();
            if Spaces::new().and_then(|spaces| tools.choose(&spaces)).is_ok() {
                let _ = ahead.set(tools);
            }
        })
    }

    /// Nft, unless this machine's rules are in the legacy one.
    fn choose(&mut self, spaces: &Spaces) -> Done<Backend> {
        let has_nft = self.has(Family::V4, Backend::Nft)?;
        if !has_nft {
            // Asking for it says that it is missing, if it is.
            self.program(Family::V4, Backend::Legacy, Role::Restore)?;
        }
        let is_legacy = !has_nft || self.is_used(spaces, Backend::Legacy)? && !self.is_used(spaces, Backend::Nft)?;
        let backend = if is_legacy { Backend::Legacy } else { Backend::Nft };
        self.chosen = Some(backend);
        Ok(backend)
    }

    /// Whether the lab's root namespace has rules in a backend whose programs are there.
    fn is_used(&mut self, spaces: &Spaces, backend: Backend) -> Done<bool> {
        for family in [Family::V4, Family::V6] {
            if let Some(saved) = read::saved(self, spaces, &Ns::Host, family, backend)?
                && !saved.is_bare()
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_ahead_is_not_looked_for_again() {
        let mut tools = Tools::default();
        tools.expect()();
        let ahead = tools.ahead.get().cloned().unwrap();
        assert!(!ahead.found.is_empty() && ahead.chosen.is_some());
        assert_eq!(tools.chosen(&Spaces::new().unwrap()).ok(), ahead.chosen);
        assert_eq!(tools.found, ahead.found);
    }
}
