//! What changes are about: [`Subject`]s, and what a change says of them.

use crate::model::names::{IfName, Ns};
use std::fmt;
use std::net::IpAddr;

/// An interface's namespace and its name there.
pub type LinkAt = (Ns, IfName);

/// A namespace itself.
pub const NETNS: &str = "namespace";
/// An interface itself.
pub const LINK: &str = "interface";
/// The name of an interface.
pub const NAME: &str = "name";
/// The namespace that an interface is in.
pub const PLACE: &str = "place";
/// The other end of a pair.
pub const PEER: &str = "peer";
/// The device that an interface is stacked on.
pub const LOWER: &str = "lower device";
/// Whether an interface is administratively up.
pub const UP: &str = "up";
/// The bridge (or other master) that an interface is a port of.
pub const MASTER: &str = "master";
/// The MTU of an interface.
pub const MTU: &str = "mtu";
/// The hardware address of an interface.
pub const MAC: &str = "hardware address";
/// An address of an interface.
pub const ADDRESS: &str = "address";
/// A route.
pub const ROUTE: &str = "route";
/// A sysctl.
pub const SYSCTL: &str = "sysctl";
/// A chain of rules.
pub const CHAIN: &str = "chain";
/// The rules of one change.
pub const RULES: &str = "rules";
/// A subnet whose packets are masqueraded wherever they go.
pub const MASQUERADED: &str = "masqueraded subnet";
/// A virtual IP.
pub const VIP: &str = "virtual IP";
/// A file.
pub const FILE: &str = "file";
/// A process.
pub const PROCESS: &str = "process";

/// Something that has one value at a time: an attribute of an interface, a route by its key, a sysctl. The kinds of
/// subject are open: a new kind of change brings its own word for `what`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// The namespace that it is in.
    pub ns: Ns,
    /// The interface that it belongs to, if it does.
    pub link: Option<IfName>,
    /// What it is, in a word.
    pub what: &'static str,
    /// Which of several it is: an address, a route's key, a sysctl's key. Empty where there is one.
    pub key: String,
}

impl Subject {
    /// A namespace.
    pub fn netns(ns: Ns) -> Subject {
        Subject { ns, link: None, what: NETNS, key: String::new() }
    }

    /// An interface.
    pub fn link(ns: &Ns, link: &IfName) -> Subject {
        Subject::on(ns, link, LINK, String::new())
    }

    /// Something that belongs to an interface.
    pub fn on(ns: &Ns, link: &IfName, what: &'static str, key: String) -> Subject {
        Subject { ns: ns.clone(), link: Some(link.clone()), what, key }
    }

    /// Something that belongs to a namespace.
    pub fn of(ns: &Ns, what: &'static str, key: String) -> Subject {
        Subject { ns: ns.clone(), link: None, what, key }
    }

    /// What it cannot be without: its interface, or its namespace; nothing for what is in the lab's root namespace.
    pub fn home(&self) -> Option<Subject> {
        match (&self.link, &self.ns) {
            (Some(link), ns) if self.what != LINK => Some(Subject::link(ns, link)),
            (_, Ns::Host) => None,
            _ if self.what == NETNS => None,
            (_, ns) => Some(Subject::netns(ns.clone())),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)?;
        if !self.key.is_empty() {
            write!(f, " {}", self.key)?;
        }
        if let Some(link) = self.link.as_ref() {
            write!(f, "{}{link}", if self.what == LINK { " " } else { " of " })?;
        }
        write!(f, " in {}", self.ns)
    }
}

/// What a subject depends on besides its home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Another subject, with which it goes.
    Stands(Subject),
    /// An interface that is up, when it is made and as long as it stands.
    Up(LinkAt),
    /// An interface that does not go down: it goes with that, though it may be made before the interface is up.
    StaysUp(LinkAt),
    /// That there is nothing of this name when it is made.
    Free(Subject),
    /// A subnet that an interface of the namespace is up in, or a route without next hop, to reach this address.
    Reach(Ns, IpAddr),
}

/// One thing that a change says: that a subject is there, with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub subject: Subject,
    /// Its value, as the kernel's tools show it; empty where it is only there or not.
    pub value: String,
    /// The interface that the value names, which may be renamed later: a master, a peer, a lower device.
    pub link: Option<LinkAt>,
    /// What it depends on besides its home.
    pub needs: Vec<Need>,
    /// Whether the subject must not be there before, as something that is made; what is set takes the place of the value before.
    pub is_new: bool,
}

impl Fact {
    /// That something is made, which must not be there yet.
    pub fn made(subject: Subject, value: impl Into<String>) -> Fact {
        Fact { is_new: true, ..Fact::set(subject, value) }
    }

    /// That something has a value, in place of the one before.
    pub fn set(subject: Subject, value: impl Into<String>) -> Fact {
        Fact { subject, value: value.into(), link: None, needs: Vec::new(), is_new: false }
    }

    /// That an interface has another one as its master, peer or lower device, without which that is not so.
    pub fn joined(subject: Subject, other: &LinkAt) -> Fact {
        let needs = vec![Need::Stands(Subject::link(&other.0, &other.1))];
        Fact { needs, link: Some(other.clone()), ..Fact::set(subject, other.1.to_string()) }
    }

    /// The name that it leaves for others to take, in the names of its time: undoing it needs that again.
    pub fn leaves(&self) -> Option<Subject> {
        let is_led_away = !self.is_new && self.needs.iter().any(|need| matches!(need, Need::Free(_)));
        if is_led_away { self.subject.home() } else { None }
    }

    /// The names of interfaces that must be free for it.
    pub fn names(&self) -> Vec<LinkAt> {
        let own = Some(&self.subject).filter(|subject| self.is_new && subject.what == LINK);
        let needed = self.needs.iter().filter_map(|need| match need {
            Need::Free(subject) => Some(subject),
            Need::Stands(_) | Need::Up(_) | Need::StaysUp(_) | Need::Reach(..) => None,
        });
        let names = own.into_iter().chain(needed);
        names.filter_map(|subject| Some((subject.ns.clone(), subject.link.clone()?))).collect()
    }

    /// The same, which also needs this.
    #[must_use]
    pub fn needs(mut self, need: Need) -> Fact {
        self.needs.push(need);
        self
    }
}
