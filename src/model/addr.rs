//! Addresses of interfaces.

use crate::model::names::{IfName, Ns};
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
