//! The fake's network as lines, for comparing one with another that was made in another way.

use super::network::Space;
use crate::model::names::Ns;
use std::collections::BTreeMap;

impl Space {
    /// Everything in it, without indexes, marks and hardware addresses. `homes` tells where the interface of an index is.
    pub(super) fn outline(&self, homes: &BTreeMap<u32, String>) -> Vec<String> {
        let mut lines = vec!["it is there".to_owned()];
        for (name, link) in &self.links {
            let peer = link.peer.and_then(|peer| homes.get(&peer)).map_or("nothing", String::as_str);
            let master = link.master.as_ref().map_or("none", |master| master.as_str());
            lines.push(format!(
                "link {name} {} mtu {} up {} master {master} hairpin {} link-local {} joined to {peer}",
                link.kind, link.mtu, link.up, link.hairpin, link.makes_local
            ));
            lines.extend(link.addrs.iter().map(|addr| format!("address {addr} on {name}")));
        }
        lines.extend(self.routes.iter().map(|route| format!("route {route:?}")));
        lines.extend(self.sysctls.iter().map(|(key, value)| format!("sysctl {key} = {value}")));
        lines.extend(self.base.iter().map(|(key, value)| format!("made with {key} = {value}")));
        for ((family, table, chain), rules) in &self.chains {
            lines.push(format!("chain {chain} of {} {}", family.iptables(), table.as_str()));
            let rules = rules.iter().enumerate();
            lines.extend(rules.map(|(at, rule)| {
                format!(
                    "rule {at} of {} {} {chain}: {}",
                    family.iptables(),
                    table.as_str(),
                    rule.rule.words().join(" ")
                )
            }));
        }
        lines
    }

    /// Where its interfaces are, by their indexes.
    pub(super) fn homes(&self, ns: &Ns) -> impl Iterator<Item = (u32, String)> {
        let ns = ns.to_string();
        self.links.iter().map(move |(name, link)| (link.index, format!("{name} in {ns}")))
    }
}
