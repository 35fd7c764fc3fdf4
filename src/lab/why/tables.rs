//! What a namespace's rules do to a packet: those of `iptables-save --counters`, applied as the kernel would (iptables(8),
//! iptables-extensions(8)).

use super::packet::Packet;
use crate::model::proto::Proto;
use crate::model::rule::saved::{Saved, SavedRule, SavedTable};
use crate::model::rule::{Condition, ConnState, Match, Nat, NatKind, Ports, Target};
use crate::model::tag::Tag;
use std::net::IpAddr;

/// A rule or policy that decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Blame {
    /// Its table.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// The rule; none if it is the chain's policy.
    pub rule: Option<Box<SavedRule>>,
    /// How many packets it has decided about.
    pub packets: u64,
}

impl Blame {
    /// The mark of the change that made the rule, if a lab's did.
    pub fn tag(&self) -> Option<&Tag> {
        self.rule.as_ref()?.tags.first()
    }

    /// It in words, without marks.
    pub fn describe(&self) -> String {
        match &self.rule {
            Some(rule) => format!("the rule `{}` in the table {}", shell_words::join(rule.untagged()), self.table),
            None => format!("the policy of the chain {} in the table {}", self.chain, self.table),
        }
    }
}

/// What became of a packet in a chain.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleOutcome {
    /// It may go on.
    Accepted,
    /// It is dropped without a word.
    Dropped(Blame),
    /// It is dropped, and its sender is told.
    Rejected(Blame),
    /// An address of it is replaced.
    Translated(Translation, Blame),
}

/// A replacement of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    /// The destination's, with the port if that changes too.
    To(Option<IpAddr>, Option<u16>),
    /// The source's; none is the address of the interface that it leaves by.
    From(Option<IpAddr>),
}

/// What a rule's conditions say of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
    /// It depends on what cannot be read from here.
    Unknown,
}

enum Step {
    Next,
    Return,
    Decided(RuleOutcome),
}

/// How deep chains may call each other; the kernel's own limit is of that size.
const DEPTH: usize = 64;

/// What a built-in chain of a table does to a packet. Rules whose conditions cannot be told count as if they were not there,
/// and are added to `unclear`.
pub fn pass(saved: &Saved, table: &str, chain: &str, packet: &Packet, unclear: &mut Vec<String>) -> RuleOutcome {
    let Some(rules) = saved.table(table) else { return RuleOutcome::Accepted };
    if let Step::Decided(fate) = walk(rules, table, chain, packet, unclear, 0) {
        return fate;
    }
    match rules.chain(chain).and_then(|chain| Some((chain.policy.as_deref()?, chain.packets))) {
        Some(("DROP", packets)) => {
            RuleOutcome::Dropped(Blame { table: table.to_owned(), chain: chain.to_owned(), rule: None, packets })
        }
        _ => RuleOutcome::Accepted,
    }
}

/// How many packets a rule or policy has decided about by now.
pub fn count(saved: &Saved, blame: &Blame) -> Option<u64> {
    let table = saved.table(&blame.table)?;
    match &blame.rule {
        None => table.chain(&blame.chain).map(|chain| chain.packets),
        Some(rule) => table.rules_of(&blame.chain).find(|now| now.text == rule.text).map(|now| now.packets),
    }
}

