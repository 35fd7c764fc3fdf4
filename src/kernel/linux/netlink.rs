//! A blocking rtnetlink(7) socket: one request, then its answer.
//!
//! A socket belongs to the namespace it was opened in, and asks that one whichever namespace its thread is in later. The
//! kernel works on a request while it is being sent, hence waiting for the answer never waits for anybody else.

use crate::kernel::{Done, Refusal, Why};
use netlink_packet_core::{
    DoneMessage, ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload, NlasIterator, parse_string,
};
use netlink_sys::{Socket as RawSocket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::libc;
use rtnetlink::packet_route::RouteNetlinkMessage;
use rtnetlink::packet_route::link::LinkAttribute;
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The kernel never puts more than this into one datagram of a dump, and makes use of all of it.
const DATAGRAM: usize = 32 * 1024;
/// How often a dump is asked for again when the kernel says that its object changed meanwhile.
const DUMP_TRIES: u32 = 32;
/// A netlink header, which is all that an answer repeats of its request under `NETLINK_CAP_ACK`.
const HEADER: usize = 16;
/// `NLMSGERR_ATTR_MSG` of linux/netlink.h: the extended acknowledgement's text.
const ATTR_MSG: u16 = 1;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static ANSWERS: AtomicU64 = AtomicU64::new(0);
static LINK_DELETIONS: AtomicU64 = AtomicU64::new(0);
static LINK_MOVES: AtomicU64 = AtomicU64::new(0);

/// What this process has asked of the kernel. A number of requests is a measure of speed that no busy machine
/// can blur, so tests hold us to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// All requests.
    pub requests: u64,
    /// The objects that were told of in answer.
    pub answers: u64,
    /// Those that deleted an interface or a group of them: each waits for an RCU grace period, 15 ms.
    pub link_deletions: u64,
    /// Those that moved an interface between namespaces: likewise.
    pub link_moves: u64,
}

/// The counts so far.
pub fn counts() -> Counts {
    Counts {
        requests: REQUESTS.load(Relaxed),
        answers: ANSWERS.load(Relaxed),
        link_deletions: LINK_DELETIONS.load(Relaxed),
        link_moves: LINK_MOVES.load(Relaxed),
    }
}

/// A socket in the namespace that the calling thread was in when it was opened.
#[derive(Debug)]
pub struct Socket {
    raw: RawSocket,
    sequence: u32,
    datagram: Vec<u8>,
}

impl Socket {
    /// Opens a socket that explains its errors and checks its dump requests.
    pub fn open() -> Done<Socket> {
        let open = || {
            let raw = RawSocket::new(NETLINK_ROUTE)?;
            raw.set_ext_ack(true)?;
            raw.set_cap_ack(true)?;
            // Without it the kernel ignores the filters of a dump: https://lwn.net/Articles/767407/
            raw.set_netlink_get_strict_chk(true)?;
            Ok(raw)
        };
        let raw = open().map_err(|e| Refusal::io("open a netlink socket", &e))?;
        Ok(Socket { raw, sequence: 0, datagram: Vec::with_capacity(DATAGRAM) })
    }

    /// Sends a request that changes something and waits until the kernel has done it.
    pub fn act(&mut self, message: RouteNetlinkMessage, flags: u16) -> Done<()> {
        self.ask(message, NLM_F_ACK | flags, Some).map(drop)
    }

    /// Asks for one object.
    pub fn get(&mut self, message: RouteNetlinkMessage) -> Done<RouteNetlinkMessage> {
        let request = name(&message);
        let answer = self.ask(message, 0, Some)?;
        answer.messages.into_iter().next().ok_or_else(|| Refusal::new(Why::Protocol, request, "no answer"))
    }

    /// Asks for all objects of a kind.
    pub fn dump(&mut self, message: &RouteNetlinkMessage) -> Done<Vec<RouteNetlinkMessage>> {
        self.collect(message, Some)
    }

    /// The same, of each what is looked for: a message takes many times the space.
    pub fn collect<T>(
        &mut self,
        message: &RouteNetlinkMessage,
        pick: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Done<Vec<T>> {
        for _ in 0..DUMP_TRIES {
            let answer = self.ask(message.clone(), NLM_F_DUMP, &pick)?;
            if !answer.inconsistent {
                return Ok(answer.messages);
            }
        }
        Err(Refusal::new(Why::Protocol, name(message), "it keeps changing while it is being listed"))
    }

    /// The descriptor, for questions to the socket's namespace that are no netlink messages.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.raw.as_fd()
    }

