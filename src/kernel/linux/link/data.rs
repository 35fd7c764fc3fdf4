//! The attributes of each kind of interface as the kernel takes them (`IFLA_INFO_DATA`).

use crate::kernel::Done;
use crate::model::link::NewLink;
use rtnetlink::packet_route::link::InfoData;

mod bridge;

/// What encodes the attributes of a kind.
type Encode = fn(&NewLink) -> Done<InfoData>;

/// The kinds that have some.
const ENCODERS: &[(&str, Encode)] = &[("bridge", bridge::encode)];

/// The attributes of a new interface; none for a kind that has none.
pub(super) fn encode(new: &NewLink) -> Done<Option<InfoData>> {
    let encode = ENCODERS.iter().find(|(name, _)| *name == new.kind.name).map(|(_, encode)| encode);
    encode.map(|encode| encode(new)).transpose()
}
