//! Rules as what iptables-nft(8) asks of the kernel: those that a lab is made of. For the others there is iptables itself.

use super::expressions::{Expressions, Meta, Verdict, text};
use crate::kernel::linux::netfilter::command::{IptablesCommand, Marked};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::proto::Proto;
use crate::model::rule::{ConnState, Match, Nat, NatKind, Ports, Target};
use crate::model::rules::Table;
use ipnet::IpNet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What a command does.
#[derive(Debug)]
pub(super) enum EncodedCommand<'a> {
    NewChain(&'a str),
    DeleteChain(&'a str),
    Append(Encoded<'a>),
    Insert(Encoded<'a>),
    Delete(Encoded<'a>),
}

/// A rule in the kernel's own form.
#[derive(Debug)]
pub(super) struct Encoded<'a> {
    pub(super) chain: &'a str,
    pub(super) expressions: Expressions,
    /// The protocol that `match` and `target` are to take for granted.
    pub(super) protocol: Option<Proto>,
    /// The chain that it jumps to.
    pub(super) jump: Option<String>,
}

/// What a command asks of a table; none if it has something that is not known here, or asks for what iptables refuses.
pub(super) fn step(family: Family, table: Table, command: &IptablesCommand) -> Option<EncodedCommand<'_>> {
    let rule = |marked| rule((family, table), marked);
    match command {
        IptablesCommand::NewChain(chain) => Some(EncodedCommand::NewChain(chain)),
        IptablesCommand::DeleteChain(chain) => Some(EncodedCommand::DeleteChain(chain)),
        IptablesCommand::Append(marked) => rule(marked).map(EncodedCommand::Append),
        IptablesCommand::Insert(1, marked) => rule(marked).map(EncodedCommand::Insert),
        // Which place that is depends on others, whom iptables looks at.
        IptablesCommand::Insert(..) => None,
        IptablesCommand::Delete(marked) => rule(marked).map(EncodedCommand::Delete),
    }
}

/// The conditions of a rule, put together in the order of iptables-nft(8).
#[derive(Default)]
struct Draft {
    input: Option<String>,
    output: Option<String>,
    protocol: Option<Proto>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    port: Option<u16>,
    matches: Expressions,
}

/// What becomes of a packet, as iptables-nft(8) has it.
enum Outcome {
    Verdict(Verdict),
    Target { name: &'static str, revision: u32, info: Vec<u8> },
}

fn rule((family, table): (Family, Table), marked: &Marked) -> Option<Encoded<'_>> {
    let spec = marked.rule.spec();
    let mut draft = Draft::default();
    if let Some(tag) = &marked.tag {
        draft.matches.matching("comment", 0, &comment(&tag.to_string())?);
    }
    let mut matches = spec.matches()?.into_iter();
    while let Some(of) = matches.next() {
        match of {
            Match::In(name) => set(&mut draft.input, interface(name)?)?,
            Match::Out(name) => set(&mut draft.output, interface(name)?)?,
            Match::Source(net) => set(&mut draft.source, of_family(family, net)?)?,
            Match::Destination(net) => set(&mut draft.destination, of_family(family, net)?)?,
            Match::Protocol(proto) if proto.has_ports() => set(&mut draft.protocol, *proto)?,
            Match::DestinationPort(list) => {
                let (proto, port) = (draft.protocol?, one(list.as_slice())?);
                set(&mut draft.port, port)?;
                draft.matches.matching(proto.as_str(), 0, &ports(proto, port));
            }
            Match::State(states) if states == &[ConnState::Dnat] => {
                let Some(Match::OriginalDestination(to)) = matches.next() else { return None };
                let to = (to.prefix_len() == to.max_prefix_len()).then(|| of_family(family, to))??;
                draft.matches.matching("conntrack", 3, &translated(to.addr()));
            }
            Match::Share(share) => draft.matches.matching("statistic", 0, &statistic(*share)),
            Match::Comment(words) => draft.matches.matching("comment", 0, &comment(words)?),
            Match::Protocol(_)
            | Match::OtherProtocol(_)
            | Match::SourcePort(_)
            | Match::AnyPort(_)
            | Match::State(_)
            | Match::OriginalDestination(_)
            | Match::OriginalPort(_)
            | Match::FromLocal
            | Match::ToLocal
            | Match::IcmpType(_)
            | Match::Syn
            | Match::Rate(..)
            | Match::Raw(_) => return None,
        }
    }
    let outcome = match &spec.target {
        Some(target) => Some(outcome(family, draft.protocol, target)?),
        None => None,
    };
    let hook = Hook::parse(&marked.chain);
    let refused = draft.input.is_some() && matches!(hook, Some(Hook::Output | Hook::Postrouting))
        || draft.output.is_some() && matches!(hook, Some(Hook::Input | Hook::Prerouting))
        || table == Table::Nat && spec.target == Some(Target::Drop);
    (!refused).then(|| draft.encoded(&marked.chain, outcome))
}

/// Takes a value that may be given once.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

impl Draft {
    fn encoded(self, chain: &str, outcome: Option<Outcome>) -> Encoded<'_> {
        // A comment takes 300 bytes, a translation 100.
        let mut expressions = Expressions(Vec::with_capacity(1024));
        for (what, name) in [(Meta::InInterface, self.input), (Meta::OutInterface, self.output)] {
            if let Some(name) = name {
                expressions.meta(what, &text(&name));
            }
        }
        if let Some(protocol) = self.protocol {
            expressions.meta(Meta::Protocol, &[protocol.number()]);
        }
        // The offset of the source address in the header.
        for (net, at) in [(self.source, 0), (self.destination, 1)] {
            match net {
                Some(IpNet::V4(net)) if net.prefix_len() > 0 => {
                    expressions.header(12 + 4 * at, &net.network().octets(), &net.netmask().octets());
                }
                Some(IpNet::V6(net)) if net.prefix_len() > 0 => {
                    expressions.header(8 + 16 * at, &net.network().octets(), &net.netmask().octets());
                }
                _ => {}
            }
        }
        expressions.0.extend(self.matches.0);
        expressions.counter();
        let mut jump = None;
        match outcome {
            Some(Outcome::Target { name, revision, info }) => expressions.target(name, revision, &info),
            Some(Outcome::Verdict(verdict)) => {
                expressions.verdict(&verdict);
                if let Verdict::Jump(chain) = verdict {
                    jump = Some(chain);
                }
            }
            None => {}
        }
        Encoded { chain, expressions, protocol: self.protocol, jump }
    }
}

/// The name of one interface; one that ends in `+` is many.
fn interface(name: &str) -> Option<String> {
    (!name.is_empty() && name.len() < 16 && !name.ends_with('+')).then(|| name.to_owned())
}

fn of_family(family: Family, net: &IpNet) -> Option<IpNet> {
    (Family::of(net.addr()) == family).then_some(*net)
}

/// The port that a list comes to, if it is one.
fn one(list: &[Ports]) -> Option<u16> {
    match list {
        [range] => only(range),
        _ => None,
    }
}

/// The value that a range comes to, if it is one.
fn only<T: PartialEq + Copy>(range: &RangeInclusive<T>) -> Option<T> {
    (range.start() == range.end()).then(|| *range.start())
}

/// `char[XT_MAX_COMMENT_LEN]` (`linux/netfilter/xt_comment.h`).
fn comment(words: &str) -> Option<Vec<u8>> {
    let mut info = words.as_bytes().to_vec();
    info.resize(256, 0);
    (words.len() < 256).then_some(info)
}

/// `struct xt_tcp` and `struct xt_udp` (`linux/netfilter/xt_tcpudp.h`): any source port, one destination port.
fn ports(protocol: Proto, port: u16) -> Vec<u8> {
    let mut info = Vec::new();
    for port in [0, u16::MAX, port, port] {
        info.extend_from_slice(&port.to_ne_bytes());
    }
    // Flags and inversions, of which there are none.
    info.resize(if protocol == Proto::Tcp { 12 } else { 10 }, 0);
    aligned(info)
}

/// `struct xt_conntrack_mtinfo3` (`linux/netfilter/xt_conntrack.h`): `--ctstate DNAT --ctorigdst ADDRESS`.
fn translated(to: IpAddr) -> Vec<u8> {
    let mut info = vec![0; 168];
    // origdst_addr and origdst_mask
    info[32..48].copy_from_slice(&address(to));
    info[48..64].fill(0xff);
    // match_flags: XT_CONNTRACK_STATE, XT_CONNTRACK_ORIGDST
    info[146..148].copy_from_slice(&0b1001_u16.to_ne_bytes());
    // state_mask: XT_CONNTRACK_STATE_DNAT
    info[150..152].copy_from_slice(&0x80_u16.to_ne_bytes());
    info
}

/// `struct xt_statistic_info` (`linux/netfilter/xt_statistic.h`): `--mode random --probability SHARE`.
fn statistic(share: f64) -> Vec<u8> {
    let mut info = vec![0; 24];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0 to 2^31")]
    let probability = (share.clamp(0.0, 1.0) * f64::from(1_u32 << 31)).round() as u32;
    info[4..8].copy_from_slice(&probability.to_ne_bytes());
    info
}

fn outcome(family: Family, protocol: Option<Proto>, target: &Target) -> Option<Outcome> {
    match target {
        Target::Accept => Some(Outcome::Verdict(Verdict::Accept)),
        Target::Drop => Some(Outcome::Verdict(Verdict::Drop)),
        Target::Return => Some(Outcome::Verdict(Verdict::Return)),
        // What iptables has of that name is taken for a chain; there is none of that name then.
        Target::Jump(chain) => Some(Outcome::Verdict(Verdict::Jump(chain.clone()))),
        Target::Nat(nat) => translation(family, protocol, nat),
        Target::Reject(_) | Target::Goto(_) | Target::Raw(_) => None,
    }
}

fn translation(family: Family, protocol: Option<Proto>, nat: &Nat) -> Option<Outcome> {
    let Nat { kind, addrs, ports, more } = nat;
    if !more.is_empty() {
        return None;
    }
    let ip = match addrs {
        Some(addrs) => Some(only(addrs).filter(|ip| Family::of(*ip) == family)?),
        None => None,
    };
    let port = match ports {
        // Which only some protocols have.
        Some(ports) => Some(only(ports).filter(|_| protocol.is_some())?),
        None => None,
    };
    let (revision, info) = match (kind, ip, port) {
        (NatKind::Masquerade, None, None) => (0, range(family, None)),
        (NatKind::Snat, Some(ip), None) => (u32::from(family == Family::V6), range(family, Some(ip))),
        (NatKind::Dnat, Some(ip), port) => (2, range2(ip, port)),
        _ => return None,
    };
    Some(Outcome::Target { name: kind.as_str(), revision, info })
}

/// `NF_NAT_RANGE_MAP_IPS` and `NF_NAT_RANGE_PROTO_SPECIFIED` (`linux/netfilter/nf_nat.h`).
const MAP_IPS: u32 = 1;
const PROTO_SPECIFIED: u32 = 2;

/// `struct nf_nat_ipv4_multi_range_compat` with one range, or `struct nf_nat_range`.
fn range(family: Family, to: Option<IpAddr>) -> Vec<u8> {
    let mut info = Vec::new();
    if family == Family::V4 {
        info.extend_from_slice(&1_u32.to_ne_bytes());
    }
    let flags = if to.is_some() { MAP_IPS } else { 0 };
    info.extend_from_slice(&flags.to_ne_bytes());
    let length = if family == Family::V4 { 4 } else { 16 };
    for _ in 0..2 {
        info.extend_from_slice(&to.map(address).unwrap_or_default()[..length]);
    }
    // The ports.
    info.extend_from_slice(&[0; 4]);
    aligned(info)
}

/// `struct nf_nat_range2`.
fn range2(ip: IpAddr, port: Option<u16>) -> Vec<u8> {
    let mut info = (MAP_IPS | port.map_or(0, |_| PROTO_SPECIFIED)).to_ne_bytes().to_vec();
    info.extend_from_slice(&address(ip));
    info.extend_from_slice(&address(ip));
    for _ in 0..2 {
        info.extend_from_slice(&port.unwrap_or(0).to_be_bytes());
    }
    info.extend_from_slice(&[0; 2]);
    aligned(info)
}

/// `union nf_inet_addr`.
fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// `XT_ALIGN`
fn aligned(mut info: Vec<u8>) -> Vec<u8> {
    info.resize(info.len().next_multiple_of(8), 0);
    info
}
