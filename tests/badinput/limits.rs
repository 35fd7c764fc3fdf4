//! Recipes that do not end by themselves.

use super::{Case, RECIPE, all_fail_well, homes, machine, nothing_is_left};
use crate::machine::state;
use crate::report::Report;

#[test]
fn a_recipe_that_grows_without_end() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 1, line: 2, blamed, says, help };
    all_fail_well(&[
        case(
            "a string",
            "netns(\"a\"); let s = \"x\";\nloop { s += s; }\n",
            "+=",
            &["A string has grown too large."],
            "Strings have at most 64 MiB",
        ),
        case(
            "a function that calls itself",
            "fn deeper(n) { deeper(n + 1) }\ndeeper(0);\n",
            "deeper(0)",
            &["calls functions in functions too deeply"],
            "A function may call itself for ever.",
        ),
        case(
            "a name",
            "let s = \"x\"; for i in 0..20 { s += s; }\nnetns(s);\n",
            "s",
            &["xxx…` has 1048576 bytes; rhailab allows 64 bytes."],
            "Shorten it",
        ),
    ]);
}

#[test]
fn a_recipe_that_loops_for_ever_is_ended() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, "netns(\"a\").start(\"sleep 1000\");\nlet n = 0;\nwhile true {\n    n += 1;\n}\n");
        let complaint = home.run(&["run", RECIPE, "--max-operations", "10000"]).assert_fails(1);
        let report = Report::of(&complaint);
        assert_eq!(report.code, "limit::operations");
        assert!(report.place.starts_with("lab.rhai:4:"), "{complaint}");
        assert!(report.help.contains("--max-operations") && report.help.contains("50,000,000"), "{complaint}");
        nothing_is_left("an endless loop", &home, &before);
        // The same without a word on the command line takes seconds, but ends as well.
        let json = home.run(&["run", RECIPE, "--json", "--max-operations", "10000"]);
        assert_eq!(json.code, Some(1));
        assert!(json.err.is_empty() && json.out.contains("\"code\":\"limit::operations\""), "{json:?}");
    }
}
