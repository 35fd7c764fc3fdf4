//! What a refusal is about, beside its error number: facts that whoever refuses knows, so that nobody has to read its words.

use crate::model::names::Ns;

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
