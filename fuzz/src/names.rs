//! Names, and values as recipes write them: what is accepted is harmless and means the same when it is written again;
//! what is refused is refused in words that can be printed.

use rhailab::model::error::OpError;
use rhailab::model::names::{
    Chain, ChainName, IfName, Interface, Lab, LabName, Name, NameKind, Namespace, NsName, proposal,
};
use rhailab::ops::{Ty, Value};
use rhailab::script::values::{text, value};
use std::path::{Component, Path};

/// The types that are written as text. The first byte of an input chooses one.
pub const TYPES: [Ty; 13] = [
    Ty::IfName,
    Ty::NsName,
    Ty::ChainName,
    Ty::Subnet,
    Ty::IfAddr,
    Ty::Ip,
    Ty::Dest,
    Ty::Endpoint,
    Ty::Port,
    Ty::Mac,
    Ty::Duration,
    Ty::Rate,
    Ty::Argv,
];

/// Checks one input.
pub fn check(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(given) = std::str::from_utf8(rest) else { return };
    name::<Interface>(given);
    name::<Namespace>(given);
    name::<Chain>(given);
    name::<Lab>(given);
    assert_eq!(serde_json::from_value::<IfName>(given.into()).is_ok(), IfName::new(given).is_ok());

    let ty = TYPES[usize::from(*first) % TYPES.len()];
    let taken = match value(given, ty) {
        Ok(taken) => taken,
        Err(error) => return printable(&error),
    };
    match &taken {
        Value::IfName(_) => assert!(IfName::new(given).is_ok()),
        Value::NsName(_) => assert!(NsName::new(given).is_ok()),
        Value::ChainName(_) => assert!(ChainName::new(given).is_ok()),
        // What is written without units has one spelling, but for letters.
        Value::Mac(mac) => assert!(mac.to_string().eq_ignore_ascii_case(given), "{given:?} is taken for {mac}"),
        Value::Port(port) => assert_eq!(port.to_string(), given.trim_start_matches('0')),
        Value::List(words) => assert!(words.iter().all(|word| matches!(word, Value::Str(_))), "{words:?}"),
        _ => {}
    }
    let Some(shown) = text(&taken) else { return };
    harmless(&shown);
    let again = value(&shown, ty);
    let again = again.unwrap_or_else(|error| panic!("{given:?} is written {shown:?}, which is refused: {error}"));
    assert_eq!(format!("{again:?}"), format!("{taken:?}"), "{given:?} is written {shown:?}");
}

fn name<K: NameKind>(given: &str) {
    let proposed = proposal(given, K::MAX);
    let is_reserved = K::reserved(&proposed).is_some();
    assert!(is_reserved || Name::<K>::new(&proposed).is_ok(), "{proposed:?} is proposed for {given:?}");
    match Name::<K>::new(given) {
        Ok(name) => {
            assert_eq!(name.as_str(), given);
            assert!(given.len() <= K::MAX);
            harmless(given);
            let parts: Vec<Component<'_>> = Path::new(given).components().collect();
            assert_eq!(parts, [Component::Normal(given.as_ref())], "{given:?} is no plain file name");
        }
        Err(error) => {
            let help = error.help.clone();
            printable(&error.into());
            // What the help proposes is legal.
            if let Some(example) = help.split_once("for example ").and_then(|(_, rest)| rest.split('`').nth(1)) {
                assert!(Name::<K>::new(example).is_ok(), "{example:?} is proposed for {given:?}");
            }
        }
    }
}

/// It cannot become an option, another line, or the end of a text in C.
fn harmless(text: &str) {
    assert!(!text.is_empty() && !text.starts_with('-') && !text.contains(['\n', '\0']), "{text:?} is accepted");
}

/// It has no characters that a terminal would obey.
fn printable(error: &OpError) {
    let help = error.0.help.as_deref().unwrap_or_default();
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!error.0.message.contains(char::is_control) && !help.contains(obeyed), "{:?} {help:?}", error.0.message);
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let texts = [
        "eth0",
        "veth_namespace_http2",
        "VIP-10.0.0.1",
        "10.0.0.0/24",
        "fd00::1/64",
        "192.0.2.1",
        "default",
        "10.100.100.100:8080/udp",
        "[fd00::1]:53",
        "65535",
        "02:00:00:00:00:0f",
        "1m 30s",
        "10ms",
        "2.5",
        "1.5mbit",
        "echo 'it''s' \"a b\"",
        "a/b",
        "host",
    ];
    let all = (0..u8::try_from(TYPES.len()).unwrap_or(u8::MAX)).flat_map(|ty| texts.map(|text| (ty, text)));
    let seed = |(ty, text): (u8, &str)| [&[ty], text.as_bytes()].concat();
    all.map(seed).chain([LabName::new("web").map_or_else(|_| Vec::new(), |name| name.as_str().into())]).collect()
}
