//! Recipes from standard input.

#![allow(clippy::unwrap_used)]

mod support;

use support::{Home, users};

#[test]
fn a_recipe_can_come_from_standard_input() {
    for user in users() {
        let home = Home::new(user);
        home.write("part.rhai", "fn greet(ns) { print(`hello from ${ns.name}`) }\n");
        let text = "//! Greets.\nimport \"part\" as part;\nlet ns = netns(param(\"name\", \"web\", \"whose\"));\npart::greet(ns);\n";
        let run = home.feed(&["run", "-", "-p", "name=db"], text.as_bytes());
        assert_eq!((run.code, run.out.as_str()), (Some(0), "hello from db\n"), "{user:?}: {}", run.err);
        let help = home.feed(&["run", "-", "--help"], text.as_bytes()).assert_well();
        assert!(help.contains("Greets.") && help.contains("rhailab run - "), "{help}");
        let plan = home.feed(&["plan", "-"], text.as_bytes()).assert_well();
        assert!(plan.contains("ip netns add web   # stdin:3"), "{plan}");

        assert_eq!(home.feed(&["up", "-"], text.as_bytes()).code, Some(0));
        let status = home.run(&["status", "stdin"]).assert_well();
        assert!(status.contains("Recipe: stdin\n") && status.contains("Its one change stands."), "{status}");
        home.run(&["down", "stdin"]).assert_well();

        for (args, text, said) in [
            (["run", "-"], &b"netns(1)"[..], "[stdin:1:7]"),
            (["run", "-"], &b"\n\xff"[..], "Standard input is not UTF-8 text: its byte 1, in line 2, is 0xff."),
            (["prove", "-"], text.as_bytes(), "a proof runs it many times"),
            (["repl", "-"], text.as_bytes(), "where the entries are"),
        ] {
            let err = home.feed(&args, text).assert_fails(2);
            assert!(err.contains(said), "{user:?} {args:?}: {err}");
        }
    }
}
