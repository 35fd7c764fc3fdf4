//! What a namespace's rules do to a packet: `iptables-save --counters` read as the kernel would (iptables(8),
//! iptables-extensions(8)).

use super::packet::Packet;
use crate::model::terrain::Carried;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// The tables of one family and backend.
#[derive(Debug, Default)]
pub struct Tables(HashMap<String, Table>);

#[derive(Debug, Default)]
struct Table {
    /// The built-in chains' policies, with the packets that met them.
    policies: HashMap<String, (String, u64)>,
    rules: HashMap<String, Vec<Rule>>,
}

#[derive(Debug)]
struct Rule {
    text: String,
    words: Vec<String>,
    packets: u64,
}

/// A rule or policy that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// Its table.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// The rule as `iptables -S` shows it; none if it is the chain's policy.
    pub rule: Option<String>,
    /// How many packets it has decided about.
    pub packets: u64,
}

impl Blame {
    /// The mark of the change that made the rule, if a lab's did: `rhailab:LAB:N`.
    pub fn tag(&self) -> Option<String> {
        let words = split(self.rule.as_deref()?);
        let mut tags = words.iter().filter(|word| word.starts_with("rhailab:") && word.matches(':').count() == 2);
        tags.next().cloned()
    }

    /// It in words, without marks.
    pub fn describe(&self) -> String {
        let Some(rule) = &self.rule else {
            return format!("the policy of the chain {} in the table {}", self.chain, self.table);
        };
        let mut words = split(rule);
        if let Some(tag) = self.tag()
            && let Some(at) = words.windows(4).position(|four| four == ["-m", "comment", "--comment", &tag])
        {
            words.drain(at..at + 4);
        }
        format!("the rule `{}` in the table {}", shell_words::join(words), self.table)
    }
}

/// What became of a packet in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
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
    Decided(Fate),
}

/// How deep chains may call each other; the kernel's own limit is of that size.
const DEPTH: usize = 64;

/// Options of matches that take one word and do not narrow a first packet down: those that only say how often.
const TIMING: &[&str] = &["--comment", "--limit", "--limit-burst", "--mode", "--probability", "--every", "--packet"];

impl Tables {
    /// Reads what `iptables-save --counters` printed.
    pub fn parse(text: &str) -> Tables {
        let mut tables = Tables::default();
        let mut name = String::new();
        for line in text.lines().map(str::trim_end) {
            if let Some(table) = line.strip_prefix('*') {
                table.clone_into(&mut name);
                tables.0.entry(name.clone()).or_default();
                continue;
            }
            let Some(table) = tables.0.get_mut(&name) else { continue };
            if let Some(chain) = line.strip_prefix(':') {
                let mut parts = chain.split(' ');
                if let (Some(chain), Some(policy)) = (parts.next(), parts.next())
                    && policy != "-"
                {
                    let packets = parts.next().map_or(0, packets);
                    table.policies.insert(chain.to_owned(), (policy.to_owned(), packets));
                }
            } else if let Some((counters, rule)) = line.split_once(" -A ") {
                let mut words = split(rule);
                if !words.is_empty() {
                    let chain = words.remove(0);
                    let rule = Rule { text: format!("-A {rule}"), words, packets: packets(counters) };
                    table.rules.entry(chain).or_default().push(rule);
                }
            }
        }
        tables
    }

    /// What a built-in chain of a table does to a packet. Rules whose conditions cannot be told count as if they were not
    /// there, and are added to `unclear`.
    pub fn pass(&self, table: &str, chain: &str, packet: &Packet, unclear: &mut Vec<String>) -> Fate {
        let Some(rules) = self.0.get(table) else { return Fate::Accepted };
        if let Step::Decided(fate) = rules.walk(table, chain, packet, unclear, 0) {
            return fate;
        }
        match rules.policies.get(chain) {
            Some((policy, packets)) if policy == "DROP" => {
                let (table, chain) = (table.to_owned(), chain.to_owned());
                Fate::Dropped(Blame { table, chain, rule: None, packets: *packets })
            }
            _ => Fate::Accepted,
        }
    }

