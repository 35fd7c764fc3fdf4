//! `lab.json`: what a lab is and who holds it.

use crate::kernel::linux::boot::boot_id;
use crate::model::names::LabName;
use crate::sandbox::Holder;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The version of the format.
const VERSION: u32 = 1;

/// What is on record about a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabInfo {
    /// The version of this format.
    pub version: u32,
    /// The lab's name.
    pub name: LabName,
    /// Where it acts.
    pub mode: Mode,
    /// The recipe's absolute path.
    pub recipe: PathBuf,
    /// The parameters it was given.
    pub params: Vec<(String, String)>,
    /// When it was started (RFC 3339).
    pub started: String,
    /// The boot it belongs to: a pid of another boot means nothing.
    pub boot_id: String,
    /// The process that it lives with: the sandbox's pid 1, or the process that works on the machine.
    pub holder: Option<Holder>,
    /// The cookie of the network namespace that it acts in, for a lab on the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<u64>,
    /// Whether the recipe has ended and the network is meant to stay.
    pub kept: bool,
    /// Whether the run has taken the lab down itself, as far as that was possible, and has said what is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
}

/// Where a lab acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In a sandbox of its own.
    Sandbox,
    /// On the machine itself.
    Host,
}

/// Whether a lab stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Its recipe is being run, and it will be taken down at the end.
    Running,
    /// It stands until it is taken down.
    Up,
    /// Its process is gone: a sandbox's network went with it, the machine's may not have.
    Dead,
}

impl LabInfo {
    /// What is on record of a lab that starts now and that no process holds yet.
    pub fn new(name: &LabName, mode: Mode, recipe: &Path, params: Vec<(String, String)>) -> LabInfo {
        LabInfo {
            version: VERSION,
            name: name.clone(),
            mode,
            recipe: recipe.to_owned(),
            params,
            started: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            boot_id: boot_id(),
            holder: None,
            root: None,
            kept: false,
            ended: false,
        }
    }

    /// Whether the lab stands.
    pub fn life(&self) -> Life {
        let this_boot = self.boot_id == boot_id();
        let alive = this_boot && self.holder.is_some_and(|holder| holder.is_alive());
        match self.mode {
            // A lab kept on the machine needs no process.
            Mode::Host if self.kept && this_boot => Life::Up,
            _ if !alive => Life::Dead,
            _ if self.kept => Life::Up,
            _ => Life::Running,
        }
    }

    /// Reads it, or says why it cannot be read.
    pub fn parse(text: &str) -> Result<LabInfo, String> {
        let info: LabInfo = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if info.version == VERSION { Ok(info) } else { Err(format!("its format version is {}", info.version)) }
    }

    /// The text, as `lab.json` has it.
    pub fn to_text(&self) -> String {
        // Only a map with keys that are no strings could fail, and there is none.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}
