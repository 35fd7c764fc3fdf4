//! Why something was refused, as facts that whoever refuses knows, so that nobody has to read its words.

use crate::model::names::Ns;
pub use nix::errno::Errno;
use std::fmt;

/// Why a kernel (or a tool in its service) did not do what was asked, in its own terms. The lab turns it into
/// an [`OpError`](crate::model::error::OpError), because it knows what the recipe did before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal.
    pub why: Why,
    /// What it is about.
    pub cause: Cause,
    /// The request: `RTM_NEWLINK`, `write /proc/sys/…`, `iptables-restore`.
    pub request: String,
    /// Further words: the kernel's extended acknowledgement, the tool's standard error.
    pub words: String,
}

/// The kinds of refusal that the layers above tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A system call or netlink request failed with this error number.
    Errno(i32),
    /// A program that we need is not installed.
    NoTool,
    /// A tool ended with this status; the words say why.
    Tool(i32),
    /// It took longer than it was allowed to.
    Timeout,
    /// The user asked to stop (Ctrl-C).
    Interrupted,
    /// The answer made no sense; the words say how.
    Protocol,
}

impl Refusal {
    /// A failed system call or netlink request.
    pub fn errno(request: impl Into<String>, errno: i32) -> Refusal {
        Refusal::new(Why::Errno(errno), request, "")
    }

    /// A refusal of another kind.
    pub fn new(why: Why, request: impl Into<String>, words: impl Into<String>) -> Refusal {
        Refusal { why, cause: Cause::Unknown, request: request.into(), words: words.into() }
    }

    /// Says what it is about.
    #[must_use]
    pub fn because(self, cause: Cause) -> Refusal {
        Refusal { cause, ..self }
    }

    /// A failed I/O call.
    pub fn io(request: impl Into<String>, error: &std::io::Error) -> Refusal {
        match error.raw_os_error() {
            Some(errno) => Refusal::errno(request, errno),
            None => Refusal::new(Why::Protocol, request, error.to_string()),
        }
    }

    /// Whether it is a failure with this error number.
    pub fn is(&self, errno: Errno) -> bool {
        self.number() == Some(errno as i32)
    }

    /// The error number, where there is one.
    pub fn number(&self) -> Option<i32> {
        if let Why::Errno(errno) = self.why { Some(errno) } else { None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.request)?;
        match self.why {
            Why::Errno(errno) => write!(f, "{}", Errno::from_raw(errno).desc())?,
            Why::NoTool => f.write_str("not installed")?,
            Why::Tool(status) => write!(f, "exit status {status}")?,
            Why::Timeout => f.write_str("timed out")?,
            Why::Interrupted => f.write_str("interrupted")?,
            Why::Protocol => f.write_str("unexpected answer")?,
        }
        if !self.words.is_empty() {
            write!(f, " ({})", self.words)?;
        }
        Ok(())
    }
}

/// What a refusal is about, where that is known and makes a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cause {
    /// Nothing but what its kind says.
    #[default]
    Unknown,
    /// There is no such network namespace, in which something was to be done or to which something was to go.
    NoNetns(Ns),
    /// The program could not be executed, when all before that had gone well.
    Exec,
    /// A program's working folder, this one, could not be entered.
    Folder(String),
    /// There is a chain of that name.
    ChainExists,
    /// There is no chain of that name.
    NoChain,
    /// There is no chain, target or match of that name; iptables does not say which of them.
    NoName,
    /// Other labs on the machine need another value.
    Held,
    /// A file in which labs keep who of them has set which sysctl.
    Ledger,
}
