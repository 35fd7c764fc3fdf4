//! Routes.

use crate::model::error::OpError;
use crate::model::explain::{no_link, place, reason, taken};
use crate::model::identity::Identity;
use crate::model::kind::{Kind, Repair, within};
use crate::model::known::Known;
use crate::model::language::{list, of, options, quoted};
use crate::model::names::{IfName, Ns};
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LinkAt, Need, ROUTE, Subject};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Add a route (ip-route(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddRoute {
    /// Whose table.
    pub ns: Ns,
    /// The route.
    pub route: Route,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
    /// What becomes of packets that are not forwarded; none for those that are.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub fate: Option<RouteKind>,
    /// The number of its table, if that is not the main one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// The source address that it proposes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub src: Option<IpAddr>,
    /// How far away the destination is, if not what follows from the next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Whether the next hop is on the link, whatever the addresses say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onlink: bool,
    /// Several next hops, between which packets are shared out, in place of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<RouteHop>,
}

/// What becomes of packets on a route that leads nowhere (ip-route(8), `TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteKind {
    /// They are dropped without a word.
    Blackhole,
    /// Their sender is told that the destination cannot be reached.
    Unreachable,
    /// Their sender is told that somebody forbids it.
    Prohibit,
}

/// How far away a route's destination is (ip-route(8), `SCOPE_VAL`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Behind a next hop.
    Global,
    /// On the link.
    Link,
    /// In the namespace itself.
    Host,
}

/// One of several next hops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteHop {
    /// Its address.
    pub via: IpAddr,
    /// The interface, if not the one that leads to the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<IfName>,
    /// Its share in relation to the others', 1 to 256.
    pub weight: u16,
}

macro_rules! words {
    ($type:ty: $($variant:ident $word:literal),*) => {
        impl $type {
            /// All of them, each with the word that ip-route(8) has for it.
            pub const ALL: &[($type, &str)] = &[$((<$type>::$variant, $word)),*];

            /// The word that ip-route(8) has for it.
            pub fn as_str(self) -> &'static str {
                match self { $(<$type>::$variant => $word),* }
            }
        }
    };
}

words!(RouteKind: Blackhole "blackhole", Unreachable "unreachable", Prohibit "prohibit");
words!(Scope: Global "global", Link "link", Host "host");

impl fmt::Display for RouteHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "via {}", self.via)?;
        if let Some(dev) = &self.dev {
            write!(f, " dev {dev}")?;
        }
        if self.weight == 1 { Ok(()) } else { write!(f, " weight {}", self.weight) }
    }
}

impl FromStr for RouteHop {
    type Err = String;

    /// Reads `via ADDRESS dev NAME weight N`, of which only the address must be there.
    fn from_str(text: &str) -> Result<RouteHop, String> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let address = if first == "via" { words.next().unwrap_or_default() } else { first };
        let via = address.parse().map_err(|_| format!("`{address}` is no address"))?;
        let mut hop = RouteHop { via, dev: None, weight: 1 };
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("nothing comes after `{word}`"))?;
            match word {
                "dev" => hop.dev = Some(IfName::new(value).map_err(|error| error.to_string())?),
                "weight" => {
                    let weight = value.parse().ok().filter(|weight| (1..=256).contains(weight));
                    hop.weight = weight.ok_or_else(|| format!("`{value}` is no weight from 1 to 256"))?;
                }
                _ => return Err(format!("`{word}` is neither `dev` nor `weight`")),
            }
        }
        Ok(hop)
    }
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

    /// What one namespace has at most one route of: the destination, the metric and the table.
    pub fn key(&self) -> String {
        let table = self.table.map_or_else(String::new, |table| format!(" table {table}"));
        format!("{} metric {}{table}", self.to.trunc(), self.priority())
    }

    /// Where it leads, as ip-route(8) has it.
    pub fn path(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.fate.map(|fate| fate.as_str().to_owned()));
        words.extend(self.via.map(|via| format!("via {via}")));
        words.extend(self.dev.as_ref().map(|dev| format!("dev {dev}")));
        words.extend(self.hops.iter().map(|hop| format!("nexthop {hop}")));
        words.join(" ")
    }

    /// The words of ip-route(8) behind `add`.
    fn words(&self) -> String {
        let mut words: Vec<String> = self.fate.iter().map(|fate| fate.as_str().to_owned()).collect();
        words.push(if self.is_default() { "default".to_owned() } else { self.to.to_string() });
        words.extend(self.via.map(|via| format!("via {via}")));
        words.extend(self.dev.as_ref().map(|dev| format!("dev {dev}")));
        words.extend(self.onlink.then(|| "onlink".to_owned()));
        words.extend(self.metric.map(|metric| format!("metric {metric}")));
        words.extend(self.table.map(|table| format!("table {table}")));
        words.extend(self.src.map(|src| format!("src {src}")));
        words.extend(self.scope.map(|scope| format!("scope {}", scope.as_str())));
        words.extend(self.hops.iter().map(|hop| format!("nexthop {hop}")));
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
        if !route.onlink {
            fact.needs.extend(route.via.map(|via| Need::Reach(ns.clone(), via)));
        }
        for hop in &route.hops {
            fact.needs.push(Need::Reach(ns.clone(), hop.via));
        }
        vec![fact]
    }

    fn repair(&self, _fact: &Fact) -> Option<Repair> {
        Some(Repair::Again)
    }

    fn falls_with(&self) -> Vec<Subject> {
        match &self.route.dev {
            Some(dev) => vec![Subject::link(&self.ns, dev)],
            None => self.ns.name().map(|_| Subject::netns(self.ns.clone())).into_iter().collect(),
        }
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
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
        for dev in self.route.hops.iter_mut().filter_map(|hop| hop.dev.as_mut()) {
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
        let to = if route.is_default() && (route.via.is_some() || !route.hops.is_empty()) {
            "default".to_owned()
        } else {
            route.to.to_string()
        };
        let via = route.via.map_or_else(String::new, |via| format!(", {}", quoted(&via.to_string())));
        let hops: Vec<String> = route.hops.iter().map(ToString::to_string).collect();
        let options = options(&[
            ("dev", route.dev.as_ref().map(|dev| quoted(dev.as_str()))),
            ("metric", route.metric.map(|metric| metric.to_string())),
            ("type", route.fate.map(|fate| quoted(fate.as_str()))),
            ("table", route.table.map(|table| table.to_string())),
            ("src", route.src.map(|src| quoted(&src.to_string()))),
            ("scope", route.scope.map(|scope| quoted(scope.as_str()))),
            ("onlink", route.onlink.then(|| "true".to_owned())),
            ("hops", (!hops.is_empty()).then(|| list(hops.iter().map(String::as_str)))),
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
