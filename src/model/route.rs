//! Routes.

use crate::model::names::{IfName, Ns};
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
