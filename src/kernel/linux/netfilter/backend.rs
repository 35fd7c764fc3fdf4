//! The two kinds of iptables: the one that writes `nf_tables` and the legacy one, and where their programs are.

use super::child;
use crate::kernel::linux::programs;
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use std::path::PathBuf;

/// Where the kernel keeps the rules. Each backend is blind to the other's, and packets meet both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `nf_tables`: works without root in a namespace of one's own, and takes no lock.
    Nft,
    /// `ip_tables`, as before 2018.
    Legacy,
}

impl Backend {
    /// Its name, in programs (`iptables-nft`) and in [`Identity::Rules`](crate::model::identity::Identity::Rules).
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
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Tools {
    found: Vec<((Family, Backend, Role), PathBuf)>,
    plain: Vec<(Family, Option<Backend>)>,
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
}
