//! Rules of policy routing: which routing table a packet is looked up in.

use crate::model::error::OpError;
use crate::model::explain::{place, reason, taken};
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::kind::{Kind, within};
use crate::model::known::Known;
use crate::model::language::{of, options, quoted};
use crate::model::names::{IfName, Ns};
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LinkAt, Subject};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A rule of policy routing.
pub const IP_RULE: &str = "policy rule";

/// Add a rule of policy routing (ip-rule(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddIpRule {
    /// In which namespace.
    pub ns: Ns,
    /// Of which IP version.
    pub family: Family,
    /// The source addresses of the packets that it is about; all where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpNet>,
    /// Their destination addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<IpNet>,
    /// The interface that they came in by. A name and no more: the kernel does not follow when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iif: Option<IfName>,
    /// The interface that the sending socket is bound to, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oif: Option<IfName>,
    /// Their firewall mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<FwMark>,
    /// The number of the table that they are looked up in.
    pub table: u32,
    /// Its place among the rules: lower is asked first.
    pub priority: u32,
}

/// A firewall mark, of which only the bits of the mask count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FwMark {
    /// The mark.
    pub mark: u32,
    /// The bits that count.
    pub mask: u32,
}

impl fmt::Display for FwMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.mark)?;
        if self.mask == u32::MAX { Ok(()) } else { write!(f, "/{:#x}", self.mask) }
    }
}

impl FromStr for FwMark {
    type Err = String;

    /// Reads `16`, `0x10` or `0x10/0xff`.
    fn from_str(text: &str) -> Result<FwMark, String> {
        let number = |text: &str| {
            let parsed = match text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => text.parse(),
            };
            parsed.map_err(|_| format!("`{text}` is no number from 0 to 0xffffffff"))
        };
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        Ok(FwMark { mark: number(first)?, mask: bits.map_or(Ok(u32::MAX), number)? })
    }
}

impl AddIpRule {
    /// What it is about and where it sends, in the words of ip-rule(8).
    pub fn words(&self) -> String {
        let from = self.from.map_or_else(|| "all".to_owned(), |net| net.to_string());
        let mut words = vec![format!("from {from}")];
        words.extend(self.to.map(|net| format!("to {net}")));
        words.extend(self.iif.as_ref().map(|link| format!("iif {link}")));
        words.extend(self.oif.as_ref().map(|link| format!("oif {link}")));
        words.extend(self.mark.map(|mark| format!("fwmark {mark}")));
        words.push(format!("lookup {}", self.table));
        words.join(" ")
    }

    fn command(&self, verb: &str) -> String {
        let ip = if self.family == Family::V6 { "ip -6 rule" } else { "ip rule" };
        in_ns(&self.ns, &format!("{ip} {verb} priority {} {}", self.priority, self.words()))
    }

    /// The part of a key that all rules of a family have in common.
    pub fn key_of(family: Family, priority: u32) -> String {
        format!("{family} {priority}:")
    }
}

impl Kind for AddIpRule {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        let key = format!("{} {}", AddIpRule::key_of(self.family, self.priority), self.words());
        vec![Fact::made(Subject::of(&self.ns, IP_RULE, key), "")]
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        let (here, words) = (place(&self.ns), self.words());
        if !refusal.is(Errno::EEXIST) {
            let message = format!("{here} did not take the policy rule `{words}`: {}.", reason(refusal));
            return OpError::new("ip_rule::refused", message);
        }
        let subject = self.facts(&Identity::Spec).into_iter().next().map(|fact| fact.subject);
        taken(
            OpError::new("ip_rule::exists", format!("There is already a policy rule `{words}` in {here}.")),
            "Leave this call out, or give it another `priority`.",
            "Give it another `priority`.",
            subject.and_then(|subject| made.site(&subject)),
        )
    }

    /// The kernel looks for interfaces by the names that the rule has.
    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        vec![self.command("add")]
    }

    fn undo_commands(&self, _identity: &Identity) -> Vec<String> {
        vec![self.command("del")]
    }

    fn calls(&self) -> Vec<String> {
        let text = |value: Option<String>| value.map(|value| quoted(&value));
        let has_address = self.from.or(self.to).is_some();
        let options = options(&[
            ("from", text(self.from.map(|net| net.to_string()))),
            ("to", text(self.to.map(|net| net.to_string()))),
            ("iif", text(self.iif.as_ref().map(ToString::to_string))),
            ("oif", text(self.oif.as_ref().map(ToString::to_string))),
            ("mark", text(self.mark.map(|mark| mark.to_string()))),
            ("priority", Some(self.priority.to_string())),
            ("ipv6", (self.family == Family::V6 && !has_address).then(|| "true".to_owned())),
        ]);
        vec![format!("{}ip_rule({}{options})", of(&self.ns), self.table)]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        (IP_RULE, vec![within(&self.ns, format!("{} ({})", self.words(), self.family))])
    }
}

#[cfg(test)]
mod tests {
    use super::FwMark;

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        for text in ["0x10", "0x10/0xff"] {
            assert_eq!(text.parse::<FwMark>().map(|mark| mark.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("16".parse(), Ok(FwMark { mark: 16, mask: u32::MAX }));
        for text in ["", "-1", "0x", "1/", "0x100000000"] {
            assert!(text.parse::<FwMark>().is_err(), "{text:?} was accepted");
        }
    }
}
