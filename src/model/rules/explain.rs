//! Why rules were refused.

use super::{EditRules, RuleEdit};
use crate::model::error::{Class, OpError, closest};
use crate::model::explain::{denied, place, reason, taken};
use crate::model::hook::Hook;
use crate::model::known::Known;
use crate::model::names::{ChainName, Ns};
use crate::model::refusal::{Cause, Errno, Refusal, Why};

/// A chain of that name is there; of a virtual IP it means that there is one for that address and port.
pub fn chain_exists(rules: &EditRules, made: &dyn Known) -> OpError {
    let names = rules.new_chains().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let subject = |name: &ChainName| EditRules::chain(&rules.ns, rules.family, rules.table, name.as_str());
    let ours = rules.new_chains().find_map(|name| made.site(&subject(name)));
    taken(
        OpError::new("iptables::exists", format!("There is already a chain {names} in {}.", place(&rules.ns))),
        "Change what is there (a virtual IP has `.retarget(…)`), delete it first with `.del()`, or choose another `name`.",
        "Choose another `name`. What this recipe did not make is never taken over.",
        ours,
    )
}

/// Why iptables took none of the rules of a change.
pub fn rules(refusal: &Refusal, ns: &Ns, tool: &str, edits: &[RuleEdit]) -> OpError {
    match refusal.why {
        Why::NoTool => OpError::new("iptables::missing", format!("`{tool}` is not installed on this machine."))
            .help("Install it: `apt install iptables`, `dnf install iptables-nft`, `pacman -S iptables-nft` or `apk add iptables`.")
            .class(Class::Machine),
        Why::Tool(_) => {
            let error = OpError::new(
                "iptables::refused",
                format!("{tool} refused the rule in {}: {}.", place(ns), refusal.words.trim_end_matches('.')),
            );
            let all = "None of the rules of this call was set.";
            match slip(refusal, edits) {
                Some(near) => error.help(format!("Did you mean the chain `{near}`? {all}")),
                None => error.help(all),
            }
        }
        Why::Errno(errno) if errno == Errno::EPERM as i32 => denied(format!("{tool} may not act in {}.", place(ns))),
        Why::Errno(_) | Why::Timeout | Why::Interrupted | Why::Protocol => OpError::new("iptables::failed", format!("{tool} in {}: {}.", place(ns), reason(refusal))),
    }
}

/// The built-in chain whose name was misspelled, perhaps.
fn slip(refusal: &Refusal, edits: &[RuleEdit]) -> Option<&'static str> {
    if refusal.cause != Cause::NoName {
        return None;
    }
    edits.iter().find_map(|edit| closest(edit.added()?.0, Hook::NAMES))
}
