//! Rules of firewalls and address translation: what they ask of a packet, and what becomes of it.
//!
//! A rule is typed as far as we know iptables' language, and kept in its words where we do not. There is one way from
//! words to types ([`read`]) and one back ([`words`]), so that nobody else interprets words.

mod outline;
mod read;
pub mod saved;
mod words;

use crate::model::proto::Proto;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

pub use outline::{Part, outline};
pub use words::split;

/// A rule as it is asked for: without the chain that it is in, and without our tag.
///
/// In a journal it is its words, so that one can be read by a version that knows more of them, or fewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub enum Rule {
    /// One that our own words say.
    Spec(RuleSpec),
    /// One in somebody's own words, one per item, unquoted.
    Raw(Vec<String>),
}

/// What a rule means (iptables(8), "rule-specification").
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleSpec {
    /// What must be so of a packet, all of it.
    pub conditions: Vec<Condition>,
    /// What becomes of the packet then; without one it is only counted.
    pub target: Option<Target>,
}

/// A match, or its opposite.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Whether the packet must not match.
    pub not: bool,
    /// What is looked at.
    pub of: Match,
}

/// A range of ports, often of one.
pub type Ports = RangeInclusive<u16>;

/// What a packet is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Match {
    /// The interface that it came in by; a name that ends in `+` stands for all that begin so.
    In(String),
    /// The interface that it leaves by, likewise.
    Out(String),
    /// Where it is from.
    Source(IpNet),
    /// Where it is to.
    Destination(IpNet),
    /// Its protocol.
    Protocol(Proto),
    /// Its protocol, one that we do not know.
    OtherProtocol(String),
    /// Its source port, one of these.
    SourcePort(Vec<Ports>),
    /// Its destination port, one of these.
    DestinationPort(Vec<Ports>),
    /// Either of its ports, one of these.
    AnyPort(Vec<Ports>),
    /// The state of its connection, one of these.
    State(Vec<ConnState>),
    /// Where its connection was to at first.
    OriginalDestination(IpNet),
    /// The port that its connection was to at first.
    OriginalPort(Ports),
    /// That it is from an address of the namespace.
    FromLocal,
    /// That it is to an address of the namespace.
    ToLocal,
    /// The type of an ICMP or ICMPv6 message.
    IcmpType(String),
    /// That it begins a TCP connection.
    Syn,
    /// Chance: the share of packets that are taken.
    Share(f64),
    /// Something that only says how often: an option and its value, such as `--limit 1/sec`.
    Rate(String, String),
    /// Nothing: somebody's remark.
    Comment(String),
    /// What we do not know, in its words.
    Raw(Vec<String>),
}

/// A state of connection tracking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnState {
    /// It begins a connection.
    New,
    /// It belongs to one that was answered.
    Established,
    /// It is about one, or begins one that another announced.
    Related,
    /// It belongs to none.
    Invalid,
    /// It is not tracked.
    Untracked,
    /// Its connection's source was replaced.
    Snat,
    /// Its connection's destination was replaced.
    Dnat,
}

impl ConnState {
    const ALL: [(ConnState, &'static str); 7] = [
        (ConnState::New, "NEW"),
        (ConnState::Established, "ESTABLISHED"),
        (ConnState::Related, "RELATED"),
        (ConnState::Invalid, "INVALID"),
        (ConnState::Untracked, "UNTRACKED"),
        (ConnState::Snat, "SNAT"),
        (ConnState::Dnat, "DNAT"),
    ];
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// It may go on.
    Accept,
    /// It is dropped.
    Drop,
    /// It goes on behind the jump to this chain.
    Return,
    /// It is dropped, and its sender is told, in this way if not in the usual one.
    Reject(Option<String>),
    /// It passes that chain. (Or what iptables has of that name: it is not told apart.)
    Jump(String),
    /// It passes that chain and does not come back from it.
    Goto(String),
    /// An address of it is replaced.
    Nat(Nat),
    /// What we do not know: a name and its options.
    Raw(Vec<String>),
}

/// A translation of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nat {
    /// Which end, and in which way.
    pub kind: NatKind,
    /// The addresses to choose from; none where the kind says which.
    pub addrs: Option<RangeInclusive<IpAddr>>,
    /// The ports to choose from; none to leave it, if that goes.
    pub ports: Option<Ports>,
    /// Further words.
    pub more: Vec<String>,
}

