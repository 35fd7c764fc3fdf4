//! The command line as a user meets it: labs that stay, parallel labs, exit codes, output for people and programs.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs;
use std::process::Command;
use std::thread;
use support::{Home, Running, User, am_root, eventually, is_running, ordinary, outside, unique_seconds, users};

/// A bridge with one host on it that serves HTTP, and a bystander.
const WEB: &str = r#"//! A small web lab.
let lan = subnet(param("lan", "10.0.0.0/24", "the bridge's network"));
let br = bridge("br0").addr(lan.host(1)).up();
let web = netns("web");
web.attach(br, lan.host(10));
web.http_serve(8080, "hello from {host}");
netns("idle");
print(http_get(`http://${lan.host(10).ip}:8080/`).status);
"#;

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_lab_stays_up_until_it_is_taken_down() {
    for user in users() {
        let home = Home::new(user);
        let before = outside();
        home.write("web.rhai", WEB);
        let up = home.run(&["up", "web.rhai"]);
        assert_eq!((up.code, up.out.as_str()), (Some(0), "200\n"), "{user:?}: {}", up.err);
        assert!(up.err.contains("rhailab down web"), "{}", up.err);

        let labs = json(&home.run(&["ls", "--json"]).assert_well());
        assert_eq!((labs[0]["name"].as_str(), labs[0]["life"].as_str()), (Some("web"), Some("up")), "{user:?}");
        let table = home.run(&["ls"]).assert_well();
        assert!(table.contains("web  up     sandbox"), "{table}");

        let addresses = home.run(&["exec", "web", "web", "--", "ip", "-br", "address"]).assert_well();
        assert!(addresses.contains("10.0.0.10/24"), "{user:?}: {addresses}");
        assert_eq!(home.run(&["exec", "web", "host", "--", "ip", "netns"]).assert_well().lines().count(), 2);
        assert_eq!(home.run(&["exec", "web", "idle", "--", "sh", "-c", "exit 7"]).code, Some(7));
        assert_eq!(home.run(&["exec", "web", "idle", "sh", "-c", "kill -9 $$"]).code, Some(137));
        let gone = home.run(&["exec", "web", "idle", "--", "no-such-program"]).assert_fails(127);
        assert!(gone.contains("no-such-program"), "{gone}");
        let typo = home.run(&["exec", "web", "idel", "--", "true"]).assert_fails(2);
        assert!(typo.contains("Did you mean `idle`?"), "{typo}");

        let shell = format!(
            "echo 'echo in $RHAILAB; ip -br link' | SHELL=/bin/sh {} shell web web",
            home.path("rhailab").display()
        );
        let out = home.command(&["sh", "-c", &shell]).output().unwrap();
        assert!(String::from_utf8_lossy(&out.stdout).contains("eth0"), "{user:?}: {out:?}");

        let logs = home.run(&["logs", "web"]).assert_well();
        assert!(logs.contains("==> http-serve-web-8080 <==") && logs.contains("GET / 200"), "{user:?}: {logs}");
        assert!(home.run(&["logs", "web", "http-serve-web-8081"]).assert_fails(2).contains("http-serve-web-8080"));

        let status = home.run(&["status", "web"]).assert_well();
        for wanted in ["web is up", "br0", "10.0.0.10/24", "http-serve-web-8080", "changes stand"] {
            assert!(status.contains(wanted), "{user:?}: no {wanted} in {status}");
        }
        let journal = home.run(&["journal", "web"]).assert_well();
        assert!(journal.contains("+ ip netns add web") && journal.contains("- ip netns del web"), "{journal}");
        let first = &json(&home.run(&["journal", "web", "--json"]).assert_well())[0];
        assert_eq!(first["at"], "start");

        let taken = home.run(&["up", "web.rhai"]).assert_fails(2);
        assert!(taken.contains("A lab `web` is up already") && taken.contains("web.rhai"), "{taken}");

        home.run(&["down", "web"]).assert_well();
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
        assert!(home.run(&["down", "web"]).assert_fails(2).contains("There is no lab `web`"));
        assert_eq!(outside(), before, "{user:?}");
    }
}

#[test]
fn status_tells_what_does_not_stand_any_more() {
    let home = Home::new(User::Me);
    home.write("web.rhai", WEB);
    home.run(&["up", "web.rhai", "-q"]).assert_well();
    home.run(&["exec", "web", "host", "--", "sh", "-c", "ip link del br0; kill $(ip netns pids web)"]);
    eventually("the server has ended", || home.run(&["status", "web"]).out.contains("it ended"));
    let status = home.run(&["status", "web"]);
    assert_eq!(status.code, Some(1), "{}", status.out);
    assert!(
        status.out.contains("ip link add dev br0 type bridge   # web.rhai:3: the interface is gone"),
        "{}",
        status.out
    );
    let changes = json(&home.run(&["status", "web", "--json"]).out);
    assert_eq!(changes[0]["event"], "lab");
    assert_eq!(changes[0]["life"], "up");
    assert!(
        changes.iter().any(|change| change["stands"] == true) && changes.iter().any(|change| change["stands"] == false)
    );
    home.run(&["down", "--all"]).assert_well();
}

