//! What is found wrong with a text before it is run, and `rhailab check`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod fakes;
mod recipes;
mod source;
mod support;

use recipes::{Shown, examples, fences, files};
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::Lab;
use rhailab::model::names::LabName;
use rhailab::script::format::format;
use rhailab::script::scan::scan;
use rhailab::script::{Config, Finding, Session, Severity};
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use support::{Home, Ran, User};

fn session() -> Session {
    let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::new()), None);
    Session::new(Rc::new(RefCell::new(lab)), Config::default())
}

/// What is found in a text, as `code: the text that is pointed at`.
fn found(text: &str) -> Vec<String> {
    let session = session();
    let shown = |finding: &Finding| {
        let range = finding.range(session.sources()).unwrap_or_else(|| panic!("no place: {finding:?}"));
        format!("{}: {}", finding.error.0.code, &text[range])
    };
    session.check_text("test.rhai", text, Path::new("")).iter().map(shown).collect()
}

#[test]
fn nothing_is_found_in_recipes_that_are_right() {
    let in_order = |shown: &Shown| !shown.title.starts_with("tests/errors/");
    let folders = ["scripts", "stdlib", "tests", "benches"];
    let mut all: Vec<Shown> = folders.iter().flat_map(|folder| files(folder)).filter(in_order).collect();
    all.extend(examples());
    all.extend(fences("README.md"));
    all.extend(fences("docs/reference.md"));
    assert!(all.len() > 150, "they are there: {}", all.len());
    for shown in all {
        let session = session();
        let path = shown.path.as_deref().map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path));
        let found = match path {
            Some(path) => session.check_file(&path),
            None => session.check_text("test.rhai", &shown.text, Path::new("")),
        };
        assert!(found.is_empty(), "{}: {found:?}\n{}", shown.title, shown.text);
    }
}

