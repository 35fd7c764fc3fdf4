//! The places in the kernel where packets meet rules.

use serde::{Deserialize, Serialize};

/// A place on the way of packets. Its name is also that of the built-in chain that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Hook {
    /// They came in.
    Prerouting,
    /// They are for the namespace itself.
    Input,
    /// They are passed on.
    Forward,
    /// The namespace sends them.
    Output,
    /// They leave.
    Postrouting,
}

impl Hook {
    /// The names of all, in the order of their numbers (`NF_INET_PRE_ROUTING` and so on).
    pub const NAMES: [&'static str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

    const ALL: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

    /// The built-in chain's name.
    pub fn as_str(self) -> &'static str {
        Hook::NAMES[self as usize]
    }

    /// The place that a chain is at, if it is a built-in one.
    pub fn parse(chain: &str) -> Option<Hook> {
        Hook::ALL.into_iter().find(|hook| hook.as_str() == chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hook_has_its_name() {
        for (hook, name) in Hook::ALL.into_iter().zip(Hook::NAMES) {
            assert_eq!((hook.as_str(), Hook::parse(name)), (name, Some(hook)));
        }
    }
}
