//! Values written as text: addresses, times, rates.

use crate::model::mac::Mac;
use crate::model::proto::Proto;
use crate::ops::Endpoint;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The code of the error.
    pub code: &'static str,
    /// A clause for after a colon, such as "it has no prefix length".
    pub reason: String,
    /// What to write instead.
    pub help: String,
}

impl Wrong {
    /// A reason with its help.
    pub fn new(code: &'static str, reason: impl Into<String>, help: impl Into<String>) -> Wrong {
        Wrong { code, reason: reason.into(), help: help.into() }
    }
}

/// A value, or why there is none.
pub type Parsed<T> = Result<T, Wrong>;

const ADDRESS: &str = "value::address";
const SUBNET: &str = "value::subnet";
const ENDPOINT: &str = "value::endpoint";
const PORT: &str = "value::port";
const DURATION: &str = "value::duration";
const RATE: &str = "value::rate";

/// An address, with the prefix length that may follow it.
pub fn ip(text: &str) -> Parsed<(IpAddr, Option<u8>)> {
    let Some((addr, prefix)) = text.split_once('/') else { return Ok((bare_ip(text)?, None)) };
    let addr = bare_ip(addr)?;
    let max = if addr.is_ipv4() { 32 } else { 128 };
    match prefix.parse::<u8>() {
        Ok(length) if length <= max && prefix.bytes().all(|byte| byte.is_ascii_digit()) => Ok((addr, Some(length))),
        _ => Err(Wrong::new(
            ADDRESS,
            format!("its prefix length `{}` is not a number from 0 to {max}", prefix.escape_debug()),
            format!("Write `\"{addr}/{}\"`.", usual_prefix(addr)),
        )),
    }
}

fn bare_ip(text: &str) -> Parsed<IpAddr> {
    text.parse().map_err(|_| {
        Wrong::new(
            ADDRESS,
            "it is not an IPv4 or IPv6 address",
            "IPv4 addresses are four numbers from 0 to 255, `\"10.0.0.1\"`; IPv6 addresses look like `\"fd00::1\"`.",
        )
    })
}

fn usual_prefix(addr: IpAddr) -> u8 {
    if addr.is_ipv4() { 24 } else { 64 }
}

/// An address with its prefix length.
pub fn if_addr(text: &str) -> Parsed<(IpAddr, u8)> {
    match ip(text)? {
        (addr, Some(prefix)) => Ok((addr, prefix)),
        (addr, None) => Err(Wrong::new(
            ADDRESS,
            "it has no prefix length",
            format!("Add the length of the subnet's prefix: `\"{addr}/{}\"`.", usual_prefix(addr)),
        )),
    }
}

/// A subnet: an address with its prefix length whose host bits are zero.
pub fn subnet(text: &str) -> Parsed<IpNet> {
    let (addr, prefix) = if_addr(text).map_err(|wrong| Wrong { code: SUBNET, ..wrong })?;
    whole_subnet(addr, prefix)
}

/// The subnet of an address, which must be the subnet's first.
pub fn whole_subnet(addr: IpAddr, prefix: u8) -> Parsed<IpNet> {
    match IpNet::new(addr, prefix) {
        Ok(net) if net.trunc() == net => Ok(net),
        Ok(net) => Err(Wrong::new(
            SUBNET,
            "it is an address in a subnet, not the subnet",
            format!("The subnet is `\"{}\"`.", net.trunc()),
        )),
        Err(error) => Err(Wrong::new(SUBNET, error.to_string(), "Write it as `\"10.0.0.0/24\"`.")),
    }
}

/// A route's destination; none for `default`.
pub fn dest(text: &str) -> Parsed<Option<IpNet>> {
    if text == "default" {
        return Ok(None);
    }
    match ip(text) {
        Ok((addr, None)) => Ok(Some(IpNet::from(addr))),
        Ok((addr, Some(prefix))) => whole_subnet(addr, prefix).map(Some),
        Err(wrong) => Err(Wrong {
            code: SUBNET,
            reason: "it is not a destination".into(),
            help: format!("Write a subnet, an address or `\"default\"`. {}", wrong.help),
        }),
    }
}

