//! The house rules that a program can check.

#![allow(clippy::unwrap_used)]

mod source;

use source::Source;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// The most lines a file may have, its unit tests aside.
const LIMIT: usize = 400;

/// Files over the limit, each with the reason.
const LONG: &[(&str, &str)] = &[];

fn rust() -> Vec<Source> {
    ["src", "tests", "benches/src", "fuzz/src", "fuzz/targets"]
        .iter()
        .flat_map(|dir| source::files(dir, "rs"))
        .collect()
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    for file in rust() {
        let lines = file.text[..Source::tests_at(&file.text)].lines().count();
        let excused = LONG.iter().any(|(path, _)| *path == file.path);
        if lines > LIMIT && !excused {
            wrong.push(format!("{} has {lines} lines: give each of its reasons to change a file", file.path));
        }
        if lines <= LIMIT && excused {
            wrong.push(format!("{} needs no exception any more", file.path));
        }
    }
    for (path, _) in LONG {
        assert!(rust().iter().any(|file| file.path == *path), "{path} is excused but does not exist");
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The lines of wildcard arms beside arms for kinds of change: a new kind would fall into them unseen.
fn wildcards_over_kinds(text: &str) -> Vec<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = text.lines().collect();
    let is_wild = |line: &str| line.trim_start().starts_with("_ =>") || line.trim_start().starts_with("(_, _) =>");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_wild(line)) {
        let above = lines[..at].iter().rev().take_while(|above| above.is_empty() || indent(above) >= indent(line));
        let mut arms = above.filter(|above| indent(above) == indent(line));
        if arms.any(|arm| arm.trim_start().trim_start_matches(['(', '|', ' ']).starts_with("Change::")) {
            found.push(at + 1);
        }
    }
    found
}

#[test]
fn no_kind_of_change_falls_into_a_wildcard_arm() {
    let wrong: Vec<String> = rust()
        .iter()
        .filter(|file| file.path.starts_with("src/"))
        .flat_map(|file| wildcards_over_kinds(&file.text).into_iter().map(move |line| format!("{}:{line}", file.path)))
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    let bad = "match change {\n    Change::AddNetns(_) => 1,\n    _ => 2,\n}\nmatch x {\n    _ => 3,\n}\n";
    assert_eq!(wildcards_over_kinds(bad), [3]);
}

#[test]
fn nothing_is_left_to_do() {
    // Spelled in two halves, so that this file does not find itself.
    let marks = [["to", "do!("], ["unimplem", "ented!("], ["FIX", "ME"], ["TO", "DO"], ["dbg", "!("]];
    let mut files = rust();
    files.extend(source::files("scripts", "sh"));
    files.extend(source::files("benches", "rhai"));
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let mark = marks.iter().map(|halves| halves.concat()).find(|mark| line.contains(mark.as_str()));
            assert!(mark.is_none(), "{}:{}: {}", file.path, number + 1, line.trim());
        }
    }
}

#[test]
fn errors_are_told_apart_by_facts() {
    let fields = ["refusal.words", "refusal.request", "0.message", "0.help", "0.cause", "fault.message"];
    let questions = ["contains(", "starts_with(", "ends_with(", "strip_", "find(", "split", "trim_start_matches("];
    for file in source::files("src", "rs") {
        let text = &file.text[..Source::tests_at(&file.text)];
        for (number, line) in text.lines().enumerate().filter(|_| !file.path.contains("/tests")) {
            for field in fields {
                let mut asked = line.split(field).skip(1).filter_map(|rest| rest.strip_prefix('.'));
                let is_read = asked.any(|rest| questions.iter().any(|question| rest.starts_with(question)));
                let place = format!("{}:{}", file.path, number + 1);
                assert!(!is_read, "{place}: give `Cause` or `Fault` a fact instead of reading words: {}", line.trim());
            }
        }
    }
}

#[test]
fn every_test_file_is_compiled_and_tests_something() {
    let files = source::files("tests", "rs");
    for file in &files {
        let name = file.path.trim_start_matches("tests/").trim_end_matches(".rs").trim_end_matches("/mod");
        // Cargo compiles tests/NAME/main.rs by itself.
        if name.ends_with("/main") {
            continue;
        }
        if file.path.matches('/').count() == 1 {
            assert!(file.text.contains("#[test]") || file.text.contains("proptest!"), "{} tests nothing", file.path);
        } else if !file.path.ends_with("/main.rs") {
            // Cargo makes a test of `tests/NAME/main.rs` by itself.
            let declaration = format!("mod {};", name.rsplit('/').next().unwrap());
            let declared = files.iter().any(|other| other.text.contains(&declaration));
            assert!(declared, "{} is in no test: no file says `{declaration}`", file.path);
        }
    }
}

#[test]
fn the_lists_of_kinds_are_as_the_files_are() {
    let script = format!("{}/scripts/kinds.sh", env!("CARGO_MANIFEST_DIR"));
    let checked = Command::new(script).arg("--check").output().unwrap();
    let text = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{text}");
}

#[test]
fn scripts_can_be_run() {
    for file in source::files("scripts", "sh") {
        let path = format!("{}/{}", env!("CARGO_MANIFEST_DIR"), file.path);
        let parsed = Command::new("sh").args(["-n", &path]).output().unwrap();
        assert!(parsed.status.success(), "{}: {}", file.path, String::from_utf8_lossy(&parsed.stderr));
        let executable = std::fs::metadata(&path).unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!(executable, file.text.starts_with("#!"), "{}: executable, or to be sourced?", file.path);
    }
}
