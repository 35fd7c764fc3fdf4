//! What NAT has done to a packet.

use crate::model::names::Ns;
use crate::model::tag::Tag;
use std::net::SocketAddr;

/// A translation that was made on the way there, and is taken back on the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translated {
    /// Where.
    pub ns: Ns,
    /// What the packet was before.
    pub before: (SocketAddr, SocketAddr),
    /// And after.
    pub after: (SocketAddr, SocketAddr),
    /// Whether it is the destination that was replaced.
    pub is_destination: bool,
    /// Whether the answer has passed it.
    pub is_back: bool,
    /// The rule's mark.
    pub tag: Option<Tag>,
}
