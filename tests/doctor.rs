//! `rhailab doctor` on machines with planted trouble: each is found and named, and mended by the command that it gives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use support::{Home, Ran, User, am_root, ordinary, outside, users};

/// Two hosts on a bridge, with rules and a program.
const WEB: &str = r#"let lan = subnet(param("lan", "10.0.0.0/24", "the bridge's network"));
let br = bridge("br0").addr(lan.host(1)).up();
let web = netns("web");
web.attach(br, lan.host(10));
web.start(["sleep", "100"]);
ip_forward(true);
masquerade(lan);
vip("10.100.100.100:8080", [`${lan.host(10).ip}:8080`]);
assert_eq(exec(["true"]).status, 0);
"#;

/// A machine of its own for a shell script; it goes with the process.
const MACHINE: &str = "mount -t tmpfs none /run && mkdir /run/netns; ip link set lo up; \
                       for key in /proc/sys/net/bridge/bridge-nf-call-*tables; do [ ! -e $key ] || echo 0 >$key; done; \
                       exec sh -e -c \"$0\"";

fn findings(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The one finding of a check that is of this kind.
#[track_caller]
fn the<'a>(findings: &'a [Value], check: &str, verdict: &str) -> &'a Value {
    let those: Vec<&Value> =
        findings.iter().filter(|finding| finding["check"] == check && finding["verdict"] == verdict).collect();
    assert_eq!(those.len(), 1, "{check} {verdict}: {findings:#?}");
    those[0]
}

/// Runs a script on a machine of its own, where `doctor` shows its findings as JSON whatever it ends with.
#[track_caller]
fn on_machine(home: &Home, script: &str) -> Vec<Value> {
    let script = format!("doctor() {{ ./rhailab doctor --json \"$@\" || [ $? = 3 ]; }}\n{script}");
    let ran = Ran::of(&home.command(&[&script]).output().unwrap());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    findings(&ran.out)
}

fn machine() -> Option<Home> {
    if !am_root() {
        println!("SKIPPED: needs root");
        return None;
    }
    let home = Home::under(User::Me, &["unshare", "-n", "-m", "sh", "-c", MACHINE]);
    home.write("web.rhai", WEB);
    Some(home)
}

#[test]
fn it_finds_a_machine_that_runs_labs_in_order_and_changes_nothing() {
    for user in users() {
        let home = Home::new(user);
        home.write("web.rhai", WEB);
        let before = outside();
        let text = home.run(&["doctor", "web.rhai"]).assert_well();
        assert!(text.contains("`web.rhai` can run here"), "{user:?}: {text}");
        let all = findings(&home.run(&["doctor", "web.rhai", "--json"]).assert_well());
        let made = "makes veth pairs, bridges, IPv4 filter rules, IPv4 nat rules, IPv6 filter rules, IPv6 nat rules";
        for (check, found) in [
            ("sandbox", "sandboxes can be made"),
            ("kernel", made),
            ("state", home.path("state/labs").to_str().unwrap()),
            ("recipe-links", "bridges, veth pairs"),
            ("recipe-rules", "nat MASQUERADE"),
            ("recipe-programs", "sleep, true"),
        ] {
            let found_here = the(&all, check, "ok")["found"].as_str().unwrap();
            assert!(found_here.contains(found), "{user:?}: no {found:?} in {found_here}");
        }
        // What only root may read is unknown to others.
        let verdict = if user == User::Me && am_root() { "ok" } else { "unknown" };
        let forward = all.iter().find(|finding| finding["check"] == "forward").unwrap();
        assert_eq!(forward["verdict"], verdict, "{user:?}: {forward}");
        // The quiet one says only what is not as it should be.
        let quiet = home.run(&["doctor", "web.rhai", "--json", "--quiet"]).assert_well();
        let not_ok = all.iter().filter(|finding| finding["verdict"] != "ok").count();
        assert_eq!(findings(&quiet).len(), not_ok, "{user:?}: {quiet}");
        assert_eq!(outside(), before, "{user:?}");
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
    }
}

