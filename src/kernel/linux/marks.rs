//! The marks by which a lab knows its interfaces again: an interface group and hardware addresses.

use crate::kernel::{Done, Refusal, Why};
use crate::model::mac::Mac;

/// The first byte of our groups and addresses: `r`. As the first byte of a hardware address it says
/// "locally administered, unicast" (RFC 9542, section 2.1).
const FIRST: u8 = 0x72;

/// The marks of one lab in one process. They are random, so that no registry of labs is needed to keep two labs
/// apart; the journal keeps what was used.
#[derive(Debug)]
pub struct Marks {
    group: u32,
    prefix: [u8; 3],
    used: u32,
}

impl Marks {
    /// Draws new marks.
    pub fn new() -> Done<Marks> {
        let [a, b, c] = random()?;
        Ok(Marks { group: u32::from_be_bytes([FIRST, a, b, c]), prefix: random()?, used: 0 })
    }

    /// The `IFLA_GROUP` of every interface, so that one request can delete them all.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// A hardware address that no other interface of the lab has.
    pub fn mac(&mut self) -> Done<Mac> {
        if self.used > u32::from(u16::MAX) {
            self.prefix = random()?;
            self.used = 0;
        }
        let [.., high, low] = self.used.to_be_bytes();
        let [a, b, c] = self.prefix;
        self.used += 1;
        Ok(Mac([FIRST, a, b, c, high, low]))
    }
}

/// Whether an interface with this group and hardware address bears the marks of some lab. Chance gives both to one in
/// ten thousand of those that were put into a group at all.
pub fn are_ours(group: u32, mac: Mac) -> bool {
    group.to_be_bytes()[0] == FIRST && mac.0[0] == FIRST
}

/// Bytes that nobody can guess.
pub fn random<const N: usize>() -> Done<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| Refusal::new(Why::Protocol, "getrandom", e.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn addresses_are_unicast_local_and_never_given_twice() {
        let mut marks = Marks::new().ok();
        let macs: HashSet<Mac> = (0..70_000).filter_map(|_| marks.as_mut()?.mac().ok()).collect();
        assert_eq!(macs.len(), 70_000);
        assert!(macs.iter().all(|mac| mac.0[0] & 0b11 == 0b10));
    }
}
