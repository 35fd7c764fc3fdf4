//! What a new namespace gets before anybody uses it.

use super::spaces::Fresh;
use super::sysctl::Preset;
use crate::kernel::Done;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;

/// The index of `lo` in every namespace (`LOOPBACK_IFINDEX` in the kernel's `net/net_namespace.h`).
pub const LOOPBACK: u32 = 1;

/// Makes the calling thread's new namespace ready for use: sysctls with known values, and `lo` up, with a mark where it is
/// to have a name.
pub fn set_up(sysctls: &Preset, mark: Option<&str>) -> Done<Fresh> {
    sysctls.set()?;
    let mut fresh = Fresh::here()?;
    let mut up = LinkUnspec::new_with_index(LOOPBACK).up().build();
    up.attributes.extend(mark.map(|mark| LinkAttribute::IfAlias(mark.to_owned())));
    fresh.socket.act(RouteNetlinkMessage::SetLink(up), 0)?;
    Ok(fresh)
}