#[test]
fn two_labs_of_one_recipe_do_not_know_of_each_other() {
    for user in users() {
        let home = Home::new(user);
        home.write("web.rhai", WEB);
        thread::scope(|scope| {
            for name in ["one", "two", "three"] {
                let home = &home;
                scope.spawn(move || home.run(&["up", "web.rhai", "-q", "--name", name]).assert_well());
            }
        });
        assert_eq!(json(&home.run(&["ls", "--json"]).assert_well()).len(), 3);
        home.run(&["exec", "one", "host", "--", "ip", "link", "del", "br0"]).assert_well();
        assert_eq!(home.run(&["status", "one"]).code, Some(1));
        assert_eq!(home.run(&["status", "two"]).code, Some(0));
        // And so for `run`, which finds itself a name.
        home.write("waits.rhai", "netns(\"a\");\nprint(\"ready\");\nsleep(\"100s\");\n");
        let first = Running::until(home.rhailab(&["run", "waits.rhai"]), "ready");
        let second = Running::until(home.rhailab(&["run", "waits.rhai"]), "ready");
        let labs = home.run(&["ls"]).assert_well();
        assert!(labs.contains("waits    running") && labs.contains("waits-2  running"), "{labs}");
        // A lab can be looked into while its recipe runs, and be stopped from elsewhere.
        assert_eq!(home.run(&["exec", "waits-2", "host", "--", "ip", "netns"]).assert_well().trim(), "a");
        home.run(&["down", "--all"]).assert_well();
        drop((first, second));
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
    }
}

#[test]
fn a_lab_whose_holder_was_killed_is_known_to_be_dead() {
    for user in users() {
        let home = Home::new(user);
        let seconds = unique_seconds();
        home.write("web.rhai", &format!("netns(\"a\").start([\"sleep\", \"{seconds}\"]);"));
        home.run(&["up", "web.rhai", "-q"]).assert_well();
        let holder = json(&home.run(&["ls", "--json"]).assert_well())[0]["holder"]["pid"].to_string();
        assert!(is_running(&seconds));
        assert!(Command::new("kill").args(["-9", &holder]).status().unwrap().success());
        eventually("its processes are gone", || !is_running(&seconds));
        eventually("its holder is gone", || home.run(&["ls"]).assert_well().contains("dead"));
        assert!(home.run(&["ls"]).assert_well().contains("rhailab recover"));
        assert!(
            home.run(&["exec", "web", "a", "--", "true"]).assert_fails(2).contains("ended without being taken down")
        );
        assert_eq!(home.run(&["recover"]).code, Some(0));
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");

        // The pid of a holder that is gone may belong to somebody else by now.
        home.run(&["up", "web.rhai", "-q"]).assert_well();
        let card = home.path("state/labs/web/lab.json");
        let text = fs::read_to_string(&card).unwrap();
        let pid = json(&home.run(&["ls", "--json"]).assert_well())[0]["holder"]["pid"].to_string();
        fs::write(&card, text.replace(&format!("\"pid\": {pid}"), &format!("\"pid\": {}", std::process::id())))
            .unwrap();
        assert!(home.run(&["ls"]).assert_well().contains("dead"));
        fs::write(&card, text).unwrap();
        home.run(&["down", "web"]).assert_well();
    }
}

