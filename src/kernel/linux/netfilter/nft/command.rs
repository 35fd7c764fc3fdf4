//! Lines of iptables-restore(8) as what they ask of the kernel: those that a lab is made of. For the others there is
//! iptables itself.

use super::expressions::{Expressions, Meta, Verdict};
use crate::kernel::linux::netfilter::words;
use crate::model::family::Family;
use crate::model::rules::Table;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// What a line does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    NewChain(String),
    DeleteChain(String),
    Append(Rule),
    Insert(Rule),
    Delete(Rule),
}

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) chain: String,
    pub(super) expressions: Expressions,
    /// The protocol that `match` and `target` are to take for granted.
    pub(super) protocol: Option<u8>,
    /// The chain that it jumps to.
    pub(super) jump: Option<String>,
}

/// What a line says to a table; none if it has a word that is not known here, or asks for what iptables refuses.
pub(super) fn parse(family: Family, table: Table, line: &str) -> Option<Command> {
    let words = words::split(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["-N", chain] => Some(Command::NewChain((*chain).to_owned())),
        ["-X", chain] => Some(Command::DeleteChain((*chain).to_owned())),
        ["-A", chain, rest @ ..] => rule((family, table), chain, rest).map(Command::Append),
        ["-I", chain, "1", rest @ ..] => rule((family, table), chain, rest).map(Command::Insert),
        ["-D", chain, rest @ ..] => rule((family, table), chain, rest).map(Command::Delete),
        _ => None,
    }
}

/// The conditions of a rule, put together in the order of iptables-nft(8).
#[derive(Default)]
struct Draft {
    input: Option<String>,
    output: Option<String>,
    protocol: Option<u8>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    matches: Expressions,
    target: Option<Target>,
}

enum Target {
    Verdict(Verdict),
    Nat { name: &'static str, revision: u32, info: Vec<u8> },
}

fn rule((family, table): (Family, Table), chain: &str, words: &[&str]) -> Option<Rule> {
    let mut draft = Draft::default();
    let mut words = words.iter().copied();
    // The match that options without a `--match` of their own belong to.
    let mut module = "";
    while let Some(word) = words.next() {
        match word {
            "--match" | "-m" => {
                module = words.next()?;
                match module {
                    "comment" => draft.matches.matching("comment", 0, &comment(&mut words)?),
                    "conntrack" => draft.matches.matching("conntrack", 3, &conntrack(family, &mut words)?),
                    "statistic" => draft.matches.matching("statistic", 0, &statistic(&mut words)?),
                    "tcp" | "udp" => {}
                    _ => return None,
                }
            }
            "--in-interface" | "-i" => set(&mut draft.input, interface(words.next()?)?)?,
            "--out-interface" | "-o" => set(&mut draft.output, interface(words.next()?)?)?,
            "--source" | "-s" => set(&mut draft.source, net(family, words.next()?)?)?,
            "--destination" | "-d" => set(&mut draft.destination, net(family, words.next()?)?)?,
            "--protocol" | "-p" => {
                module = words.next()?;
                set(&mut draft.protocol, protocol(module)?)?;
            }
            "--dport" if Some(protocol(module)?) == draft.protocol => {
                draft.matches.matching(module, 0, &ports(module, words.next()?.parse().ok()?));
            }
            "--jump" | "-j" => {
                let ported = draft.protocol.is_some();
                set(&mut draft.target, target(family, ported, words.next()?, &mut words)?)?;
            }
            _ => return None,
        }
    }
    let refused = draft.input.is_some() && matches!(chain, "OUTPUT" | "POSTROUTING")
        || draft.output.is_some() && matches!(chain, "INPUT" | "PREROUTING")
        || table == Table::Nat && matches!(draft.target, Some(Target::Verdict(Verdict::Drop)));
    (!refused).then(|| draft.rule(chain))
}

/// Takes a value that may be given once.
fn set<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}

impl Draft {
    fn rule(self, chain: &str) -> Rule {
        // A comment takes 300 bytes, a translation 100.
        let mut expressions = Expressions(Vec::with_capacity(1024));
        for (what, name) in [(Meta::InInterface, self.input), (Meta::OutInterface, self.output)] {
            if let Some(name) = name {
                expressions.meta(what, &super::expressions::text(&name));
            }
        }
        if let Some(protocol) = self.protocol {
            expressions.meta(Meta::Protocol, &[protocol]);
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
        match self.target {
            Some(Target::Nat { name, revision, info }) => expressions.target(name, revision, &info),
            Some(Target::Verdict(verdict)) => {
                expressions.verdict(&verdict);
                if let Verdict::Jump(chain) = verdict {
                    jump = Some(chain);
                }
            }
            None => {}
        }
        Rule { chain: chain.to_owned(), expressions, protocol: self.protocol, jump }
    }
}

fn protocol(name: &str) -> Option<u8> {
    match name {
        "tcp" => Some(6),
        "udp" => Some(17),
        _ => None,
    }
}

/// The name of one interface; one that ends in `+` is many.
fn interface(name: &str) -> Option<String> {
    (!name.is_empty() && name.len() < 16 && !name.ends_with('+')).then(|| name.to_owned())
}

fn net(family: Family, word: &str) -> Option<IpNet> {
    let net = word.parse().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))?;
    (Family::of(net.addr()) == family).then_some(net)
}

