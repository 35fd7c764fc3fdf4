//! Interfaces.
//!
//! The kinds of interface are a registry: each says in a file of its own what it is called, which attributes it has and how
//! `ip link add` spells them. What is common to all (name, peer, lower device, master, MTU, address) are fields.

use crate::model::error::OpError;
use crate::model::explain::add_link;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase, Repair, within};
use crate::model::known::Known;
use crate::model::language::{of, options, quoted};
use crate::model::link_attr::set_link;
use crate::model::link_set::{HAIRPIN, LINK_LOCAL, LinkSet};
use crate::model::mac::Mac;
use crate::model::names::{IfName, Ns};
use crate::model::refusal::Refusal;
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LOWER, LinkAt, MAC, MASTER, MTU, Need, PEER, Subject, UP};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod def;
pub mod kinds;

pub use def::{Attr, AttrDef, LinkDef, LinkKind, Lower};

/// Make an interface (ip-link(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddLink {
    /// The namespace in which it is made.
    pub ns: Ns,
    /// What it is.
    pub link: NewLink,
}

/// An interface to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewLink {
    /// Its name.
    pub name: IfName,
    /// What kind of device.
    pub kind: LinkKind,
    /// The other end, if it is one of a pair.
    #[serde(flatten)]
    pub peer: Option<Peer>,
    /// The device in the same namespace that it is stacked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower: Option<IfName>,
    /// Its MTU in bytes, if not the kind's default; a veth's peer gets the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Its hardware address, if the recipe chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The bridge to enslave it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfName>,
    /// Whether to bring it up.
    #[serde(default)]
    pub up: bool,
    /// The attributes of its kind.
    #[serde(flatten)]
    pub attrs: BTreeMap<String, Attr>,
}

/// The other end of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its name.
    #[serde(rename = "peer")]
    pub name: IfName,
    /// The namespace in which it is made.
    #[serde(rename = "peer_ns")]
    pub ns: Ns,
}

impl NewLink {
    /// An interface of that name and kind, with everything else as the kernel has it.
    pub fn new(name: IfName, kind: LinkKind) -> NewLink {
        let attrs = BTreeMap::new();
        NewLink { name, kind, peer: None, lower: None, mtu: None, mac: None, master: None, up: false, attrs }
    }

    /// A veth pair.
    pub fn veth(name: IfName, peer: IfName, peer_ns: Ns) -> NewLink {
        let peer = Some(Peer { name: peer, ns: peer_ns });
        NewLink { peer, ..NewLink::new(name, LinkKind::VETH) }
    }

    /// A bridge.
    pub fn bridge(name: IfName) -> NewLink {
        NewLink::new(name, LinkKind::BRIDGE)
    }

    /// The same with an attribute of its kind, if there is a value.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<Attr>) -> NewLink {
        self.attrs.extend(value.map(|value| (name.to_owned(), value)));
        self
    }

    /// Such interfaces, for people: with what is asked of their kind.
    pub fn describe(&self) -> String {
        let is_said = |attr: &&AttrDef| {
            !attr.about.is_empty() && self.attrs.get(attr.name).is_some_and(|value| !(attr.words)(value).is_empty())
        };
        let said: Vec<&str> = self.kind.attrs.iter().filter(is_said).map(|attr| attr.about).collect();
        if said.is_empty() {
            self.kind.plural.to_owned()
        } else {
            format!("{} with {}", self.kind.plural, said.join(" and "))
        }
    }

    /// Whether an attribute is on.
    pub fn is(&self, name: &str) -> bool {
        self.attrs.get(name) == Some(&Attr::Bool(true))
    }
}

impl AddLink {
    /// Its end or ends, the near one first.
    pub fn ends(&self) -> impl Iterator<Item = (&Ns, &IfName)> {
        let far = self.link.peer.as_ref().map(|peer| (&peer.ns, &peer.name));
        std::iter::once((&self.ns, &self.link.name)).chain(far)
    }
}

impl Kind for AddLink {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn spaces(&self) -> Vec<Ns> {
        self.ends().map(|(ns, _)| ns.clone()).collect()
    }

    fn facts(&self, identity: &Identity) -> Vec<Fact> {
        let AddLink { ns, link } = self;
        let at = |name: &IfName| (ns.clone(), name.clone());
        let on = |what| Subject::on(ns, &link.name, what, String::new());
        let macs = if let Identity::Link { mac, peer, .. } = identity { (Some(*mac), *peer) } else { (link.mac, None) };
        let mut facts = vec![Fact::made(Subject::link(ns, &link.name), link.kind.name)];
        if let Some(peer) = &link.peer {
            let far = Subject::link(&peer.ns, &peer.name);
            facts.push(Fact::made(far, link.kind.name));
            let far = Subject::on(&peer.ns, &peer.name, MAC, String::new());
            facts.extend(macs.1.map(|mac| Fact::set(far, mac.to_string())));
            facts.push(Fact::joined(on(PEER), &(peer.ns.clone(), peer.name.clone())));
            facts.push(Fact::joined(Subject::on(&peer.ns, &peer.name, PEER, String::new()), &at(&link.name)));
        }
        facts.extend(macs.0.map(|mac| Fact::set(on(MAC), mac.to_string())));
        if let Some(lower) = &link.lower {
            let need = Need::Stands(Subject::link(ns, lower));
            facts[0].needs.push(need);
            facts.push(Fact::joined(on(LOWER), &at(lower)));
        }
        facts.extend(link.mtu.map(|mtu| Fact::set(on(MTU), mtu.to_string())));
        facts.extend(link.master.as_ref().map(|master| Fact::joined(on(MASTER), &at(master))));
        facts.extend(link.up.then(|| Fact::set(on(UP), "up")));
        facts
    }

