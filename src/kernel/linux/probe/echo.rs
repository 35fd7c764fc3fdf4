//! Echo messages as bytes (RFC 792, RFC 4443).

/// A series of echo requests, told from others' by a random identifier and payload.
#[derive(Debug, Clone, Copy)]
pub struct Echo {
    /// Whether the messages are ICMPv6.
    pub is_v6: bool,
    /// Whether they pass a raw socket. A datagram socket puts an identifier of its own into them and takes the IP
    /// header off.
    pub is_raw: bool,
    /// The identifier and the beginning of the payload.
    pub token: [u8; TOKEN],
}

/// How many random bytes a series has: two are the identifier, the others are in the payload.
pub const TOKEN: usize = 18;

/// How long a payload is: what ping(8) sends.
const PAYLOAD: usize = 56;

/// Type, code, checksum, identifier, sequence number.
const HEADER: usize = 8;

impl Echo {
    /// The request with this sequence number.
    pub fn request(&self, seq: u16) -> Vec<u8> {
        let [id_high, id_low, payload @ ..] = self.token;
        let [seq_high, seq_low] = seq.to_be_bytes();
        let mut packet = vec![self.request_type(), 0, 0, 0, id_high, id_low, seq_high, seq_low];
        packet.extend(payload);
        packet.resize(HEADER + PAYLOAD, 0);
        if !self.is_v6 {
            // The kernel fills in that of ICMPv6, which covers addresses that we do not know.
            let sum = checksum(&packet).to_be_bytes();
            packet.splice(2..4, sum);
        }
        packet
    }

    /// The sequence number of the request that a received packet answers, if it is one of ours.
    pub fn answered(&self, packet: &[u8]) -> Option<u16> {
        let message = if self.is_raw && !self.is_v6 { skip_ip_header(packet)? } else { packet };
        let reply_type = if self.is_v6 { 129 } else { 0 };
        let [_, _, payload @ ..] = &self.token;
        let is_ours = message.first() == Some(&reply_type) && message.get(HEADER..)?.starts_with(payload);
        self.sequence(message).filter(|_| is_ours)
    }

    /// The sequence number of a request that an ICMP error quotes, if it is one of ours. Its payload may be missing.
    pub fn quoted(&self, message: &[u8]) -> Option<u16> {
        self.sequence(message).filter(|_| message.first() == Some(&self.request_type()))
    }

    fn request_type(&self) -> u8 {
        if self.is_v6 { 128 } else { 8 }
    }

    fn sequence(&self, message: &[u8]) -> Option<u16> {
        let [_, 0, _, _, id @ .., seq_high, seq_low] = message.get(..HEADER)? else { return None };
        let is_ours = !self.is_raw || self.token.starts_with(id);
        is_ours.then(|| u16::from_be_bytes([*seq_high, *seq_low]))
    }
}

/// A raw IPv4 socket delivers the IP header too (raw(7)); its length is in units of four bytes.
fn skip_ip_header(packet: &[u8]) -> Option<&[u8]> {
    packet.get(usize::from(packet.first()? & 0x0f) * 4..)
}

/// The Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let [.., high, low] = sum.to_be_bytes();
    !u16::from_be_bytes([high, low])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OURS: Echo = Echo { is_v6: false, is_raw: true, token: *b"iDtoken-of-16-byte" };

    /// What a host makes of an IPv4 request.
    fn reply(request: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x46; 24];
        packet.push(0);
        packet.extend(&request[1..]);
        packet
    }

    #[test]
    fn a_request_sums_to_zero_and_is_answered_by_its_reply() {
        let request = OURS.request(0x1234);
        assert_eq!((request.len(), checksum(&request)), (64, 0));
        assert_eq!(OURS.answered(&reply(&request)), Some(0x1234));
        assert_eq!(OURS.quoted(&request[..8]), Some(0x1234));
    }

    #[test]
    fn others_messages_are_not_ours() {
        let request = OURS.request(1);
        assert_eq!(OURS.answered(&[vec![0x45; 20], request.clone()].concat()), None, "our own request, looped back");
        for theirs in [*b"xDtoken-of-16-byte", *b"iDtoken-of-16-bytX"] {
            assert_eq!(Echo { token: theirs, ..OURS }.answered(&reply(&request)), None);
        }
        assert_eq!(OURS.quoted(&reply(&request)[24..]), None, "a reply is not a request");
        for cut in 0..24 + HEADER + TOKEN - 2 {
            assert_eq!(OURS.answered(&reply(&request)[..cut]), None, "cut to {cut}");
        }
    }

    #[test]
    fn a_datagram_socket_has_its_own_identifier() {
        let echo = Echo { is_v6: true, is_raw: false, ..OURS };
        let mut reply = echo.request(7);
        reply[0] = 129;
        reply[4] ^= 0xff;
        assert_eq!(echo.answered(&reply), Some(7));
    }

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xff, 0xff, 0x01]), !0x0100);
    }
}
