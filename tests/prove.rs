//! `rhailab prove`: that it finds what a recipe leaves, and nothing where it leaves nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use serde_json::Value;
use support::{Home, User, users};

const CLEAN: &str = r#"
let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
web.attach(br, "10.0.0.2/24");
web.dns(["8.8.8.8"]);
ip_forward(true);
masquerade("10.0.0.0/24");
let v = vip("10.100.0.1:80", ["10.0.0.2:80"]);
v.retarget(["10.0.0.3:80"]);
web.start("sleep 1000");
try { netns("web"); } catch {}
"#;

/// What commands of a recipe's own change is not in its journal.
const LEAKY: &str = r#"
let br = bridge("br0");
exec("ip link add leak0 type bridge");
exec("iptables-nft -t nat -P POSTROUTING ACCEPT");
sh("setsid -f sleep 1234 >/dev/null 2>&1");
netns("web");
"#;

fn events(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_recipe_that_leaves_nothing_is_proved_clean() {
    for user in users() {
        let home = Home::new(user);
        home.write("clean.rhai", CLEAN);
        let out = home.run(&["prove", "clean.rhai"]).assert_well();
        assert!(out.contains(": nothing was left by any of them.\n"), "{out}");
        assert!(out.contains("ip netns add web") && !out.contains("left\n"), "{out}");
        let events = events(&home.run(&["prove", "clean.rhai", "--json", "--jobs", "3"]).assert_well());
        let end = events.last().unwrap();
        assert_eq!((&end["event"], &end["leaks"]), (&"end".into(), &0.into()));
        let changes = end["changes"].as_u64().unwrap();
        assert_eq!(end["trials"], 2 * changes + 1, "by an error and by a kill after each of its changes");
        assert!(changes >= 12, "{end}");
        let of = |how: &str| events.iter().filter(|event| event["how"] == how).collect::<Vec<_>>();
        assert!(of("error").iter().all(|event| event["code"] == 1), "{events:?}");
        assert!(of("kill").iter().all(|event| event["code"].is_null()), "{events:?}");
        assert_eq!(of("whole").len(), 1);
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "the trials are no labs of the user's");
    }
}

#[test]
fn what_a_recipe_leaves_is_found() {
    let home = Home::new(User::Me);
    home.write("leaky.rhai", LEAKY);
    let ran = home.run(&["prove", "leaky.rhai"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    for wanted in [
        "A difference after a whole run; after an error behind change 2; after kill -9 behind change 2:\n",
        "  + interface leak0 bridge down mtu 1500 group 0\n",
        "  + chain ip nat POSTROUTING, of 0 rules and jumps\n",
        "  + table ip nat\n",
        "  + process sleep 1234\n",
        "2 changes, 5 trials in ",
        ": 3 of them left something.\n",
    ] {
        assert!(ran.out.contains(wanted), "no {wanted:?} in {}", ran.out);
    }
    let first = ran.out.lines().nth(1).unwrap();
    assert!(first.ends_with("clean   clean"), "before the leak there is none: {first}");
}

#[test]
fn a_run_goes_on_only_if_it_was_proved_clean() {
    let home = Home::new(User::Me);
    let print = "print(\"it ran\");";
    home.write("leaky.rhai", &format!("{LEAKY}{print}"));
    home.write("clean.rhai", &format!("netns(\"web\");{print}"));
    let ran = home.run(&["run", "--prove-clean", "leaky.rhai"]);
    assert_eq!(ran.code, Some(4), "{}", ran.err);
    assert!(!ran.out.contains("it ran"), "{}", ran.out);
    let ran = home.run(&["up", "--prove-clean", "clean.rhai", "-q"]).assert_well();
    assert_eq!(ran, "it ran\n");
    home.run(&["down", "clean", "-q"]).assert_well();
}

#[test]
fn a_recipe_that_fails_by_itself_is_tried_as_far_as_it_goes() {
    let home = Home::new(User::Me);
    home.write("fails.rhai", "netns(\"web\");\nassert(false, \"it is wrong\");");
    let ran = home.run(&["prove", "fails.rhai"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.err.contains("it is wrong\nThe recipe fails by itself."), "{}", ran.err);
    assert!(ran.out.contains("1 change, 3 trials"), "{}", ran.out);
    home.write("wrong.rhai", "netns(\"web\");\nnetsn(\"db\");");
    let complaint = home.run(&["prove", "wrong.rhai"]).assert_fails(2);
    assert!(complaint.contains("Did you mean `netns`?"), "{complaint}");
}
