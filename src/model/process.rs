//! Processes.

use crate::model::names::Ns;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Start a process that lives as long as the lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// In which namespace.
    pub ns: Ns,
    /// What to run.
    pub process: NewProcess,
}

/// A process to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewProcess {
    /// How logs and errors call it; unique in the lab.
    pub name: String,
    /// The program and its arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Its working folder; the recipe's where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}
