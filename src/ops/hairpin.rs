//! What lets a virtual IP's near clients through: those in a backend's own subnet, and the backend itself.

use super::args::Call;
use super::value::Endpoint;
use crate::model::change::Change;
use crate::model::error::OpResult;
use crate::model::family::Family;
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::names::{IfName, Ns};
use crate::model::rule::{ConnState, Match, Rule, Target};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// The masquerade rules for clients whose answers would else pass the NAT by. A subnet that the recipe masquerades
/// anyway needs none.
pub(super) fn rules(call: &mut Call<'_>, ns: &Ns, endpoint: Endpoint, backends: &[SocketAddr]) -> OpResult<Vec<Rule>> {
    let mut rules = Vec::new();
    for to in backends {
        let near = nearby(call, ns, to.ip())?;
        if call.lab.masquerades(ns, &near) {
            continue;
        }
        let matches = [
            Match::Source(near),
            Match::Destination(to.ip().into()),
            Match::State(vec![ConnState::Dnat]),
            Match::OriginalDestination(endpoint.addr.ip().into()),
        ];
        rules.push(Rule::new(matches, Target::masquerade()));
    }
    rules.dedup();
    Ok(rules)
}

/// The subnet that a backend is in, as the namespace sees it; the backend alone where it is not on link.
fn nearby(call: &mut Call<'_>, ns: &Ns, backend: IpAddr) -> OpResult<IpNet> {
    let alone = IpNet::from(backend);
    let Some(answer) = call.lab.route_to(ns, backend)? else { return Ok(alone) };
    match (answer.dev, answer.via) {
        (Some(dev), None) => {
            let nets = call.lab.addresses(ns, &dev)?;
            Ok(nets.into_iter().find(|net| net.contains(&backend)).map_or(alone, |net| net.trunc()))
        }
        _ => Ok(alone),
    }
}

/// What sets hairpin on the bridge ports that lead to the backends, where that is needed. Bridged frames that pass
/// iptables are rewritten and then bridged on, not routed (net/bridge/br_netfilter_hooks.c, "bridged DNAT"), so that
/// what a backend sends to itself has to leave by the port that it came in by.
pub(super) fn ports(call: &mut Call<'_>, ns: &Ns, backends: &[SocketAddr]) -> OpResult<Vec<Change>> {
    let Some(first) = backends.first() else { return Ok(Vec::new()) };
    if !passes_iptables(call, ns, Family::of(first.ip()))? {
        return Ok(Vec::new());
    }
    let mut ports: Vec<IfName> = backends.iter().filter_map(|to| call.lab.end_towards(ns, to.ip())).collect();
    ports.sort();
    ports.dedup();
    let mut changes = Vec::new();
    for link in ports {
        if call.lab.link(ns, &link)?.master.is_some() {
            changes.push(Change::SetLink(SetLink { ns: ns.clone(), link, set: LinkSet::Hairpin(true) }));
        }
    }
    Ok(changes)
}

/// Whether bridged frames pass iptables in a namespace.
fn passes_iptables(call: &mut Call<'_>, ns: &Ns, family: Family) -> OpResult<bool> {
    match call.lab.sysctl(ns, &format!("net.bridge.bridge-nf-call-{}", family.iptables())) {
        Ok(value) => Ok(value == "1"),
        // The module br_netfilter is not loaded.
        Err(error) if error.0.code == "sysctl::unknown" => Ok(false),
        Err(error) => Err(error),
    }
}
