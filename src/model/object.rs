//! Things of a lab that have a name of their own and that people come back to: a script's handle is only a reference.

use crate::model::family::Family;
use crate::model::language::{list, of, quoted};
use crate::model::names::{ChainName, Ns};
use crate::model::proto::Endpoint;
use crate::model::route::Route;
use crate::model::subject::{Subject, VIP};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What a change makes besides what it sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    /// A virtual IP.
    Vip(VirtualIp),
}

/// An address that no interface carries and that points at backends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VirtualIp {
    /// Its name, which is that of its chain.
    pub name: ChainName,
    /// The address and port that clients use.
    pub endpoint: Endpoint,
    /// Where connections go.
    pub backends: Vec<SocketAddr>,
    /// Whether clients in a backend's own subnet are masqueraded.
    pub hairpin: bool,
    /// The route to its address that it has needed; none where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
}

impl Object {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Object::Vip(vip) => vip.name.as_str(),
        }
    }

    /// What it is as something that there is one of.
    pub fn subject(&self, ns: &Ns) -> Subject {
        match self {
            Object::Vip(vip) => VirtualIp::subject(ns, vip.endpoint.family(), &vip.name),
        }
    }

    /// The virtual IP, if it is one.
    pub fn vip(&self) -> Option<&VirtualIp> {
        match self {
            Object::Vip(vip) => Some(vip),
        }
    }

    /// The call of the language that makes it.
    pub fn call(&self, ns: &Ns) -> String {
        match self {
            Object::Vip(vip) => vip.call(ns),
        }
    }
}

impl VirtualIp {
    /// A virtual IP as something that there is one of.
    pub fn subject(ns: &Ns, family: Family, name: &ChainName) -> Subject {
        Subject::of(ns, VIP, format!("{} {name}", family.iptables()))
    }

    fn call(&self, ns: &Ns) -> String {
        let backends: Vec<String> = self.backends.iter().map(ToString::to_string).collect();
        let mut options = vec![format!("name: {}", quoted(self.name.as_str()))];
        options.extend((!self.hairpin).then(|| "hairpin: false".to_owned()));
        let (endpoint, backends) = (quoted(&self.endpoint.to_string()), list(backends.iter().map(String::as_str)));
        format!("{}vip({endpoint}, {backends}, #{{ {} }})", of(ns), options.join(", "))
    }
}
