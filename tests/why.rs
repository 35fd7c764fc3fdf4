//! `why`: that it names what stops a packet in labs that are broken in known ways, that the line it says is missing mends
//! them, and that it finds nothing wrong where nothing is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use serde_json::Value;
use support::{Home, User, users};

/// A client and a server, with a router between them.
const ROUTED: &str = r#"let client = netns("client");
let r = netns("r");
let server = netns("server");
let left = client.veth("eth0", "left", r);
left.a.addr("10.0.1.2/24").up();
left.b.addr("10.0.1.1/24").up();
let right = server.veth("eth0", "right", r);
right.a.addr("10.0.2.2/24").up();
right.b.addr("10.0.2.1/24").up();
client.route("default", "10.0.1.1");
server.route("default", "10.0.2.1");
r.ip_forward(true);
server.http_serve(80, "hello");
"#;

/// A client and a server on a bridge, with a virtual address.
const BRIDGED: &str = r#"let br = bridge("br0").addr("10.0.0.1/24").up();
let client = netns("client");
let server = netns("server");
client.attach(br, "10.0.0.2/24");
server.attach(br, "10.0.0.3/24");
ip_forward(true);
server.http_serve(80, "hello");
"#;

/// A lab that is broken.
struct Broken {
    name: &'static str,
    /// The lab in order, and what is replaced in it; by a line added at its end where that is empty.
    lab: &'static str,
    breaks: (&'static str, &'static str),
    to: &'static str,
    /// What `why` must say: the code, the namespace, words of the reason.
    stops: (&'static str, &'static str, &'static str),
    /// The recipe line to blame; none where something is missing that was never there.
    blames: Option<&'static str>,
    missing: &'static str,
}

const ROUTED_TO: &str = "10.0.2.2:80";

const LABS: &[Broken] = &[
    Broken {
        name: "no forwarding",
        lab: ROUTED,
        breaks: ("r.ip_forward(true);\n", ""),
        to: ROUTED_TO,
        stops: ("forwarding", "r", "net.ipv4.ip_forward is 0"),
        blames: None,
        missing: "ns(\"r\").ip_forward(true);",
    },
    Broken {
        name: "no way back",
        lab: ROUTED,
        breaks: ("server.route(\"default\", \"10.0.2.1\");\n", ""),
        to: ROUTED_TO,
        stops: ("no_route", "server", "there is no way back to 10.0.1.2"),
        blames: None,
        missing: "ns(\"server\").route(\"default\", \"10.0.2.1\");",
    },
    Broken {
        name: "policy DROP",
        lab: ROUTED,
        breaks: ("", "r.exec(\"iptables -P FORWARD DROP\");\n"),
        to: ROUTED_TO,
        stops: ("rule", "r", "the policy of the chain FORWARD"),
        blames: None,
        missing: "ns(\"r\").forward(\"left\", \"right\");",
    },
    Broken {
        name: "a rule that drops",
        lab: ROUTED,
        breaks: ("", "r.iptables(\"-A FORWARD -p tcp --dport 80 -j DROP\");\n"),
        to: ROUTED_TO,
        stops: ("rule", "r", "-p tcp -m tcp --dport 80 -j DROP"),
        blames: Some("r.iptables("),
        missing: "ns(\"r\").forward(\"left\", \"right\", #{ first: true });",
    },
    Broken {
        name: "wrong gateway",
        lab: ROUTED,
        breaks: ("\"default\", \"10.0.1.1\"", "\"default\", \"10.0.1.9\""),
        to: ROUTED_TO,
        stops: ("gateway", "client", "nobody on the link of eth0 has the router's address 10.0.1.9"),
        blames: Some("client.route("),
        missing: "ns(\"client\").del_route(\"default\"); ns(\"client\").route(\"default\", \"10.0.1.1\");",
    },
    Broken {
        name: "link down",
        lab: ROUTED,
        breaks: ("", "left.a.down();\n"),
        to: ROUTED_TO,
        stops: ("link_down", "client", "its interface eth0 is down"),
        blames: Some("left.a.down()"),
        missing: "ns(\"client\").iface(\"eth0\").up();",
    },
    Broken {
        name: "peer down",
        lab: ROUTED,
        breaks: ("left.b.addr(\"10.0.1.1/24\").up();", "left.b.addr(\"10.0.1.1/24\");"),
        to: ROUTED_TO,
        stops: ("link_down", "r", "the interface left is down"),
        blames: Some("client.veth("),
        missing: "ns(\"r\").iface(\"left\").up();",
    },
    Broken {
        name: "rp_filter",
        lab: ROUTED,
        breaks: (
            "client.route(\"default\", \"10.0.1.1\");",
            "let second = client.veth(\"eth1\", \"left2\", r);
second.a.addr(\"10.0.3.2/24\").up();
second.b.addr(\"10.0.3.1/24\").up();
client.route(\"default\", \"10.0.3.1\");
r.route(\"10.0.3.2/32\", \"10.0.1.2\");
r.sysctl(\"net.ipv4.conf.all.rp_filter\", 1);",
        ),
        to: ROUTED_TO,
        stops: ("rp_filter", "r", "comes in by left2, but the way back is by left (net.ipv4.conf.all.rp_filter)"),
        blames: Some("r.sysctl("),
        missing: "ns(\"r\").sysctl(\"net.ipv4.conf.all.rp_filter\", 0);",
    },
    Broken {
        name: "no listener",
        lab: ROUTED,
        breaks: ("server.http_serve(80, \"hello\");\n", ""),
        to: ROUTED_TO,
        stops: ("listener", "server", "nothing listens on tcp port 80"),
        blames: None,
        missing: "ns(\"server\").http_serve(80);",
    },
    Broken {
        name: "wrong DNAT port",
        lab: ROUTED,
        breaks: ("", "r.dnat(\"10.0.1.1:80\", \"10.0.2.2:8080\");\n"),
        to: "10.0.1.1:80",
        stops: ("listener", "server", "nothing listens on tcp port 8080; a server listens on 80"),
        blames: Some("r.dnat("),
        missing: "ns(\"r\").dnat(\"10.0.1.1:80\", \"10.0.2.2:80\");",
    },
    Broken {
        name: "wrong port of a virtual IP",
        lab: BRIDGED,
        breaks: ("", "vip(\"10.9.0.1:80\", [\"10.0.0.3:8080\"]);\n"),
        to: "10.9.0.1:80",
        stops: ("listener", "server", "nothing listens on tcp port 8080; a server listens on 80"),
        blames: Some("vip("),
        missing: "host().vip(\"10.9.0.1:80\", [\"10.0.0.3:80\"]);",
    },
    Broken {
        name: "virtual address without hairpin",
        lab: BRIDGED,
        breaks: ("", "dnat(\"10.9.0.1:80\", \"10.0.0.3:80\");\n"),
        to: "10.9.0.1:80",
        stops: ("hairpin", "host", "the answer reaches `client` from 10.0.0.3:80, which had asked 10.9.0.1:80"),
        blames: Some("dnat("),
        missing: "host().masquerade(\"10.0.0.0/24\");",
    },
    Broken {
        name: "MTU black hole",
        lab: ROUTED,
        breaks: ("", "right.b.mtu(1400);\nr.iptables(\"-A OUTPUT -p icmp -j DROP\");\n"),
        to: ROUTED_TO,
        stops: ("mtu", "r", "those of more than 1400 bytes vanish at right"),
        blames: Some("right.b.mtu("),
        missing: "ns(\"r\").iface(\"right\").mtu(1500);",
    },
    Broken {
        name: "MTU of a bridge port",
        lab: BRIDGED,
        breaks: ("", "iface(\"v-server\").mtu(1300);\n"),
        to: "10.0.0.3:80",
        stops: ("mtu", "host", "those of more than 1300 bytes vanish at v-server"),
        blames: Some("iface(\"v-server\").mtu("),
        missing: "host().iface(\"v-server\").mtu(1500);",
    },
    Broken {
        name: "subnet mask too wide",
        lab: ROUTED,
        breaks: ("left.a.addr(\"10.0.1.2/24\")", "left.a.addr(\"10.0.1.2/16\")"),
        to: ROUTED_TO,
        stops: ("mask", "client", "because of the subnet of its address 10.0.1.2/16"),
        blames: Some("left.a.addr("),
        missing: "ns(\"client\").iface(\"eth0\").del_addr(\"10.0.1.2/16\"); ns(\"client\").iface(\"eth0\").addr(\"10.0.1.2/24\");",
    },
    Broken {
        name: "subnet mask too narrow",
        lab: BRIDGED,
        breaks: (
            "client.attach(br, \"10.0.0.2/24\");",
            "client.attach(br, \"10.0.0.5/30\", #{ default_route: false });",
        ),
        to: "10.0.0.3:80",
        stops: ("mask", "client", "it is on the link of eth0, but not in the subnet of its address 10.0.0.5/30"),
        blames: Some("client.attach("),
        missing: "ns(\"client\").iface(\"eth0\").del_addr(\"10.0.0.5/30\"); ns(\"client\").iface(\"eth0\").addr(\"10.0.0.5/24\");",
    },
    Broken {
        name: "a firewall of the server's",
        lab: BRIDGED,
        breaks: ("", "server.iptables(\"-A INPUT -p tcp --dport 80 -j REJECT\");\n"),
        to: "10.0.0.3:80",
        stops: ("rule", "server", "is rejected by the rule"),
        blames: Some("server.iptables("),
        missing: "ns(\"server\").iptables(\"-I INPUT -p tcp --dport 80 -j ACCEPT\");",
    },
    Broken {
        name: "a bridge that is down",
        lab: BRIDGED,
        breaks: (".addr(\"10.0.0.1/24\").up();", ".addr(\"10.0.0.1/24\");"),
        to: "10.0.0.3:80",
        stops: ("link_down", "host", "the interface br0 is down"),
        blames: Some("bridge("),
        missing: "host().iface(\"br0\").up();",
    },
    Broken {
        name: "IPv6 without forwarding",
        lab: IPV6,
        breaks: ("r.ip_forward(true, #{ ipv6: true });\n", ""),
        to: "[fd00:2::2]:80",
        stops: ("forwarding", "r", "net.ipv6.conf.all.forwarding is 0"),
        blames: None,
        missing: "ns(\"r\").ip_forward(true, #{ ipv6: true });",
    },
    Broken {
        name: "an IPv6 router without link-local addresses",
        lab: IPV6,
        breaks: (", #{ link_local: true }", ""),
        to: "[fd00:2::2]:80",
        stops: ("link_local", "r", "right has no link-local address"),
        blames: Some("server.veth("),
        missing: "ns(\"r\").iface(\"right\").addr(\"fe80::1/64\");",
    },
];

const IPV6: &str = r#"let client = netns("client");
let r = netns("r", #{ link_local: true });
let server = netns("server");
let left = client.veth("eth0", "left", r);
left.a.addr("fd00:1::2/64").up();
left.b.addr("fd00:1::1/64").up();
let right = server.veth("eth0", "right", r);
right.a.addr("fd00:2::2/64").up();
right.b.addr("fd00:2::1/64").up();
client.route("default", "fd00:1::1");
server.route("default", "fd00:2::1");
r.ip_forward(true, #{ ipv6: true });
server.http_serve(80, "hello");
"#;

/// Makes the lab, asks why, and takes it down.
fn ask(home: &Home, recipe: &str, to: &str) -> Value {
    home.write("lab.rhai", recipe);
    home.run(&["up", "-q", "lab.rhai"]).assert_well();
    let ran = home.run(&["why", "--json", "lab", "client", to]);
    home.run(&["down", "-q", "lab"]).assert_well();
    assert_eq!(ran.err, "");
    let trace: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(ran.code == Some(0), trace["ok"].as_bool().unwrap(), "{trace}");
    trace
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Follows the advice: the line is added, or takes the place of the one that is to blame.
fn mended(recipe: &str, trace: &Value) -> String {
    let stop = &trace["stop"];
    let missing = text(stop, "missing");
    assert!(!missing.is_empty(), "no advice: {recipe}\n{trace:#}");
    if stop["instead"] == true {
        let line = usize::try_from(stop["site"]["line"].as_u64().unwrap()).unwrap();
        let lines = recipe.lines().enumerate().map(|(at, old)| if at + 1 == line { missing } else { old });
        return lines.collect::<Vec<_>>().join("\n") + "\n";
    }
    format!("{recipe}{missing}\n")
}

#[test]
fn what_is_broken_is_named_and_the_missing_line_mends_it() {
    for broken in LABS {
        let name = broken.name;
        let home = Home::new(User::Me);
        let recipe = match broken.breaks {
            ("", added) => format!("{}{added}", broken.lab),
            (old, new) => {
                assert!(broken.lab.contains(old), "{name}");
                broken.lab.replace(old, new)
            }
        };
        let trace = ask(&home, &recipe, broken.to);
        let stop = &trace["stop"];
        let (code, ns, reason) = broken.stops;
        assert_eq!((text(stop, "code"), text(stop, "ns")), (code, ns), "{name}: {trace:#}");
        assert!(text(stop, "reason").contains(reason), "{name}: {trace:#}");
        let blamed =
            stop["site"]["line"].as_u64().map(|line| recipe.lines().nth(usize::try_from(line).unwrap() - 1).unwrap());
        assert_eq!(blamed.is_some(), broken.blames.is_some(), "{name}: {trace:#}");
        assert!(blamed.is_none_or(|line| line.contains(broken.blames.unwrap_or_default())), "{name}: {blamed:?}");
        assert!(text(stop, "missing").contains(broken.missing), "{name}: {trace:#}");
        // What stops large packets only lets the probe pass.
        assert_eq!(text(&trace, "probe"), if code == "mtu" { "answered" } else { "failed" }, "{name}: {trace:#}");
        let mut mending = mended(&recipe, &trace);
        // One thing at a time: an interface that goes down takes its routes along.
        let mut trace = ask(&home, &mending, broken.to);
        for _ in 0..2 {
            if trace["ok"] == false {
                mending = mended(&mending, &trace);
                trace = ask(&home, &mending, broken.to);
            }
        }
        assert_eq!(trace["ok"], true, "{name}: {mending}\n{trace:#}");
        home.write("proof.rhai", &format!("{mending}client.http_get(\"http://{}/\");\n", broken.to));
        home.run(&["run", "-q", "proof.rhai"]).assert_well();
    }
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let recipe = r#"
let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
let db = netns("db");
web.attach(br, "10.0.0.2/24");
db.attach(br, "10.0.0.3/24");
let outside = netns("outside");
let uplink = host().veth("up0", "eth0", outside);
uplink.a.addr("192.0.2.1/24").up();
uplink.b.addr("192.0.2.2/24").up();
ip_forward(true);
masquerade("10.0.0.0/24", #{ out: "up0" });
web.http_serve(8080, "web");
db.udp_serve(5353, "pong");
outside.http_serve(80, "outside");
vip("10.9.0.1:80", ["10.0.0.2:8080"]);
vip("10.9.0.2:80", ["10.0.0.2:8080", "10.0.0.3:9090"]);
db.http_serve(9090, "db");
for (from, to) in [] {}
let ways = [
    [host(), "10.0.0.2:8080"], [host(), "10.9.0.1:80"], [host(), "10.0.0.2"], [host(), "10.0.0.1"], [host(), "127.0.0.1"],
    [web, "10.0.0.3:5353/udp"], [web, "10.0.0.3"], [db, "10.9.0.1:80"], [web, "10.9.0.1:80"], [web, "192.0.2.2:80"],
    [db, "192.0.2.2"], [outside, "192.0.2.1"], [web, "127.0.0.1:8080"], [db, "10.9.0.2:80"],
];
for way in ways {
    let trace = way[0].why(way[1]);
    assert(trace.ok, trace.text);
    assert_eq(trace.code, ());
    assert(trace.text.contains("a real packet did"), trace.text);
    assert(!trace.text.contains("looked as if"), trace.text);
}
"#;
    for user in users() {
        let home = Home::new(user);
        home.write("lab.rhai", &recipe.replace("for (from, to) in [] {}\n", ""));
        home.run(&["run", "-q", "lab.rhai"]).assert_well();
    }
}

#[test]
fn it_is_told_in_a_recipe_and_in_a_rehearsal() {
    let home = Home::new(User::Me);
    home.write(
        "lab.rhai",
        "let a = netns(\"a\");\nprint(a.why(\"10.0.0.1:80\"));\nprint(a.why(\"10.0.0.1\").missing);\n",
    );
    let out = home.run(&["run", "-q", "lab.rhai"]).assert_well();
    assert!(out.starts_with("TCP from `a` to 10.0.0.1:80\nIt stops in `a`: there is no route to 10.0.0.1.\n"), "{out}");
    home.run(&["plan", "lab.rhai"]).assert_well();
    home.write("bad.rhai", "netns(\"a\").why(\"nowhere\");\n");
    let ran = home.run(&["run", "-q", "bad.rhai"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("A packet cannot be sent to \"nowhere\"."), "{}", ran.err);
}
