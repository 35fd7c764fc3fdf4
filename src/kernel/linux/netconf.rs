//! Settings of all interfaces of a namespace in one answer (`linux/netconf.h`): below `/proc/sys` each has a file of its own,
//! which takes three system calls to read.

use super::nfnetlink::{Nfnetlink, attribute};
use crate::kernel::{Done, Errno, Refusal};
use netlink_sys::constants::NETLINK_ROUTE;
use nix::net::if_::if_indextoname;

/// `RTM_GETNETCONF`.
const GET_NETCONF: u8 = 82;
/// `NETCONFA_IFINDEX` and `NETCONFA_FORWARDING`.
const INDEX: u16 = 1;
const FORWARDING: u16 = 2;
/// What stands for an index in the settings for all interfaces, and in those that new ones begin with.
const ALL: i32 = -1;
const DEFAULT: i32 = -2;

/// The `forwarding` of the interfaces in the calling thread's namespace that differ from `usual`, each by the name of its folder
/// in `/proc/sys/net/*/conf`; without that of all together.
pub(super) fn unusual_forwarding(family: u8, usual: i32) -> Done<Vec<(String, i32)>> {
    let mut unusual = Vec::new();
    Nfnetlink::to(NETLINK_ROUTE)?.dump(0, GET_NETCONF, family, &[], |about| {
        if let (Some(index), Some(value)) = (number(about, INDEX), number(about, FORWARDING))
            && index != ALL
            && value != usual
        {
            unusual.push((index, value));
        }
    })?;
    unusual
        .into_iter()
        .filter_map(|(index, value)| Some(folder(index).transpose()?.map(|name| (name, value))))
        .collect()
}

/// The folder of an interface; none of one that is gone.
fn folder(index: i32) -> Done<Option<String>> {
    if index == DEFAULT {
        return Ok(Some("default".to_owned()));
    }
    match if_indextoname(index.unsigned_abs()) {
        Ok(name) => Ok(Some(name.to_string_lossy().into_owned())),
        Err(Errno::ENXIO | Errno::ENODEV) => Ok(None),
        Err(errno) => Err(Refusal::errno("SIOCGIFNAME", errno as i32)),
    }
}

fn number(attributes: &[u8], kind: u16) -> Option<i32> {
    Some(i32::from_ne_bytes(attribute(attributes, kind)?.try_into().ok()?))
}
