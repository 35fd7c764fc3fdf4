//! From types to words and back.

use super::{Condition, ConnState, Match, Nat, NatKind, Rule, RuleSpec, Target, split};
use crate::model::proto::Proto;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::{collection, option};
use std::net::IpAddr;

fn words(text: &str) -> Vec<String> {
    split(text)
}

fn spec(text: &str) -> RuleSpec {
    RuleSpec::read(&words(text))
}

#[test]
fn a_rule_has_the_words_that_people_write() {
    let to = "10.0.0.2:8080".parse().unwrap();
    let vip: IpAddr = "10.9.0.1".parse().unwrap();
    let rules = [
        (
            Rule::new([Match::Source("10.0.0.0/24".parse().unwrap())], Target::masquerade()),
            "--source 10.0.0.0/24 --jump MASQUERADE",
        ),
        (
            Rule::new(
                [
                    Match::Destination(vip.into()),
                    Match::Protocol(Proto::Tcp),
                    Match::to_port(80),
                    Match::share(1.0 / 3.0),
                ],
                Target::dnat(to),
            ),
            "--destination 10.9.0.1 --protocol tcp --match tcp --dport 80 --match statistic --mode random \
             --probability 0.33333333 --jump DNAT --to-destination 10.0.0.2:8080",
        ),
        (
            Rule::new(
                [Match::State(vec![ConnState::Dnat]), Match::OriginalDestination(vip.into())],
                Target::snat("fd00::1".parse().unwrap()),
            ),
            "--match conntrack --ctstate DNAT --ctorigdst 10.9.0.1 --jump SNAT --to-source fd00::1",
        ),
        (Rule::new([Match::In("br0".into())], Target::Jump("OWN".into())), "--in-interface br0 --jump OWN"),
    ];
    for (rule, text) in rules {
        assert_eq!(rule.words().join(" "), text);
        assert_eq!(Rule::from(words(text)), rule);
    }
}

#[test]
fn other_words_for_the_same_are_kept_and_understood() {
    let ours = Rule::from(words("--destination 10.0.0.1 --protocol tcp --match tcp --dport 80 --jump ACCEPT"));
    assert!(matches!(ours, Rule::Spec(_)));
    for text in [
        "-d 10.0.0.1/32 -p tcp -m tcp --dport 80 -j ACCEPT",
        "--dst 10.0.0.1 -p 6 --destination-port 80 --jump ACCEPT",
        "-j ACCEPT -d 10.0.0.1 -m tcp -p tcp --dport 80:80",
    ] {
        let rule = Rule::from(words(text));
        assert_eq!(rule.words().join(" "), text);
        assert_eq!(rule.spec(), ours.spec(), "{text}");
    }
}

#[test]
fn what_is_not_known_stays_in_its_words() {
    let raw = |text: &str| Match::Raw(words(text));
    let conditions = |text: &str| -> Vec<(bool, Match)> {
        let conditions = spec(text).conditions.into_iter();
        conditions.map(|Condition { not, of }| (not, of)).collect()
    };
    for (text, expected) in [
        ("-m owner ! --uid-owner 7 -j DROP", vec![(false, raw("-m owner ! --uid-owner 7"))]),
        (
            "-m recent --name x --rcheck --seconds 9 -i lo",
            vec![(false, raw("-m recent --name x --rcheck --seconds 9")), (false, Match::In("lo".into()))],
        ),
        // Some modules match packets without any option of theirs.
        ("-m socket ! -i lo", vec![(true, Match::In("lo".into())), (false, raw("-m socket"))]),
        ("-m limit -j ACCEPT", vec![(false, raw("-m limit"))]),
        ("-p udp -m tcp -j ACCEPT", vec![(false, Match::Protocol(Proto::Udp)), (false, raw("-m tcp"))]),
        ("-m socket ! --sport 1 -j X", vec![(false, raw("-m socket")), (true, Match::SourcePort(vec![1..=1]))]),
        ("-m statistic --mode random -j X", vec![(false, raw("--mode random")), (false, raw("-m statistic"))]),
        ("-m policy --dir in --mode tunnel", vec![(false, raw("-m policy --dir in --mode tunnel"))]),
        ("-s somewhere.example --dport http", vec![(false, raw("-s somewhere.example --dport http"))]),
        ("-m conntrack --ctstate NEW,ODD", vec![(false, raw("-m conntrack --ctstate NEW,ODD"))]),
        ("stray ! ", vec![(false, raw("stray !"))]),
    ] {
        assert_eq!(conditions(text), expected, "{text}");
    }
    for (text, target) in [
        ("-j LOG --log-prefix a: -p tcp", Target::Raw(words("LOG --log-prefix a:"))),
        ("-j ACCEPT now", Target::Raw(words("ACCEPT now"))),
        ("-j REJECT --reject-with tcp-reset", Target::Reject(Some("tcp-reset".into()))),
        ("-g OWN", Target::Goto("OWN".into())),
    ] {
        assert_eq!(spec(text).target, Some(target), "{text}");
    }
}

