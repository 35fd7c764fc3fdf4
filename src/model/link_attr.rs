//! Attributes of interfaces.

use crate::model::error::OpError;
use crate::model::explain::set_link as refused;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Repair, within};
use crate::model::known::Known;
use crate::model::language::{iface, quoted};
use crate::model::link_set::LinkSet;
use crate::model::names::{IfName, Ns};
use crate::model::refusal::Refusal;
use crate::model::shell::in_ns;
use crate::model::subject::{Fact, LinkAt, Need, Subject};
use serde::{Deserialize, Serialize};

/// Set one attribute of an interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetLink {
    /// Where it is.
    pub ns: Ns,
    /// Its name there, before the change.
    pub link: IfName,
    /// The attribute and its new value.
    pub set: LinkSet,
}

impl SetLink {
    /// Where the interface is and what it is called once the attribute is set.
    pub fn after(&self) -> (&Ns, &IfName) {
        match &self.set {
            LinkSet::Name(new) => (&self.ns, new),
            LinkSet::Ns(to) => (to, &self.link),
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(_)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(_) => (&self.ns, &self.link),
        }
    }
}

impl Kind for SetLink {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn spaces(&self) -> Vec<Ns> {
        match &self.set {
            LinkSet::Ns(to) => vec![self.ns.clone(), to.clone()],
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(_)
            | LinkSet::Name(_)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(_) => vec![self.ns.clone()],
        }
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        let subject = Subject::on(&self.ns, &self.link, self.set.what(), String::new());
        vec![match &self.set {
            LinkSet::Master(Some(master)) => Fact::joined(subject, &(self.ns.clone(), master.clone())),
            // Where it is already, and as what, nothing needs to be free.
            LinkSet::Ns(to) if *to == self.ns => Fact::set(subject, self.set.value()),
            LinkSet::Name(name) if *name == self.link => Fact::set(subject, self.set.value()),
            LinkSet::Ns(to) => Fact::set(subject, self.set.value())
                .needs(Need::Stands(Subject::netns(to.clone())))
                .needs(Need::Free(Subject::link(to, &self.link))),
            LinkSet::Name(name) => {
                Fact::set(subject, self.set.value()).needs(Need::Free(Subject::link(&self.ns, name)))
            }
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(None)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(_) => Fact::set(subject, self.set.value()),
        }]
    }

    fn identity(&self, _source: &mut dyn IdentitySource, before: Option<&str>) -> Identity {
        // The change itself says what the interface was called and where it was.
        let own = match &self.set {
            LinkSet::Name(_) => Some(LinkSet::Name(self.link.clone())),
            LinkSet::Ns(_) => Some(LinkSet::Ns(self.ns.clone())),
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(_)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(_) => None,
        };
        match own.or_else(|| self.set.parse(before?)) {
            Some(now) if now == self.set => Identity::Already,
            Some(now) => Identity::Was(now),
            None => Identity::Spec,
        }
    }

    fn repair(&self, _fact: &Fact) -> Option<Repair> {
        let stays = !matches!(self.set, LinkSet::Name(_) | LinkSet::Ns(_));
        stays.then_some(Repair::Again)
    }

    fn may_drop(&self) -> bool {
        match self.set {
            LinkSet::Up(false) | LinkSet::Ns(_) | LinkSet::Name(_) | LinkSet::Mtu(_) | LinkSet::Master(_) => true,
            LinkSet::Up(true) | LinkSet::Mac(_) | LinkSet::Hairpin(_) | LinkSet::LinkLocal(_) => false,
        }
    }

    /// With an interface that was up goes what was given to it before it was.
    fn undo_may_drop(&self) -> bool {
        self.set == LinkSet::Up(true) || self.may_drop()
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        refused(refusal, &self.ns, &self.link, &self.set, made)
    }

    fn blame_ns(&self, ns: &Ns, error: OpError) -> OpError {
        if self.set == LinkSet::Ns(ns.clone()) { error.arg("ns") } else { error }
    }

    /// A rename or a move is undone where it led to, which is where the names of its time are right.
    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        match &mut self.set {
            LinkSet::Name(_) | LinkSet::Ns(_) => return,
            LinkSet::Master(Some(master)) => *master = now(&(self.ns.clone(), master.clone())).1,
            LinkSet::Up(_)
            | LinkSet::Mtu(_)
            | LinkSet::Mac(_)
            | LinkSet::Master(None)
            | LinkSet::Hairpin(_)
            | LinkSet::LinkLocal(_) => {}
        }
        (self.ns, self.link) = now(&(self.ns.clone(), self.link.clone()));
    }

    fn commands(&self) -> Vec<String> {
        vec![set_link(&self.ns, &self.link, &self.set)]
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        let Identity::Was(old) = identity else { return Vec::new() };
        let (ns, link) = self.after();
        vec![set_link(ns, link, old)]
    }

    fn calls(&self) -> Vec<String> {
        let setter = match &self.set {
            LinkSet::Up(true) => "up()".to_owned(),
            LinkSet::Up(false) => "down()".to_owned(),
            LinkSet::Mtu(mtu) => format!("mtu({mtu})"),
            LinkSet::Mac(mac) => format!("mac({})", quoted(&mac.to_string())),
            LinkSet::Master(Some(master)) => format!("master({})", quoted(master.as_str())),
            LinkSet::Master(None) => "no_master()".to_owned(),
            LinkSet::Name(name) => format!("rename({})", quoted(name.as_str())),
            LinkSet::Ns(ns) => format!("move_to({})", quoted(&ns.to_string())),
            LinkSet::Hairpin(on) => format!("hairpin({on})"),
            LinkSet::LinkLocal(on) => format!("link_local({on})"),
        };
        vec![format!("{}.{setter}", iface(&self.ns, &self.link))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("interface", vec![within(&self.ns, &self.link)])
    }
}

/// The command that sets an attribute.
pub(super) fn set_link(ns: &Ns, link: &IfName, set: &LinkSet) -> String {
    let tool = if matches!(set, LinkSet::Hairpin(_)) { "bridge link" } else { "ip link" };
    in_ns(ns, &format!("{tool} set dev {link} {}", set.words()))
}
