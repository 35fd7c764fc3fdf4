//! What the harness (`bench`) and the reference program (`raw`) share.
//!
//! ```text
//! bench          rounds of sandboxed runs, medians, the table
//!   └─ bench one    one measured up and down in a sandbox of its own
//!        ├─ rhailab    ours
//!        ├─ sh         one process per command; or `ip -batch` and one `iptables-restore`
//!        └─ raw        the same networks, straight through netlink
//! ```

pub mod lab;
pub mod netlink;
pub mod rules;
pub mod spaces;

/// An error is only ever shown to a person, so its text is all that is kept.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// A result with such an error.
pub type Result<T> = std::result::Result<T, Error>;

/// Says what was being done when an error came up.
pub trait Context<T> {
    /// Puts `what` before the error's text.
    fn context(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|error| format!("{what}: {error}").into())
    }
}
