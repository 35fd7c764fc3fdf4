//! Judgement of a recipe: what it needs against what was tried, and its subnets against the machine's.

use super::finding::{MachineFinding, Rating};
use super::machine::{install, module};
use super::needs::{NeedKind, Needs, Net, Requirement};
use crate::kernel::linux::machine::Network;
use crate::lab::machine::{Lacks, Refused, Tried};
use crate::model::route::Route;
use crate::model::shell::line;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The check of each kind of need, and what is said of those that are met.
const KINDS: [(NeedKind, &str, &str); 4] = [
    (NeedKind::Link, "recipe-links", "can be made"),
    (NeedKind::Rule, "recipe-rules", "can be made"),
    (NeedKind::Sysctl, "recipe-sysctls", "can be set"),
    (NeedKind::Program, "recipe-programs", "are there"),
];

/// How the recipe's needs fared when they were tried: one finding for each that is not met, and one for each kind that
/// is met.
pub fn needs(needs: &Needs, tried: Option<&Tried>, manager: Option<&'static str>) -> Vec<MachineFinding> {
    let mut findings = Vec::new();
    for (of, check, are_met) in KINDS {
        let all: Vec<(usize, &Requirement)> = needs.all.iter().enumerate().filter(|(_, need)| need.of == of).collect();
        if all.is_empty() {
            continue;
        }
        let Some(tried) = tried else {
            findings.push(MachineFinding::new(check, Rating::Unknown, "not tried without a sandbox", ""));
            continue;
        };
        let refused: Vec<(&Requirement, &Refused)> =
            all.iter().filter_map(|(at, need)| Some((*need, tried.refused.get(*at)?.as_ref()?))).collect();
        if refused.is_empty() {
            let names = all.iter().map(|(_, need)| need.brief.as_str()).collect::<BTreeSet<_>>();
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            findings.push(MachineFinding::ok(check, format!("{are_met}: {names}")));
        }
        let mut lacking = BTreeSet::new();
        for (need, refused) in refused {
            // Of a tool that is missing, one word is enough.
            if refused.lacks != Lacks::Tool || lacking.insert(need.what.split(' ').next()) {
                findings.push(unmet(check, need, refused, manager));
            }
        }
    }
    findings
}

fn unmet(check: &'static str, need: &Requirement, refused: &Refused, manager: Option<&'static str>) -> MachineFinding {
    let Requirement { what, site, .. } = need;
    let Refused { words, lacks } = refused;
    let finding = match need.of {
        NeedKind::Link => MachineFinding::new(
            check,
            Rating::Failure,
            format!("the kernel does not make {what}: {words}"),
            "The recipe fails there.",
        )
        .mend(module(need)),
        NeedKind::Rule if *lacks == Lacks::Tool => {
            let tool = what.split(' ').next().unwrap_or_default();
            let found = format!("{tool} is not installed, and the recipe makes rules with it");
            MachineFinding::new(check, Rating::Failure, found, "The recipe fails there.")
                .mend(install(manager, "iptables"))
        }
        // A command of the recipe may make the chain that a rule speaks of.
        NeedKind::Rule if *lacks == Lacks::Chain => {
            let means = "The recipe fails there, unless one of its commands makes that.";
            MachineFinding::new(check, Rating::Warning, format!("`{what}` is refused: {words}"), means)
        }
        NeedKind::Rule => MachineFinding::new(
            check,
            Rating::Failure,
            format!("`{what}` is refused: {words}"),
            "The recipe fails there. The kernel or iptables may lack a module.",
        ),
        NeedKind::Sysctl => MachineFinding::new(
            check,
            Rating::Failure,
            format!("{what} cannot be set in a sandbox: {words}"),
            "The recipe fails there.",
        ),
        // A command of the recipe may make a file, but hardly one in a folder of programs.
        NeedKind::Program if what.contains('/') => {
            let means = "The recipe fails when it comes to run it, unless one of its commands makes it.";
            MachineFinding::new(check, Rating::Warning, format!("there is no program {what}"), means)
        }
        NeedKind::Program => {
            let means = "The recipe fails when it comes to run it. Install it, or put its folder into PATH.";
            MachineFinding::new(check, Rating::Failure, format!("there is no program `{what}`"), means)
        }
    };
    match site {
        Some(site) => finding.at(site),
        None => finding,
    }
}