    fn identity(&self, source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        let mac = self.link.mac.unwrap_or_else(|| source.mac());
        let peer = self.link.peer.as_ref().map(|_| source.mac());
        Identity::Link { cookie: source.cookie(&self.ns), mac, peer, group: 1 }
    }

    fn repair(&self, fact: &Fact) -> Option<Repair> {
        let set = match fact.subject.what {
            UP => LinkSet::Up(true),
            MASTER => LinkSet::Master(self.link.master.clone()),
            _ => return None,
        };
        Some(Repair::Set(set))
    }

    fn initial(&self, subject: &Subject) -> Option<String> {
        let mtu = self.link.mtu.unwrap_or(1500);
        match subject.what {
            UP => Some("down".to_owned()),
            MTU => Some(mtu.to_string()),
            MASTER => Some("none".to_owned()),
            HAIRPIN => Some("off".to_owned()),
            LINK_LOCAL => Some("eui64".to_owned()),
            _ => None,
        }
    }

    fn phase(&self) -> Phase {
        Phase::Links
    }

    /// An interface goes with its namespace, but the far end of a veth lingers in the root namespace for a while after that
    /// (`ip netns del` returns before its other ends are gone), so a pair with an end there is deleted itself.
    fn falls_with(&self) -> Vec<Subject> {
        self.ends().map(|(ns, _)| Subject::netns(ns.clone())).collect()
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        add_link(refusal, &self.ns, &self.link, made)
    }

    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        let at = |ns: &Ns, name: &IfName| now(&(ns.clone(), name.clone()));
        if let Some(master) = &mut self.link.master {
            *master = at(&self.ns, master).1;
        }
        if let Some(lower) = &mut self.link.lower {
            *lower = at(&self.ns, lower).1;
        }
        if let Some(peer) = &mut self.link.peer {
            (peer.ns, peer.name) = at(&peer.ns, &peer.name);
        }
        (self.ns, self.link.name) = at(&self.ns, &self.link.name);
    }

    fn commands(&self) -> Vec<String> {
        let AddLink { ns, link } = self;
        let name = &link.name;
        let mut words = format!("ip link add dev {name}");
        let lower_as = |how| link.lower.as_ref().filter(|_| link.kind.lower == how);
        if let Some(lower) = lower_as(Lower::Link) {
            words.push_str(&format!(" link {lower}"));
        }
        if let Some(mac) = link.mac {
            words.push_str(&format!(" address {mac}"));
        }
        if let Some(mtu) = link.mtu {
            words.push_str(&format!(" mtu {mtu}"));
        }
        words.push_str(&format!(" type {}", link.kind.name));
        if let Some(Peer { name: peer, ns: there }) = &link.peer {
            words.push_str(&format!(" peer name {peer}"));
            if let Some(mtu) = link.mtu {
                words.push_str(&format!(" mtu {mtu}"));
            }
            match there {
                // From inside another namespace, the lab's root is not a name: pid 1 lives there.
                Ns::Host if *ns != Ns::Host => words.push_str(" netns 1"),
                Ns::Named(name) if there != ns => words.push_str(&format!(" netns {name}")),
                Ns::Host | Ns::Named(_) => {}
            }
        }
        if let Some(lower) = lower_as(Lower::Dev) {
            words.push_str(&format!(" dev {lower}"));
        }
        for attr in link.kind.attrs {
            let said = link.attrs.get(attr.name).map(attr.words).filter(|words| !words.is_empty());
            words.extend(said.map(|said| format!(" {said}")));
        }
        let mut out = vec![in_ns(ns, &words)];
        if let Some(master) = &link.master {
            out.push(set_link(ns, name, &LinkSet::Master(Some(master.clone()))));
        }
        if link.up {
            out.push(set_link(ns, name, &LinkSet::Up(true)));
        }
        out
    }

    fn undo_commands(&self, _identity: &Identity) -> Vec<String> {
        vec![in_ns(&self.ns, &format!("ip link del dev {}", self.link.name))]
    }

    fn calls(&self) -> Vec<String> {
        let AddLink { ns, link } = self;
        let mut given = vec![
            ("mtu", link.mtu.map(|mtu| mtu.to_string())),
            ("mac", link.mac.map(|mac| quoted(&mac.to_string()))),
            ("dev", link.lower.as_ref().map(|lower| quoted(lower.as_str()))),
        ];
        for attr in link.kind.attrs {
            // What need not be said to ip(8) is the default of the language, too.
            let value = link.attrs.get(attr.name).filter(|value| !(attr.words)(value).is_empty());
            given.push((
                attr.name,
                value.map(|value| match value {
                    Attr::Bool(_) | Attr::Int(_) => value.to_string(),
                    Attr::Text(text) => quoted(text),
                }),
            ));
        }
        let (kind, name, options) = (link.kind.name, quoted(link.name.as_str()), options(&given));
        let mut call = match &link.peer {
            Some(peer) => {
                let (far, there) = (quoted(peer.name.as_str()), quoted(&peer.ns.to_string()));
                let end = if link.master.is_some() || link.up { ".a" } else { "" };
                format!("{}{kind}({name}, {far}, {there}{options}){end}", of(ns))
            }
            None => format!("{}{kind}({name}{options})", of(ns)),
        };
        if let Some(master) = &link.master {
            call.push_str(&format!(".master({})", quoted(master.as_str())));
        }
        if link.up {
            call.push_str(".up()");
        }
        vec![call]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("interface", self.ends().map(|(ns, name)| within(ns, name)).collect())
    }
}
