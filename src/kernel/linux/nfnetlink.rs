//! Requests to the netfilter subsystems, for what iptables has no word for (`linux/netfilter/nfnetlink.h`).

use crate::kernel::{Done, Refusal, Why};
use netlink_packet_core::{NLA_TYPE_MASK, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer};
use netlink_sys::{Socket, SocketAddr, constants::NETLINK_NETFILTER};
use nix::errno::Errno;
use std::iter;

/// `NFNL_SUBSYS_CTNETLINK`: connection tracking.
pub(super) const CTNETLINK: u8 = 1;
/// `NFNL_SUBSYS_NFTABLES`.
pub(super) const NFTABLES: u8 = 10;
/// `NFT_MSG_GETTABLE` of [`NFTABLES`].
pub(super) const GET_TABLE: u8 = 1;

/// `NFPROTO_UNSPEC`: every family.
pub(super) const ANY_FAMILY: u8 = 0;
/// `NFPROTO_IPV4`.
pub(super) const IPV4: u8 = 2;
/// `NFPROTO_IPV6`.
pub(super) const IPV6: u8 = 10;

/// The length of `struct nlmsghdr`.
const HEADER: usize = 16;
/// The length of `struct nfgenmsg`: family, version, resource id.
const NFGENMSG: usize = 4;
/// The length of an attribute's head, to which attributes are also aligned (netlink(7)).
const ATTRIBUTE: usize = 4;
/// `NLMSG_ERROR`, which with number 0 is an acknowledgement.
const ERROR: u16 = 2;
/// `NLMSG_DONE`: the end of a dump.
const DONE: u16 = 3;
/// More than the kernel writes into one datagram of a dump.
const BUFFER: usize = 64 * 1024;

/// Whether a refusal says that this kernel has no such subsystem.
pub(super) fn is_unsupported(refusal: &Refusal) -> bool {
    let missing = [Errno::EINVAL, Errno::EOPNOTSUPP, Errno::EPROTONOSUPPORT, Errno::EAFNOSUPPORT];
    missing.iter().any(|errno| refusal.number() == Some(*errno as i32))
}

/// The attributes in a run of bytes, each with its kind and value; what is malformed ends it.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(ATTRIBUTE..length)?;
        bytes = bytes.get(length.next_multiple_of(ATTRIBUTE)..).unwrap_or_default();
        Some((kind & NLA_TYPE_MASK, value))
    })
}

/// The value of the first attribute of a kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Adds an attribute to a request.
pub(super) fn put(request: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
    request.extend_from_slice(&length.to_ne_bytes());
    request.extend_from_slice(&kind.to_ne_bytes());
    request.extend_from_slice(value);
    request.resize(request.len().next_multiple_of(ATTRIBUTE), 0);
}

/// A socket in the calling thread's namespace.
#[derive(Debug)]
pub(super) struct Nfnetlink {
    socket: Socket,
    sequence: u32,
}

impl Nfnetlink {
    /// Opens one.
    pub(super) fn open() -> Done<Nfnetlink> {
        let refused = |e: std::io::Error| Refusal::io("socket NETLINK_NETFILTER", &e);
        let mut socket = Socket::new(NETLINK_NETFILTER).map_err(refused)?;
        socket.bind_auto().map_err(refused)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(refused)?;
        Ok(Nfnetlink { socket, sequence: 0 })
    }

    /// Reads a list: `each` gets the attributes of each item.
    pub(super) fn dump(&mut self, subsystem: u8, message: u8, family: u8, mut each: impl FnMut(&[u8])) -> Done<()> {
        self.exchange((subsystem, message), NLM_F_DUMP, family, &[], &mut each)
    }

    /// Asks for something to be done.
    pub(super) fn request(&mut self, subsystem: u8, message: u8, family: u8, attributes: &[u8]) -> Done<()> {
        self.exchange((subsystem, message), NLM_F_ACK, family, attributes, &mut |_| {})
    }

    /// The kernel answers within the call that asks (netlink(7)), so reading does not wait for anybody.
    fn exchange(
        &mut self,
        (subsystem, message): (u8, u8),
        flags: u16,
        family: u8,
        attributes: &[u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Done<()> {
        let name = format!("nfnetlink subsystem {subsystem} message {message}");
        let refused = |e: std::io::Error| Refusal::io(name.as_str(), &e);
        let nonsense = || Refusal::new(Why::Protocol, name.as_str(), "");
        self.sequence += 1;

        let mut bytes = vec![0; HEADER];
        bytes.extend_from_slice(&[family, 0, 0, 0]);
        bytes.extend_from_slice(attributes);
        let length = u32::try_from(bytes.len()).map_err(|_| nonsense())?;
        let mut request = NetlinkBuffer::new(&mut bytes);
        request.set_length(length);
        request.set_message_type(u16::from(subsystem) << 8 | u16::from(message));
        request.set_flags(NLM_F_REQUEST | flags);
        request.set_sequence_number(self.sequence);
        self.socket.send(&bytes, 0).map_err(refused)?;

        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0).map_err(refused)?;
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                let reply = NetlinkBuffer::new_checked(rest).map_err(|_| nonsense())?;
                let length = usize::try_from(reply.length()).map_err(|_| nonsense())?;
                let body = rest.get(HEADER..length).ok_or_else(nonsense)?;
                if reply.sequence_number() == self.sequence {
                    match reply.message_type() {
                        ERROR | DONE => return ended(body).map_err(|errno| Refusal::errno(name.as_str(), errno)),
                        _ => each(body.get(NFGENMSG..).unwrap_or_default()),
                    }
                }
                rest = rest.get(length.next_multiple_of(ATTRIBUTE)..).unwrap_or_default();
            }
        }
    }
}

/// Both kinds of last message start with a negative error number or 0.
fn ended(body: &[u8]) -> Result<(), i32> {
    match body.get(..4).and_then(|number| number.try_into().ok()).map(i32::from_ne_bytes) {
        Some(number) if number != 0 => Err(-number),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_are_put() {
        let mut bytes = Vec::new();
        put(&mut bytes, 3, &[1, 2, 3]);
        put(&mut bytes, 7, &[]);
        put(&mut bytes, 9, &[4, 5, 6, 7]);
        assert_eq!(bytes.len() % 4, 0);
        let read: Vec<(u16, &[u8])> = attributes(&bytes).collect();
        assert_eq!(read, [(3, &[1u8, 2, 3][..]), (7, &[][..]), (9, &[4, 5, 6, 7][..])]);
        assert_eq!(attribute(&bytes[..bytes.len() - 1], 9), None, "cut off");
        assert_eq!(attributes(&[1, 0, 0, 0]).count(), 0, "shorter than its own head");
    }
}
