//! Output that nobody reads, or that cannot be written.

use super::{EVERYTHING, RECIPE, homes, machine, nothing_is_left};
use crate::machine::state;
use crate::support::{Home, Ran};
use std::process::Command;

/// Runs a line of shell, in which `$R` is the binary. Its standard streams are the test's.
fn sh(home: &Home, line: &str) -> Ran {
    let line = format!("R={}; {line}", home.path("rhailab").display());
    let mut command: Command = home.command(&["bash", "-c", &line]);
    Ran::of(&command.output().unwrap())
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_recipe_and_not_the_teardown() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, &format!("{EVERYTHING}\nloop {{ print(\"line\"); }}\n"));
        for (options, first) in [("", "line\n"), ("-v 2>&1", "+ ip link add"), ("--json", "{\"event\":\"start\"")] {
            let ran = sh(&home, &format!("$R run {RECIPE} {options} | head -n 1; exit ${{PIPESTATUS[0]}}"));
            assert_eq!(ran.code, Some(1), "{options}: {ran:?}");
            assert!(ran.out.starts_with(first) && ran.out.lines().count() == 1, "{options}: {ran:?}");
            if options.is_empty() {
                assert!(ran.err.contains("Nobody reads the output any more, so the recipe was stopped."), "{ran:?}");
            }
            assert!(!ran.err.contains("panicked"), "{options}: {ran:?}");
            nothing_is_left(options, &home, &before);
        }
        // What only shows something ends without a word.
        home.write(RECIPE, EVERYTHING);
        for args in ["plan lab.rhai", "export lab.rhai", "run lab.rhai --help", "--help", "doc", "reference", ""] {
            let ran = sh(&home, &format!("$R {args} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"));
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args}: {ran:?}");
        }
    }
}

#[test]
fn closed_and_full_streams() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, &format!("{EVERYTHING}\nprint(\"line\");\n"));
        home.write("bad.rhai", &format!("{EVERYTHING}\nnetns(\"web\");\n"));
        for (line, code) in [
            ("$R run lab.rhai >&-", 0),
            ("$R run lab.rhai -v 2>&-", 0),
            ("$R run lab.rhai -v <&- >&- 2>&-", 0),
            ("$R run bad.rhai 2>&-", 1),
            ("$R run bad.rhai -v 2>/dev/full", 1),
            ("$R run bad.rhai --json >&-", 1),
        ] {
            let ran = sh(&home, line);
            assert_eq!(ran.code, Some(code), "{line}: {ran:?}");
            nothing_is_left(line, &home, &before);
        }
        let full = sh(&home, "$R run lab.rhai >/dev/full").assert_fails(1);
        assert!(full.contains("The output cannot be written: No space left on device."), "{full}");
        let full = sh(&home, "$R plan lab.rhai >/dev/full").assert_fails(1);
        assert!(full.contains("Cannot write the output: No space left on device."), "{full}");
        nothing_is_left("a full disk", &home, &before);
    }
}
