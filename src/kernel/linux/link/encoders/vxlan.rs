//! VXLAN tunnels (`IFLA_VXLAN_*` of `linux/if_link.h`).

use crate::kernel::{Done, Refusal, Why};
use crate::model::link::kinds::vxlan::names;
use crate::model::link::{Attr, NewLink};
use rtnetlink::packet_route::link::{InfoData, InfoVxlan};
use std::net::IpAddr;

pub(super) fn encode(new: &NewLink, lower: Option<u32>) -> Done<InfoData> {
    let mut data = vec![InfoVxlan::Learning(new.attrs.get(names::LEARNING) != Some(&Attr::Bool(false)))];
    if let Some(id) = number(new, names::ID)? {
        data.push(InfoVxlan::Id(id));
    }
    data.extend(lower.map(InfoVxlan::Link));
    data.extend(address(new, names::LOCAL)?.map(|ip| match ip {
        IpAddr::V4(ip) => InfoVxlan::Local(ip),
        IpAddr::V6(ip) => InfoVxlan::Local6(ip),
    }));
    // The kernel tells the two apart by the address.
    for name in [names::REMOTE, names::GROUP] {
        data.extend(address(new, name)?.map(|ip| match ip {
            IpAddr::V4(ip) => InfoVxlan::Group(ip),
            IpAddr::V6(ip) => InfoVxlan::Group6(ip),
        }));
    }
    data.extend(number(new, names::PORT)?.map(InfoVxlan::Port));
    data.extend(number(new, names::TTL)?.map(InfoVxlan::Ttl));
    Ok(InfoData::Vxlan(data))
}

/// The device that its packets leave by, which is no `IFLA_LINK`.
pub(super) fn lower(data: &InfoData) -> Option<u32> {
    let InfoData::Vxlan(attributes) = data else { return None };
    attributes.iter().find_map(|attribute| if let InfoVxlan::Link(index) = attribute { Some(*index) } else { None })
}

/// An attribute that is a number, which has to fit the kernel's field.
fn number<N: TryFrom<u64>>(new: &NewLink, name: &str) -> Done<Option<N>> {
    match new.attrs.get(name) {
        None => Ok(None),
        Some(Attr::Int(number)) => N::try_from(*number).map(Some).map_err(|_| unfit(name)),
        Some(Attr::Bool(_) | Attr::Text(_)) => Err(unfit(name)),
    }
}

fn address(new: &NewLink, name: &str) -> Done<Option<IpAddr>> {
    match new.attrs.get(name) {
        None => Ok(None),
        Some(Attr::Text(text)) => text.parse().map(Some).map_err(|_| unfit(name)),
        Some(Attr::Bool(_) | Attr::Int(_)) => Err(unfit(name)),
    }
}

fn unfit(name: &str) -> Refusal {
    Refusal::new(Why::Protocol, "RTM_NEWLINK", format!("the value of `{name}` is none that a VXLAN tunnel has"))
}
