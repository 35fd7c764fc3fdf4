//! Hardware addresses.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A hardware (Ethernet) address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.pad(&text.join(":"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Mac, String> {
        let mut bytes = [0u8; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            *byte = parts
                .next()
                // `from_str_radix` takes a sign, which is no part of an address.
                .filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or("it is not six two-digit hexadecimal numbers joined by `:`")?;
        }
        if parts.next().is_some() {
            return Err("it has more than six parts".into());
        }
        if bytes[0] & 1 == 1 {
            return Err("it is a multicast address (its first byte is odd)".into());
        }
        Ok(Mac(bytes))
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Mac, String> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Mac;

    #[test]
    fn a_hardware_address_has_six_pairs_of_digits() {
        assert_eq!("02:00:00:0A:ff:01".parse(), Ok(Mac([2, 0, 0, 10, 255, 1])));
        for text in
            ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:+1", "2:0:0:0:0:1", "01:00:00:00:00:01"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text:?} was accepted");
        }
    }
}
