//! Changes as calls of the language.

use crate::lab::Record;
use crate::model::change::Change;
use crate::model::kind::Kind;
use crate::model::names::Ns;
use crate::model::route::{AddRoute, Route};
use crate::model::rules::EditRules;

/// How rules are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleCalls {
    /// By what they make: a virtual IP chooses anew which rules near clients need.
    Objects,
    /// As they are.
    Raw,
}

/// A recipe of the changes, in the order in which they were made.
pub fn calls<'a>(records: impl Iterator<Item = &'a Record>, rules: RuleCalls) -> String {
    let records: Vec<&Record> = records.collect();
    if rules == RuleCalls::Raw {
        return text(records.iter().flat_map(|record| match &record.change {
            Change::EditRules(edits) => EditRules { object: None, ..edits.clone() }.calls(),
            change => change.calls(),
        }));
    }
    // A virtual IP makes the route that it needs.
    let own: Vec<(Ns, &Route)> =
        records.iter().filter_map(|record| Some((record.change.ns(), own_route(record)?))).collect();
    let is_own = |change: &Change| matches!(change, Change::AddRoute(AddRoute { ns, route }) if own.contains(&(ns.clone(), route)));
    let changes = records.iter().map(|record| &record.change).filter(|change| !is_own(change));
    text(changes.flat_map(Kind::calls))
}

fn text(calls: impl Iterator<Item = String>) -> String {
    calls.fold(String::new(), |text, call| text + call.as_str() + ";\n")
}

/// The route that a virtual IP has made.
fn own_route(record: &Record) -> Option<&Route> {
    record.change.rules()?.object.as_ref()?.vip()?.route.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::error::Site;
    use crate::model::family::Family;
    use crate::model::identity::Identity;
    use crate::model::names::ChainName;
    use crate::model::object::{Object, VirtualIp};
    use crate::model::proto::Endpoint;
    use crate::model::rules::{RuleEdit, Table};

    #[test]
    fn a_virtual_ip_is_one_call_with_its_route() {
        let name = ChainName::new("WEB").unwrap();
        let route = Route { to: "10.9.9.9/32".parse().unwrap(), ..Route::default() };
        let vip = VirtualIp {
            name: name.clone(),
            endpoint: Endpoint { addr: "10.9.9.9:80".parse().unwrap(), proto: None },
            backends: vec!["10.0.0.12:80".parse().unwrap()],
            hairpin: false,
            route: Some(route.clone()),
        };
        let rules = EditRules::new(Ns::Host, Family::V4, Table::Nat, vec![RuleEdit::NewChain(name)]);
        let rules = EditRules { object: Some(Box::new(Object::Vip(vip))), ..rules };
        let other = Route { to: "10.9.9.8/32".parse().unwrap(), ..Route::default() };
        let changes = [
            Change::EditRules(rules),
            Change::AddRoute(AddRoute { ns: Ns::Host, route }),
            Change::AddRoute(AddRoute { ns: Ns::Host, route: other }),
        ];
        let site = Site { source: "t".into(), line: 1, col: 1 };
        let record = |change| Record { n: 1, site: site.clone(), change, identity: Identity::Spec };
        let records = changes.map(record);
        let text = calls(records.iter(), RuleCalls::Objects);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], r#"vip("10.9.9.9:80", ["10.0.0.12:80"], #{ name: "WEB", hairpin: false });"#);
        assert!(lines.len() == 2 && lines[1].contains("10.9.9.8"), "{text}");
        let raw = calls(records.iter(), RuleCalls::Raw);
        assert_eq!((raw.lines().count(), raw.matches("iptables(").count()), (3, 1), "{raw}");
    }
}
