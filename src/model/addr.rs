//! Addresses of interfaces.

use crate::model::error::OpError;
use crate::model::explain::{no_link, place, reason, taken};
use crate::model::identity::Identity;
use crate::model::kind::{Kind, Repair, within};
use crate::model::known::Known;
use crate::model::language::{iface, quoted};
use crate::model::names::{IfName, Ns};
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::in_ns;
use crate::model::subject::{ADDRESS, Fact, LinkAt, Need, Subject};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Give an interface an address (ip-address(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddAddr {
    /// Where the interface is.
    pub ns: Ns,
    /// Its name.
    pub link: IfName,
    /// The address with its prefix length.
    pub addr: IpNet,
}

impl Kind for AddAddr {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    /// The kernel takes IPv6 addresses from an interface that goes down (ip-sysctl, `keep_addr_on_down`).
    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        let fact = Fact::made(Subject::on(&self.ns, &self.link, ADDRESS, self.addr.to_string()), "");
        let at = (self.ns.clone(), self.link.clone());
        vec![if self.addr.addr().is_ipv6() { fact.needs(Need::StaysUp(at)) } else { fact }]
    }

    /// With the last IPv4 address of an interface go all its IPv4 routes.
    fn undo_may_drop(&self) -> bool {
        self.addr.addr().is_ipv4()
    }

    fn repair(&self, _fact: &Fact) -> Option<Repair> {
        Some(Repair::Again)
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        let AddAddr { ns, link, addr } = self;
        let here = place(ns);
        match refusal.number().map(Errno::from_raw) {
            Some(Errno::EEXIST) => taken(
                OpError::new("addr::exists", format!("Interface `{link}` in {here} already has {addr}.")),
                "Give it another address, or leave this call out.",
                "Give it another address, or leave this call out.",
                made.site(&Subject::on(ns, link, ADDRESS, addr.to_string())),
            ),
            Some(Errno::ENODEV) => no_link(ns, link, made),
            Some(Errno::EINVAL) if addr.addr().is_ipv6() => OpError::new(
                "addr::refused",
                format!("Interface `{link}` in {here} takes no IPv6 address."),
            )
            .help(
                "IPv6 needs an MTU of at least 1280 bytes, and the sysctl `net.ipv6.conf.NAME.disable_ipv6` to be 0.",
            ),
            _ => OpError::new(
                "addr::refused",
                format!("Interface `{link}` in {here} did not take the address {addr}: {}.", reason(refusal)),
            ),
        }
    }

    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        (self.ns, self.link) = now(&(self.ns.clone(), self.link.clone()));
    }

    fn commands(&self) -> Vec<String> {
        vec![in_ns(&self.ns, &format!("ip address add {} dev {}", self.addr, self.link))]
    }

    fn undo_commands(&self, _identity: &Identity) -> Vec<String> {
        vec![in_ns(&self.ns, &format!("ip address del {} dev {}", self.addr, self.link))]
    }

    fn calls(&self) -> Vec<String> {
        vec![format!("{}.addr({})", iface(&self.ns, &self.link), quoted(&self.addr.to_string()))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("address", vec![within(&self.ns, self.addr)])
    }
}
