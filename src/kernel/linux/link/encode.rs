//! How the attributes of a kind of interface are encoded and read.

use crate::kernel::Done;
use crate::model::link::NewLink;
use rtnetlink::packet_route::link::InfoData;

/// What encodes the attributes of a kind as the kernel takes them (`IFLA_INFO_DATA`), with the index of the device that it
/// is stacked on.
pub(super) type Encode = fn(&NewLink, Option<u32>) -> Done<InfoData>;

/// What reads the index of the device that an interface is stacked on from those attributes, where it is one of them.
pub(super) type OwnLower = fn(&InfoData) -> Option<u32>;
