//! Requests to the netfilter subsystems, for what iptables has no word for (`linux/netfilter/nfnetlink.h`), and others of the
//! same form.

use crate::kernel::{Done, Refusal, Why};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr, constants::NETLINK_NETFILTER};
use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

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

/// `NFNL_MSG_BATCH_BEGIN` and `NFNL_MSG_BATCH_END`.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
/// `NFNL_BATCH_GENID`
const BATCH_GENERATION: u16 = 1;

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
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|found| {
        let found = found.ok()?;
        let (kind, length) = (found.kind(), usize::from(found.length()));
        Some((kind, found.into_inner().get(ATTRIBUTE..length)?))
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

/// Adds an attribute that holds attributes, without the flag that says so: the kernel does not ask for it here
/// (`nla_parse_nested_deprecated`) and does not set it in what it shows, with which this can then be compared.
pub(super) fn nest(request: &mut Vec<u8>, kind: u16, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = request.len();
    request.extend_from_slice(&[0; ATTRIBUTE]);
    fill(request);
    let length = u16::try_from(request.len() - start).unwrap_or(u16::MAX);
    request[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    request[start + 2..start + ATTRIBUTE].copy_from_slice(&kind.to_ne_bytes());
}

/// The messages of one transaction of a subsystem.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    subsystem: u8,
    /// The sequence numbers of its first and its last message.
    first: u32,
    last: u32,
    /// Where the last one begins.
    newest: usize,
}

impl Batch {
    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.first == self.last
    }

    /// Adds a message, whose attributes are put into what `fill` gets, and returns its sequence number.
    pub(super) fn add(&mut self, message: u8, flags: u16, family: u8, fill: impl FnOnce(&mut Vec<u8>)) -> u32 {
        self.newest = self.bytes.len();
        self.last += 1;
        let kind = u16::from(self.subsystem) << 8 | u16::from(message);
        encode(&mut self.bytes, kind, NLM_F_REQUEST | flags, self.last, [family, 0, 0, 0], fill);
        self.last
    }
}