/// The machine's routes that the recipe's subnets overlap, and what has the names of what it makes.
pub fn clashes(needs: &Needs, network: &Network, host: bool, recipe: &str) -> Vec<MachineFinding> {
    let verdict = if host { Rating::Warning } else { Rating::Note };
    // The lab itself may stand already: its own routes are no news.
    let is_its_own = |route: &Route| route.dev.as_ref().is_some_and(|dev| needs.links.contains(dev));
    let mut findings = Vec::new();
    for Net { net, site } in &needs.nets {
        let overlaps = |route: &&Route| overlap(net, &route.to) && route.to.prefix_len() > 0 && !is_its_own(route);
        let Some(route) = network.routes.iter().find(overlaps) else { continue };
        let way = match (&route.via, &route.dev) {
            (Some(via), _) => format!(" via {via}"),
            (None, Some(dev)) => format!(" by {dev}"),
            (None, None) => String::new(),
        };
        let found = format!("{net} overlaps this machine's route to {}{way}", route.to);
        let means = "In a sandbox that does not matter. With --host, one of the two networks cannot be reached.";
        let other = another(net, needs, network).and_then(|other| Some((parameter(net, needs)?, other)));
        let mend = other.map(|(name, other)| {
            let command = line(&["rhailab", "run", recipe]);
            format!("{command}{} -p {name}={other}", if host { " --host" } else { "" })
        });
        findings.push(MachineFinding::new("recipe-overlap", verdict, found, means).mend(mend).at(site));
    }
    if findings.is_empty() && !needs.nets.is_empty() {
        let found = "none of its subnets and addresses overlaps a route of this machine";
        findings.push(MachineFinding::ok("recipe-overlap", found));
    }
    let taken: Vec<String> = (needs.links.iter().filter(|link| network.links.contains(link)).map(ToString::to_string))
        .chain(network.names.iter().map(ToString::to_string).filter(|name| needs.spaces.contains(name)))
        .collect();
    if host && !taken.is_empty() {
        let found = format!("this machine has these already: {}", taken.join(", "));
        let means =
            "With --host the recipe fails where it makes them, unless they are of a lab that will be down by then.";
        findings.push(MachineFinding::new("recipe-names", Rating::Warning, found, means));
    }
    findings
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The parameter that has this subnet for its value.
fn parameter<'a>(net: &IpNet, needs: &'a Needs) -> Option<&'a str> {
    let is_it = |value: &String| value.parse::<IpNet>().is_ok_and(|value| value.trunc() == *net);
    needs.params.iter().find(|(_, value)| is_it(value)).map(|(name, _)| name.as_str())
}

/// A private subnet of that size that neither the machine nor the recipe uses.
fn another(net: &IpNet, needs: &Needs, network: &Network) -> Option<IpNet> {
    let bits = net.prefix_len();
    let candidates: Vec<IpNet> = match net {
        IpNet::V4(_) if bits < 16 => Vec::new(),
        IpNet::V4(_) => {
            // The private addresses of RFC 1918.
            let all = (64..255).map(|part| (10, part)).chain((16..32).map(|part| (172, part))).chain([(192, 168)]);
            all.filter_map(|(a, b)| Some(Ipv4Net::new(Ipv4Addr::new(a, b, 0, 0), bits).ok()?.into())).collect()
        }
        IpNet::V6(_) if bits < 48 => Vec::new(),
        // Those of RFC 4193.
        IpNet::V6(_) => (0x64..0xff)
            .filter_map(|part| Some(Ipv6Net::new(Ipv6Addr::new(0xfd00, part, 0, 0, 0, 0, 0, 0), bits).ok()?.into()))
            .collect(),
    };
    let routes = network.routes.iter().map(|route| route.to).filter(|to| to.prefix_len() > 0);
    let used: Vec<IpNet> = routes.chain(needs.nets.iter().map(|net| net.net)).collect();
    candidates.into_iter().find(|net| !used.iter().any(|used| overlap(net, used)))
}
