//! iptables' words as rules.

use super::{Condition, ConnState, Match, Nat, NatKind, Ports, RuleSpec, Target};
use crate::model::proto::Proto;
use ipnet::IpNet;
use std::iter::Peekable;
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// What words mean. What is not known stays in its words, each option with what follows it.
pub(super) fn spec<'a>(words: impl Iterator<Item = &'a str>) -> RuleSpec {
    let mut reader = Reader {
        rest: words.peekable(),
        spec: RuleSpec::default(),
        not: None,
        module: "",
        unsaid: None,
        open: Open::No,
    };
    while let Some(word) = reader.rest.next() {
        reader.word(word);
    }
    reader.close_module();
    if let Some(not) = reader.not.take() {
        reader.raw(not);
    }
    reader.spec
}

/// What an unknown option belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Open {
    No,
    Match,
    Target,
}

struct Reader<'a, I: Iterator<Item = &'a str>> {
    rest: Peekable<I>,
    spec: RuleSpec,
    /// The `!` before the next option.
    not: Option<&'a str>,
    /// The module that was named last.
    module: &'a str,
    /// How it was named, as long as nothing of it was said: some mean something then.
    unsaid: Option<[&'a str; 2]>,
    open: Open,
}

impl<'a, I: Iterator<Item = &'a str>> Reader<'a, I> {
    fn word(&mut self, word: &'a str) {
        match word {
            "!" if self.not.is_none() => self.not = Some(word),
            "-m" | "--match" if self.rest.peek().is_some() => {
                self.close_module();
                self.module = self.rest.next().unwrap_or_default();
                // That of a protocol comes with it.
                self.unsaid = (!self.has_protocol(self.module)).then_some([word, self.module]);
                self.open = Open::No;
            }
            "-j" | "--jump" | "-g" | "--goto" if self.spec.target.is_none() && self.rest.peek().is_some() => {
                self.close_module();
                let name = self.rest.next().unwrap_or_default();
                let is_jump = matches!(word, "-j" | "--jump");
                self.spec.target = Some(if is_jump { jump(name) } else { Target::Goto(name.to_owned()) });
                self.open = Open::Target;
            }
            _ if self.target_option(word) || self.condition(word) => {}
            _ => self.raw(word),
        }
    }

    fn has_protocol(&self, name: &str) -> bool {
        let is_it = |condition: &Condition| matches!(&condition.of, Match::Protocol(proto) if proto.as_str() == name);
        self.spec.conditions.iter().any(is_it)
    }

    /// Takes in that nothing was said of a module.
    fn close_module(&mut self) {
        if let Some(named) = self.unsaid.take() {
            self.spec.conditions.push(Condition { not: false, of: raw(&named) });
        }
    }

    fn push(&mut self, of: Match) {
        let not = self.not.take().is_some();
        self.spec.conditions.push(Condition { not, of });
    }

    /// A match, if it is one of those that we know.
    fn condition(&mut self, option: &'a str) -> bool {
        let Some((modules, of)) = self.known(option) else { return false };
        if modules.contains(&self.module) {
            self.unsaid = None;
        } else if !modules.is_empty() {
            self.close_module();
        }
        self.push(of);
        self.open = Open::No;
        true
    }

