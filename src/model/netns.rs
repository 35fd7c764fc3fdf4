//! Network namespaces.

use crate::model::error::OpError;
use crate::model::explain::{reason, taken};
use crate::model::identity::Identity;
use crate::model::kind::{IdentitySource, Kind, Phase};
use crate::model::known::Known;
use crate::model::language::quoted;
use crate::model::names::{Ns, NsName};
use crate::model::refusal::{Errno, Refusal};
use crate::model::shell::{args, in_ns, line};
use crate::model::subject::{Fact, LinkAt, SYSCTL, Subject};
use crate::model::sysctl::sysctl_path;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Sysctls with their values. Many namespaces share one list.
pub type Sysctls = Arc<[(String, String)]>;

/// Make a named network namespace, with `lo` up and these sysctls written (ip-netns(8)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AddNetns {
    /// Its name under `/run/netns`.
    pub name: NsName,
    /// Keys in dot or slash form and their values, written before anything else happens in it.
    pub sysctls: Sysctls,
}

impl AddNetns {
    /// The namespace.
    pub fn made(&self) -> Ns {
        Ns::Named(self.name.clone())
    }
}

impl Kind for AddNetns {
    fn ns(&self) -> Ns {
        Ns::Host
    }

    fn spaces(&self) -> Vec<Ns> {
        vec![self.made()]
    }

    fn facts(&self, _identity: &Identity) -> Vec<Fact> {
        vec![Fact::made(Subject::netns(self.made()), "")]
    }

    fn identity(&self, source: &mut dyn IdentitySource, _before: Option<&str>) -> Identity {
        Identity::Netns { cookie: source.number() }
    }

    fn initial(&self, subject: &Subject) -> Option<String> {
        let is_it = |(key, _): &&(String, String)| subject.what == SYSCTL && sysctl_path(key) == subject.key;
        self.sysctls.iter().find(is_it).map(|(_, value)| value.clone())
    }

    fn phase(&self) -> Phase {
        Phase::Namespaces
    }

    fn explain(&self, refusal: &Refusal, made: &dyn Known) -> OpError {
        let name = &self.name;
        if !refusal.is(Errno::EEXIST) {
            let message = format!("Namespace `{name}` could not be made: {}.", reason(refusal));
            return OpError::new("netns::refused", message);
        }
        taken(
            OpError::new("netns::exists", format!("Namespace `{name}` already exists.")),
            &format!("Pick another name, or take the one that is there: `ns(\"{name}\")`."),
            "Pick another name. What this recipe did not make is never taken over; `ip netns del` removes one that nobody needs.",
            made.site(&Subject::netns(self.made())),
        )
    }

    fn follow(&mut self, _now: &dyn Fn(&LinkAt) -> LinkAt) {}

    fn commands(&self) -> Vec<String> {
        let ns = self.made();
        let mut out = vec![format!("ip netns add {}", self.name)];
        if !self.sysctls.is_empty() {
            let pair = |(key, value): &(String, String)| format!("{key}={}", line(&[value]));
            let pairs: Vec<String> = self.sysctls.iter().map(pair).collect();
            // -e: a kernel without bridge netfilter lacks those keys.
            out.push(in_ns(&ns, &format!("sysctl -qew {}", args(&pairs))));
        }
        out.push(in_ns(&ns, "ip link set dev lo up"));
        out
    }

    fn headlines(&self) -> Vec<String> {
        AddNetns { name: self.name.clone(), sysctls: [].into() }.commands()
    }

    fn undo_commands(&self, _identity: &Identity) -> Vec<String> {
        vec![format!("ip netns del {}", self.name)]
    }

    fn calls(&self) -> Vec<String> {
        let is_local = !self.sysctls.iter().any(|(key, _)| key == "net.ipv6.conf.default.addr_gen_mode");
        let options = if is_local { ", #{ link_local: true }" } else { "" };
        vec![format!("netns({}{options})", quoted(self.name.as_str()))]
    }

    fn touches(&self) -> (&'static str, Vec<String>) {
        ("namespace", vec![self.name.to_string()])
    }
}
