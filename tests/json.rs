//! `--json`: what every subcommand says to a program.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use serde_json::Value;
use support::{Home, Ran, User};

const RECIPE: &str = r#"
let web = netns("web");
web.start(["sh", "-c", "echo ready; printf half; sleep 100"], #{ name: "server" }).wait_log("half");
"#;

/// The objects on standard output, and nothing beside them.
#[track_caller]
fn objects(ran: &Ran) -> Vec<Value> {
    assert_eq!(ran.err, "");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn only_documents_and_conversations_are_no_json() {
    let home = Home::new(User::Me);
    let help = home.run(&["--help"]).out;
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A line that goes on with a description is further in.
    let name = |line: &'_ str| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')).map(str::to_owned);
    let names: Vec<String> = commands.filter_map(name).map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert!(names.iter().any(|name| name == "run") && names.len() > 15, "{help}");
    let is_without = |name: &&String| !home.run(&[name, "--help"]).out.contains("--json");
    let without: Vec<&String> = names.iter().filter(is_without).collect();
    assert_eq!(without, ["shell", "reference", "lsp", "completions"]);
}

#[test]
fn a_lab_that_stands_is_told_of() {
    let home = Home::new(User::Me);
    home.write("lab.rhai", RECIPE);
    objects(&home.run(&["up", "--json", "lab.rhai"]));
    let output =
        &objects(&home.run(&["exec", "--json", "lab", "web", "sh", "-c", "echo out; echo err >&2; exit 7"]))[0];
    assert_eq!((&output["event"], &output["status"]), (&"output".into(), &7.into()));
    assert_eq!((&output["stdout"], &output["stderr"]), (&"out\n".into(), &"err\n".into()));
    let missing = home.run(&["exec", "--json", "lab", "web", "no-such-program"]);
    assert_eq!(missing.code, Some(127));
    assert_eq!(objects(&missing)[0]["error"]["code"], "exec::not_found");
    let lines = objects(&home.run(&["logs", "--json", "lab"]));
    let texts: Vec<_> = lines.iter().map(|line| (&line["process"], &line["text"])).collect();
    assert_eq!(texts, [(&"server".into(), &"ready".into()), (&"server".into(), &"half".into())]);
    assert_eq!(home.run(&["status", "-q", "lab"]).out, "");
    objects(&home.run(&["down", "--json", "lab"]));
}

#[test]
fn what_is_written_is_told_of() {
    let home = Home::new(User::Me);
    home.write("lab.rhai", "netns(\"a\");\n  netns(\"b\");\n");
    let scripts = objects(&home.run(&["export", "--json", "lab.rhai"]));
    assert_eq!(scripts.iter().map(|script| &script["name"]).collect::<Vec<_>>(), ["up.sh", "down.sh"]);
    assert!(scripts[0]["text"].as_str().unwrap().contains("ip netns add a"), "{scripts:?}");
    let up = objects(&home.run(&["export", "--json", "--up", "lab.rhai"]));
    assert_eq!(up, scripts[..1]);
    let wrote = objects(&home.run(&["export", "--json", "-o", "scripts", "lab.rhai"]));
    assert_eq!(wrote[1]["file"], "scripts/down.sh");
    let differs = home.run(&["fmt", "--json", "--check", "lab.rhai"]);
    assert_eq!((differs.code, &objects(&differs)[0]["event"]), (Some(2), &"differs".into()));
    assert_eq!(objects(&home.run(&["fmt", "--json", "lab.rhai"]))[0]["file"], "lab.rhai");
    assert_eq!(home.run(&["fmt", "--json", "--check", "lab.rhai"]).out, "");
    let functions = objects(&home.run(&["doc", "--json"]));
    assert!(functions.len() > 80, "{}", functions.len());
    let vip = objects(&home.run(&["doc", "--json", "vip"])).remove(0);
    assert_eq!((&vip["kind"], &vip["on"]), (&"function".into(), &"netns".into()));
    assert_eq!(vip["params"][0]["name"], "endpoint");
}
