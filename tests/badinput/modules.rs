//! Recipes and modules that are not there, are not text, or are none of the recipe's business.

use super::{RECIPE, homes, machine, nothing_is_left};
use crate::machine::state;
use crate::report::Report;
use crate::support::{Home, Running};
use std::fs;
use std::os::unix::fs::symlink;

/// Runs a recipe that cannot begin, and checks code and place of the report.
#[track_caller]
fn refused(home: &Home, recipe: &str, code: &str, place: &str, says: &[&str], help: &str) {
    let complaint = home.run(&["run", recipe]).assert_fails(2);
    let report = Report::of(&complaint);
    assert_eq!(report.code, code, "{complaint}");
    assert!(report.place.starts_with(place), "{complaint}");
    for part in says {
        assert!(report.says(part), "no {part:?} in {complaint}");
    }
    assert!(report.help.starts_with(help) && !help.is_empty(), "{complaint}");
    report.check_style(recipe);
    let json = home.run(&["run", recipe, "--json"]);
    assert_eq!((json.code, json.err.as_str()), (Some(2), ""), "{json:?}");
    assert!(json.out.contains(&format!("\"code\":\"{code}\"")), "{json:?}");
}

#[test]
fn a_recipe_that_cannot_be_read() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write("web.rhai", "netns(\"a\");\n");
        home.folder("labs");
        refused(
            &home,
            "wbe.rhai",
            "recipe::unreadable",
            "",
            &["There is no file `wbe.rhai`."],
            "Did you mean `web.rhai`?",
        );
        refused(&home, "web", "recipe::unreadable", "", &["There is no file `web`."], "Did you mean `web.rhai`?");
        refused(&home, "labs", "recipe::unreadable", "", &["`labs` is a folder, not a recipe."], "Name a recipe in it");
        fs::write(home.path("latin.rhai"), b"let x = 1;\nprint(\"caf\xe9\");\n").unwrap();
        refused(&home, "latin.rhai", "recipe::not_utf8", "", &["in line 2", "0xe9"], "Recipes are UTF-8");
        refused(&home, "/dev/zero", "recipe::unreadable", "", &["it is longer than 16 MiB."], "Name a file of script");
        nothing_is_left("unreadable recipes", &home, &before);
    }
}

#[test]
fn a_recipe_may_come_through_a_pipe_and_ctrl_c_ends_the_wait_for_it() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let fifo = home.folder("mine").join("pipe");
        assert!(home.command(&["mkfifo", "mine/pipe"]).status().unwrap().success());
        let mut running = Running(home.rhailab(&["run", "mine/pipe"]).spawn().unwrap());
        std::thread::sleep(std::time::Duration::from_millis(200));
        running.signal("INT");
        assert_eq!(Report::of(&running.end().assert_fails(1)).message, "Ctrl-C stopped the recipe.");
        let mut running = home.rhailab(&["run", "mine/pipe"]).spawn().unwrap();
        fs::write(fifo, "print(\"through a pipe\");\n").unwrap();
        assert!(running.wait().unwrap().success());
    }
}

#[test]
fn a_module_that_cannot_be_imported() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.rhai"), "fn x() { 1 }\n").unwrap();
        let beside = home.path("secret.rhai");
        home.folder("lab");
        home.write("secret.rhai", "fn x() { 1 }\n");
        home.write("lab/near.rhai", "fn x() { 1 }\n");
        symlink(&beside, home.path("lab/link.rhai")).unwrap();
        home.write("lab/one.rhai", "import \"two\" as two;\n");
        home.write("lab/two.rhai", "import \"one\" as one;\n");
        home.write("lab/latin.rhai", "");
        fs::write(home.path("lab/latin.rhai"), b"// \xe9\n").unwrap();
        home.write("lab/broken.rhai", "fn f() {\n    let x = ;\n}\n");
        home.write("lab/typo.rhai", "fn f() {\n    brige(\"b\");\n}\nf();\n");
        let lab = |import: &str| home.write("lab/main.rhai", &format!("netns(\"a\");\nimport \"{import}\" as m;\n"));
        let at = "lab/main.rhai:2:8";
        let main = "lab/main.rhai";
        let absolute = outside.path().join("secret").display().to_string();
        for (import, code, place, says, help) in [
            (
                "naer",
                "module::not_found",
                at,
                &["There is no module `naer`.", "lab/naer.rhai"][..],
                "Did you mean `near`?",
            ),
            ("lib/none", "module::not_found", at, &["There is no module `lib/none`."], "Paths are relative"),
            ("std/topoo", "module::not_found", at, &["There is no module `std/topoo`."], "Did you mean `std/topo`?"),
            (
                "../secret",
                "module::outside",
                at,
                &["`../secret` is outside the recipe's folder."],
                "Name its folder with",
            ),
            (absolute.as_str(), "module::outside", at, &["is outside the recipe's folder."], "Name its folder with"),
            (
                "link",
                "module::outside",
                at,
                &["`link` is outside the recipe's folder.", "secret.rhai"],
                "Name its folder with",
            ),
            (
                "one",
                "module::cycle",
                "lab/two.rhai:1:8",
                &["one.rhai → lab/two.rhai → lab/one.rhai"],
                "Move what both need",
            ),
            ("latin", "recipe::not_utf8", at, &["lab/latin.rhai", "0xe9"], "Recipes are UTF-8"),
            (
                "typo",
                "script::unknown_function",
                "lab/typo.rhai:2:5",
                &["`brige`", "imported here"],
                "Did you mean `bridge`?",
            ),
        ] {
            lab(import);
            refused(&home, main, code, place, says, help);
        }
        lab("broken");
        let complaint = home.run(&["run", main]).assert_fails(2);
        assert!(Report::of(&complaint).place.starts_with("lab/broken.rhai:2:"), "{complaint}");
        // Said to be welcome, it is.
        lab("../secret");
        home.run(&["run", main, "--module-path", "."]).assert_well();
        let missing = home.run(&["run", main, "--module-path", "nowhere"]).assert_fails(2);
        assert!(missing.contains("There is no folder `nowhere`."), "{missing}");
        nothing_is_left("modules that cannot be imported", &home, &before);
    }
}

#[test]
fn a_recipe_may_be_anywhere_and_named_in_any_way() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        home.folder("a folder");
        home.write("a folder/web & ünïcode.rhai", "netns(\"a\"); print(\"ran\");\n");
        assert_eq!(home.run(&["run", "a folder/web & ünïcode.rhai"]).assert_well(), "ran\n");
        home.write(RECIPE, "");
        home.run(&["run", RECIPE]).assert_well();
        home.write(RECIPE, "\u{feff}netns(\"a\");\r\nprint(\"ran\");\r\n");
        let marked = home.run(&["run", RECIPE]);
        assert!(marked.code == Some(0) || Report::of(&marked.err).place.starts_with("lab.rhai:1:1"), "{marked:?}");
    }
}
