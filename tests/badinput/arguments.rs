//! Command lines that are wrong, and names of labs that are taken or not there.

use super::{EVERYTHING, RECIPE, homes, machine, me, nothing_is_left};
use crate::machine::state;
use crate::report::Report;
use crate::support::{Home, ordinary};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const PARAMETERS: &str = "let n = param(\"n\", 3, \"how many\");\nlet lan = param(\"lan\", \"10.0.0.0/24\", \"the network\");\n\
                          let on = param(\"on\", true, \"whether\");\nnetns(\"a\");\n";

#[test]
fn parameters_that_do_not_fit() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, PARAMETERS);
        home.write("bad.toml", "n = 3\nlan = \n");
        home.write("bad.json", "{\"n\": 3,\n \"lan\": }");
        home.write("list.json", "[1, 2]");
        home.write("typo.toml", "n = 3\nlna = \"10.0.0.0/24\"\n");
        home.write("type.toml", "n = \"three\"\n");
        home.write("latin.toml", "");
        fs::write(home.path("latin.toml"), b"lan = \"\xe9\"").unwrap();
        for (args, code, place, says, help) in [
            (
                &["-p", "n=three"][..],
                "param::type",
                "lab.rhai:1:9",
                "not \"three\".",
                "Give one like its default: `-p n=3`.",
            ),
            (
                &["-p", "on=maybe"],
                "param::type",
                "lab.rhai:3:10",
                "takes `true` or `false`",
                "Give one like its default",
            ),
            (&["-p", "lna=x"], "param::unknown", "", "no parameter `lna`", "Did you mean `lan`?"),
            (&["-p", "q=x"], "param::unknown", "", "no parameter `q`", "It declares `n`, `lan`, `on`."),
            (&["--params", "typo.toml"], "param::unknown", "", "no parameter `lna`", "Did you mean `lan`?"),
            (&["--params", "type.toml"], "param::type", "lab.rhai:1:9", "not \"three\".", "Give one like its default"),
            (&["--params", "bad.toml"], "params::syntax", "bad.toml:2:", "are no TOML", "Write `name = value` lines"),
            (&["--params", "bad.json"], "params::syntax", "bad.json:2:9", "are no JSON", "Write `name = value` lines"),
            (&["--params", "list.json"], "params::syntax", "list.json:1:1", "not an object", "Write `name = value`"),
            (&["--params", "none.toml"], "params::unreadable", "", "No such file or directory", "`--params` takes"),
            (&["--params", "latin.toml"], "params::not_utf8", "", "at its byte 7", "Convert it"),
        ] {
            let args: Vec<&str> = ["run", RECIPE].iter().chain(args).copied().collect();
            let complaint = home.run(&args).assert_fails(2);
            let report = Report::of(&complaint);
            assert_eq!(report.code, code, "{complaint}");
            assert!(report.place.starts_with(place) && report.says(says), "{place} {says}: {complaint}");
            assert!(report.help.starts_with(help), "{help}: {complaint}");
            report.check_style(code);
            let json = home.run(&[&args[..], &["--json"]].concat());
            assert_eq!((json.code, json.err.as_str()), (Some(2), ""), "{json:?}");
            assert!(json.out.contains(&format!("\"code\":\"{code}\"")), "{json:?}");
        }
        home.write(RECIPE, "netns(\"a\");\nparam(\"token\", (), \"who may\");\n");
        let complaint = home.run(&["run", RECIPE]).assert_fails(2);
        let report = Report::of(&complaint);
        assert_eq!((report.code.as_str(), report.help.as_str()), ("param::missing", "Add `-p token=VALUE`: who may."));
        assert_eq!(report.blamed, [(2, "param(\"token\", (), \"who may\")".to_owned())]);
        nothing_is_left("parameters that do not fit", &home, &before);
    }
}