    /// What an option says, with the modules that it is of. Its values are taken only then.
    fn known(&mut self, option: &str) -> Option<(&'static [&'static str], Match)> {
        const PORTED: &[&str] = &["tcp", "udp"];
        if option == "--syn" {
            return Some((&["tcp"], Match::Syn));
        }
        let value = *self.rest.peek()?;
        let of: (&'static [&'static str], Match) = match option {
            "-i" | "--in-interface" => (&[], Match::In(value.to_owned())),
            "-o" | "--out-interface" => (&[], Match::Out(value.to_owned())),
            "-s" | "--source" | "--src" => (&[], Match::Source(net(value)?)),
            "-d" | "--destination" | "--dst" => (&[], Match::Destination(net(value)?)),
            "-p" | "--protocol" => match Proto::parse(value) {
                Some(proto) => (&[], Match::Protocol(proto)),
                None => (&[], Match::OtherProtocol(value.to_owned())),
            },
            "--sport" | "--source-port" => (PORTED, Match::SourcePort(vec![ports(value)?])),
            "--dport" | "--destination-port" => (PORTED, Match::DestinationPort(vec![ports(value)?])),
            "--sports" | "--source-ports" => (&["multiport"], Match::SourcePort(list(value)?)),
            "--dports" | "--destination-ports" => (&["multiport"], Match::DestinationPort(list(value)?)),
            "--ports" => (&["multiport"], Match::AnyPort(list(value)?)),
            "--ctstate" => (&["conntrack"], Match::State(states(value)?)),
            "--state" => (&["state"], Match::State(states(value)?)),
            "--ctorigdst" => (&["conntrack"], Match::OriginalDestination(net(value)?)),
            "--ctorigdstport" => (&["conntrack"], Match::OriginalPort(ports(value)?)),
            "--src-type" if value == "LOCAL" => (&["addrtype"], Match::FromLocal),
            "--dst-type" if value == "LOCAL" => (&["addrtype"], Match::ToLocal),
            "--icmp-type" => (&["icmp"], Match::IcmpType(value.to_owned())),
            "--icmpv6-type" => (&["icmp6", "icmpv6", "ipv6-icmp"], Match::IcmpType(value.to_owned())),
            "--limit" | "--limit-burst" => (&["limit"], Match::Rate(option.to_owned(), value.to_owned())),
            "--every" | "--packet" => (&["statistic"], Match::Rate(option.to_owned(), value.to_owned())),
            "--mode" if self.module == "statistic" && value == "nth" => {
                (&["statistic"], Match::Rate(option.to_owned(), value.to_owned()))
            }
            // The two are one, and iptables has it with both.
            "--mode" if self.module == "statistic" && value == "random" => {
                self.rest.next();
                return Some(self.share());
            }
            "--comment" => (&["comment"], Match::Comment(value.to_owned())),
            "--tcp-flags" if matches!(value, "FIN,SYN,RST,ACK" | "SYN,RST,ACK") => {
                self.rest.next();
                return Some(if self.rest.next_if_eq(&"SYN").is_some() {
                    (&["tcp"], Match::Syn)
                } else {
                    (&["tcp"], raw(&[option, value]))
                });
            }
            _ => return None,
        };
        self.rest.next();
        Some(of)
    }

    /// `--probability`, behind `--mode random`.
    fn share(&mut self) -> (&'static [&'static str], Match) {
        if self.rest.next_if_eq(&"--probability").is_none() {
            return (&[], raw(&["--mode", "random"]));
        }
        let value = self.rest.next().unwrap_or_default();
        match value.parse() {
            Ok(share) if (0.0..=1.0).contains(&share) => (&["statistic"], Match::Share(share)),
            _ => (&[], raw(&["--mode", "random", "--probability", value])),
        }
    }

    /// An option of the target, if it is one of those that we know.
    fn target_option(&mut self, option: &str) -> bool {
        match &mut self.spec.target {
            Some(Target::Reject(how @ None)) if option == "--reject-with" => {
                *how = self.rest.next().map(str::to_owned);
                how.is_some()
            }
            Some(Target::Nat(Nat { kind, addrs: addrs @ None, ports: ports @ None, more }))
                if option == kind.option() && more.is_empty() =>
            {
                let to = self.rest.peek().and_then(|value| endpoint(*kind, value));
                if let Some(to) = to {
                    self.rest.next();
                    (*addrs, *ports) = to;
                }
                addrs.is_some() || ports.is_some()
            }
            _ => false,
        }
    }

    /// Takes an option with what follows it as it is.
    fn raw(&mut self, option: &str) {
        let mut words: Vec<String> = self.unsaid.take().into_iter().flatten().map(str::to_owned).collect();
        words.extend(self.not.take().map(str::to_owned));
        words.push(option.to_owned());
        while let Some(value) = self.rest.next_if(|word| !word.starts_with('-') && *word != "!") {
            words.push(value.to_owned());
        }
        let last = self.spec.conditions.last_mut().map(|condition| &mut condition.of);
        match (self.open, &mut self.spec.target, last) {
            (Open::Target, Some(target), _) => add(target, words),
            (Open::Match, _, Some(Match::Raw(known))) => known.extend(words),
            _ => {
                self.push(Match::Raw(words));
                self.open = Open::Match;
            }
        }
    }
}

