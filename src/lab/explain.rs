//! From a kernel's refusal to an error that a user can act on: it names the object, the namespace and the
//! reason, says whose the thing in the way is, and what to do next.

use super::stop::stopped;
use super::{Made, Record};
use crate::kernel::{Cause, Refusal, Why};
use crate::model::change::Change;
use crate::model::error::{Class, OpError};
use crate::model::explain::{self, reason};
use crate::model::kind::Kind;
use crate::model::names::{IfName, Ns};

/// Why a change was refused.
pub fn change(refusal: &Refusal, change: &Change, made: &Made) -> OpError {
    let error = finish(change.explain(refusal, made), refusal);
    // Of no help where the tool itself is missing, or where it is not the change that was refused.
    if matches!(refusal.why, Why::NoTool | Why::Interrupted) || refusal.cause == Cause::Ledger {
        return error;
    }
    error.command(change.headlines().join("\n"))
}

/// Why a change could not be undone.
pub fn undo(refusal: &Refusal, record: &Record) -> OpError {
    let what = record.change.commands().into_iter().next().unwrap_or_default();
    let error = OpError::new("undo::refused", format!("`{what}` could not be undone: {}.", reason(refusal)));
    finish(error, refusal).class(Class::Leftover)
}

/// A refusal with nothing more to say about it.
pub fn plain(refusal: &Refusal, ns: &Ns) -> OpError {
    finish(explain::plain(refusal, ns), refusal)
}

/// What every refusal carries; of one by the user, nothing but that.
fn finish(error: OpError, refusal: &Refusal) -> OpError {
    if refusal.why == Why::Interrupted { stopped() } else { explain::finish(error, refusal) }
}

/// Why a command did not run.
pub fn exec(refusal: &Refusal, ns: &Ns, argv: &[String], made: &Made) -> OpError {
    finish(crate::model::process::refused(refusal, ns, argv, made), refusal)
}

/// Why an interface could not be read.
pub fn link(refusal: &Refusal, ns: &Ns, name: &IfName, made: &Made) -> OpError {
    finish(explain::link(refusal, ns, name, made), refusal)
}

/// Why a sysctl could not be read.
pub fn sysctl(refusal: &Refusal, ns: &Ns, key: &str) -> OpError {
    finish(crate::model::sysctl::refused(refusal, ns, key), refusal)
}
