//! Routes.

use crate::model::change::{Change, Identity};
use crate::model::error::OpError;
use crate::model::explain::{no_link, place, reason, taken};
use crate::model::kind::{Kind, within};
use crate::model::language::{of, options, quoted};
use crate::model::made::Made;
use crate::model::names::{IfName, Ns};
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LinkAt, Need, ROUTE, Subject};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Add a route to the main table (ip-route(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddRoute {
    /// Whose table.
    pub ns: Ns,
    /// The route.
    pub route: Route,
}

/// A route of the main table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination; `0.0.0.0/0` or `::/0` is the default route.
    pub to: IpNet,
    /// The next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<IfName>,
    /// The metric; the kernel's default where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// The protocol number that marks our routes, so that `ip route show proto 98` lists them.
pub const ROUTE_PROTOCOL: u8 = 98;

/// What the kernel gives an IPv6 route that is added without a metric (`IP6_RT_PRIO_USER` of `linux/ipv6_route.h`).
pub const IPV6_METRIC: u32 = 1024;

impl Route {
    /// Whether it is a default route.
    pub fn is_default(&self) -> bool {
        self.to.prefix_len() == 0
    }

    /// The metric that the kernel has for it.
    pub fn priority(&self) -> u32 {
        self.metric.unwrap_or(if self.to.addr().is_ipv6() { IPV6_METRIC } else { 0 })
    }

    /// What one namespace has at most one route of: the destination and the metric.
    pub fn key(&self) -> String {
        format!("{} metric {}", self.to.trunc(), self.priority())
    }

    /// Where it leads, as ip-route(8) has it.
    pub fn path(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.via.map(|via| format!("via {via}")));
        words.extend(self.dev.as_ref().map(|dev| format!("dev {dev}")));
        words.join(" ")
    }

    /// The words of ip-route(8) behind `add`.
    fn words(&self) -> String {
        let mut words = vec![if self.is_default() { "default".to_owned() } else { self.to.to_string() }];
        words.push(self.path());
        words.extend(self.metric.map(|metric| format!("metric {metric}")));
        words.retain(|word| !word.is_empty());
        words.join(" ")
    }

    fn command(&self, verb: &str) -> String {
        let ip = if self.to.addr().is_ipv6() { "ip -6 route" } else { "ip route" };
        format!("{ip} {verb} {}", self.words())
    }
}

impl Kind for AddRoute {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        let AddRoute { ns, route } = self;
        let mut fact = Fact::made(Subject::of(ns, ROUTE, route.key()), route.path());
        if let Some(dev) = &route.dev {
            let at = (ns.clone(), dev.clone());
            fact = fact.needs(Need::Stands(Subject::link(ns, dev))).needs(Need::Up(at.clone()));
            fact.link = Some(at);
        }
        fact.needs.extend(route.via.map(|via| Need::Reach(ns.clone(), via)));
        vec![fact]
    }

    fn repair(&self, _fact: &Fact) -> Option<Change> {
        Some(Change::AddRoute(self.clone()))
    }

    fn falls_with(&self) -> Vec<Subject> {
        match &self.route.dev {
            Some(dev) => vec![Subject::link(&self.ns, dev)],
            None => self.ns.name().map(|_| Subject::netns(self.ns.clone())).into_iter().collect(),
        }
    }

    fn explain(&self, refusal: &Refusal, made: &Made) -> OpError {
        let AddRoute { ns, route } = self;
        let here = place(ns);
        let to = if route.to.prefix_len() == 0 {
            "the default route".to_owned()
        } else {
            format!("a route to {}", route.to)
        };
        match refusal.number().map(Errno::from_raw) {
            Some(Errno::EEXIST) => taken(
                OpError::new("route::exists", format!("There is already {to} in {here}.")),
                "Give this one another metric (`#{ metric: 100 }`), or take the other away first: `del_route`.",
                "Give this one another metric: `#{ metric: 100 }`.",
                made.site(&Subject::of(ns, ROUTE, route.key())),
            ),
            Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH) => {
                let via = route.via.map_or_else(String::new, |via| via.to_string());
                OpError::new("route::gateway", format!("The gateway {via} is not on any subnet of {here}."))
                    .help("Give an interface there an address in the gateway's subnet first, and bring it up.")
                    .arg("via")
            }
            Some(Errno::ENETDOWN) => OpError::new("route::down", format!("The interface of {to} in {here} is down."))
                .help("Bring it up first: `link.up()`."),
            Some(Errno::ENODEV) => match &route.dev {
                Some(dev) => no_link(ns, dev, made).arg("dev"),
                None => OpError::new("route::refused", format!("{to} in {here}: {}.", reason(refusal))),
            },
            _ => OpError::new("route::refused", format!("{here} did not take {to}: {}.", reason(refusal))),
        }
    }

    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        if let Some(dev) = &mut self.route.dev {
            *dev = now(&(self.ns.clone(), dev.clone())).1;
        }
    }

    fn commands(&self) -> Vec<String> {
        vec![in_ns(&self.ns, &self.route.command("add"))]
    }

    fn undo_commands(&self, _identity: &Identity) -> Vec<String> {
        vec![in_ns(&self.ns, &self.route.command("del"))]
    }

    fn calls(&self) -> Vec<String> {
        let AddRoute { ns, route } = self;
        let to = if route.is_default() && route.via.is_some() { "default".to_owned() } else { route.to.to_string() };
        let via = route.via.map_or_else(String::new, |via| format!(", {}", quoted(&via.to_string())));
        let options = options(&[
            ("dev", route.dev.as_ref().map(|dev| quoted(dev.as_str()))),
            ("metric", route.metric.map(|metric| metric.to_string())),
        ]);
        vec![format!("{}route({}{via}{options})", of(ns), quoted(&to))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        (
            "route",
            vec![within(&self.ns, if self.route.is_default() { "default".into() } else { self.route.to.to_string() })],
        )
    }
}
