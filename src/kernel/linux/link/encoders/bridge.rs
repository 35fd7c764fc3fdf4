//! Bridges (`IFLA_BR_*` of `linux/if_link.h`).

use crate::kernel::Done;
use crate::model::link::NewLink;
use rtnetlink::packet_route::link::{BridgeStpState, InfoBridge, InfoData};

/// With the spanning tree protocol off, unless it is asked for.
#[expect(clippy::unnecessary_wraps, reason = "other kinds have values that may not fit")]
pub(super) fn encode(new: &NewLink, _lower: Option<u32>) -> Done<InfoData> {
    let state = if new.is("stp") { BridgeStpState::KernelStp } else { BridgeStpState::Disabled };
    Ok(InfoData::Bridge(vec![InfoBridge::StpState(state)]))
}

/// It has none.
pub(super) fn lower(_data: &InfoData) -> Option<u32> {
    None
}