    /// How many packets a rule or policy has decided about by now.
    pub fn count(&self, blame: &Blame) -> Option<u64> {
        let table = self.0.get(&blame.table)?;
        match &blame.rule {
            None => table.policies.get(&blame.chain).map(|(_, packets)| *packets),
            Some(text) => {
                table.rules.get(&blame.chain)?.iter().find(|rule| rule.text == *text).map(|rule| rule.packets)
            }
        }
    }
}

impl Table {
    fn walk(&self, table: &str, chain: &str, packet: &Packet, unclear: &mut Vec<String>, depth: usize) -> Step {
        for rule in self.rules.get(chain).into_iter().flatten().take_while(|_| depth < DEPTH) {
            match conditions(&rule.words, packet) {
                Verdict::No => continue,
                Verdict::Unknown => {
                    unclear.push(rule.text.clone());
                    continue;
                }
                Verdict::Yes => {}
            }
            let blame = || Blame {
                table: table.to_owned(),
                chain: chain.to_owned(),
                rule: Some(rule.text.clone()),
                packets: rule.packets,
            };
            match target(&rule.words) {
                Some(("-j", "ACCEPT")) => return Step::Decided(Fate::Accepted),
                Some(("-j", "DROP")) => return Step::Decided(Fate::Dropped(blame())),
                Some(("-j", "REJECT")) => return Step::Decided(Fate::Rejected(blame())),
                Some(("-j", "RETURN")) => return Step::Return,
                Some(("-j", name @ ("DNAT" | "REDIRECT" | "SNAT" | "MASQUERADE"))) => {
                    if let Some(translation) = translation(name, &rule.words) {
                        return Step::Decided(Fate::Translated(translation, blame()));
                    }
                }
                Some((how, name)) if self.rules.contains_key(name) => {
                    match self.walk(table, name, packet, unclear, depth + 1) {
                        Step::Decided(fate) => return Step::Decided(fate),
                        Step::Next | Step::Return if how == "-g" => return Step::Return,
                        Step::Next | Step::Return => {}
                    }
                }
                // LOG, MARK, an empty chain: the packet goes on.
                _ => {}
            }
        }
        Step::Next
    }
}

