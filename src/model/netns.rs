//! Network namespaces.

use crate::model::names::NsName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sysctls with their values. Many namespaces share one list.
pub type Settings = Arc<[(String, String)]>;

/// Make a named network namespace, with `lo` up and these sysctls written (ip-netns(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddNetns {
    /// Its name under `/run/netns`.
    pub name: NsName,
    /// Keys in dot or slash form and their values, written before anything else happens in it.
    pub sysctls: Settings,
}
