//! Values with units: subnets, addresses, times, rates. They touch no kernel.

use super::{Action, Call, Endpoint, Error, FnDef, FnKind, FnParam, Ty, Value};
use crate::model::error::{OpError, OpResult};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

const OUTSIDE: Error = Error { code: "subnet::outside", when: "there is no such address or subnet in it" };

/// The family.
pub const DEFS: &[FnDef] = &[
    FnDef {
        name: "subnet",
        kind: FnKind::Free,
        params: &[FnParam {
            name: "text",
            ty: Ty::Subnet,
            default: None,
            doc: "the subnet in CIDR notation, host bits zero",
        }],
        returns: Ty::Subnet,
        summary: "Makes a subnet.",
        details: "Functions that take a subnet take its text as well; make one to get at its addresses. \
                  `address in subnet` is `true` for the addresses in it.",
        example: r#"let lan = subnet("10.0.0.0/24");
assert_eq(lan.host(1), "10.0.0.1/24");
assert("10.0.0.7" in lan);"#,
        errors: &[Error { code: "value::subnet", when: "the text is not a subnet" }],
        run: Action::Op(|call| Ok(Value::Subnet(call.args.req("text")?))),
    },
    FnDef {
        name: "ip",
        kind: FnKind::Free,
        params: &[FnParam {
            name: "text",
            ty: Ty::Ip,
            default: None,
            doc: "the address, with its prefix length if it has one",
        }],
        returns: Ty::Ip,
        summary: "Makes an address.",
        details: "Functions that take an address take its text as well; make one to count on from it.",
        example: r#"assert_eq(ip("10.0.0.1").plus(9), "10.0.0.10");"#,
        errors: &[Error { code: "value::address", when: "the text is not an address" }],
        run: Action::Op(|call| {
            let (ip, prefix) = call.args.req("text")?;
            Ok(Value::Addr(ip, prefix))
        }),
    },
    FnDef {
        name: "duration",
        kind: FnKind::Free,
        params: &[FnParam { name: "text", ty: Ty::Duration, default: None, doc: "the time with its unit, or seconds" }],
        returns: Ty::Duration,
        summary: "Makes a time.",
        details: "Functions that take a time take its text as well; make one to compare or calculate.",
        example: r#"assert_eq(duration("1m 30s").secs, 90);
assert(duration("5ms") < duration("1s"));"#,
        errors: &[Error { code: "value::duration", when: "the text is not a time" }],
        run: Action::Op(|call| Ok(Value::Duration(call.args.req("text")?))),
    },
    FnDef {
        name: "rate",
        kind: FnKind::Free,
        params: &[FnParam {
            name: "text",
            ty: Ty::Rate,
            default: None,
            doc: "the rate with its unit: `bit`, `kbit`, `mbit` or `gbit`, which are decimal and per second",
        }],
        returns: Ty::Rate,
        summary: "Makes a bit rate.",
        details: "Functions that take a rate take its text as well; make one to compare or calculate.",
        example: r#"assert_eq(rate("1.5mbit").bps, 1500000);"#,
        errors: &[Error { code: "value::rate", when: "the text is not a bit rate" }],
        run: Action::Op(|call| call.args.req("text")),
    },
    FnDef {
        name: "host",
        kind: FnKind::Method(Ty::Subnet),
        params: &[FnParam {
            name: "number",
            ty: Ty::Int,
            default: None,
            doc: "which address, counted from the network's own, which is 0",
        }],
        returns: Ty::IfAddr,
        summary: "Returns an address of the subnet, with its prefix length.",
        details: "",
        example: r#"assert_eq(subnet("10.0.0.0/24").host(11), "10.0.0.11/24");
assert_eq(subnet("fd00::/64").host(1), "fd00::1/64");"#,
        errors: &[OUTSIDE],
        run: Action::Op(host),
    },
    FnDef {
        name: "contains",
        kind: FnKind::Method(Ty::Subnet),
        params: &[FnParam { name: "address", ty: Ty::Ip, default: None, doc: "the address" }],
        returns: Ty::Bool,
        summary: "Says whether an address is in the subnet.",
        details: "`address in subnet` is the same.",
        example: r#"assert(!subnet("10.0.0.0/24").contains("10.0.1.1"));"#,
        errors: &[],
        run: Action::Op(|call| {
            let address: IpAddr = call.args.req("address")?;
            Ok(Value::Bool(subnet(call)?.contains(&address)))
        }),
    },
    FnDef {
        name: "subnet",
        kind: FnKind::Method(Ty::Subnet),
        params: &[
            FnParam { name: "prefix", ty: Ty::Int, default: None, doc: "the length of the smaller subnets' prefix" },
            FnParam { name: "number", ty: Ty::Int, default: None, doc: "which of them, counted from 0" },
        ],
        returns: Ty::Subnet,
        summary: "Returns one of the smaller subnets that the subnet can be split into.",
        details: "",
        example: r#"assert_eq(subnet("10.0.0.0/16").subnet(24, 5), "10.0.5.0/24");"#,
        errors: &[OUTSIDE],
        run: Action::Op(split),
    },
    subnet_property(
        "net",
        Ty::Ip,
        "The network's own address.",
        "assert_eq(subnet(\"10.0.0.0/24\").net, \"10.0.0.0\");",
        |call| Ok(Value::Addr(subnet(call)?.network(), None)),
    ),
    subnet_property(
        "prefix",
        Ty::Int,
        "The length of the prefix.",
        "assert_eq(subnet(\"10.0.0.0/24\").prefix, 24);",
        |call| Ok(Value::Int(subnet(call)?.prefix_len().into())),
    ),
    subnet_property(
        "first",
        Ty::IfAddr,
        "The first address that a host can have.",
        "assert_eq(subnet(\"10.0.0.0/24\").first, \"10.0.0.1/24\");",
        |call| {
            let net = subnet(call)?;
            address(net, *host_numbers(net).start())
        },
    ),
    subnet_property(
        "last",
        Ty::IfAddr,
        "The last address that a host can have.",
        "assert_eq(subnet(\"10.0.0.0/24\").last, \"10.0.0.254/24\");",
        |call| {
            let net = subnet(call)?;
            address(net, *host_numbers(net).end())
        },
    ),
    subnet_property(
        "size",
        Ty::Int,
        "How many addresses it has, the network's own and the broadcast address included; at most 2⁶³ − 1.",
        "assert_eq(subnet(\"10.0.0.0/24\").size, 256);",
        |call| Ok(Value::Int(i64::try_from(last_number(subnet(call)?)).unwrap_or(i64::MAX).saturating_add(1))),
    ),
    FnDef {
        name: "plus",
        kind: FnKind::Method(Ty::Ip),
        params: &[FnParam {
            name: "number",
            ty: Ty::Int,
            default: None,
            doc: "how many addresses further; may be negative",
        }],
        returns: Ty::Ip,
        summary: "Returns the address that many further on, with the same prefix length.",
        details: "With a prefix length, the result must be in the same subnet.",
        example: r#"assert_eq(ip("10.0.0.1/24").plus(10), "10.0.0.11/24");"#,
        errors: &[OUTSIDE],
        run: Action::Op(plus),
    },
    FnDef {
        name: "port",
        kind: FnKind::Method(Ty::Ip),
        params: &[FnParam { name: "port", ty: Ty::Port, default: None, doc: "the port" }],
        returns: Ty::Endpoint,
        summary: "Returns the address and the port in one, as virtual IPs, probes and URLs take them.",
        details: "",
        example: r#"assert_eq(subnet("10.0.0.0/24").host(11).port(8080), "10.0.0.11:8080");
assert_eq(ip("fd00::1").port(80), "[fd00::1]:80");"#,
        errors: &[],
        run: Action::Op(|call| {
            let addr = SocketAddr::new(addr(call)?.0, call.args.req("port")?);
            Ok(Value::Endpoint(Endpoint { addr, proto: None }))
        }),
    },
    value_property(
        "ip",
        Ty::Ip,
        Ty::Ip,
        "The address without its prefix length.",
        "assert_eq(ip(\"10.0.0.1/24\").ip, \"10.0.0.1\");",
        |call| Ok(Value::Addr(addr(call)?.0, None)),
    ),
    value_property(
        "prefix",
        Ty::Ip,
        Ty::Int,
        "The length of the prefix; `()` where it has none.",
        "assert_eq(ip(\"10.0.0.1/24\").prefix, 24);\nassert_eq(ip(\"10.0.0.1\").prefix, ());",
        |call| Ok(addr(call)?.1.map_or(Value::Unit, |prefix| Value::Int(prefix.into()))),
    ),
    value_property(
        "ms",
        Ty::Duration,
        Ty::Int,
        "Whole milliseconds.",
        "assert_eq(duration(\"1.5s\").ms, 1500);",
        |call| Ok(Value::Int(i64::try_from(time(call)?.as_millis()).unwrap_or(i64::MAX))),
    ),
    value_property(
        "secs",
        Ty::Duration,
        Ty::Int,
        "Whole seconds.",
        "assert_eq(duration(\"1m 30s\").secs, 90);",
        |call| Ok(Value::Int(i64::try_from(time(call)?.as_secs()).unwrap_or(i64::MAX))),
    ),
    value_property(
        "bps",
        Ty::Rate,
        Ty::Int,
        "Bits per second.",
        "assert_eq(rate(\"10mbit\").bps, 10000000);",
        |call| match call.this {
            Value::Rate(bits) => Ok(Value::Int(i64::try_from(bits).unwrap_or(i64::MAX))),
            _ => Err(call.misused("a rate")),
        },
    ),
];