#[test]
fn words_that_mean_nothing() {
    let home = me();
    home.write(RECIPE, "");
    for (args, says) in [
        (&["rnu", RECIPE][..], "tip: a similar subcommand exists: 'run'"),
        (&[RECIPE], "tip: to run the recipe: 'rhailab run lab.rhai'"),
        (&["run", RECIPE, "--hots"], "tip: a similar argument exists: '--host'"),
        (&["run", RECIPE, "-p", "n"], "it has the form NAME=VALUE"),
        (&["run", RECIPE, "extra"], "unexpected argument 'extra'"),
        (&["run"], "<RECIPE>"),
        (&["run", RECIPE, "--max-operations", "many"], "invalid value 'many'"),
        (&["down"], "<NAME>..."),
        (&["up", RECIPE, "--name", "../x"], "The lab name \"../x\" starts with '.'."),
        (&["up", RECIPE, "--name", "a name of more than forty bytes that goes on"], "contains ' '"),
        (&["exec", "lab", "host"], "<COMMAND>..."),
    ] {
        let complaint = home.run(args).assert_fails(2);
        assert!(complaint.contains(says), "{args:?}: no {says} in {complaint}");
    }
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn labs_that_are_there_and_labs_that_are_not() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, EVERYTHING);
        for args in [
            &["down", "lab"][..],
            &["status", "lab"],
            &["journal", "lab"],
            &["logs", "lab"],
            &["exec", "lab", "host", "true"],
        ] {
            let complaint = home.run(args).assert_fails(2);
            let report = Report::of(&complaint);
            assert_eq!((report.code.as_str(), report.message.as_str()), ("lab::unknown", "There is no lab `lab`."));
            assert_eq!(report.help, "No lab stands. `rhailab up RECIPE` makes one.");
        }
        home.run(&["up", RECIPE, "-q"]).assert_well();
        let says = |args: &[&str], code, wanted: &[&str]| {
            let complaint = home.run(args).assert_fails(code);
            let report = Report::of(&complaint);
            for part in wanted {
                assert!(report.says(part), "{args:?}: no {part:?} in {complaint}");
            }
            assert!(!report.help.is_empty(), "{complaint}");
            report.check_style(args[0]);
        };
        says(&["up", RECIPE], 2, &["A lab `lab` is up already", "lab.rhai", "`rhailab down lab`", "`--name`"]);
        says(&["down", "lba"], 2, &["There is no lab `lba`.", "Did you mean `lab`?"]);
        says(&["exec", "lab", "wbe", "true"], 2, &["The lab has no namespace `wbe`.", "Did you mean `web`?"]);
        says(&["exec", "lab", "nowhere", "true"], 2, &["The lab has no namespace `nowhere`.", "It has `host`, `web`."]);
        says(&["exec", "lab", "../x", "true"], 2, &["The namespace name \"../x\" starts with '.'."]);
        says(&["exec", "lab", "web", "no-such"], 127, &["`no-such` is no program of this machine."]);
        says(&["exec", "lab", "web", "/etc"], 126, &["`/etc` may not be executed."]);
        says(&["logs", "lab", "slepeer"], 2, &["The lab `lab` has no process `slepeer`.", "Did you mean `sleeper`?"]);
        for args in [&["up", RECIPE, "--json"][..], &["down", "lba", "--json"], &["status", "lba", "--json"]] {
            let ran = home.run(args);
            assert_eq!((ran.code, ran.err.as_str()), (Some(2), ""), "{args:?}: {ran:?}");
            assert!(ran.out.contains("\"event\":\"error\""), "{args:?}: {ran:?}");
        }
        home.run(&["down", "lab"]).assert_well();
        nothing_is_left("labs by name", &home, &before);
    }
}

/// Runs the recipe with a state directory, and returns the report.
#[track_caller]
fn with_state(home: &Home, dir: &str, code: i32) -> Report {
    let ran = home.rhailab(&["run", RECIPE]).env("RHAILAB_STATE_DIR", dir).output().unwrap();
    let complaint = crate::support::Ran::of(&ran).assert_fails(code);
    let report = Report::of(&complaint);
    assert!(!report.help.is_empty(), "{complaint}");
    report.check_style(dir);
    report
}

#[test]
fn a_state_directory_that_will_not_do() {
    if !crate::support::am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::new(ordinary());
    home.write(RECIPE, "print(\"ran\");\n");
    let path = |name: &str| home.path(name).display().to_string();
    assert_eq!(with_state(&home, "relative", 2).code, "state::relative");
    assert!(with_state(&home, "/proc/nothing", 3).says("Cannot create /proc/nothing: No such file or directory."));
    // Somebody else's, everybody's, nobody's.
    fs::create_dir(home.path("roots")).unwrap();
    assert_eq!(with_state(&home, &path("roots"), 3).code, "state::owner");
    let open = home.folder("open");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(with_state(&home, &path("open"), 3).code, "state::open");
    home.write("file", "");
    assert_eq!(with_state(&home, &path("file"), 3).code, "state::kind");
    let locked = home.folder("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o500)).unwrap();
    let report = with_state(&home, &path("locked"), 3);
    assert!(report.says("Permission denied.") && report.help.contains("RHAILAB_STATE_DIR"), "{report:?}");
}
