//! Sysctls.

use crate::model::names::Ns;
use serde::{Deserialize, Serialize};

/// Write a sysctl (sysctl(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetSysctl {
    /// In which namespace's `/proc/sys`.
    pub ns: Ns,
    /// The key in dot form where no part holds a dot, else in slash form (sysctl(8)).
    pub key: String,
    /// The value as text, without a newline.
    pub value: String,
}
