//! `why`: that it names what stops a packet in labs that are broken in known ways, that the line it says is missing mends
//! them, and that it finds nothing wrong where nothing is.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod labs;
#[path = "../support/mod.rs"]
mod support;

use labs::{BRIDGED, Broken, LABS, ROUTED};
use serde_json::Value;
use support::{Home, User, users};

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
    // Most of the time they wait for answers that do not come.
    std::thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || LABS.iter().skip(first).step_by(4).for_each(names_and_mends));
        }
    });
}

/// Breaks a lab, looks whether what is wrong is found, and follows the advice.
fn names_and_mends(broken: &Broken) {
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
    // IPv6 takes its time to find neighbours on links that have just come up.
    let proof = format!("{mending}wait_until(\"8s\", || client.http_get(\"http://{}/\"));\n", broken.to);
    home.write("proof.rhai", &proof);
    home.run(&["run", "-q", "proof.rhai"]).assert_well();
}

#[test]
fn a_route_that_refuses_is_told_from_none() {
    for (kind, ns, there) in [
        ("prohibit", "client", "the sender"),
        ("prohibit", "r", "a router"),
        ("blackhole", "client", "the sender"),
        ("blackhole", "r", "a router"),
        ("unreachable", "client", "the sender"),
        ("unreachable", "r", "a router"),
    ] {
        let recipe = format!("{ROUTED}{ns}.exec(\"ip route replace {kind} 10.0.2.2/32\");\n");
        let trace = ask(&Home::new(User::Me), &recipe, labs::ROUTED_TO);
        let stop = &trace["stop"];
        assert_eq!((text(stop, "code"), text(stop, "ns")), ("refusing_route", ns), "{kind} at {there}: {trace:#}");
        assert!(text(stop, "reason").contains(&format!("`{kind}`")), "{trace:#}");
    }
}

/// The other end of a veth is found by its index, name and hardware address, which may be those of others, too.
#[test]
fn interfaces_that_are_alike_are_told_apart() {
    let home = Home::new(User::Me);
    home.write(
        "lab.rhai",
        r#"let r = netns("r");
r.ip_forward(true);
for n in 1..=4 {
    let client = netns(`c${n}`);
    let way = client.veth("eth0", `to${n}`, r);
    way.a.mac("02:00:00:00:00:01").addr(`10.0.${n}.2/24`).up();
    way.b.addr(`10.0.${n}.1/24`).up();
    client.route("default", `10.0.${n}.1`);
}
for n in 2..=4 {
    let trace = ns("c1").why(`10.0.${n}.2`);
    assert(trace.ok, trace.text);
    assert(trace.text.contains(`→ c${n} `), trace.text);
    ns(`c${n}`).iface("eth0").down();
    let trace = ns("c1").why(`10.0.${n}.2`);
    assert(!trace.ok, trace.text);
    assert_eq(trace.ns, `c${n}`, trace.text);
}
"#,
    );
    home.run(&["run", "-q", "lab.rhai"]).assert_well();
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

#[test]
fn a_counter_is_the_proof_and_old_connections_are_told_of() {
    let home = Home::new(User::Me);
    let drop = ROUTED.to_owned()
        + "r.iptables(\"-A FORWARD -p tcp --dport 80 -j DROP\");\nprint(client.why(\"10.0.2.2:80\"));\n";
    home.write("drop.rhai", &drop);
    let out = home.run(&["run", "-q", "drop.rhai"]).assert_well();
    // The first packet may be sent again before the probe gives up.
    assert!(out.contains("\nproof    a real packet raised the counter of that rule from 0 to "), "{out}");

    let moved = BRIDGED.to_owned()
        + r#"
let other = netns("other");
other.attach(br, "10.0.0.4/24");
other.http_serve(80, "other");
dnat("10.9.0.1:80", "10.0.0.3:80");
masquerade("10.0.0.0/24");
client.http_get("http://10.9.0.1/");
iptables("-t nat -I PREROUTING -d 10.9.0.1 -p tcp --dport 80 -j DNAT --to-destination 10.0.0.4:80");
print(client.why("10.9.0.1:80"));
"#;
    home.write("moved.rhai", &moved);
    let out = home.run(&["run", "-q", "moved.rhai"]).assert_well();
    let told = "tracked connections to 10.9.0.1:80 still go to others, such as 10.0.0.3:80 (1 in all)";
    assert!(out.contains("by 10.0.0.4:80") && out.contains(told), "{out}");
}
