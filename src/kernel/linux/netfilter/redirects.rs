//! What the rules of a change send elsewhere: the destinations that connections were addressed to.

use crate::kernel::linux::conntrack::Addressee;
use crate::model::change::Change;
use crate::model::names::Ns;
use crate::model::rules::{EditRules, RuleEdit};
use std::net::{IpAddr, SocketAddr};

/// The namespace and the destinations that a change translates, if it translates any.
pub fn of(change: &Change) -> Option<(&Ns, Vec<Addressee>)> {
    let Change::EditRules(EditRules { ns, edits, .. }) = change else { return None };
    let all: Vec<Addressee> = edits.iter().filter_map(redirect).collect();
    (!all.is_empty()).then_some((ns, all))
}

/// Where a DNAT rule applies, if it names one address, protocol and port.
fn redirect(edit: &RuleEdit) -> Option<Addressee> {
    let (RuleEdit::Append { words, .. } | RuleEdit::Insert { words, .. }) = edit else { return None };
    let value = |names: [&str; 2]| {
        let at = words.iter().position(|word| names.contains(&word.as_str()))?;
        words.get(at + 1).map(String::as_str)
    };
    if value(["--jump", "-j"]) != Some("DNAT") {
        return None;
    }
    let protocol = match value(["--protocol", "-p"])? {
        "tcp" => 6,
        "udp" => 17,
        _ => return None,
    };
    let ip: IpAddr = value(["--destination", "-d"])?.split('/').next()?.parse().ok()?;
    let port = value(["--dport", "--destination-port"])?.parse().ok()?;
    Some(Addressee { to: SocketAddr::new(ip, port), protocol })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(words: &str) -> RuleEdit {
        let words = words.split(' ').map(str::to_owned).collect();
        RuleEdit::Append { chain: "PREROUTING".into(), words }
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
