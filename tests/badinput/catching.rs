//! Errors that a recipe throws, catches and passes on, and where they are said to come from.

use super::{Case, RECIPE, all_fail_well, homes, machine, nothing_is_left};
use crate::machine::state;
use crate::report::Report;

#[test]
fn what_a_recipe_throws_itself() {
    let case = |what, recipe, blamed, says, help| Case { what, recipe, code: 1, line: 2, blamed, says, help };
    all_fail_well(&[
        case("a text", "netns(\"a\");\nthrow \"no good\";\n", "throw", &["no good"], ""),
        case(
            "a map",
            "netns(\"a\");\nthrow #{ message: \"It broke.\", help: \"Mend it.\", code: \"my::code\" };\n",
            "throw",
            &["It broke.", "my::code"],
            "Mend it.",
        ),
        case("nothing", "netns(\"a\");\nthrow;\n", "throw", &["The recipe threw an error without a message."], ""),
        case("an assertion", "netns(\"a\");\nassert(1 > 2);\n", "assert(1 > 2)", &["`1 > 2` does not hold."], ""),
        case(
            "a difference",
            "netns(\"a\");\nassert_eq(1 + 1, 3, \"the sum\");\n",
            "assert_eq(1 + 1, 3, \"the sum\")",
            &["the sum: the first is 2, the second is 3."],
            "",
        ),
        case(
            "a wait",
            "netns(\"a\");\nwait_until(\"20ms\", || false);\n",
            "wait_until(\"20ms\", || false)",
            &["did not come true within 20ms; at last its closure returned false."],
            "Give it more time",
        ),
    ]);
}

#[test]
fn an_error_names_the_calls_that_led_to_it() {
    let case = |what, recipe, line, blamed, says, help| Case { what, recipe, code: 1, line, blamed, says, help };
    all_fail_well(&[
        case(
            "a function",
            "fn make(name) {\n    netns(name);\n}\nmake(\"a\");\nmake(\"a\");\n",
            2,
            "netns(name)",
            &["failed here; made here before", "in this call of `make`"],
            "Pick another name",
        ),
        case(
            "a closure, after a block",
            "if true {\n    print(1);\n}\n[\"a\", \"b/c\"].map(|n| netns(n));\n",
            4,
            "n",
            &["in a closure that this calls", "contains '/'"],
            "Use ASCII letters",
        ),
        case(
            "the standard library",
            "import \"std/topo\" as topo;\ntopo::star(\"averyverylongname\", 2, subnet(\"10.0.0.0/24\"));\n",
            2,
            "topo::star(\"averyverylongname\", 2, subnet(\"10.0.0.0/24\"))",
            &["in this call of `star`", "std/topo:5", "has 20 bytes"],
            "Shorten it",
        ),
    ]);
}

#[test]
fn an_error_in_a_module_shows_both_texts() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.folder("lib");
        home.write("lib/make.rhai", "fn two(name) {\n    netns(name);\n    netns(name);\n}\n");
        home.write(RECIPE, "import \"lib/make\" as make;\n\nmake::two(\"web\");\n");
        let complaint = home.run(&["run", RECIPE]).assert_fails(1);
        let report = Report::of(&complaint);
        assert!(report.place.starts_with("lib/make.rhai:3:"), "{complaint}");
        for blamed in [(3, "netns(name)"), (2, "netns(name)"), (3, "make::two(\"web\")")] {
            assert!(report.blamed.contains(&(blamed.0, blamed.1.to_owned())), "{blamed:?}: {complaint}");
        }
        report.check_style("a module");
        nothing_is_left("a module", &home, &before);
    }
}

#[test]
fn a_recipe_can_catch_an_error_look_at_it_and_go_on() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(
            RECIPE,
            r#"
            fn tell(e) { `${e.code} | ${e.message} | ${e.help} | ${e.line}` }
            let lan = subnet("10.0.0.0/24");
            let br = bridge("br0").addr(lan.host(1)).up();
            let web = netns("web");
            try { netns("web"); } catch (e) { print(tell(e)); }
            try { bridge("a-name-that-is-too-long"); } catch (e) { print(tell(e)); }
            // The half of the call that was made is undone, and its names are free again.
            try { web.attach(br, lan.host(2), #{ gw: "10.9.9.9" }); } catch (e) { print(tell(e)); }
            web.attach(br, lan.host(2));
            try { throw "mine"; } catch (e) { print(`${e.code} | ${e.message}`); }
            try { web.exec("false"); } catch (e) { print(tell(e)); }
            print(web.ping(lan.host(1).ip).status);
            "#,
        );
        let out = home.run(&["run", RECIPE]).assert_well();
        let lines: Vec<&str> = out.lines().collect();
        let wanted = [
            "netns::exists | Namespace `web` already exists. | Pick another name, or take the one that is there: `ns(\"web\")`. | 6",
            "name::interface | The interface name `a-name-that-is-too-long` has 23 bytes; the kernel allows 15 bytes. | Shorten it,",
            "route::gateway | The gateway 10.9.9.9 is not on any subnet of namespace `web`. | Give an interface there",
            "script::throw | mine",
            "exec::failed | `false` in `web` ended with status 1. | To go on whatever the status is",
            "0",
        ];
        assert_eq!(lines.len(), wanted.len(), "{out}");
        for (line, wanted) in lines.iter().zip(wanted) {
            assert!(line.starts_with(wanted), "{line}\n{wanted}");
        }
        nothing_is_left("errors that were caught", &home, &before);
    }
}

#[test]
fn an_error_that_is_thrown_again_keeps_its_place() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        home.write(RECIPE, "netns(\"a\");\ntry {\n    netns(\"a\");\n} catch (e) {\n    throw e;\n}\n");
        let complaint = home.run(&["run", RECIPE]).assert_fails(1);
        let report = Report::of(&complaint);
        assert_eq!(report.code, "netns::exists");
        assert!(report.place.starts_with("lab.rhai:3:"), "{complaint}");
        assert!(report.says("thrown again here"), "{complaint}");
    }
}