/// Why a transaction was not made.
#[derive(Debug)]
pub(super) enum BatchFault {
    /// Nothing of it was done, for this reason.
    Refused(i32),
    /// There was no answer: it may or may not have been made.
    Lost(Refusal),
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
        Nfnetlink::to(NETLINK_NETFILTER)
    }

    /// Opens one for another protocol whose requests begin with four bytes, the first of which is a family.
    pub(super) fn to(protocol: isize) -> Done<Nfnetlink> {
        let refused = |e: std::io::Error| Refusal::io(format!("socket of netlink protocol {protocol}"), &e);
        let socket = Socket::new(protocol).map_err(refused)?;
        // The kernel binds it on the way.
        socket.connect(&SocketAddr::new(0, 0)).map_err(refused)?;
        Ok(Nfnetlink { socket, sequence: 0 })
    }

    /// Reads a list, or those of its items that have these attributes: `each` gets the attributes of each item.
    pub(super) fn dump(
        &mut self,
        subsystem: u8,
        message: u8,
        family: u8,
        attributes: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Done<()> {
        self.exchange((subsystem, message), NLM_F_DUMP, (family, 0), attributes, &mut each)
    }

    /// Asks for something to be done.
    pub(super) fn request(&mut self, subsystem: u8, message: u8, family: u8, attributes: &[u8]) -> Done<()> {
        self.exchange((subsystem, message), NLM_F_ACK, (family, 0), attributes, &mut |_| {})
    }

    /// The same in version 1 of the protocol, in which a family is no mere hint.
    pub(super) fn request_of(&mut self, subsystem: u8, message: u8, family: u8, attributes: &[u8]) -> Done<()> {
        self.exchange((subsystem, message), NLM_F_ACK, (family, 1), attributes, &mut |_| {})
    }

    /// Asks for one thing: the attributes of the answer.
    pub(super) fn query(&mut self, subsystem: u8, message: u8, family: u8, attributes: &[u8]) -> Done<Vec<u8>> {
        let mut answer = Vec::new();
        self.exchange((subsystem, message), 0, (family, 0), attributes, &mut |item| answer = item.to_vec())?;
        Ok(answer)
    }

    /// The kernel answers within the call that asks (netlink(7)), so reading does not wait for anybody.
    fn exchange(
        &mut self,
        (subsystem, message): (u8, u8),
        flags: u16,
        (family, version): (u8, u8),
        attributes: &[u8],
        each: &mut dyn FnMut(&[u8]),
    ) -> Done<()> {
        let name = format!("netlink subsystem {subsystem} message {message}");
        self.sequence += 1;
        let mut bytes = Vec::new();
        let kind = u16::from(subsystem) << 8 | u16::from(message);
        encode(&mut bytes, kind, NLM_F_REQUEST | flags, self.sequence, [family, version, 0, 0], |bytes| {
            bytes.extend_from_slice(attributes);
        });
        self.socket.send(&bytes, 0).map_err(|e| Refusal::io(name.as_str(), &e))?;
        let asked = self.sequence;
        self.replies(&name, |sequence, kind, body| match kind {
            _ if sequence != asked => None,
            ERROR | DONE => Some(ended(body).map_err(|errno| Refusal::errno(name.as_str(), errno))),
            _ => {
                each(body.get(NFGENMSG..).unwrap_or_default());
                // Nothing follows but what was asked for: a list, or an acknowledgement.
                (flags == 0).then_some(Ok(()))
            }
        })?
    }

    /// Begins a transaction that is to be made only if the subsystem is at this generation still.
    pub(super) fn begin(&mut self, subsystem: u8, generation: u32) -> Batch {
        // What an earlier one was refused for may not have been read all.
        self.sequence += 1;
        let first = self.sequence;
        let mut bytes = Vec::with_capacity(BUFFER);
        encode(&mut bytes, BATCH_BEGIN, NLM_F_REQUEST, first, [0, 0, 0, subsystem], |begin| {
            put(begin, BATCH_GENERATION, &generation.to_be_bytes());
        });
        Batch { bytes, subsystem, first, last: first, newest: 0 }
    }

    /// Has all of a transaction done, or nothing. It is the last one that was begun. `echo` gets what messages that asked for
    /// it have made: their sequence numbers and its attributes.
    pub(super) fn commit(&mut self, batch: Batch, mut echo: impl FnMut(u32, &[u8])) -> Result<(), BatchFault> {
        let Batch { mut bytes, subsystem, first, last, newest } = batch;
        // An acknowledgement of the last message says that all went well.
        let mut message = NetlinkBuffer::new(&mut bytes[newest..]);
        message.set_flags(message.flags() | NLM_F_ACK);
        encode(&mut bytes, BATCH_END, NLM_F_REQUEST, last + 1, [0, 0, 0, subsystem], |_| {});
        self.sequence = last + 1;
        // The default is 208 KiB. More than twice that is for root outside of user namespaces; where the kernel does not
        // grant it, the sending fails before anything is done.
        let room = bytes.len() * 2;
        let _ = setsockopt(&self.socket, sockopt::SndBufForce, &room)
            .or_else(|_| setsockopt(&self.socket, sockopt::SndBuf, &room));
        self.socket.send(&bytes, 0).map_err(|e| BatchFault::Refused(e.raw_os_error().unwrap_or_default()))?;
        let judged = self.replies("nfnetlink batch", |sequence, kind, body| match (kind, ended(body)) {
            (ERROR, Err(errno)) if (first..=last).contains(&sequence) => Some(Err(BatchFault::Refused(errno))),
            (ERROR, Ok(())) if sequence == last => Some(Ok(())),
            (ERROR, _) => None,
            _ => {
                if (first..=last).contains(&sequence) {
                    echo(sequence, body.get(NFGENMSG..).unwrap_or_default());
                }
                None
            }
        });
        judged.map_err(BatchFault::Lost)?
    }

    /// Reads what the kernel answers until `judge`, which gets sequence number, kind and body, has an outcome.
    fn replies<T>(&mut self, name: &str, mut judge: impl FnMut(u32, u16, &[u8]) -> Option<T>) -> Done<T> {
        let nonsense = || Refusal::new(Why::Protocol, name, "");
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer, 0).map_err(|e| Refusal::io(name, &e))?;
            let mut rest = buffer.as_slice();
            while !rest.is_empty() {
                let reply = NetlinkBuffer::new_checked(rest).map_err(|_| nonsense())?;
                let length = usize::try_from(reply.length()).map_err(|_| nonsense())?;
                let body = rest.get(HEADER..length).ok_or_else(nonsense)?;
                if let Some(outcome) = judge(reply.sequence_number(), reply.message_type(), body) {
                    return Ok(outcome);
                }
                rest = rest.get(length.next_multiple_of(ATTRIBUTE)..).unwrap_or_default();
            }
        }
    }
}

/// Adds a message: its header, `struct nfgenmsg`, and the attributes that `fill` puts.
fn encode(
    bytes: &mut Vec<u8>,
    kind: u16,
    flags: u16,
    sequence: u32,
    nfgenmsg: [u8; NFGENMSG],
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = bytes.len();
    bytes.resize(start + HEADER, 0);
    bytes.extend_from_slice(&nfgenmsg);
    fill(bytes);
    let length = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
    let mut header = NetlinkBuffer::new(&mut bytes[start..]);
    header.set_length(length);
    header.set_message_type(kind);
    header.set_flags(flags);
    header.set_sequence_number(sequence);
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