type Planner = fn(&mut Call<'_>) -> OpResult<Value>;

const fn subnet_property(
    name: &'static str,
    returns: Ty,
    summary: &'static str,
    example: &'static str,
    run: Planner,
) -> FnDef {
    value_property(name, Ty::Subnet, returns, summary, example, run)
}

const fn value_property(
    name: &'static str,
    of: Ty,
    returns: Ty,
    summary: &'static str,
    example: &'static str,
    run: Planner,
) -> FnDef {
    FnDef {
        name,
        kind: FnKind::Property(of),
        params: &[],
        returns,
        summary,
        details: "",
        example,
        errors: &[],
        run: Action::Op(run),
    }
}

fn subnet(call: &Call<'_>) -> OpResult<IpNet> {
    match call.this {
        Value::Subnet(net) => Ok(net),
        _ => Err(call.misused("a subnet")),
    }
}

fn addr(call: &Call<'_>) -> OpResult<(IpAddr, Option<u8>)> {
    match call.this {
        Value::Addr(ip, prefix) => Ok((ip, prefix)),
        _ => Err(call.misused("an address")),
    }
}

fn time(call: &Call<'_>) -> OpResult<Duration> {
    match call.this {
        Value::Duration(time) => Ok(time),
        _ => Err(call.misused("a time")),
    }
}

fn host(call: &mut Call<'_>) -> OpResult<Value> {
    let net = subnet(call)?;
    let number: i64 = call.args.req("number")?;
    let hosts = host_numbers(net);
    match u128::try_from(number) {
        Ok(number) if hosts.contains(&number) => address(net, number),
        _ => Err(OpError::new("subnet::outside", format!("The subnet {net} has no host number {number}."))
            .help(format!("Its hosts have the numbers {} to {}.", hosts.start(), hosts.end()))
            .arg("number")),
    }
}

/// The numbers that hosts can have: not the network's own address and not the broadcast address, but for subnets
/// of one or two addresses (RFC 3021, RFC 6164). IPv6 has no broadcast; its first address is every router's
/// (RFC 4291, 2.6.1).
fn host_numbers(net: IpNet) -> std::ops::RangeInclusive<u128> {
    let last = last_number(net);
    match net {
        _ if last <= 1 => 0..=last,
        IpNet::V4(_) => 1..=last - 1,
        IpNet::V6(_) => 1..=last,
    }
}

/// The number of a subnet's last address.
fn last_number(net: IpNet) -> u128 {
    number_of(net.broadcast()) - number_of(net.network())
}

fn number_of(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u32::from(ip).into(),
        IpAddr::V6(ip) => ip.into(),
    }
}

