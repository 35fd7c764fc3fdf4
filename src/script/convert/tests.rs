use super::text::subnet;
use super::{Due, give, take, take_options};
use crate::model::error::OpResult;
use crate::model::names::{IfName, Ns};
use crate::model::secret::{Secret, Source};
use crate::ops::{self, Args, LinkHandle, Opt, Ty, Value};
use rhai::{Array, Dynamic};
use std::rc::Rc;
use std::time::Duration;

const HERE: Ns = Ns::Host;
const DUE: Due<'static> = Due { function: "f", name: "p", here: &HERE };

fn taken_as(value: impl Into<Dynamic>, ty: Ty) -> String {
    match take(&value.into(), ty, &DUE) {
        Ok(value) => format!("{value:?}"),
        Err(error) => {
            assert_eq!(error.0.arg.as_deref(), Some("p"), "every refusal blames its parameter");
            format!("{} | {}", error, error.0.help.as_deref().unwrap_or("-"))
        }
    }
}

#[test]
fn text_stands_for_every_typed_value() {
    for (text, ty, value) in [
        ("a", Ty::Str, "Str(\"a\")"),
        ("eth0", Ty::IfName, "IfName(\"eth0\")"),
        ("web", Ty::NsName, "NsName(\"web\")"),
        ("VIP", Ty::ChainName, "ChainName(\"VIP\")"),
        ("web", Ty::Ns, "Ns(Named(\"web\"))"),
        ("10.0.0.0/24", Ty::Subnet, "Subnet(10.0.0.0/24)"),
        ("10.0.0.1/24", Ty::IfAddr, "Addr(10.0.0.1, Some(24))"),
        ("10.0.0.1", Ty::Ip, "Addr(10.0.0.1, None)"),
        ("default", Ty::Dest, "Str(\"default\")"),
        ("10.0.0.1", Ty::Dest, "Subnet(10.0.0.1/32)"),
        ("8080", Ty::Port, "Port(8080)"),
        ("02:00:00:00:00:01", Ty::Mac, "Mac(02:00:00:00:00:01)"),
        ("10ms", Ty::Duration, "Duration(10ms)"),
        ("10mbit", Ty::Rate, "Rate(10000000)"),
        ("echo 'a b'", Ty::Argv, "List([Str(\"echo\"), Str(\"a b\")])"),
        ("10.0.0.1", Ty::List(&Ty::Ip), "List([Addr(10.0.0.1, None)])"),
    ] {
        assert_eq!(taken_as(text, ty), value, "{ty:?}");
    }
    let link = take(&"eth0".into(), Ty::Link, &DUE);
    assert!(matches!(link, Ok(Value::Link(link)) if link.place().name.as_str() == "eth0" && link.place().ns == HERE));
}

fn secret() -> Secret {
    let secret = Secret::new("token", Source::Text).unwrap_or_else(|e| panic!("{e}"));
    secret.with("s3cret".into())
}

#[test]
fn values_survive_the_way_to_the_script_and_back() {
    let link = |name| Value::Link(LinkHandle::new(Ns::Host, IfName::new(name).unwrap_or_else(|e| panic!("{e}")), None));
    let net = subnet("10.0.0.0/24").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    for (value, ty) in [
        (Value::Ns(Ns::Host), Ty::Ns),
        (link("eth0"), Ty::Link),
        (Value::Subnet(net), Ty::Subnet),
        (Value::Subnet(net), Ty::Dest),
        (Value::Addr(net.addr(), Some(24)), Ty::IfAddr),
        (Value::Addr(net.addr(), None), Ty::Ip),
        (Value::Duration(Duration::from_millis(5)), Ty::Duration),
        (Value::Rate(8), Ty::Rate),
        (Value::Secret(secret()), Ty::Secret),
        (Value::Secret(secret()), Ty::StrOrSecret),
        (Value::Str("a".into()), Ty::StrOrSecret),
        (Value::Output(Rc::default()), Ty::Output),
        (Value::Reply(Rc::default()), Ty::Reply),
        (Value::Trace(Rc::default()), Ty::Trace),
        (Value::List(vec![Value::Int(1), Value::Bool(true)]), Ty::Any),
    ] {
        let before = format!("{value:?}");
        assert_eq!(taken_as(give(value), ty), before);
    }
}

