//! Rules in iptables' words.

use super::{Condition, ConnState, Match, Nat, NatKind, Ports, RuleSpec, Target};
use crate::model::proto::Proto;
use ipnet::IpNet;
use std::net::IpAddr;

/// A share as it is written.
pub(super) fn share(share: f64) -> String {
    format!("{share:.8}")
}

/// The words of a rule: iptables' long options, and every match's module named.
pub(super) fn spec(spec: &RuleSpec) -> Vec<String> {
    let mut writer = Writer { words: Vec::new(), proto: None, module: "" };
    for condition in &spec.conditions {
        writer.condition(condition);
    }
    if let Some(target) = &spec.target {
        writer.target(target);
    }
    writer.words
}

struct Writer {
    words: Vec<String>,
    /// The protocol that was named.
    proto: Option<Proto>,
    /// The module that was named last.
    module: &'static str,
}

impl Writer {
    fn say(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    fn condition(&mut self, Condition { not, of }: &Condition) {
        let module = self.module_of(of);
        // Of remarks, one module has one.
        if !module.is_empty() && (module != self.module || module == "comment") {
            self.say(&["--match", module]);
            self.module = module;
        }
        if *not {
            self.say(&["!"]);
        }
        match of {
            Match::In(name) => self.say(&["--in-interface", name]),
            Match::Out(name) => self.say(&["--out-interface", name]),
            Match::Source(to) => self.say(&["--source", &net(to)]),
            Match::Destination(to) => self.say(&["--destination", &net(to)]),
            Match::Protocol(proto) => {
                self.say(&["--protocol", proto.as_str()]);
                self.proto = Some(*proto);
            }
            Match::OtherProtocol(name) => self.say(&["--protocol", name]),
            Match::SourcePort(ports) => self.ports("--sport", ports),
            Match::DestinationPort(ports) => self.ports("--dport", ports),
            Match::AnyPort(ports) => self.say(&["--ports", &list(ports)]),
            Match::State(states) => self.say(&["--ctstate", &state_names(states)]),
            Match::OriginalDestination(to) => self.say(&["--ctorigdst", &net(to)]),
            Match::OriginalPort(port) => self.say(&["--ctorigdstport", &range(port)]),
            Match::FromLocal => self.say(&["--src-type", "LOCAL"]),
            Match::ToLocal => self.say(&["--dst-type", "LOCAL"]),
            Match::IcmpType(kind) if module == "icmp6" => self.say(&["--icmpv6-type", kind]),
            Match::IcmpType(kind) => self.say(&["--icmp-type", kind]),
            Match::Syn => self.say(&["--syn"]),
            Match::Share(part) => self.say(&["--mode", "random", "--probability", &share(*part)]),
            Match::Rate(option, value) => self.say(&[option, value]),
            Match::Comment(text) => self.say(&["--comment", text]),
            Match::Raw(words) => self.words.extend_from_slice(words),
        }
    }

    /// The module that a match is of; empty for what needs none.
    fn module_of(&self, of: &Match) -> &'static str {
        match of {
            Match::SourcePort(ports) | Match::DestinationPort(ports) => match (self.proto, &ports[..]) {
                (Some(proto), [_]) if proto.has_ports() => proto.as_str(),
                _ => "multiport",
            },
            Match::AnyPort(_) => "multiport",
            Match::State(_) | Match::OriginalDestination(_) | Match::OriginalPort(_) => "conntrack",
            Match::FromLocal | Match::ToLocal => "addrtype",
            Match::IcmpType(_) if self.proto == Some(Proto::Icmpv6) => "icmp6",
            Match::IcmpType(_) => "icmp",
            Match::Syn => "tcp",
            Match::Rate(option, _) if option.starts_with("--limit") => "limit",
            Match::Share(_) | Match::Rate(..) => "statistic",
            Match::Comment(_) => "comment",
            Match::In(_)
            | Match::Out(_)
            | Match::Source(_)
            | Match::Destination(_)
            | Match::Protocol(_)
            | Match::OtherProtocol(_)
            | Match::Raw(_) => "",
        }
    }

    fn ports(&mut self, option: &str, ports: &[Ports]) {
        if self.module == "multiport" {
            self.say(&[&format!("{option}s"), &list(ports)]);
        } else {
            self.say(&[option, &list(ports)]);
        }
    }

    fn target(&mut self, target: &Target) {
        match target {
            Target::Accept => self.say(&["--jump", "ACCEPT"]),
            Target::Drop => self.say(&["--jump", "DROP"]),
            Target::Return => self.say(&["--jump", "RETURN"]),
            Target::Reject(None) => self.say(&["--jump", "REJECT"]),
            Target::Reject(Some(how)) => self.say(&["--jump", "REJECT", "--reject-with", how]),
            Target::Jump(chain) => self.say(&["--jump", chain]),
            Target::Goto(chain) => self.say(&["--goto", chain]),
            Target::Nat(Nat { kind, addrs, ports, more }) => {
                self.say(&["--jump", kind.as_str()]);
                let to = match (addrs, ports) {
                    (None, None) => None,
                    (None, Some(ports)) if matches!(kind, NatKind::Masquerade | NatKind::Redirect) => {
                        Some(dashed(ports))
                    }
                    (None, Some(ports)) => Some(format!(":{}", dashed(ports))),
                    (Some(addrs), None) => Some(dashed(addrs)),
                    (Some(addrs), Some(ports)) => match addrs.start() {
                        IpAddr::V4(_) => Some(format!("{}:{}", dashed(addrs), dashed(ports))),
                        IpAddr::V6(_) => Some(format!("[{}]:{}", dashed(addrs), dashed(ports))),
                    },
                };
                if let Some(to) = to {
                    self.say(&[kind.option(), &to]);
                }
                self.words.extend_from_slice(more);
            }
            Target::Raw(words) => {
                self.say(&["--jump"]);
                self.words.extend_from_slice(words);
            }
        }
    }
}

/// A subnet; of one address, that.
fn net(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() { net.addr().to_string() } else { net.to_string() }
}

fn range(ports: &Ports) -> String {
    let (low, high) = (ports.start(), ports.end());
    if low == high { low.to_string() } else { format!("{low}:{high}") }
}

fn list(ports: &[Ports]) -> String {
    ports.iter().map(range).collect::<Vec<_>>().join(",")
}

fn dashed<T: PartialEq + ToString>(range: &std::ops::RangeInclusive<T>) -> String {
    let (low, high) = (range.start(), range.end());
    if low == high { low.to_string() } else { format!("{}-{}", low.to_string(), high.to_string()) }
}

fn state_names(states: &[ConnState]) -> String {
    let name = |state: &ConnState| ConnState::ALL.iter().find(|(other, _)| other == state).map_or("", |(_, name)| name);
    states.iter().map(name).collect::<Vec<_>>().join(",")
}

/// Takes a line of `iptables-save` apart, with the rules that `iptables-restore` reads it by: in double quotes a backslash
/// takes the next character as it is, and an apostrophe is an ordinary character.
pub fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                loop {
                    match chars.next() {
                        None | Some('"') => break,
                        Some('\\') => word.extend(chars.next()),
                        Some(c) => word.push(c),
                    }
                }
                words.push(std::mem::take(&mut word));
            }
            ' ' | '\t' => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}