/// How an address is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NatKind {
    /// The source becomes the address of the interface that the packet leaves by.
    Masquerade,
    /// The source becomes another.
    Snat,
    /// The destination becomes another.
    Dnat,
    /// The destination becomes the namespace itself.
    Redirect,
}

impl NatKind {
    const ALL: [NatKind; 4] = [NatKind::Masquerade, NatKind::Snat, NatKind::Dnat, NatKind::Redirect];

    /// The target's name.
    pub fn as_str(self) -> &'static str {
        match self {
            NatKind::Masquerade => "MASQUERADE",
            NatKind::Snat => "SNAT",
            NatKind::Dnat => "DNAT",
            NatKind::Redirect => "REDIRECT",
        }
    }

    /// The option that says what to put there.
    fn option(self) -> &'static str {
        match self {
            NatKind::Snat => "--to-source",
            NatKind::Dnat => "--to-destination",
            NatKind::Masquerade | NatKind::Redirect => "--to-ports",
        }
    }
}

impl Target {
    /// Hides addresses behind that of the interface that packets leave by.
    pub fn masquerade() -> Target {
        Target::Nat(Nat { kind: NatKind::Masquerade, addrs: None, ports: None, more: Vec::new() })
    }

    /// Gives packets this source.
    pub fn snat(to: IpAddr) -> Target {
        Target::Nat(Nat { kind: NatKind::Snat, addrs: Some(to..=to), ports: None, more: Vec::new() })
    }

    /// Sends packets there.
    pub fn dnat(to: SocketAddr) -> Target {
        let (ip, port) = (to.ip(), to.port());
        Target::Nat(Nat { kind: NatKind::Dnat, addrs: Some(ip..=ip), ports: Some(port..=port), more: Vec::new() })
    }
}

impl Match {
    /// One destination port.
    pub fn to_port(port: u16) -> Match {
        Match::DestinationPort(vec![port..=port])
    }

    /// A share of packets, to the eight digits in which it is written.
    pub fn share(share: f64) -> Match {
        Match::Share(words::share(share).parse().unwrap_or(share))
    }
}

impl Rule {
    /// A rule for packets that match all of these.
    pub fn new(matches: impl IntoIterator<Item = Match>, target: Target) -> Rule {
        let conditions = matches.into_iter().map(|of| Condition { not: false, of }).collect();
        Rule::Spec(RuleSpec { conditions, target: Some(target) })
    }

    /// Its words: what follows the chain's name on a command line, unquoted.
    pub fn words(&self) -> Cow<'_, [String]> {
        match self {
            Rule::Spec(spec) => Cow::Owned(spec.words()),
            Rule::Raw(words) => Cow::Borrowed(words),
        }
    }

    /// What it means, as far as we know its words.
    pub fn spec(&self) -> Cow<'_, RuleSpec> {
        match self {
            Rule::Spec(spec) => Cow::Borrowed(spec),
            Rule::Raw(words) => Cow::Owned(RuleSpec::read(words)),
        }
    }
}

impl RuleSpec {
    /// What words mean, as far as we know them.
    pub fn read<S: AsRef<str>>(words: &[S]) -> RuleSpec {
        read::spec(words.iter().map(AsRef::as_ref))
    }

    /// It in words, with long options.
    pub fn words(&self) -> Vec<String> {
        words::spec(self)
    }

    /// What a packet must match, where nothing is asked that it must not.
    pub fn matches(&self) -> Option<Vec<&Match>> {
        self.conditions.iter().map(|condition| (!condition.not).then_some(&condition.of)).collect()
    }

    /// The chain that it sends packets to.
    pub fn chain(&self) -> Option<&str> {
        match &self.target {
            Some(Target::Jump(chain) | Target::Goto(chain)) => Some(chain),
            _ => None,
        }
    }

    /// The translation that it makes.
    pub fn nat(&self) -> Option<&Nat> {
        match &self.target {
            Some(Target::Nat(nat)) => Some(nat),
            _ => None,
        }
    }
}

impl From<Vec<String>> for Rule {
    /// A rule whose words are ours is the same rule, whoever wrote them.
    fn from(words: Vec<String>) -> Rule {
        let spec = RuleSpec::read(&words);
        if spec.words() == words { Rule::Spec(spec) } else { Rule::Raw(words) }
    }
}

impl From<Rule> for Vec<String> {
    fn from(rule: Rule) -> Vec<String> {
        match rule {
            Rule::Spec(spec) => spec.words(),
            Rule::Raw(words) => words,
        }
    }
}

#[cfg(test)]
mod tests;