/// `char[XT_MAX_COMMENT_LEN]` (`linux/netfilter/xt_comment.h`).
fn comment<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    let mut info = match (words.next()?, words.next()?) {
        ("--comment", text) if text.len() < 256 => text.as_bytes().to_vec(),
        _ => return None,
    };
    info.resize(256, 0);
    Some(info)
}

/// `struct xt_tcp` and `struct xt_udp` (`linux/netfilter/xt_tcpudp.h`): any source port, one destination port.
fn ports(protocol: &str, port: u16) -> Vec<u8> {
    let mut info = Vec::new();
    for port in [0, u16::MAX, port, port] {
        info.extend_from_slice(&port.to_ne_bytes());
    }
    // Flags and inversions, of which there are none.
    info.resize(if protocol == "tcp" { 12 } else { 10 }, 0);
    aligned(info)
}

/// `struct xt_conntrack_mtinfo3` (`linux/netfilter/xt_conntrack.h`): `--ctstate DNAT --ctorigdst ADDRESS`.
fn conntrack<'a>(family: Family, words: &mut impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    if (words.next()?, words.next()?, words.next()?) != ("--ctstate", "DNAT", "--ctorigdst") {
        return None;
    }
    let to: IpAddr = words.next()?.parse().ok().filter(|ip| Family::of(*ip) == family)?;
    let mut info = vec![0; 168];
    // origdst_addr and origdst_mask
    info[32..48].copy_from_slice(&address(to));
    info[48..64].fill(0xff);
    // match_flags: XT_CONNTRACK_STATE, XT_CONNTRACK_ORIGDST
    info[146..148].copy_from_slice(&0b1001_u16.to_ne_bytes());
    // state_mask: XT_CONNTRACK_STATE_DNAT
    info[150..152].copy_from_slice(&0x80_u16.to_ne_bytes());
    Some(info)
}

/// `struct xt_statistic_info` (`linux/netfilter/xt_statistic.h`): `--mode random --probability SHARE`.
fn statistic<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<Vec<u8>> {
    if (words.next()?, words.next()?, words.next()?) != ("--mode", "random", "--probability") {
        return None;
    }
    let share: f64 = words.next()?.parse().ok().filter(|share| (0.0..=1.0).contains(share))?;
    let mut info = vec![0; 24];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 0 to 2^31")]
    let probability = (share * f64::from(1_u32 << 31)).round() as u32;
    info[4..8].copy_from_slice(&probability.to_ne_bytes());
    Some(info)
}

/// `ported`: whether the protocol is known to have ports.
fn target<'a>(family: Family, ported: bool, name: &str, words: &mut impl Iterator<Item = &'a str>) -> Option<Target> {
    let nat = |name, revision, info| Some(Target::Nat { name, revision, info });
    let mut value = |option: &str| if words.next()? == option { words.next() } else { None };
    match name {
        "ACCEPT" => Some(Target::Verdict(Verdict::Accept)),
        "DROP" => Some(Target::Verdict(Verdict::Drop)),
        "RETURN" => Some(Target::Verdict(Verdict::Return)),
        "MASQUERADE" => nat("MASQUERADE", 0, range(family, None)?),
        "SNAT" => {
            let to = value("--to-source")?.parse().ok()?;
            nat("SNAT", u32::from(family == Family::V6), range(family, Some(to))?)
        }
        "DNAT" => nat("DNAT", 2, range2(family, ported, value("--to-destination")?)?),
        // A target of iptables that is not among these would be taken for a chain; there is none of that name then.
        chain => Some(Target::Verdict(Verdict::Jump(chain.to_owned()))),
    }
}

/// `NF_NAT_RANGE_MAP_IPS` and `NF_NAT_RANGE_PROTO_SPECIFIED` (`linux/netfilter/nf_nat.h`).
const MAP_IPS: u32 = 1;
const PROTO_SPECIFIED: u32 = 2;

/// `struct nf_nat_ipv4_multi_range_compat` with one range, or `struct nf_nat_range`.
fn range(family: Family, to: Option<IpAddr>) -> Option<Vec<u8>> {
    if to.is_some_and(|to| Family::of(to) != family) {
        return None;
    }
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
    Some(aligned(info))
}

/// `struct nf_nat_range2`, of `ADDRESS` or `ADDRESS:PORT`.
fn range2(family: Family, ported: bool, to: &str) -> Option<Vec<u8>> {
    let (ip, port) = match to.parse::<SocketAddr>() {
        Ok(to) => (to.ip(), Some(to.port())),
        Err(_) => (to.parse().ok()?, None),
    };
    if Family::of(ip) != family || port.is_some() && !ported {
        return None;
    }
    let mut info = (MAP_IPS | port.map_or(0, |_| PROTO_SPECIFIED)).to_ne_bytes().to_vec();
    info.extend_from_slice(&address(ip));
    info.extend_from_slice(&address(ip));
    for _ in 0..2 {
        info.extend_from_slice(&port.unwrap_or(0).to_be_bytes());
    }
    info.extend_from_slice(&[0; 2]);
    Some(aligned(info))
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