/// The number of packets in `[packets:bytes]`.
fn packets(counters: &str) -> u64 {
    counters.trim_start_matches('[').split(':').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn split(rule: &str) -> Vec<String> {
    // A comment may hold what no shell would take.
    shell_words::split(rule).unwrap_or_else(|_| rule.split_whitespace().map(str::to_owned).collect())
}

/// Where a rule sends packets: `-j` or `-g` and the name.
fn target(words: &[String]) -> Option<(&str, &str)> {
    let at = words.iter().position(|word| word == "-j" || word == "-g")?;
    Some((words.get(at)?, words.get(at + 1)?))
}

fn translation(name: &str, words: &[String]) -> Option<Translation> {
    let option = |option: &str| {
        let at = words.iter().position(|word| word == option)?;
        words.get(at + 1).map(String::as_str)
    };
    // Of a range, the first: `10.0.0.1-10.0.0.9:80-90`.
    let first = |text: &str| text.split('-').next().unwrap_or(text).to_owned();
    match name {
        "DNAT" => {
            let to = option("--to-destination")?;
            if let Ok(addr) = to.parse::<SocketAddr>() {
                return Some(Translation::To(Some(addr.ip()), Some(addr.port())));
            }
            let (ip, port) = match to.rsplit_once(':') {
                Some((ip, port)) if !to.contains("::") || ip.ends_with(']') => (ip, first(port).parse().ok()),
                _ => (to, None),
            };
            let ip = first(ip.trim_matches(['[', ']']));
            Some(Translation::To(ip.parse().ok(), port))
        }
        "REDIRECT" => Some(Translation::To(None, option("--to-ports").and_then(|port| first(port).parse().ok()))),
        "SNAT" => {
            let to = option("--to-source")?;
            let ip = to.parse::<SocketAddr>().map(|addr| addr.ip());
            let ip = ip.ok().or_else(|| first(to.split(':').next()?).parse().ok()).or_else(|| to.parse().ok());
            Some(Translation::From(ip))
        }
        _ => Some(Translation::From(None)),
    }
}

/// What a rule's conditions say of a packet: `No` if any of them does, for then the others do not matter.
fn conditions(words: &[String], packet: &Packet) -> Verdict {
    let mut verdict = Verdict::Yes;
    let mut not = false;
    let mut rest = words.iter().map(String::as_str);
    while let Some(word) = rest.next() {
        if word == "!" {
            not = true;
            continue;
        }
        if word == "-j" || word == "-g" {
            break;
        }
        if word == "-m" {
            let _ = rest.next();
            continue;
        }
        let one = if word == "--syn" { syn(packet) } else { condition(word, &mut rest, packet) };
        match (one, std::mem::take(&mut not)) {
            (Verdict::Yes, true) | (Verdict::No, false) => return Verdict::No,
            (Verdict::Unknown, _) => verdict = Verdict::Unknown,
            _ => {}
        }
    }
    verdict
}

fn condition<'a>(option: &str, rest: &mut impl Iterator<Item = &'a str>, packet: &Packet) -> Verdict {
    let ask = |is_so: bool| if is_so { Verdict::Yes } else { Verdict::No };
    let in_net = |net: &str, ip: IpAddr| {
        let net = net.parse::<ipnet::IpNet>().or_else(|_| net.parse::<IpAddr>().map(ipnet::IpNet::from));
        net.map_or(Verdict::Unknown, |net| ask(net.contains(&ip)))
    };
    let ports = |list: &str, port: u16| {
        let within = |range: &str| {
            let (low, high) = range.split_once(':').unwrap_or((range, range));
            let low = if low.is_empty() { Ok(0) } else { low.parse() };
            let high = if high.is_empty() { Ok(u16::MAX) } else { high.parse() };
            matches!((low, high), (Ok(low), Ok(high)) if (low..=high).contains(&port))
        };
        ask(list.split(',').any(within))
    };
    let named = |pattern: &str, name: &Option<String>| match name {
        None => Verdict::No,
        Some(name) => ask(pattern.strip_suffix('+').map_or(pattern == name, |start| name.starts_with(start))),
    };
    let Some(value) = rest.next() else { return Verdict::Unknown };
    match option {
        "-s" => in_net(value, packet.src.ip()),
        "-d" => in_net(value, packet.dst.ip()),
        "-i" => named(value, &packet.arrives),
        "-o" => named(value, &packet.leaves),
        "-p" => {
            let numbers = [("1", "icmp"), ("6", "tcp"), ("17", "udp"), ("58", "ipv6-icmp"), ("icmpv6", "ipv6-icmp")];
            let name = numbers.iter().find(|(number, _)| *number == value).map_or(value, |(_, name)| name);
            ask(name == packet.protocol() || name == "all" || name == "0")
        }
        "--dport" | "--dports" => ports(value, packet.dst.port()),
        "--sport" | "--sports" => ports(value, packet.src.port()),
        "--ports" => match ports(value, packet.dst.port()) {
            Verdict::Yes => Verdict::Yes,
            _ => ports(value, packet.src.port()),
        },
        "--ctstate" | "--state" => {
            let state = if packet.answers { "ESTABLISHED" } else { "NEW" };
            let is_it = |one: &str| one == state || (one == "DNAT" && packet.original.is_some());
            ask(value.split(',').any(is_it))
        }
        "--ctorigdst" => in_net(value, packet.original.unwrap_or(packet.dst).ip()),
        "--ctorigdstport" => ports(value, packet.original.unwrap_or(packet.dst).port()),
        "--dst-type" if value == "LOCAL" => ask(packet.to_local),
        "--src-type" if value == "LOCAL" => ask(packet.from_local),
        "--icmp-type" | "--icmpv6-type" => {
            let number = match (packet.dst.is_ipv4(), packet.answers) {
                (true, false) => "8",
                (true, true) => "0",
                (false, false) => "128",
                (false, true) => "129",
            };
            ask(packet.carried == Carried::Echo && (value == number || value == "any"))
        }
        "--tcp-flags" => match (value, rest.next()) {
            ("FIN,SYN,RST,ACK" | "SYN,RST,ACK", Some("SYN")) => syn(packet),
            _ => Verdict::Unknown,
        },
        option if TIMING.contains(&option) => Verdict::Yes,
        _ => Verdict::Unknown,
    }
}

fn syn(packet: &Packet) -> Verdict {
    if packet.carried == Carried::Tcp && !packet.answers { Verdict::Yes } else { Verdict::No }
}

#[cfg(test)]
mod tests;
