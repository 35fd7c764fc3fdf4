//! What the rules of a change send elsewhere: the destinations that connections were addressed to.

use crate::kernel::linux::conntrack::Addressee;
use crate::model::change::Change;
use crate::model::names::Ns;
use crate::model::rule::{Condition, Match, NatKind, Ports};
use crate::model::rules::{EditRules, RuleEdit};
use std::net::SocketAddr;

/// The namespace and the destinations that a change translates, if it translates any.
pub fn of(change: &Change) -> Option<(&Ns, Vec<Addressee>)> {
    let Change::EditRules(EditRules { ns, edits, .. }) = change else { return None };
    let all: Vec<Addressee> = edits.iter().filter_map(redirect).collect();
    (!all.is_empty()).then_some((ns, all))
}

/// Where a DNAT rule applies, if it names one address, protocol and port.
fn redirect(edit: &RuleEdit) -> Option<Addressee> {
    let (_, rule) = edit.added()?;
    let spec = rule.spec();
    if spec.nat()?.kind != NatKind::Dnat {
        return None;
    }
    let (mut ip, mut protocol, mut port) = (None, None, None);
    for Condition { of, .. } in spec.conditions.iter().filter(|condition| !condition.not) {
        match of {
            Match::Destination(net) if net.prefix_len() == net.max_prefix_len() => ip = Some(net.addr()),
            Match::Protocol(proto) => protocol = Some(*proto),
            Match::DestinationPort(ports) => port = one(ports),
            _ => {}
        }
    }
    let protocol = protocol.filter(|proto| proto.has_ports())?;
    Some(Addressee { to: SocketAddr::new(ip?, port?), protocol: protocol.number() })
}

fn one(ports: &[Ports]) -> Option<u16> {
    match ports {
        [range] if range.start() == range.end() => Some(*range.start()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(words: &str) -> RuleEdit {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        RuleEdit::append("PREROUTING", words.into())
    }

    #[test]
    fn only_a_rule_that_names_its_destination_is_one() {
        let seen = |words: &str| redirect(&append(words)).map(|found| (found.to.to_string(), found.protocol));
        assert_eq!(
            seen("--destination 10.0.0.1 --protocol udp --match udp --dport 53 --jump DNAT --to-destination 10.1.1.1"),
            Some(("10.0.0.1:53".into(), 17))
        );
        assert_eq!(seen("-d 10.0.0.1/32 -p tcp --dport 80 -j DNAT --to 10.1.1.1"), Some(("10.0.0.1:80".into(), 6)));
        assert_eq!(seen("-d 10.0.0.1/32 -p tcp --dport 80 -j ACCEPT"), None);
        assert_eq!(seen("-p tcp --dport 80 -j DNAT --to 10.1.1.1"), None);
        assert_eq!(seen("-d 10.0.0.1 -p tcp --dport 80:90 -j DNAT --to 10.1.1.1"), None);
    }
}