#[test]
fn an_ordinary_user_may_not_act_on_the_machine() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::new(ordinary());
    let ran = home.run(&["doctor", "--host", "--json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let all = findings(&ran.out);
    assert!(the(&all, "rights", "failure")["found"].as_str().unwrap().contains("only root"));
    assert_eq!(the(&all, "forward", "unknown")["mend"][0], "sudo rhailab doctor --host");
}

#[test]
fn chains_that_drop_what_is_forwarded_are_found_and_their_commands_mend_them() {
    let Some(home) = machine() else { return };
    for (plant, place) in [
        ("iptables-nft -P FORWARD DROP", "FORWARD of iptables drops"),
        ("ip6tables-nft -P FORWARD DROP", "FORWARD of ip6tables drops"),
        ("iptables-legacy -P FORWARD DROP", "FORWARD of iptables, in the legacy tables, drops"),
        (
            "nft add table inet fw; nft 'add chain inet fw guard { type filter hook forward priority 0; policy drop; }'",
            "the nft chain inet fw guard drops",
        ),
    ] {
        let found = on_machine(&home, &format!("{plant}; doctor --host"));
        let finding = the(&found, "forward", "warning");
        assert!(finding["found"].as_str().unwrap().contains(place), "{plant}: {finding}");
        let mend = finding["mend"][0].as_str().unwrap().strip_prefix("sudo ").unwrap();
        the(&on_machine(&home, &format!("{plant}; {mend} >&2; doctor --host")), "forward", "ok");
        // It does not keep a lab from its sandbox.
        the(&on_machine(&home, &format!("{plant}; doctor")), "forward", "note");
    }
}

#[test]
fn a_recipe_that_accepts_its_own_packets_gets_past_iptables_policy() {
    let Some(home) = machine() else { return };
    home.write("open.rhai", &format!("{WEB}\nforward(br);\n"));
    let plant = "iptables-nft -P FORWARD DROP; doctor --host";
    the(&on_machine(&home, &format!("{plant} web.rhai")), "forward", "warning");
    the(&on_machine(&home, &format!("{plant} open.rhai")), "forward", "note");
}

#[test]
fn rules_in_both_kinds_of_tables_are_found_and_can_be_merged() {
    let Some(home) = machine() else { return };
    let plant = "iptables-nft -A INPUT -s 192.0.2.1 -j ACCEPT; iptables-legacy -t nat -A POSTROUTING -j MASQUERADE; \
                 iptables-legacy -P FORWARD DROP";
    let found = on_machine(&home, &format!("{plant}; doctor --host"));
    let finding = the(&found, "backends", "warning");
    assert_eq!(
        finding["found"], "IPv4 rules are in both kinds of tables: 1 line in nf_tables, 2 in the legacy ones",
        "{finding}"
    );
    let mend = finding["mend"][0].as_str().unwrap().strip_prefix("sudo ").unwrap();
    // What was in the legacy tables is in the others afterwards.
    let keeps = "iptables-nft -t nat -C POSTROUTING -j MASQUERADE; iptables-nft -S FORWARD | grep -q DROP";
    let mended = on_machine(&home, &format!("{plant}; {mend} >&2; {keeps}; doctor --host"));
    assert_eq!(the(&mended, "backends", "ok")["found"], "rules are in nf_tables");
}

#[test]
fn docker_strict_reverse_paths_and_bridged_packets_are_found() {
    let Some(home) = machine() else { return };
    let plant = "iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER; \
                 echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter";
    let found = on_machine(&home, &format!("{plant}; doctor --host"));
    the(&found, "docker", "warning");
    the(&found, "uplink", "note");
    let mend = the(&found, "rp-filter", "note")["mend"][0].as_str().unwrap();
    let mend = mend.strip_prefix("sudo ").unwrap();
    the(&on_machine(&home, &format!("{plant}; {mend} >&2; doctor")), "rp-filter", "ok");
    if !std::path::Path::new("/proc/sys/net/bridge").exists() {
        return println!("SKIPPED: the module br_netfilter is not loaded");
    }
    let plant = "echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; iptables -P FORWARD DROP";
    let finding = on_machine(&home, &format!("{plant}; doctor --host"));
    let mend = the(&finding, "bridge-netfilter", "warning")["mend"][0].as_str().unwrap();
    let mend = mend.strip_prefix("sudo ").unwrap();
    the(&on_machine(&home, &format!("{plant}; {mend} >&2; doctor")), "bridge-netfilter", "ok");
}

#[test]
fn a_route_that_overlaps_the_recipes_subnet_is_found_and_another_subnet_proposed() {
    let Some(home) = machine() else { return };
    let plant = "ip link add tun0 type bridge; ip address add 10.0.0.5/16 dev tun0; ip link set tun0 up";
    let found = on_machine(&home, &format!("{plant}; doctor --host web.rhai"));
    let finding = the(&found, "recipe-overlap", "warning");
    assert_eq!(finding["found"], "10.0.0.0/24 overlaps this machine's route to 10.0.0.0/16 by tun0");
    assert_eq!(finding["site"]["line"], 2);
    // The proposal is one that works.
    let mend = finding["mend"][0].as_str().unwrap();
    let given = mend.strip_prefix("rhailab run web.rhai --host ").unwrap();
    the(&on_machine(&home, &format!("{plant}; doctor --host web.rhai {given}")), "recipe-overlap", "ok");
    the(&on_machine(&home, &format!("{plant}; doctor web.rhai")), "recipe-overlap", "note");
    let found = on_machine(&home, "ip link add br0 type bridge; ip netns add web; doctor --host web.rhai");
    assert!(the(&found, "recipe-names", "warning")["found"].as_str().unwrap().ends_with(": br0, web"));
}

#[test]
fn where_user_namespaces_are_off_it_names_the_setting_and_what_turns_them_on() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    // A user namespace has limits of its own, so that the machine's stay as they are.
    let script =
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"";
    let home = Home::under(User::Me, &["unshare", "-U", "-r", "sh", "-c", script]);
    home.write("web.rhai", WEB);
    let ran = home.run(&["doctor", "web.rhai", "--json"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let all = findings(&ran.out);
    let finding = the(&all, "sandbox", "failure");
    assert!(finding["means"].as_str().unwrap().contains("user.max_user_namespaces is 0"), "{finding}");
    assert_eq!(finding["mend"][0], "sudo sysctl -w user.max_user_namespaces=10000");
    // What could only be tried in a sandbox is not known.
    for check in ["kernel", "subordinate-ids", "recipe-links", "recipe-rules", "recipe-programs"] {
        the(&all, check, "unknown");
    }
    let text = home.run(&["doctor"]);
    assert!(text.out.contains("Labs cannot run here: 1 failure"), "{}", text.out);
}

#[test]
fn what_a_recipe_needs_and_this_machine_lacks_is_named_with_its_line() {
    for user in users() {
        let home = Home::new(user);
        home.write(
            "odd.rhai",
            "iptables(\"-A FORWARD -m nosuchmatch -j ACCEPT\");\nsysctl(\"net.ipv4.nonesuch\", \"1\");\n\
             netns(\"a\").start([\"no-such-server\"]);\nexec([\"no-such-tool\"]);\n",
        );
        let ran = home.run(&["doctor", "odd.rhai", "--json"]);
        assert_eq!(ran.code, Some(3), "{user:?}: {ran:?}");
        let all = findings(&ran.out);
        for (check, found, line) in
            [("recipe-rules", "Couldn't load match `nosuchmatch'", 1), ("recipe-sysctls", "net.ipv4.nonesuch", 2)]
        {
            let finding = the(&all, check, "failure");
            assert!(finding["found"].as_str().unwrap().contains(found), "{user:?}: {finding}");
            assert_eq!(finding["site"]["line"], line);
        }
        let programs = all.iter().filter(|finding| finding["check"] == "recipe-programs");
        let missing: BTreeSet<&str> = programs.map(|finding| finding["found"].as_str().unwrap()).collect();
        assert_eq!(missing, ["there is no program `no-such-server`", "there is no program `no-such-tool`"].into());
    }
}

#[test]
fn a_recipe_is_given_what_plan_is_given_and_is_refused_like_there() {
    let home = Home::new(User::Me);
    home.write("web.rhai", WEB);
    home.write("syntax.rhai", "let x = ;");
    home.write("early.rhai", "bridge(\"br0\");\nthrow \"enough\";\n");
    home.write("values.toml", "lan = \"10.77.0.0/24\"\n");
    assert!(home.run(&["doctor", "syntax.rhai"]).assert_fails(2).contains("syntax.rhai:1"));
    assert!(home.run(&["doctor", "web.rhai", "-p", "lna=10.7.0.0/24"]).assert_fails(2).contains("lna"));
    assert!(home.run(&["doctor", "web.rhai", "--help"]).assert_well().contains("the bridge's network"));
    assert!(home.run(&["doctor", "--help"]).assert_well().contains("--host"));
    home.run(&["doctor", "web.rhai", "--params", "values.toml"]).assert_well();
    let all = findings(&home.run(&["doctor", "early.rhai", "--json"]).assert_well());
    let finding = the(&all, "recipe", "unknown");
    assert_eq!(finding["site"]["line"], 2, "{finding}");
    the(&all, "recipe-links", "ok");
    // Every field is in the documentation.
    let documented = include_str!("../docs/json.md");
    for field in all.iter().flat_map(|finding| finding.as_object().unwrap().keys()) {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not documented");
    }
}