#[test]
fn translations_are_read() {
    let nat = |text: &str| {
        let nat = spec(&format!("-j {text}")).nat().cloned().unwrap();
        let ends = |addrs: std::ops::RangeInclusive<IpAddr>| format!("{} {}", addrs.start(), addrs.end());
        (nat.addrs.map(ends).unwrap_or_default(), nat.ports, nat.more.join(" "))
    };
    let is = |addrs: &str, ports, more: &str| (addrs.to_owned(), ports, more.to_owned());
    assert_eq!(nat("DNAT --to-destination 10.0.0.9:80-90"), is("10.0.0.9 10.0.0.9", Some(80..=90), ""));
    assert_eq!(
        nat("DNAT --to-destination 10.0.0.1-10.0.0.9 --persistent"),
        is("10.0.0.1 10.0.0.9", None, "--persistent")
    );
    assert_eq!(nat("DNAT --to-destination [fd00::9]:80"), is("fd00::9 fd00::9", Some(80..=80), ""));
    assert_eq!(nat("DNAT --to-destination fd00::9"), is("fd00::9 fd00::9", None, ""));
    assert_eq!(nat("DNAT --to-destination :80"), is("", Some(80..=80), ""));
    assert_eq!(nat("DNAT --to 10.0.0.9"), is("", None, "--to 10.0.0.9"));
    assert_eq!(nat("SNAT --to-source fd00::1"), is("fd00::1 fd00::1", None, ""));
    assert_eq!(nat("REDIRECT --to-ports 3128"), is("", Some(3128..=3128), ""));
    assert_eq!(nat("MASQUERADE --random"), is("", None, "--random"));
}

#[test]
fn a_line_of_iptables_save_is_taken_apart() {
    let line = r#"-A INPUT -m comment --comment "user\'s \"own\" c\\omment" -j DROP"#;
    assert_eq!(split(line), ["-A", "INPUT", "-m", "comment", "--comment", r#"user's "own" c\omment"#, "-j", "DROP"]);
}

#[test]
fn a_rule_is_its_words_in_a_journal() {
    let rule = Rule::new([Match::Out("eth0".into())], Target::masquerade());
    let text = serde_json::to_string(&rule).unwrap();
    assert_eq!(text, r#"["--out-interface","eth0","--jump","MASQUERADE"]"#);
    assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), rule);
}

fn net() -> impl Strategy<Value = ipnet::IpNet> {
    let v4 = (any::<[u8; 4]>(), 0..=32u8).prop_map(|(ip, prefix)| ipnet::IpNet::new(ip.into(), prefix));
    let v6 = (any::<[u8; 16]>(), 0..=128u8).prop_map(|(ip, prefix)| ipnet::IpNet::new(ip.into(), prefix));
    prop_oneof![v4, v6].prop_map(Result::unwrap)
}

fn ports() -> impl Strategy<Value = Vec<super::Ports>> {
    collection::vec(any::<(u16, u16)>().prop_map(|(low, high)| low..=high), 1..4)
}

fn of() -> impl Strategy<Value = Match> {
    let name = || "[a-z][a-z0-9.-]{0,14}\\+?";
    prop_oneof![
        name().prop_map(Match::In),
        name().prop_map(Match::Out),
        net().prop_map(Match::Source),
        net().prop_map(Match::Destination),
        prop_oneof![Just(Proto::Tcp), Just(Proto::Udp), Just(Proto::Icmp), Just(Proto::Icmpv6)]
            .prop_map(Match::Protocol),
        "gre|esp|all".prop_map(Match::OtherProtocol),
        ports().prop_map(Match::SourcePort),
        ports().prop_map(Match::DestinationPort),
        ports().prop_map(Match::AnyPort),
        collection::vec(prop_oneof![Just(ConnState::New), Just(ConnState::Dnat), Just(ConnState::Related)], 1..3)
            .prop_map(Match::State),
        net().prop_map(Match::OriginalDestination),
        any::<(u16, u16)>().prop_map(|(low, high)| Match::OriginalPort(low..=high)),
        Just(Match::FromLocal),
        Just(Match::ToLocal),
        "[a-z0-9-]{1,9}".prop_map(Match::IcmpType),
        Just(Match::Syn),
        (0..=1000u16).prop_map(|share| Match::share(f64::from(share) / 1000.0)),
        "[0-9]/sec".prop_map(|rate| Match::Rate("--limit".into(), rate)),
        ".{0,9}".prop_map(Match::Comment),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    let kinds = prop_oneof![Just(NatKind::Dnat), Just(NatKind::Snat)];
    let nat = (kinds, net(), any::<[u8; 4]>(), option::of(any::<(u16, u16)>()));
    let nat = nat.prop_map(|(kind, from, to, ports)| {
        let to = if from.addr().is_ipv4() { IpAddr::from(to) } else { from.addr() };
        let addrs = Some(from.addr()..=to);
        Target::Nat(Nat { kind, addrs, ports: ports.map(|(low, high)| low..=high), more: Vec::new() })
    });
    prop_oneof![
        Just(Target::Accept),
        Just(Target::Drop),
        Just(Target::Return),
        option::of("[a-z-]{1,9}").prop_map(Target::Reject),
        "[A-Z][A-Z0-9]{9}".prop_map(Target::Jump),
        "[A-Z][A-Z0-9]{9}".prop_map(Target::Goto),
        Just(Target::masquerade()),
        any::<u16>().prop_map(|port| Target::dnat(([10, 0, 0, 1], port).into())),
        nat,
    ]
}

proptest! {
    /// A journal has only the words.
    #[test]
    fn words_mean_what_they_were_made_of(
        conditions in collection::vec((any::<bool>(), of()), 0..5),
        target in option::of(target()),
    ) {
        let conditions = conditions.into_iter().map(|(not, of)| Condition { not, of }).collect();
        let spec = RuleSpec { conditions, target };
        assert_eq!(RuleSpec::read(&spec.words()), spec, "{:?}", spec.words());
    }

    /// Whatever somebody writes is kept.
    #[test]
    fn no_word_is_lost(words in collection::vec("-{0,2}[a-zA-Z0-9!:.,/ -]{0,9}", 0..9)) {
        assert_eq!(&*Rule::from(words.clone()).words(), &words[..]);
    }
}