#[test]
fn a_recipe_that_fails_leaves_no_lab_even_if_it_was_to_stay() {
    let home = Home::new(User::Me);
    let seconds = unique_seconds();
    home.write(
        "bad.rhai",
        &format!("netns(\"a\").start([\"sleep\", \"{seconds}\"]);\nassert(1 == 2, \"one is two\");\n"),
    );
    for args in [["run", "bad.rhai"], ["up", "bad.rhai"]] {
        let complaint = home.run(&args).assert_fails(1);
        assert!(complaint.contains("one is two") && complaint.contains("bad.rhai:2"), "{complaint}");
        assert!(!is_running(&seconds));
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
    home.write("good.rhai", "netns(\"a\");\n");
    home.run(&["run", "good.rhai", "--keep", "-q"]).assert_well();
    home.run(&["run", "good.rhai", "--keep=other", "-q"]).assert_well();
    assert_eq!(json(&home.run(&["ls", "--json"]).assert_well()).len(), 2);
    home.run(&["down", "good", "other"]).assert_well();
}

#[test]
fn what_is_wrong_with_the_command_or_the_recipe_is_exit_code_2() {
    let home = Home::new(User::Me);
    home.write("good.rhai", "print(1);");
    home.write("syntax.rhai", "let x = ;");
    home.write("latin.rhai", "");
    fs::write(home.path("latin.rhai"), b"print(\"\xe4\");").unwrap();
    for args in [
        &["frobnicate"][..],
        &["run"],
        &["run", "missing.rhai"],
        &["run", "syntax.rhai"],
        &["run", "latin.rhai"],
        &["run", "good.rhai", "-p", "novalue"],
        &["run", "good.rhai", "-p", "unknown=1"],
        &["run", "good.rhai", "--params", "missing.toml"],
        &["run", "good.rhai", "--keep=../x"],
        &["up", "good.rhai", "--name", "a/b"],
        &["down"],
        &["down", "nothing"],
        &["status", "nothing"],
        &["doc", "vethh"],
        &["run", "good.rhai", "-v", "--json"],
    ] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{args:?}: {ran:?}");
        assert!(!ran.err.contains("panicked"), "{args:?}: {ran:?}");
    }
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn help_lists_a_recipes_parameters_without_running_it() {
    let home = Home::new(User::Me);
    home.write("web.rhai", &format!("{WEB}\nparam(\"token\", (), \"who may\");\nsh(\"touch ran\");\n"));
    let help = home.run(&["run", "web.rhai", "--help"]).assert_well();
    for wanted in ["A small web lab.", "lan", "the bridge's network", "10.0.0.0/24", "who may [required]"] {
        assert!(help.contains(wanted), "no {wanted} in {help}");
    }
    assert!(!home.path("ran").exists());
    let ordinary = home.run(&["run", "--help"]).assert_well();
    assert!(ordinary.contains("--module-path") && ordinary.contains("rhailab run"), "{ordinary}");
}

#[test]
fn parameters_come_from_the_command_line_and_from_files() {
    let home = Home::new(User::Me);
    home.write("p.rhai", "print(param(\"n\", 1, \"how many\") + 1);\nprint(param(\"name\", \"x\", \"a name\"));\n");
    home.write("p.toml", "n = 5\nname = \"from the file\"\n");
    assert_eq!(home.run(&["run", "p.rhai"]).assert_well(), "2\nx\n");
    assert_eq!(home.run(&["run", "p.rhai", "--params", "p.toml"]).assert_well(), "6\nfrom the file\n");
    assert_eq!(home.run(&["run", "p.rhai", "--params", "p.toml", "-p", "n=7"]).assert_well(), "8\nfrom the file\n");
    assert!(home.run(&["run", "p.rhai", "-p", "n=many"]).assert_fails(2).contains("many"));
}

#[test]
fn verbose_shows_every_change_as_a_command_and_quiet_none() {
    let home = Home::new(User::Me);
    home.write("a.rhai", "netns(\"a\");\nbridge(\"br0\").up();\nprint(\"mine\");\n");
    let verbose = home.run(&["run", "a.rhai", "-v"]);
    assert_eq!(verbose.out, "mine\n");
    for wanted in
        ["+ ip netns add a   # a.rhai:1", "+ ip link set dev br0 up   # a.rhai:2", "- ip netns del a   # a.rhai:1"]
    {
        assert!(verbose.err.contains(wanted), "no {wanted} in {}", verbose.err);
    }
    assert!(!verbose.err.contains('\u{1b}'), "no colours where there is no terminal: {}", verbose.err);
    assert_eq!(home.run(&["run", "a.rhai", "-q"]).assert_well(), "mine\n");
    let coloured = home.run(&["run", "a.rhai", "-v", "--color", "always"]);
    assert!(coloured.err.contains("\u{1b}[32m+ ip netns add a\u{1b}[0m"), "{}", coloured.err);
}

#[test]
fn json_is_one_event_per_line_and_nothing_else() {
    let home = Home::new(User::Me);
    home.write("a.rhai", "netns(\"a\");\nprint(\"mine\");\nnetns(\"a\");\n");
    let ran = home.run(&["run", "a.rhai", "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let events = json(&ran.out);
    let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["start", "made", "print", "error", "undone", "end"]);
    assert_eq!(events[1]["change"]["do"], "add_netns");
    assert_eq!(events[1]["site"]["line"], 1);
    assert_eq!(events[1]["commands"][0], "ip netns add a");
    assert_eq!(events[3]["error"]["code"], "netns::exists");
    assert_eq!(events[5]["code"], 1);
    // So for what fails before there is a lab.
    for args in
        [&["status", "nothing", "--json"][..], &["run", "missing.rhai", "--json"], &["down", "nothing", "--json"]]
    {
        let ran = home.run(args);
        assert_eq!((ran.code, ran.err.as_str()), (Some(2), ""), "{args:?}");
        assert!(json(&ran.out).iter().any(|event| event["event"] == "error"), "{args:?}");
    }
    // Every event and field is in the documentation.
    let documented = include_str!("../docs/json.md");
    let fields = events.iter().chain([&events[3]["error"]]).flat_map(|event| event.as_object().unwrap().keys());
    for field in fields {
        assert!(documented.contains(&format!("`{field}`")), "{field} is not documented");
    }
}

#[test]
fn plan_and_export_change_nothing() {
    let home = Home::new(User::Me);
    home.write("web.rhai", WEB);
    let before = outside();
    let plan = home.run(&["plan", "web.rhai"]).assert_well();
    assert!(plan.contains("+ ip link add dev br0 type bridge   # web.rhai:3\n    - ip link del dev br0\n"), "{plan}");
    assert!(json(&home.run(&["plan", "web.rhai", "--json"]).assert_well()).iter().all(|step| step["event"] == "make"));
    assert!(home.run(&["export", "web.rhai", "--up"]).assert_well().starts_with("#!/bin/sh\n"));
    assert_eq!(home.run(&["export", "web.rhai", "-o", "scripts"]).code, Some(0));
    for script in ["scripts/up.sh", "scripts/down.sh"] {
        let checked = home.command(&["sh", "-n", script]).output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
    }
    assert_eq!(outside(), before);
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn without_arguments_it_says_what_it_is_and_whether_the_machine_is_ready() {
    for user in users() {
        let text = Home::new(user).run(&[]).assert_well();
        for wanted in
            ["rhailab doc", "rhailab repl", "rhailab run first.rhai", "sandboxes can be made", "rhailab doctor"]
        {
            assert!(text.contains(wanted), "{user:?}: no {wanted} in {text}");
        }
    }
}

#[test]
fn the_machine_itself_is_for_root_only() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::new(ordinary());
    home.write("a.rhai", "netns(\"a\");\n");
    let complaint = home.run(&["run", "a.rhai", "--host"]).assert_fails(3);
    assert!(complaint.contains("sudo"), "{complaint}");
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

/// A machine of the test's own for `--host`: what happens in it goes with it.
const MACHINE: &str = "mount -t tmpfs none /run && mkdir /run/netns && mount -t tmpfs none /etc/netns 2>/dev/null; ip link set lo up; exec sh -e -c \"$0\"";

#[test]
fn on_the_machine_it_says_what_it_will_touch_and_undoes_all_of_it() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::under(User::Me, &["unshare", "-n", "-m", "sh", "-c", MACHINE]);
    home.write("web.rhai", WEB);
    let script = "ip netns > before; ./rhailab run web.rhai --host; ip netns | cmp - before; ip link show br0 && exit 9; \
                  ./rhailab up web.rhai --host; ip link show br0; ./rhailab ls; ./rhailab exec web web -- ip -br address; \
                  ./rhailab status web; ./rhailab down web; ip netns | cmp - before; ip link show br0 && exit 9; ./rhailab ls";
    let out = home.command(&[script]).output().unwrap();
    let (text, err) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{text}\n{err}");
    for wanted in ["web  up     this machine", "10.0.0.10/24", "changes stand", "No lab stands."] {
        assert!(text.contains(wanted), "no {wanted} in {text}\n{err}");
    }
    for wanted in ["`web` acts on this machine", "2 namespaces: idle, web", "journal.jsonl"] {
        assert!(err.contains(wanted), "no {wanted} in {err}");
    }
}

#[test]
fn what_a_killed_run_left_on_the_machine_is_recovered() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::under(User::Me, &["unshare", "-n", "-m", "sh", "-c", MACHINE]);
    home.write("web.rhai", &format!("{WEB}\nsh(\"touch ready\");\nsleep(\"100s\");\n"));
    let script = "ip netns add foreign; ip link add foreign0 type bridge; \
                  ./rhailab run web.rhai --host -q --no-guard & while [ ! -e ready ]; do sleep 0.01; done; kill -9 $!; wait $! || true; \
                  ip link show br0; ./rhailab recover -v; ./rhailab ls; \
                  ip link show br0 && exit 9; ip netns; ip -o link show foreign0; ./rhailab recover";
    let out = home.command(&[script]).output().unwrap();
    let (text, err) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{text}\n{err}");
    assert!(text.contains("makes one.\nforeign\n"), "{text}\n{err}");
    for wanted in ["- ip netns del web", "There is nothing to recover."] {
        assert!(err.contains(wanted), "no {wanted} in {err}");
    }
}
