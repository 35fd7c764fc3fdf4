//! How it ends: exit codes, errors with their lines, and that nothing is left.

use crate::support::{Home, Running, User, eventually, is_running, unique_seconds, users};
use crate::{enter, home};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;

#[test]
fn the_first_error_ends_it_and_names_its_line() {
    let home = home(User::Me);
    let err =
        enter(&home, &[], "netns(\"a\");\n\nlet x = [\n  1,\n  netns(\"a\"),\n];\nnetns(\"b\");\nprint(\"on\");\n");
    assert_eq!(err.out, "");
    let err = err.assert_fails(1);
    assert!(err.contains("[stdin:5:3]") && err.contains("netns::exists"), "{err}");
    assert!(err.contains("stdin:1:1"), "the first one is shown, too: {err}");
    let wrong = enter(&home, &[], "let a = 1;\nlet b = a +;\n").assert_fails(2);
    assert!(wrong.contains("stdin:2:"), "{wrong}");
    let command = enter(&home, &[], "1\n:nothing\n").assert_fails(2);
    assert!(command.contains("stdin:2: There is no command"), "{command}");
    let program = enter(&home, &[], "!false\n").assert_fails(1);
    assert!(program.contains("status 1"), "{program}");
    assert_eq!(enter(&home, &["--keep-going"], "throw 1\nprint(\"on\")\n!exit 3\n1\n").out, "on\n1\n");
    let half = enter(&home, &[], "netns(\"x\").exec([\n").assert_fails(2);
    assert!(half.contains("stdin:1"), "{half}");
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn an_error_in_an_earlier_function_points_there() {
    let home = home(User::Me);
    let err = enter(&home, &[], "// first\nfn make(n) {\n  netns(n)\n}\nmake(\"a\");\nmake(\"a\");\n").assert_fails(1);
    assert!(err.contains("[stdin:3:3]") && err.contains("netns(n)"), "{err}");
    let err = enter(&home, &[], "let lan = 1;\nfn f() { lan }\n").assert_fails(2);
    assert!(err.contains("functions do not see") || err.contains("Functions"), "{err}");
}

#[test]
fn every_entry_is_an_event() {
    let home = home(User::Me);
    let ran =
        enter(&home, &["--json", "--keep-going"], "let w = netns(\"w\");\nw.name\nprint(1)\nthrow \"no\"\n!echo hi\n");
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""), "{}", ran.out);
    let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| -> Vec<&Value> { events.iter().filter(|event| event["event"] == name).collect() };
    assert_eq!(of("made").len(), 1);
    assert_eq!(of("error").len(), 1);
    let entries = of("entry");
    assert_eq!(entries.len(), 4, "{}", ran.out);
    assert_eq!((&entries[1]["value"], &entries[1]["type"]), (&"\"w\"".into(), &"string".into()));
    assert_eq!((&entries[1]["line"], &entries[3]["failed"]), (&2.into(), &true.into()));
    let printed: Vec<&Value> = of("print").iter().map(|event| &event["text"]).collect();
    assert_eq!(printed, [&Value::from("1"), &Value::from("hi")]);
    assert_eq!(of("end")[0]["code"], 1);
}

/// A prompt that is fed slowly, with a process in its lab.
fn waiting(home: &Home, args: &[&str]) -> (Running, std::process::ChildStdin, String) {
    let seconds = unique_seconds();
    let mut command = home.rhailab(&[&["repl"], args].concat());
    command.stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "netns(\"w\").start([\"sleep\", \"{seconds}\"]);").unwrap();
    let running = Running(child);
    eventually("the process runs", || is_running(&seconds));
    (running, input, seconds)
}

#[test]
fn however_it_ends_nothing_is_left() {
    for user in users() {
        let home = home(user);
        for signal in ["KILL", "TERM", "HUP", "INT"] {
            let (mut running, mut input, seconds) = waiting(&home, &[]);
            if signal == "INT" {
                // At a pipe, the next entry is what is stopped.
                writeln!(input, "sleep(\"100s\")").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            running.signal(signal);
            if signal != "KILL" && signal != "INT" {
                drop(input);
            }
            running.0.wait().unwrap();
            eventually(&format!("after SIG{signal} nothing is left"), || !is_running(&seconds));
        }
        home.run(&["recover", "-q"]);
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
}

#[test]
fn a_kill_of_the_process_inside_leaves_nothing_either() {
    let home = home(User::Me);
    let (mut running, _input, seconds) = waiting(&home, &[]);
    let card: Value = serde_json::from_str(home.run(&["ls", "--json"]).assert_well().trim()).unwrap();
    let inside = card["holder"]["pid"].to_string();
    assert!(std::process::Command::new("kill").args(["-9", &inside]).status().unwrap().success());
    assert_ne!(running.0.wait().unwrap().code(), Some(0));
    eventually("nothing is left", || !is_running(&seconds));
}

#[test]
fn the_state_folder_is_that_of_who_started_it() {
    for user in users() {
        let home = home(user);
        let me = home.folder("me");
        let mut command = home.rhailab(&["repl"]);
        command.env_remove("RHAILAB_STATE_DIR").env("XDG_STATE_HOME", &me).stdin(Stdio::piped());
        // Of root there is one for the whole machine, which no test touches.
        if user == User::Me && crate::support::am_root() {
            command.env("RHAILAB_STATE_DIR", me.join("rhailab"));
        }
        let mut running = command.spawn().unwrap();
        running.stdin.take().unwrap().write_all(b"1 + 1\n").unwrap();
        let output = running.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "2\n");
        assert!(me.join("rhailab/labs").is_dir(), "{user:?}");
    }
}