#[test]
fn refusals_say_what_was_given_what_is_due_and_what_to_write() {
    let list: Array = vec![1_i64.into(), Dynamic::UNIT];
    for (value, ty, words) in [
        (
            Dynamic::from(65_536_i64),
            Ty::Port,
            "`f` cannot take the number 65536 as its `p`: it is not a port. | Ports are numbers from 1 to 65535.",
        ),
        (
            Dynamic::from(0_i64),
            Ty::Port,
            "`f` cannot take the number 0 as its `p`: it is not a port. | Ports are numbers from 1 to 65535.",
        ),
        (
            "10.0.0.1".into(),
            Ty::IfAddr,
            "`f` cannot take \"10.0.0.1\" as its `p`: it has no prefix length. | Add the length of the subnet's prefix: `\"10.0.0.1/24\"`.",
        ),
        (
            Dynamic::from(5_i64),
            Ty::IfAddr,
            "`f` cannot take the number 5 as its `p`; it takes an address with its prefix length, such as `\"10.0.0.1/24\"`. | -",
        ),
        (
            Dynamic::UNIT,
            Ty::Ns,
            "`f` cannot take `()` as its `p`; it takes a namespace or its name. | A missing key of a map and a function without a result give `()`.",
        ),
        (
            Dynamic::from(10_i64),
            Ty::Rate,
            "`f` cannot take the number 10 as its `p`; it takes a bit rate, such as `\"10mbit\"`. | Say in which unit: `\"10mbit\"`.",
        ),
        (
            Dynamic::from(-1_i64),
            Ty::Duration,
            "`f` cannot take the number -1 as its `p`: a time is not negative. | Write it with its unit, as `\"10ms\"` or `\"1m 30s\"`; a bare number is seconds.",
        ),
        (
            give(Value::Addr([10, 0, 0, 1].into(), None)),
            Ty::List(&Ty::Endpoint),
            "`f` cannot take the address 10.0.0.1 as its `p`; it takes an address and port, such as `\"10.0.0.1:8080\"`. | Add a port: `.port(8080)`.",
        ),
        (list.into(), Ty::List(&Ty::Str), "`f` cannot take the number 1 as its `p`; it takes a string. | -"),
        (
            give(Value::Secret(secret())),
            Ty::Argv,
            "`f` cannot take the secret `token` as its `p`; it takes a command: an array of words, or a string. | Everybody can read a program's arguments: pass it by `env` or `stdin`, as in `#{ env: #{ TOKEN: token } }`.",
        ),
        (
            give(Value::Secret(secret())),
            Ty::Str,
            "`f` cannot take the secret `token` as its `p`; it takes a string. | Programs are given secrets by `env` and `stdin`, and nothing else takes one.",
        ),
        ("".into(), Ty::Argv, "`f` cannot take an empty command as its `p`. | Name a program: `[\"true\"]`."),
        (
            "a/b".into(),
            Ty::NsName,
            "The namespace name \"a/b\" contains '/'. | Use ASCII letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`, for example `ab`.",
        ),
    ] {
        assert_eq!(taken_as(value, ty), words);
    }
}

static OPTIONS: &[Opt] = &[
    Opt { name: "mtu", ty: Ty::Int, default: "1500", doc: "the MTU" },
    Opt { name: "wait", ty: Ty::Duration, default: "0", doc: "how long" },
];

fn options(entries: &[(&str, Dynamic)]) -> OpResult<Vec<(&'static str, Value)>> {
    take_options(&entries.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(), OPTIONS, &DUE)
}

#[test]
fn options_are_checked_by_key_and_type() {
    let values = options(&[("mtu", 1400_i64.into()), ("wait", "1s".into())]).unwrap_or_else(|e| panic!("{e}"));
    let args = Args { function: "f", values };
    assert_eq!(args.opt("mtu").ok(), Some(Some(1400_i64)));
    assert_eq!(args.opt("wait").ok(), Some(Some(Duration::from_secs(1))));

    let error = options(&[("mtuu", 1_i64.into())]).err().unwrap_or_else(|| panic!("an unknown option was taken"));
    assert_eq!(error.to_string(), "`f` has no option `mtuu`.");
    assert_eq!(error.0.help.as_deref(), Some("Did you mean `mtu`? Its options are `mtu`, `wait`."));
    let error = options(&[("mtu", "big".into())]).err().unwrap_or_else(|| panic!("a string was taken as an int"));
    assert_eq!((error.0.code, error.0.arg.as_deref()), ("value::type", Some("mtu")));
}

#[test]
fn a_text_that_cannot_be_read_is_the_mistake_of_its_type() {
    // No name, no address, and a command without its closing quote.
    let text = "' / 1";
    let types = ops::all().flat_map(|def| {
        let options = def.options().iter().map(|option| option.ty);
        def.params.iter().map(|param| param.ty).chain(options)
    });
    let mut seen = 0;
    for ty in types.filter(|ty| !ty.mistakes().is_empty()) {
        let error = take(&text.into(), ty, &DUE).map_or_else(|error| error, |value| panic!("{ty:?} took {value:?}"));
        assert!(ty.mistakes().contains(&error.0.code), "{ty:?}: {}", error.0.code);
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}
