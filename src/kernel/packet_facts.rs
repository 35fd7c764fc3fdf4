//! Questions about the way of a packet.

use super::Done;
use crate::model::forwarding::{Ask, NetnsLinks, Way};
use crate::model::names::Ns;
use crate::model::question::Carried;
use crate::model::rule::saved::Saved;
use std::net::{IpAddr, SocketAddr};

/// Who can be asked for these facts.
pub trait PacketFacts {
    /// The lab's root namespace and all that have names, with their interfaces.
    fn all_links(&mut self) -> Done<Vec<(Ns, NetnsLinks)>>;

    /// Where a packet would go. The refusal is the kernel's reason: `ENETUNREACH` where there is no route, `EXDEV` where
    /// the reverse path filter drops it, `EHOSTUNREACH` where it is not forwarded.
    fn way(&mut self, ns: &Ns, ask: &Ask) -> Done<Way>;

    /// The rules of a namespace with their counters, once for each backend in use.
    fn rules(&mut self, ns: &Ns, v6: bool) -> Done<Vec<Saved>>;

    /// Where sockets of a namespace listen.
    fn listeners(&mut self, ns: &Ns, carried: Carried) -> Done<Vec<SocketAddr>>;

    /// To whom the tracked connections go that were addressed to `to`: those of a translation hold on to it, whatever the
    /// rules say by now.
    fn tracked(&mut self, ns: &Ns, to: SocketAddr, carried: Carried) -> Done<Vec<SocketAddr>>;

    /// What a sysctl is in a namespace.
    fn setting(&mut self, ns: &Ns, key: &str) -> Done<String>;

    /// The state of a neighbour (`ip neighbour`): whether it has failed to answer for its address.
    fn is_silent(&mut self, ns: &Ns, dev: u32, ip: IpAddr) -> Done<bool>;
}
