//! Files.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Write a file that is not there yet, such as `/etc/netns/NAME/resolv.conf`; its missing parent folders
/// are made, and removed with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WriteFile {
    /// An absolute path.
    pub path: PathBuf,
    /// The whole content.
    pub text: String,
}