fn raw(words: &[&str]) -> Match {
    Match::Raw(words.iter().map(|word| (*word).to_owned()).collect())
}

/// Gives a target words that we do not know.
fn add(target: &mut Target, words: Vec<String>) {
    match target {
        Target::Nat(nat) => nat.more.extend(words),
        Target::Raw(known) => known.extend(words),
        Target::Accept | Target::Drop | Target::Return | Target::Reject(_) | Target::Jump(_) | Target::Goto(_) => {
            // The first word is the option `-j` or `-g`, which is written again with the target.
            let mut known = RuleSpec { conditions: Vec::new(), target: Some(target.clone()) }.words().split_off(1);
            known.extend(words);
            *target = Target::Raw(known);
        }
    }
}

fn jump(name: &str) -> Target {
    match name {
        "ACCEPT" => Target::Accept,
        "DROP" => Target::Drop,
        "RETURN" => Target::Return,
        "REJECT" => Target::Reject(None),
        _ => match NatKind::ALL.into_iter().find(|kind| kind.as_str() == name) {
            Some(kind) => Target::Nat(Nat { kind, addrs: None, ports: None, more: Vec::new() }),
            None => Target::Jump(name.to_owned()),
        },
    }
}

fn net(word: &str) -> Option<IpNet> {
    word.parse().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from))
}

/// `80`, `80:90`, `80:` or `:90`.
fn ports(word: &str) -> Option<Ports> {
    let Some((low, high)) = word.split_once(':') else {
        let port = word.parse().ok()?;
        return Some(port..=port);
    };
    let end = |word: &str, default| if word.is_empty() { Some(default) } else { word.parse().ok() };
    Some(end(low, 0)?..=end(high, u16::MAX)?)
}

fn list(word: &str) -> Option<Vec<Ports>> {
    word.split(',').map(ports).collect()
}

fn states(word: &str) -> Option<Vec<ConnState>> {
    let state = |word: &str| ConnState::ALL.iter().find(|(_, name)| *name == word).map(|(state, _)| *state);
    word.split(',').map(state).collect()
}

/// Where a translation leads: addresses and ports, of which not both are missing.
type Endpoint = (Option<RangeInclusive<IpAddr>>, Option<Ports>);

/// `10.0.0.1`, `10.0.0.1-10.0.0.9:80-90`, `[fd00::1]:80`, `:80`; of some kinds `80-90`.
fn endpoint(kind: NatKind, word: &str) -> Option<Endpoint> {
    if matches!(kind, NatKind::Masquerade | NatKind::Redirect) {
        return Some((None, Some(dashed(word)?)));
    }
    let (ip, port) = match word.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            (ip, Some(port.strip_prefix(':')?).filter(|port| !port.is_empty()))
        }
        // More than one colon are those of an IPv6 address.
        None if word.matches(':').count() > 1 => (word, None),
        None => word.split_once(':').map_or((word, None), |(ip, port)| (ip, Some(port))),
    };
    let addrs = if ip.is_empty() { None } else { Some(dashed(ip)?) };
    let ports = match port {
        Some(port) => Some(dashed(port)?),
        None => None,
    };
    (addrs.is_some() || ports.is_some()).then_some((addrs, ports))
}

fn dashed<T: std::str::FromStr + Clone>(word: &str) -> Option<RangeInclusive<T>> {
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    Some(low.parse().ok()?..=high.parse().ok()?)
}