/// An address and port, with the protocol that may follow them.
pub fn endpoint(text: &str) -> Parsed<Endpoint> {
    let (place, proto) = match text.rsplit_once('/') {
        None => (text, None),
        Some((place, "tcp")) => (place, Some(Proto::Tcp)),
        Some((place, "udp")) => (place, Some(Proto::Udp)),
        Some((_, other)) => {
            return Err(Wrong::new(
                ENDPOINT,
                format!("its protocol `{}` is neither `tcp` nor `udp`", other.escape_debug()),
                "Write it as in `\"10.0.0.1:53/udp\"`.",
            ));
        }
    };
    if let Ok(addr) = place.parse::<IpAddr>() {
        return Err(Wrong::new(ENDPOINT, "it has no port", format!("Add one: `\"{}\"`.", SocketAddr::new(addr, 8080))));
    }
    let bad = || {
        Wrong::new(
            ENDPOINT,
            "it is not an address and port",
            "Write it as `\"10.0.0.1:8080\"`, or `\"[fd00::1]:8080\"` for IPv6.",
        )
    };
    let (addr, number) = place.rsplit_once(':').ok_or_else(bad)?;
    let addr: IpAddr = match addr.strip_prefix('[').and_then(|addr| addr.strip_suffix(']')) {
        Some(v6) => IpAddr::V6(v6.parse().map_err(|_| bad())?),
        None => IpAddr::V4(addr.parse().map_err(|_| bad())?),
    };
    let port =
        port(number).map_err(|wrong| Wrong { reason: format!("{} is not a port", number.escape_debug()), ..wrong })?;
    Ok(Endpoint { addr: SocketAddr::new(addr, port), proto })
}

const PORTS: &str = "Ports are numbers from 1 to 65535.";

/// A port number as text.
pub fn port(text: &str) -> Parsed<u16> {
    match text.parse() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => port_number(number),
        _ => Err(Wrong::new(PORT, "it is not a port", PORTS)),
    }
}

/// A port number.
pub fn port_number(number: i64) -> Parsed<u16> {
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Wrong::new(PORT, "it is not a port", PORTS)),
    }
}

/// A hardware address.
pub fn mac(text: &str) -> Parsed<Mac> {
    text.parse::<Mac>().map_err(|reason| Wrong::new("value::mac", reason, "Write it as `\"02:00:00:00:00:01\"`."))
}

const DURATION_HELP: &str = "Write it with its unit, as `\"10ms\"` or `\"1m 30s\"`; a bare number is seconds.";

/// A time.
pub fn duration(text: &str) -> Parsed<Duration> {
    if let Ok(seconds) = text.parse::<f64>() {
        return float_seconds(seconds);
    }
    humantime::parse_duration(text).map_err(|error| {
        let words = error.to_string();
        let why = words.split(", supported units").next().unwrap_or(&words);
        Wrong::new(DURATION, format!("it is not a time ({why})"), DURATION_HELP)
    })
}

/// Whole seconds.
pub fn seconds(number: i64) -> Parsed<Duration> {
    let seconds = u64::try_from(number).map_err(|_| Wrong::new(DURATION, "a time is not negative", DURATION_HELP))?;
    Ok(Duration::from_secs(seconds))
}

/// Seconds with a fraction.
pub fn float_seconds(number: f64) -> Parsed<Duration> {
    Duration::try_from_secs_f64(number)
        .map_err(|_| Wrong::new(DURATION, "a time is neither negative nor endless", DURATION_HELP))
}

/// Units of bit rates with their power of ten, as tc(8) has them, largest first.
const RATE_UNITS: [(&str, u32); 5] = [("tbit", 12), ("gbit", 9), ("mbit", 6), ("kbit", 3), ("bit", 0)];

/// A bit rate, in bits per second.
pub fn rate(text: &str) -> Parsed<u64> {
    let wrong = |reason: &str| {
        Wrong::new(
            RATE,
            reason.to_string(),
            "Write a number and its unit, `bit`, `kbit`, `mbit` or `gbit` (per second): `\"10mbit\"`.",
        )
    };
    let lower = text.trim().to_ascii_lowercase();
    let unit = RATE_UNITS.iter().find_map(|(unit, power)| Some((lower.strip_suffix(unit)?, *power)));
    let (number, power) = unit.ok_or_else(|| wrong("it has no unit of a bit rate"))?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong("it has no number before the unit"));
    }
    let places = u32::try_from(fraction.len()).ok().and_then(|places| power.checked_sub(places));
    let scale = places.ok_or_else(|| wrong("it is not a whole number of bits per second"))?;
    let bits = digits.parse::<u64>().ok().and_then(|digits| digits.checked_mul(10_u64.pow(scale)));
    match bits {
        Some(0) => Err(wrong("nothing passes at a rate of zero")),
        Some(bits) => Ok(bits),
        None => Err(wrong("no link is that fast")),
    }
}

/// A bit rate as text, in the largest unit that leaves no fraction.
pub fn show_rate(bits: u64) -> String {
    let unit = RATE_UNITS.iter().find(|(_, power)| bits.is_multiple_of(10_u64.pow(*power)));
    unit.map_or_else(|| format!("{bits}bit"), |(unit, power)| format!("{}{unit}", bits / 10_u64.pow(*power)))
}

