//! Sysctls.

use crate::model::error::OpError;
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Repair, within};
use crate::model::known::Known;
use crate::model::language::{of, quoted};
use crate::model::names::{IfName, Ns};
use crate::model::refusal::Cause;
use crate::model::refusal::Refusal;
use crate::model::shell::{args, in_ns};
use crate::model::subject::{Fact, LinkAt, SYSCTL, Subject};
use serde::{Deserialize, Serialize};

mod explain;

pub use explain::sysctl as refused;

/// Write a sysctl (sysctl(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetSysctl {
    /// In which namespace's `/proc/sys`.
    pub ns: Ns,
    /// The key in dot form where no part holds a dot, else in slash form (sysctl(8)).
    pub key: String,
    /// The value as text, without a newline.
    pub value: String,
}

/// The file of a sysctl: dots are separators unless the key is written with slashes (sysctl(8)).
pub fn sysctl_path(key: &str) -> String {
    if key.contains('/') { format!("/proc/sys/{key}") } else { format!("/proc/sys/{}", key.replace('.', "/")) }
}

/// The interface that a sysctl is of and with which it goes, such as `eth0` of `net.ipv4.conf.eth0.rp_filter`, with what comes
/// before and behind it.
pub fn of_interface(key: &str) -> Option<(String, IfName, String)> {
    let path = sysctl_path(key);
    let mut parts = path.strip_prefix("/proc/sys/")?.split('/');
    let before: Vec<&str> = parts.by_ref().take(3).collect();
    let name = parts.next()?;
    let is_folder = matches!(before.last(), Some(&("conf" | "neigh"))) && !matches!(name, "all" | "default");
    let behind: Vec<&str> = parts.collect();
    is_folder.then(|| Some((before.join("/"), IfName::new(name).ok()?, behind.join("/"))))?
}

impl SetSysctl {
    fn command(&self, value: &str) -> String {
        match &self.ns {
            Ns::Host => format!("echo {} > {}", args(&[value]), sysctl_path(&self.key)),
            Ns::Named(_) => in_ns(&self.ns, &format!("sysctl -qw {}", args(&[format!("{}={value}", self.key)]))),
        }
    }
}

impl Kind for SetSysctl {
    fn ns(&self) -> Ns {
        self.ns.clone()
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        let subject = match of_interface(&self.key) {
            Some((before, link, behind)) => Subject::on(&self.ns, &link, SYSCTL, format!("{before}/…/{behind}")),
            None => Subject::of(&self.ns, SYSCTL, sysctl_path(&self.key)),
        };
        vec![Fact::set(subject, self.value.trim())]
    }

    fn identity(&self, _source: &mut dyn IdentitySource, before: Option<&str>) -> Identity {
        match before.unwrap_or("0") {
            now if now == self.value => Identity::Already,
            now => Identity::WasText(now.to_owned()),
        }
    }

    /// One of an interface goes with it. Others stay as they are, or were set by somebody else.
    fn repair(&self, fact: &Fact) -> Option<Repair> {
        fact.subject.link.as_ref().map(|_| Repair::Again)
    }

    /// One of an interface is undone by itself all the same: labs that share a machine count who set it.
    fn falls_with(&self) -> Vec<Subject> {
        self.ns.name().map(|_| Subject::netns(self.ns.clone())).into_iter().collect()
    }

    fn explain(&self, refusal: &Refusal, _made: &dyn Known) -> OpError {
        // Nothing to be done by hand: the sysctl itself was not refused.
        if refusal.cause == Cause::Ledger {
            return explain::unrecorded(refusal, &self.ns, &self.key);
        }
        explain::sysctl(refusal, &self.ns, &self.key)
    }

    fn follow(&mut self, now: &dyn Fn(&LinkAt) -> LinkAt) {
        if let Some((before, link, behind)) = of_interface(&self.key) {
            let (ns, new) = now(&(self.ns.clone(), link.clone()));
            if (&ns, &new) != (&self.ns, &link) {
                self.key = format!("{before}/{new}/{behind}");
                self.ns = ns;
            }
        }
    }

    fn commands(&self) -> Vec<String> {
        vec![self.command(&self.value)]
    }

    fn undo_commands(&self, identity: &Identity) -> Vec<String> {
        let Identity::WasText(old) = identity else { return Vec::new() };
        vec![self.command(old)]
    }

    fn calls(&self) -> Vec<String> {
        vec![format!("{}sysctl({}, {})", of(&self.ns), quoted(&self.key), quoted(&self.value))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("sysctl", vec![within(&self.ns, &self.key)])
    }
}

#[cfg(test)]
mod tests {
    use super::of_interface;

    #[test]
    fn a_sysctl_of_an_interface_goes_with_it() {
        for key in ["net.ipv4.conf.eth0.rp_filter", "net/ipv6/neigh/eth0/gc_stale_time"] {
            assert_eq!(of_interface(key).map(|(_, link, _)| link.to_string()).as_deref(), Some("eth0"), "{key}");
        }
        let (before, link, behind) = of_interface("net/ipv4/conf/a.1/forwarding").unwrap();
        assert_eq!((before.as_str(), link.as_str(), behind.as_str()), ("net/ipv4/conf", "a.1", "forwarding"));
        for key in ["net.ipv4.ip_forward", "net.ipv4.conf.all.rp_filter", "net/ipv4/conf/default/forwarding"] {
            assert!(of_interface(key).is_none(), "{key}");
        }
    }
}