    fn ask<T>(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        pick: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Done<Answer<T>> {
        count(&message);
        let request = name(&message);
        self.sequence += 1;
        let mut packet = NetlinkMessage::from(message);
        packet.header.flags = NLM_F_REQUEST | flags;
        packet.header.sequence_number = self.sequence;
        packet.finalize();
        let mut bytes = vec![0; packet.buffer_len()];
        packet.serialize(&mut bytes);
        self.raw.send_to(&bytes, &SocketAddr::new(0, 0), 0).map_err(|e| Refusal::io(request, &e))?;
        let mut answer = Answer { messages: Vec::new(), inconsistent: false, complete: false };
        while !answer.complete {
            self.receive().map_err(|e| Refusal::io(request, &e))?;
            answer.read(&self.datagram, self.sequence, request, &pick)?;
        }
        Ok(answer)
    }

    fn receive(&mut self) -> std::io::Result<()> {
        loop {
            self.datagram.clear();
            match self.raw.recv(&mut self.datagram, libc::MSG_TRUNC) {
                Ok(length) if length > self.datagram.len() => return Err(Errno::EMSGSIZE.into()),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Answer<T> {
    messages: Vec<T>,
    inconsistent: bool,
    complete: bool,
}

impl<T> Answer<T> {
    /// Takes what one datagram holds for the request with this sequence number.
    fn read(
        &mut self,
        datagram: &[u8],
        sequence: u32,
        request: &str,
        pick: impl Fn(RouteNetlinkMessage) -> Option<T>,
    ) -> Done<()> {
        let garbled = |words: String| Refusal::new(Why::Protocol, request, words);
        let mut rest = datagram;
        while rest.len() >= HEADER {
            let length = u32::from_ne_bytes([rest[0], rest[1], rest[2], rest[3]]) as usize;
            let Some(bytes) = rest.get(..length.max(HEADER)) else {
                return Err(garbled("a message is longer than its datagram".to_owned()));
            };
            let packet =
                NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map_err(|e| garbled(e.to_string()))?;
            rest = rest.get(length.max(HEADER).next_multiple_of(4)..).unwrap_or_default();
            if packet.header.sequence_number != sequence {
                continue;
            }
            self.inconsistent |= packet.header.flags & NLM_F_DUMP_INTR != 0;
            match packet.payload {
                NetlinkPayload::InnerMessage(message) => {
                    ANSWERS.fetch_add(1, Relaxed);
                    self.messages.extend(pick(message));
                    self.complete |= packet.header.flags & NLM_F_MULTIPART == 0;
                }
                NetlinkPayload::Error(ErrorMessage { code, header: echo, .. }) => {
                    self.complete = true;
                    if let Some(code) = code {
                        let attributes = echo.get(HEADER..).unwrap_or_default();
                        return Err(refusal(request, code.get(), attributes));
                    }
                }
                NetlinkPayload::Done(DoneMessage { code, extended_ack, .. }) => {
                    self.complete = true;
                    if code < 0 {
                        return Err(refusal(request, code, &extended_ack));
                    }
                }
                _ => return Err(garbled("a message of an unknown kind".to_owned())),
            }
        }
        Ok(())
    }
}

/// The kernel's error number with its words, where it gave any.
fn refusal(request: &str, code: i32, attributes: &[u8]) -> Refusal {
    let words = NlasIterator::new(attributes)
        .flatten()
        .find(|attribute| attribute.kind() == ATTR_MSG)
        .and_then(|attribute| parse_string(attribute.value()).ok())
        .unwrap_or_default();
    Refusal::new(Why::Errno(-code), request, words)
}

fn count(message: &RouteNetlinkMessage) {
    REQUESTS.fetch_add(1, Relaxed);
    match message {
        RouteNetlinkMessage::DelLink(_) => LINK_DELETIONS.fetch_add(1, Relaxed),
        RouteNetlinkMessage::SetLink(link)
            if link.attributes.iter().any(|a| matches!(a, LinkAttribute::NetNsFd(_))) =>
        {
            LINK_MOVES.fetch_add(1, Relaxed)
        }
        _ => 0,
    };
}

/// The request as rtnetlink(7) calls it.
fn name(message: &RouteNetlinkMessage) -> &'static str {
    match message {
        RouteNetlinkMessage::NewLink(_) => "RTM_NEWLINK",
        RouteNetlinkMessage::DelLink(_) => "RTM_DELLINK",
        RouteNetlinkMessage::GetLink(_) => "RTM_GETLINK",
        RouteNetlinkMessage::SetLink(_) => "RTM_SETLINK",
        RouteNetlinkMessage::NewAddress(_) => "RTM_NEWADDR",
        RouteNetlinkMessage::DelAddress(_) => "RTM_DELADDR",
        RouteNetlinkMessage::GetAddress(_) => "RTM_GETADDR",
        RouteNetlinkMessage::NewRoute(_) => "RTM_NEWROUTE",
        RouteNetlinkMessage::DelRoute(_) => "RTM_DELROUTE",
        RouteNetlinkMessage::GetRoute(_) => "RTM_GETROUTE",
        _ => "a netlink request",
    }
}