fn walk(
    rules: &SavedTable,
    table: &str,
    chain: &str,
    packet: &Packet,
    unclear: &mut Vec<String>,
    depth: usize,
) -> Step {
    for rule in rules.rules_of(chain).take_while(|_| depth < DEPTH) {
        match conditions(&rule.spec.conditions, packet) {
            Verdict::No => continue,
            Verdict::Unknown => {
                unclear.push(format!("-A {}", rule.text));
                continue;
            }
            Verdict::Yes => {}
        }
        let blame = || Blame {
            table: table.to_owned(),
            chain: chain.to_owned(),
            rule: Some(Box::new(rule.clone())),
            packets: rule.packets,
        };
        match &rule.spec.target {
            Some(Target::Accept) => return Step::Decided(RuleOutcome::Accepted),
            Some(Target::Drop) => return Step::Decided(RuleOutcome::Dropped(blame())),
            Some(Target::Reject(_)) => return Step::Decided(RuleOutcome::Rejected(blame())),
            Some(Target::Return) => return Step::Return,
            Some(Target::Nat(nat)) => {
                if let Some(translation) = translation(nat) {
                    return Step::Decided(RuleOutcome::Translated(translation, blame()));
                }
            }
            Some(Target::Jump(name)) => {
                if let Step::Decided(fate) = walk(rules, table, name, packet, unclear, depth + 1) {
                    return Step::Decided(fate);
                }
            }
            Some(Target::Goto(name)) => {
                return match walk(rules, table, name, packet, unclear, depth + 1) {
                    Step::Decided(fate) => Step::Decided(fate),
                    Step::Next | Step::Return => Step::Return,
                };
            }
            // LOG, MARK: the packet goes on.
            Some(Target::Raw(_)) | None => {}
        }
    }
    Step::Next
}

/// What is put into a packet; of several, the first.
fn translation(nat: &Nat) -> Option<Translation> {
    let ip = nat.addrs.as_ref().map(|addrs| *addrs.start());
    let port = nat.ports.as_ref().map(|ports| *ports.start());
    match nat.kind {
        NatKind::Dnat | NatKind::Redirect => Some(Translation::To(ip, port)),
        NatKind::Snat => ip.map(|ip| Translation::From(Some(ip))),
        NatKind::Masquerade => Some(Translation::From(None)),
    }
}

/// What a rule's conditions say of a packet: `No` if any of them does, for then the others do not matter.
fn conditions(conditions: &[Condition], packet: &Packet) -> Verdict {
    let mut verdict = Verdict::Yes;
    for Condition { not, of } in conditions {
        match (meets(of, packet), not) {
            (Some(true), true) | (Some(false), false) => return Verdict::No,
            (None, _) => verdict = Verdict::Unknown,
            _ => {}
        }
    }
    verdict
}

/// Whether a packet matches, if that can be told.
fn meets(of: &Match, packet: &Packet) -> Option<bool> {
    let within = |list: &[Ports], port: u16| list.iter().any(|ports| ports.contains(&port));
    let named = |pattern: &str, name: &Option<String>| {
        let Some(name) = name else { return false };
        pattern.strip_suffix('+').map_or(pattern == name, |start| name.starts_with(start))
    };
    let original = packet.original.unwrap_or(packet.dst);
    Some(match of {
        Match::In(pattern) => named(pattern, &packet.arrives),
        Match::Out(pattern) => named(pattern, &packet.leaves),
        Match::Source(net) => net.contains(&packet.src.ip()),
        Match::Destination(net) => net.contains(&packet.dst.ip()),
        Match::Protocol(proto) => *proto == packet.proto(),
        Match::OtherProtocol(name) => name == "all" || name == "0",
        Match::SourcePort(ports) => within(ports, packet.src.port()),
        Match::DestinationPort(ports) => within(ports, packet.dst.port()),
        Match::AnyPort(ports) => within(ports, packet.dst.port()) || within(ports, packet.src.port()),
        Match::State(states) => {
            let now = if packet.answers { ConnState::Established } else { ConnState::New };
            states.contains(&now) || (states.contains(&ConnState::Dnat) && packet.original.is_some())
        }
        Match::OriginalDestination(net) => net.contains(&original.ip()),
        Match::OriginalPort(ports) => ports.contains(&original.port()),
        Match::ToLocal => packet.to_local,
        Match::FromLocal => packet.from_local,
        Match::IcmpType(kind) => {
            let number = match (packet.proto(), packet.answers) {
                (Proto::Icmp, false) => "8",
                (Proto::Icmp, true) => "0",
                (Proto::Icmpv6, false) => "128",
                (Proto::Icmpv6, true) => "129",
                (Proto::Tcp | Proto::Udp, _) => return Some(false),
            };
            kind == number || kind == "any"
        }
        Match::Syn => packet.proto() == Proto::Tcp && !packet.answers,
        Match::Share(_) | Match::Rate(..) | Match::Comment(_) => true,
        Match::Raw(_) => return None,
    })
}

#[cfg(test)]
mod tests;