#[test]
fn constants_that_cannot_be_taken_are_found_where_they_are() {
    for (text, expected) in [
        ("bridge(\"a_very_long_name\");", "name::interface: \"a_very_long_name\""),
        ("netns(\"host\");", "name::netns: \"host\""),
        ("let n = \"veth_\" + \"namespace\" + 22; netns(\"a\").bridge(n);", "name::interface: n"),
        ("const N = \"a b\"; fn f() { netns(global::N) } f();", "name::netns: global::N"),
        ("bridge(`name-${1 + 2}-is-too-long`);", "name::interface: `name-${1 + 2}-is-too-long`"),
        ("bridge(\"a\").addr(\"10.0.0.1\");", "value::address: \"10.0.0.1\""),
        ("let br = bridge(\"a\"); addr(br, \"10.0.0.1\");", "value::address: \"10.0.0.1\""),
        ("masquerade(\"10.0.0.1/24\");", "value::subnet: \"10.0.0.1/24\""),
        ("host().ping(\"10.0.0.256\");", "value::address: \"10.0.0.256\""),
        ("rate(\"10\");", "value::rate: \"10\""),
        ("sleep(\"soon\");", "value::duration: \"soon\""),
        ("vip(\"10.0.0.1:0\", [\"10.0.0.2:80\"]);", "value::port: \"10.0.0.1:0\""),
        ("vip(\"10.0.0.1:80\", [\"10.0.0.2\"]);", "value::endpoint: \"10.0.0.2\""),
        ("bridge(\"a\", #{ mtu: \"big\" });", "value::type: mtu: \"big\""),
        ("bridge(\"a\", #{ mut: 1400 });", "args::option: mut"),
        ("subnet(\"10.0.0.0/24\").host(300);", "subnet::outside: 300"),
        ("let lan = subnet(\"10.0.0.0/24\"); lan.subnet(26, 4).host(1);", "subnet::outside: 4"),
        ("ip(\"10.0.0.250/24\").plus(9);", "subnet::outside: 9"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn what_only_may_go_wrong_is_not_told() {
    for text in [
        "try { subnet(\"10.0.0.1/24\") } catch (e) { print(e) }",
        "fn f() { g() } fn g() { subnet(\"10.0.0.1/24\") } try { f() } catch { }",
        "try { [1].map(|x| subnet(\"x\" + x)) } catch { }",
        "let name = \"short\"; name += param(\"more\", \"\", \"\"); bridge(name);",
        "let n = 300; for i in 0..3 { n -= 100; } subnet(\"10.0.0.0/24\").host(n + 5);",
        "let s = \"10.0.0.1/24 \"; s.trim(); bridge(\"a\").addr(s);",
        "let lan = subnet(param(\"lan\", \"10.0.0.0/30\", \"\")); lan.host(5);",
        "fn f(x) { x.contains(\"nothing\") } f([1]);",
        "fn netns(name) { name } netns(\"no name at all\");",
        "let x = netns(\"a\"); x = bridge(\"b\"); x.up();",
        "let x = netns(\"a\"); if x.name == \"a\" { x = bridge(\"b\") } x.up();",
    ] {
        let errors: Vec<String> = found(text).into_iter().filter(|it| !it.starts_with("hidden::")).collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
    }
}

/// Each call asks more than once what it is called on. Were that found anew each time, this would not end.
#[test]
fn a_long_chain_is_understood_as_fast_as_it_is_written() {
    let chain = ".addr(\"10.0.0.1/24\")".repeat(40);
    let wrong = ["value::address: \"10.0.0.1/33\""];
    assert_eq!(found(&format!("bridge(\"br0\"){chain}.addr(\"10.0.0.1/33\");")), wrong);
    let itself = format!("let b = bridge(\"br0\"); for n in 0..3 {{ b = b{chain}; }} b.addr(\"10.0.0.1/33\");");
    assert_eq!(found(&itself), wrong);
    let own = format!("fn up(b) {{ b{chain} }} up(bridge(\"br0\")); bridge(\"br1\").addr(\"10.0.0.1/33\");");
    assert_eq!(found(&own), wrong);
}

/// Each line makes a value twice as large as the one before. Were they all worked out, memory would not be enough.
#[test]
fn values_are_worked_out_as_far_as_they_are_small() {
    for (first, next) in [("\"x\"", "A + A"), ("\"x\"", "`${A}${A}`"), ("[1]", "[A, A]"), ("#{a: 1}", "#{a: A, b: A}")]
    {
        let lines = (0..60).map(|n| format!("let v{} = {};\n", n + 1, next.replace('A', &format!("v{n}"))));
        let text = format!("let v0 = {first};\n{}print(v60); netns(\"a b\");", lines.collect::<String>());
        assert_eq!(found(&text), ["name::netns: \"a b\""], "{next}");
    }
}

#[test]
fn a_value_is_used_only_for_what_it_is() {
    for (text, expected) in [
        ("netns(\"a\").up();", "script::receiver: up"),
        ("let br = bridge(\"a\").up(); br.attach(br, \"10.0.0.1/24\");", "script::receiver: attach"),
        (
            "fn f() { bridge(\"a\") } let pair = veth(\"a\", \"b\", netns(\"c\")); pair.addr(\"10.0.0.1/24\");",
            "script::receiver: addr",
        ),
        ("let pair = veth(\"a\", \"b\"); pair.c.up();", "script::unknown_property: c"),
        ("bridge(\"a\").addr(\"10.0.0.1/24\").addrs.len(); bridge(\"b\").nmae;", "script::unknown_property: nmae"),
        ("import \"std/topo\" as topo; topo::star(\"a\", 1).x;", "args::count: topo::star"),
    ] {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn an_address_is_in_a_subnet_of_its_bridge() {
    let lab = |more: &str| {
        format!(
            "let br = bridge(\"br\").addr(\"10.0.0.1/24\").up();\n{more}\nnetns(\"a\").attach(br, \"10.0.1.2/24\");\n"
        )
    };
    assert_eq!(found(&lab("")), ["addr::outside: \"10.0.1.2/24\""]);
    for more in [
        "br.addr(\"10.0.1.1/24\");",
        "fn more(x) { x.addr(param(\"a\", \"\", \"\")) } more(br);",
        "sh(\"ip addr add 10.0.1.1/24 dev br\");",
        "br = bridge(\"br2\");",
    ] {
        assert_eq!(found(&lab(more)), Vec::<String>::new(), "{more}");
    }
}

#[test]
fn what_is_not_used_is_told() {
    for (text, expected) in [
        ("let a = 1;", vec!["unused::variable: a"]),
        ("let _a = 1; for i in 0..3 { print(1) } fn f(x) { 1 } f(|y| 2);", vec![]),
        ("let a = 1; a = 2;", vec!["unused::variable: a"]),
        ("let a = []; a.push(1);", vec![]),
        ("const A = 1; fn f() { global::A } f();", vec![]),
        ("let a = 1; { let a = 2; print(a); }", vec!["unused::variable: a"]),
        ("import \"std/topo\" as t;", vec!["unused::import: t"]),
        (
            "import \"std/topo\" as t; import \"std/topo\" as u; print(u::star(t::star(1,2,3),2,3));",
            vec!["duplicate::import: u"],
        ),
        ("fn ping(to) { to } ping(1);", vec!["hidden::function: ping"]),
        ("export const A = 1; let b = 2; export b;", vec![]),
    ] {
        assert_eq!(found(text), expected, "{text}");
    }
}

#[test]
fn a_module_with_methods_of_types_is_used_without_its_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("m.rhai"), "fn int.twice() { this * 2 }\n").unwrap();
    let main = folder.path().join("main.rhai");
    let text = "import \"m\" as m;\nprint(4.twice());\n";
    let found = session().check_text(&main.display().to_string(), text, &main);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn every_mistake_is_told_and_a_run_stops_at_the_same() {
    let text = "print(a);\nnet_ns(1);\nif b { } netns();\nbridge(\"x\").addr(\"y\");\n";
    let expected = [
        "script::unknown_variable: a",
        "script::unknown_variable: b",
        "script::unknown_function: net_ns",
        "args::count: netns()",
        "value::address: \"y\"",
    ];
    assert_eq!(found(text), expected);
    assert_eq!(found("switch 1 { 1 => net_ns(2), _ => () }"), ["script::unknown_function: net_ns"], "told once");
    let error = session().load_text("test.rhai", text).unwrap_err();
    assert_eq!((error.0.code, error.0.notes.len()), ("script::unknown_variable", 4), "{error}");
    assert_eq!(found("let a = ;\nnet_ns();"), ["script::syntax: ;"], "nothing is known after a slip of the syntax");
}

/// The findings of a text that are errors, with those that are warnings.
fn told(text: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let found = session().check_text("test.rhai", text, Path::new(""));
    let codes = |severity| found.iter().filter(move |it| it.severity == severity).map(|it| it.error.0.code).collect();
    (codes(Severity::Error), codes(Severity::Warning))
}

#[test]
fn what_a_run_may_leave_out_or_a_guess_says_is_a_warning() {
    let unknown = "script::unknown_function";
    for text in [
        "if 1 > 2 { nope() }",
        "switch 1 { 1 => (), _ => nope() }",
        "while false { nope() }",
        "for x in param(\"l\", [1], \"\") { print(x); nope() }",
        "for x in [1, 2] { if x > 0 { break } nope() }",
        "print(true || nope()); print(1 ?? 2)",
        "print(()?.a.contains(nope()))",
        "fn f() { nope() }",
        "fn f(x) { if x { return } nope() } f(true);",
        "let f = || nope(); print(type_of(f));",
        "try { nope() } catch { }",
        "print(1); return; nope()",
        "fn f(x) { x.nope() } f(#{});",
    ] {
        assert_eq!(told(text), (vec![], vec![unknown]), "{text}");
    }
    for text in [
        "for x in [1] { print(x); nope() }",
        "for x in 0..3 { if x > 5 { throw \"x\" } nope(x) }",
        "loop { nope(); break }",
        "do { nope() } while false",
        "if nope() { }",
        "fn f() { g() } fn g() { nope() } f();",
        "let n = 0; wait_until(\"1s\", || { n += 1; nope(n) });",
        "print(`${nope()}`)",
        "let n = netns(\"a\"); n.nope()",
        "\"text\".nope()",
    ] {
        assert_eq!(told(text), (vec![unknown], vec![]), "{text}");
    }
    // A closure in a map is called like a method.
    assert_eq!(told("let m = #{ ping: |x| x, up: 1 }; m.ping(1); fn f(m) { m.up(1, 2) } f(m);"), (vec![], vec![]));
    assert_eq!(told("fn f(m) { m.ping(1) } f(1);"), (vec![], vec!["value::type"]));
}

#[test]
fn global_is_told_where_a_run_would_not_know_it() {
    assert_eq!(found("const A = 1;\nprint(global::A);"), ["script::unknown_variable: global::A"]);
    assert_eq!(found("const A = 1; fn f() { global::B } print(A); f();"), ["script::unknown_variable: global::B"]);
    let text = "const A = 1; const B = || global::A; print(B.call());";
    assert_eq!(found(text), Vec::<String>::new());
    let session = session();
    let recipe = session.load_unchecked(Path::new("a.rhai"), "const A = 1;\nprint(global::A);").unwrap();
    let error = session.run(&recipe).unwrap_err();
    assert_eq!(
        error.0.message,
        session.check_text("a.rhai", "const A = 1;\nprint(global::A);", Path::new(""))[0].error.0.message
    );
}

/// The tokens of a text, comments without the white space at their ends.
fn tokens(text: &str) -> Vec<String> {
    let scan = scan(text);
    scan.tokens.iter().map(|token| token.text(text).trim_end().to_owned()).collect()
}

#[test]
fn laying_out_a_recipe_loses_nothing_and_is_done_once() {
    let mut all: Vec<Shown> =
        ["scripts", "stdlib", "tests", "benches"].iter().flat_map(|folder| files(folder)).collect();
    all.extend(examples());
    all.extend(fences("README.md"));
    let mut laid_out = 0;
    for shown in all {
        let Some(once) = format(&shown.text) else {
            assert!(shown.title.contains("errors/unclosed"), "{} is not laid out", shown.title);
            continue;
        };
        assert_eq!(tokens(&once), tokens(&shown.text), "{}", shown.title);
        assert_eq!(format(&once).as_ref(), Some(&once), "{}", shown.title);
        if !shown.title.starts_with("tests/") {
            assert_eq!(once.trim_end(), shown.text.trim_end(), "{} is laid out as it should be", shown.title);
        }
        laid_out += 1;
    }
    assert!(laid_out > 150, "{laid_out}");
}

#[test]
fn recipes_are_laid_out_where_that_is_asked_for() {
    let home = Home::new(User::Me);
    home.folder("labs");
    home.write("labs/a.rhai", "if true {\nnetns(\"a\");   \n}\n\n");
    home.write("labs/b.rhai", "netns(\"b\");\n");
    home.write("open.rhai", "netns(\n");
    let named = home.run(&["fmt", "--check", "labs"]);
    assert_eq!((named.code, named.out.as_str()), (Some(2), "labs/a.rhai\n"));
    let ran = home.run(&["fmt", "open.rhai", "labs"]);
    assert!(ran.code == Some(2) && ran.err.contains("of `open.rhai` do not match"), "{}", ran.err);
    assert!(ran.err.contains("Wrote labs/a.rhai.") && !ran.err.contains("b.rhai"), "{}", ran.err);
    let text = std::fs::read_to_string(home.path("labs/a.rhai")).unwrap();
    assert_eq!(text, "if true {\n    netns(\"a\");\n}\n");
    home.run(&["fmt", "--check", "labs"]).assert_well();
    assert_eq!(std::fs::read_to_string(home.path("open.rhai")).unwrap(), "netns(\n", "it is left alone");
}

/// A module with a mistake, and a recipe that imports it.
fn home() -> Home {
    let home = Home::new(User::Me);
    home.folder("labs");
    home.write("labs/part.rhai", "fn make() { brigde(\"a\") }\nlet idle = 1;\n");
    home.write("labs/web.rhai", "import \"part\" as part;\npart::make();\nlet idle = 1;\n");
    home
}

fn lines(ran: &Ran) -> Vec<(String, u64, String)> {
    let line = |line: &str| {
        let json: Value = serde_json::from_str(line).unwrap();
        (json["file"].as_str().unwrap().into(), json["line"].as_u64().unwrap(), json["code"].as_str().unwrap().into())
    };
    ran.out.lines().map(line).collect()
}

#[test]
fn findings_are_told_once_and_of_the_files_that_are_named() {
    let home = home();
    let one = home.run(&["check", "--json", "labs/web.rhai"]);
    assert_eq!((one.code, one.err.as_str()), (Some(2), ""));
    let expected = [("labs/part.rhai", 1, "script::unknown_function"), ("labs/web.rhai", 3, "unused::variable")];
    assert_eq!(lines(&one), expected.map(|(file, line, code)| (file.to_owned(), line, code.to_owned())));

    let all = home.run(&["check", "--json", "labs", "labs/web.rhai"]);
    assert_eq!(lines(&all).len(), 3, "{}", all.out);

    let shown = home.run(&["check", "labs"]);
    assert_eq!(shown.code, Some(2));
    assert!(shown.out.contains("There is no function `brigde`") && shown.out.contains("⚠"), "{}", shown.out);
    assert_eq!(shown.err, "2 files checked: 1 error, 2 warnings.\n");
}

#[test]
fn warnings_fail_only_where_that_is_asked_for() {
    let home = Home::new(User::Me);
    home.write("idle.rhai", "let idle = 1;\n");
    home.write("good.rhai", "netns(\"a\");\n");
    assert_eq!(home.run(&["check", "idle.rhai"]).code, Some(0));
    assert_eq!(home.run(&["check", "--deny-warnings", "idle.rhai"]).code, Some(2));
    let good = home.run(&["check", "--deny-warnings", "good.rhai"]);
    assert_eq!((good.code, good.out.as_str(), good.err.as_str()), (Some(0), "", "1 file checked: nothing is wrong.\n"));
    home.folder("empty");
    assert!(home.run(&["check", "empty"]).assert_fails(2).contains("There is no recipe in the folder `empty`"));
    let missing = home.run(&["check", "--json", "god.rhai"]);
    assert!(missing.code == Some(2) && missing.out.contains("Did you mean `good.rhai`?"), "{}", missing.out);
}

#[test]
fn standard_input_is_checked_under_the_name_of_its_file() {
    let home = home();
    let text = "import \"part\" as part;\n`é`; netns(part::mkae());\n";
    let ran = home.feed(&["check", "--json", "--stdin-name", "labs/new.rhai", "-"], text.as_bytes());
    assert!(lines(&ran).contains(&("labs/new.rhai".into(), 2, "script::unknown_function".into())), "{}", ran.out);
    let json: Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!((&json["col"], &json["end"]["col"]), (&12.into(), &22.into()), "columns are characters");
    assert_eq!((&json["severity"], &json["help"]), (&"error".into(), &"Did you mean `part::make`?".into()));
}