/// The address that is a number, in the family of another.
fn with_number(family: IpAddr, number: u128) -> Option<IpAddr> {
    match family {
        IpAddr::V4(_) => u32::try_from(number).ok().map(|number| Ipv4Addr::from(number).into()),
        IpAddr::V6(_) => Some(Ipv6Addr::from(number).into()),
    }
}

fn address(net: IpNet, number: u128) -> OpResult<Value> {
    let ip = number_of(net.network()).checked_add(number).and_then(|number| with_number(net.network(), number));
    match ip {
        Some(ip) => Ok(Value::Addr(ip, Some(net.prefix_len()))),
        None => Err(OpError::new("subnet::outside", format!("The subnet {net} has no address number {number}."))),
    }
}

fn split(call: &mut Call<'_>) -> OpResult<Value> {
    let net = subnet(call)?;
    let prefix: i64 = call.args.req("prefix")?;
    let number: i64 = call.args.req("number")?;
    let fitting = u8::try_from(prefix).ok().filter(|prefix| (net.prefix_len()..=net.max_prefix_len()).contains(prefix));
    let Some(prefix) = fitting else {
        let message = format!("The subnet {net} has no smaller subnets with a prefix of {prefix} bits.");
        let help = format!("Give a length from {} to {}.", net.prefix_len(), net.max_prefix_len());
        return Err(OpError::new("subnet::outside", message).help(help).arg("prefix"));
    };
    // In the units of the smaller subnets, their numbers are the bits that the prefix grows by.
    let grown = u32::from(prefix - net.prefix_len());
    let last = u128::MAX.checked_shr(128 - grown).unwrap_or(0);
    let rest = u32::from(net.max_prefix_len() - prefix);
    let base = u128::try_from(number)
        .ok()
        .filter(|number| *number <= last)
        .and_then(|number| number_of(net.network()).checked_add(number.checked_shl(rest).unwrap_or(0)))
        .and_then(|base| with_number(net.network(), base));
    match base.map(|base| IpNet::new(base, prefix)) {
        Some(Ok(smaller)) => Ok(Value::Subnet(smaller)),
        _ => Err(OpError::new("subnet::outside", format!("The subnet {net} has no /{prefix} number {number}."))
            .help(format!("They have the numbers 0 to {last}."))
            .arg("number")),
    }
}

fn plus(call: &mut Call<'_>) -> OpResult<Value> {
    let (ip, prefix) = addr(call)?;
    let number: i64 = call.args.req("number")?;
    let further = number_of(ip).checked_add_signed(number.into()).and_then(|number| with_number(ip, number));
    let net = prefix.and_then(|prefix| IpNet::new(ip, prefix).ok());
    if let Some(ip) = further.filter(|ip| net.is_none_or(|net| net.contains(ip))) {
        return Ok(Value::Addr(ip, prefix));
    }
    let end = net.map_or_else(|| "of all addresses".into(), |net| format!("of the subnet {}", net.trunc()));
    Err(OpError::new("subnet::outside", format!("The address {ip} plus {number} is past the end {end}.")).arg("number"))
}