/// The words of a command, split like a shell does, without a shell.
pub fn words(text: &str) -> Parsed<Vec<String>> {
    shell_words::split(text).map_err(|_| {
        Wrong::new(
            "value::command",
            "a quote in it is not closed",
            "Close it, or give the command as an array of words: `[\"echo\", \"it's\"]`.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<T: std::fmt::Debug>(parsed: Parsed<T>) -> String {
        parsed.map_or_else(|wrong| format!("{}: {}", wrong.code, wrong.reason), |value| format!("{value:?}"))
    }

    #[test]
    fn addresses_name_what_is_missing() {
        assert_eq!(if_addr("10.0.0.1/24"), Ok((IpAddr::from([10, 0, 0, 1]), 24)));
        assert_eq!(reason(if_addr("10.0.0.1")), "value::address: it has no prefix length");
        assert_eq!(reason(ip("10.0.0.1/33")), "value::address: its prefix length `33` is not a number from 0 to 32");
        assert_eq!(reason(ip("10.0.0.1/+4")), "value::address: its prefix length `+4` is not a number from 0 to 32");
        assert_eq!(reason(ip("10.0.0.1/\u{1b}[2J")).matches('\u{1b}').count(), 0, "a terminal would obey it");
        assert_eq!(reason(ip("10.0.0.256")), "value::address: it is not an IPv4 or IPv6 address");
        assert_eq!(ip("fd00::1"), Ok(("fd00::1".parse().unwrap_or(IpAddr::from([0; 4])), None)));
    }

    #[test]
    fn a_subnet_is_not_an_address_in_it() {
        assert_eq!(subnet("10.0.0.0/24").map(|net| net.to_string()), Ok("10.0.0.0/24".into()));
        let wrong = subnet("10.0.0.1/24").err().map(|wrong| wrong.help);
        assert_eq!(wrong.as_deref(), Some("The subnet is `\"10.0.0.0/24\"`."));
        assert_eq!(dest("default"), Ok(None));
        assert_eq!(dest("10.0.0.9").map(|net| net.map(|net| net.to_string())), Ok(Some("10.0.0.9/32".into())));
    }

    #[test]
    fn endpoints_need_a_port_from_1_to_65535() {
        let shown = |text| endpoint(text).map(|endpoint| endpoint.to_string());
        assert_eq!(shown("10.0.0.1:80"), Ok("10.0.0.1:80".into()));
        assert_eq!(shown("[fd00::1]:53/udp"), Ok("[fd00::1]:53/udp".into()));
        assert_eq!(reason(endpoint("10.0.0.1:0")), "value::port: 0 is not a port");
        assert_eq!(reason(port("+80")), "value::port: it is not a port");
        assert_eq!(reason(endpoint("10.0.0.1:65536")), "value::port: 65536 is not a port");
        assert_eq!(reason(endpoint("fd00::1")), "value::endpoint: it has no port");
        assert_eq!(
            reason(endpoint("10.0.0.1:80/sctp")),
            "value::endpoint: its protocol `sctp` is neither `tcp` nor `udp`"
        );
        assert_eq!(reason(endpoint("web:80")), "value::endpoint: it is not an address and port");
    }

    #[test]
    fn times_have_units_or_are_seconds() {
        assert_eq!(duration("10ms"), Ok(Duration::from_millis(10)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5"), Ok(Duration::from_secs(5)));
        assert_eq!(seconds(-1).map_err(|wrong| wrong.reason), Err("a time is not negative".into()));
        assert!(duration("NaN").is_err() && duration("inf").is_err() && duration("soon").is_err());
    }

    #[test]
    fn rates_are_decimal_and_whole_bits() {
        assert_eq!(rate("10mbit"), Ok(10_000_000));
        assert_eq!(rate("1.5 Gbit"), Ok(1_500_000_000));
        assert_eq!(rate("8bit"), Ok(8));
        assert_eq!(reason(rate("0.5bit")), "value::rate: it is not a whole number of bits per second");
        assert_eq!(reason(rate("10")), "value::rate: it has no unit of a bit rate");
        assert_eq!(reason(rate("0kbit")), "value::rate: nothing passes at a rate of zero");
        assert_eq!(reason(rate("99999999999tbit")), "value::rate: no link is that fast");
        assert_eq!(reason(rate("-1kbit")), "value::rate: it has no number before the unit");
        assert_eq!([show_rate(1_500_000), show_rate(2_000_000_000), show_rate(7)], ["1500kbit", "2gbit", "7bit"]);
    }

    #[test]
    fn commands_are_split_without_a_shell() {
        assert_eq!(words("echo 'a b' $HOME"), Ok(vec!["echo".into(), "a b".into(), "$HOME".into()]));
        assert!(words("echo 'a").is_err());
    }
}
