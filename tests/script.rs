//! The language on the fake kernel: what recipes can say, and what reaches the lab.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::Lab;
use rhailab::model::error::{Class, OpError};
use rhailab::model::names::LabName;
use rhailab::script::{Config, ParamTy, ParamValue, Recipe, Session, limits};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A session with what it printed.
struct Bench {
    session: Session,
    lab: Rc<RefCell<Lab>>,
    printed: Rc<RefCell<Vec<String>>>,
}

impl Bench {
    fn on(kernel: FakeKernel, config: Config) -> Bench {
        let lab = Rc::new(RefCell::new(Lab::new(LabName::new("test").unwrap(), Box::new(kernel), None)));
        let printed = Rc::new(RefCell::new(Vec::new()));
        let print = Rc::clone(&printed);
        let config = Config { print: Rc::new(move |text: &str| print.borrow_mut().push(text.to_string())), ..config };
        Bench { session: Session::new(Rc::clone(&lab), config), lab, printed }
    }

    fn new() -> Bench {
        Bench::on(FakeKernel::judged(), Config::default())
    }

    fn run(&self, text: &str) -> Result<(), OpError> {
        self.session.load_text("test.rhai", text).and_then(|recipe| self.session.run(&recipe))
    }
}

/// Runs a recipe that must succeed, and returns what it printed.
fn printed(text: &str) -> Vec<String> {
    let bench = Bench::new();
    bench.run(text).unwrap_or_else(|error| panic!("{error} {:?}\n{text}", error.0.help));
    bench.printed.take()
}

/// Runs a recipe that must fail, and returns its error.
fn failure(text: &str) -> OpError {
    Bench::new().run(text).err().unwrap_or_else(|| panic!("it did not fail:\n{text}"))
}

#[test]
fn the_standard_library_builds_what_it_says() {
    let text = r#"import "std/topo" as topo;
        let s = topo::star("h", 3, subnet("10.0.0.0/24"));
        assert_eq(s.hosts.len(), 3);
        assert_eq(s.hosts[0], "h1");
        assert_eq(topo::chain("r", 4, subnet("10.1.0.0/24")).len(), 4);"#;
    let bench = Bench::new();
    bench.run(text).unwrap();
    let lab = bench.lab.borrow();
    assert!(lab.records().any(|record| &*record.site.source == "std/topo"), "changes know their line");
}

#[test]
fn a_function_of_a_namespace_is_a_function_of_the_host() {
    let text = r#"let web = netns("web");
        const BR = web.bridge("br0");
        BR.addr("10.0.0.1/24").up();
        let here = bridge("br0");
        assert(here != BR, "they are in different namespaces");
        print(`${BR} ${here} ${web} ${host()}`);"#;
    assert_eq!(printed(text), ["br0 br0 web host"]);
}

#[test]
fn values_compare_with_the_text_that_means_the_same() {
    let text = r#"let lan = subnet("10.0.0.0/24");
        assert(lan.host(1) == "10.0.0.1/24" && "10.0.0.1/24" == lan.host(1) && lan.host(1) != "10.0.0.2/24");
        assert(duration("1500ms") == "1.5s" && duration("1s") < duration("2s") && rate("1000kbit") == "1mbit");
        assert("10.0.0.9" in lan && !("10.0.1.9" in lan));
        assert_eq((1..=3).map(|i| lan.host(i).ip), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq(#{ a: [1, lan] }, #{ a: [1, "10.0.0.0/24"] });
        print(lan); debug(lan.host(1)); print([lan.host(1), duration("90s")]);"#;
    assert_eq!(
        printed(text),
        ["10.0.0.0/24", "test.rhai:7:21: address(10.0.0.1/24)", "[address(10.0.0.1/24), duration(1m 30s)]"]
    );
    assert_eq!(failure("assert_eq([1, 2], [1, 3]);").0.code, "assert::differ");
    assert_eq!(failure("assert_eq(\"1\", 1);").0.code, "assert::differ");
}

#[test]
fn values_stay_in_their_ranges() {
    for (text, words) in [
        ("subnet(\"10.0.0.0/24\").host(0)", "has no host number 0"),
        ("subnet(\"10.0.0.0/24\").host(-1)", "has no host number -1"),
        ("subnet(\"10.0.0.0/24\").host(255)", "has no host number 255"),
        ("subnet(\"10.0.0.0/24\").subnet(23, 0)", "no smaller subnets with a prefix of 23"),
        ("subnet(\"10.0.0.0/24\").subnet(26, 4)", "has no /26 number 4"),
        ("ip(\"10.0.0.250/24\").plus(9)", "past the end of the subnet 10.0.0.0/24"),
        ("ip(\"255.255.255.255\").plus(1)", "past the end of all addresses"),
    ] {
        let error = failure(text);
        assert_eq!(error.0.code, "subnet::outside", "{text}: {error}");
        assert!(error.to_string().contains(words), "{text}: {error}");
    }
    let text = r#"assert_eq(subnet("10.0.0.0/31").host(0), "10.0.0.0/31");
        assert_eq(subnet("10.0.0.5/32").last, "10.0.0.5/32");
        assert_eq(subnet("fd00::/64").last, "fd00::ffff:ffff:ffff:ffff/64");
        assert_eq(subnet("fd00::/64").size, 9223372036854775807);
        assert_eq(subnet("fd00::/48").subnet(64, 65535), "fd00:0:0:ffff::/64");
        assert_eq(subnet("::/0").subnet(128, 1), "::1/128");"#;
    printed(text);
}

#[test]
fn a_caught_error_says_everything_and_its_call_is_rolled_back() {
    let text = r#"netns("web");
try {
    netns("web");
} catch (e) {
    print(`${e.code} ${e.errno} ${e.line} ${e.source} ${e.message}`);
    assert(e.help.len() > 0);
}
try { throw "no" } catch (e) { print(`${e.code} ${e.message}`); }
try { throw #{ code: "mine", message: "text" } } catch (e) { print(`${e.code} ${e.message}`); }
netns("db");"#;
    assert_eq!(
        printed(text),
        ["netns::exists 17 3 test.rhai Namespace `web` already exists.", "script::throw no", "mine text"]
    );
}

#[test]
fn an_error_knows_the_calls_that_led_to_it() {
    let text = "fn inner(ns) {\n    ns.exec(#{}.keys());\n}\nfn outer(ns) {\n    inner(ns);\n}\n\nouter(netns(\"a\"));";
    let error = failure(text);
    let calls: Vec<(u32, &str)> = error.0.calls.iter().map(|(site, text)| (site.line, text.as_str())).collect();
    assert_eq!(calls, [(5, "in this call of `inner`"), (8, "in this call of `outer`")]);
    assert_eq!(error.0.site.map(|site| (site.line, site.col)), Some((2, 8)));
    assert_eq!(error.0.mark.map(|mark| &text[mark.range]), Some("#{}.keys()"));
}

#[test]
fn waiting_ends_with_what_the_closure_returns_and_not_with_its_mistakes() {
    printed("let n = 0; assert_eq(wait_until(\"1s\", || { n += 1; if n < 3 { throw \"not yet\" } n }), 3);");
    let error = failure("wait_until(\"10ms\", || false);");
    assert_eq!((error.0.code, error.to_string().contains("within 10ms")), ("wait::timeout", true), "{error}");
    assert_eq!(failure("wait_until(\"1h\", || subnet(\"x\"));").0.code, "value::subnet");
    assert_eq!(failure("wait_until(\"1h\", || [1][2] > 3);").0.code, "script::index");
    assert_eq!(failure("wait_until(\"1h\", 3);").0.arg.as_deref(), Some("condition"));
    assert_eq!(failure("wait_until(-1, || true);").0.code, "value::duration");
}

#[test]
fn a_rehearsal_judges_nothing_but_mistakes() {
    let rehearse = |text: &str| Bench::on(FakeKernel::new(), Config::default()).run(text);
    rehearse("assert(false); assert_eq(1, 2); wait_until(\"1h\", || false); wait_until(\"1h\", || { throw \"x\" });")
        .unwrap();
    let bench = Bench::on(FakeKernel::new(), Config::default());
    bench.run("wait_until(\"1h\", || { netns(\"web\"); false });").unwrap();
    assert_eq!(bench.lab.borrow().records().len(), 1, "the closure is called once");
    assert_eq!(rehearse("wait_until(\"1h\", || subnet(\"x\"));").unwrap_err().0.code, "value::subnet");
    assert_eq!(rehearse("assert(1);").unwrap_err().0.code, "value::type");
}

fn load(text: &str) -> Result<Recipe, OpError> {
    Bench::new().session.load_text("test.rhai", text)
}

const PARAMETRIC: &str = r#"#!/usr/bin/env -S rhailab run
//! What it is.
//!
//!   Indented.
let n = param("n", 3, "how many");
let on = param("on", true, "whether");
let names = param("names", ["a", "b"], "which");
let share = param("share", 0.5, "how much");
let who = param("who", (), "whose");
print(`${n} ${on} ${names} ${share} ${who}`);
"#;

#[test]
fn parameters_are_read_without_running() {
    let session = Bench::new().session;
    let recipe = session.load_text("test.rhai", PARAMETRIC).unwrap();
    assert_eq!(recipe.doc(session.sources()), "What it is.\n\n  Indented.");
    let shown: Vec<String> = recipe
        .params()
        .iter()
        .map(|param| format!("{} {} {:?} {} {}", param.name, param.ty, param.default.as_deref(), param.doc, param.line))
        .collect();
    assert_eq!(
        shown,
        [
            "n int Some(\"3\") how many 5",
            "on bool Some(\"true\") whether 6",
            "names list Some(\"a,b\") which 7",
            "share float Some(\"0.5\") how much 8",
            "who any None whose 9",
        ]
    );
    assert_eq!(recipe.params()[4].ty, ParamTy::Any);
}

fn with_params(given: &[(&str, ParamValue)]) -> Result<Vec<String>, OpError> {
    let params = given.iter().map(|(name, value)| ((*name).to_string(), value.clone())).collect();
    let bench = Bench::on(FakeKernel::judged(), Config { params, ..Config::default() });
    bench.run(PARAMETRIC)?;
    Ok(bench.printed.take())
}

#[test]
fn parameters_take_text_and_values_of_their_default_s_type() {
    let text = |text: &str| ParamValue::Text(text.into());
    let json = |json: serde_json::Value| ParamValue::Json(json);
    let given = [("n", text("5")), ("on", text("false")), ("names", text("x, y")), ("who", text("me"))];
    assert_eq!(with_params(&given).unwrap(), ["5 false [\"x\", \"y\"] 0.5 me"]);
    let given = [
        ("n", json(7.into())),
        ("names", json(serde_json::json!(["z"]))),
        ("share", json(1.into())),
        ("who", json(2.into())),
    ];
    assert_eq!(with_params(&given).unwrap(), ["7 true [\"z\"] 1.0 2"]);

    for (name, value, code) in [
        ("n", text("many"), "param::type"),
        ("on", text("yes"), "param::type"),
        ("names", json(1.into()), "param::type"),
        ("nn", text("1"), "param::unknown"),
        ("n", text("1"), "param::missing"),
    ] {
        let error = with_params(&[(name, value.clone())]).unwrap_err();
        assert_eq!((error.0.code, error.0.class), (code, Class::Usage), "{name} {value:?}: {error}");
    }
    let error = with_params(&[("nn", text("1"))]).unwrap_err();
    assert_eq!(error.0.help.as_deref(), Some("Did you mean `n`? `rhailab run RECIPE --help` lists them all."));
}

#[test]
fn mistakes_are_found_before_anything_is_made() {
    for text in [
        "netns(\"a\"); for n in [\"b\"] { nets(n) }",
        "netns(\"a\"); fn f() { netns(\"b\").exce() } f()",
        "netns(\"a\"); let f = |x| x; f(1)",
        "netns(\"a\"); exit(0)",
        "netns(\"a\"); print(undeclared)",
        "netns(\"a\"); eval(\"netns(1)\")",
        "netns(\"a\"); import \"std/none\" as none;",
        "netns(\"a\"); let m = \"std/topo\"; import m as topo;",
        "import \"std/topo\" as topo; netns(\"a\"); topo::star(1)",
        "netns(\"a\", #{ nonsense: 1 })",
        "netns(\"a\"); param(\"n\", 1)",
    ] {
        let bench = Bench::new();
        let error = bench.run(text).unwrap_err();
        assert_eq!(error.0.class, Class::Usage, "{text}: {error}");
        assert!(error.0.mark.is_some() && error.0.help.is_some(), "{text}: {error:?}");
        assert_eq!(bench.lab.borrow().records().len(), 0, "{text}");
    }
    load("fn f() {} fn f(a) {} f(); f(1); let g = |x| x; g.call(2); f.call;").unwrap_err();
    load("fn f() {} fn f(a) {} f(); f(1); let g = |x| x; g.call(2); [1].map(|v| v); \"a\".len();").unwrap();
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn modules_are_relative_to_the_importing_file_and_stay_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let recipes = folder.path().join("recipes");
    let main = write(
        &recipes,
        "main.rhai",
        "import \"lib/a\" as a; import \"lib/deep/b.rhai\" as b; print(a::up() + b::up()); print(a::seen);",
    );
    write(&recipes, "lib/a.rhai", "import \"deep/b\" as b; print(\"a\"); export const seen = 1; fn up() { b::up() }");
    write(&recipes, "lib/deep/b.rhai", "print(\"b\"); fn up() { 20 }");
    let bench = Bench::new();
    let recipe = bench.session.load_file(&main).unwrap_or_else(|error| panic!("{error}"));
    assert!(bench.printed.borrow().is_empty(), "loading runs nothing");
    bench.session.run(&recipe).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(bench.printed.take(), ["b", "a", "40", "1"], "each module is evaluated once");

    write(folder.path(), "secret.rhai", "fn f() {}");
    std::os::unix::fs::symlink(folder.path().join("secret.rhai"), recipes.join("link.rhai")).unwrap();
    for path in ["../secret", "link", &folder.path().join("secret").to_string_lossy()] {
        let main = write(&recipes, "bad.rhai", &format!("import \"{path}\" as m;"));
        let error = Bench::new().session.load_file(&main).unwrap_err();
        assert_eq!(error.0.code, "module::outside", "{path}: {error}");
    }
    let allowed = Config { module_path: vec![folder.path().to_path_buf()], ..Config::default() };
    let main = write(&recipes, "good.rhai", "import \"secret\" as m; import \"../secret\" as n; m::f(); n::f();");
    Bench::on(FakeKernel::judged(), allowed).session.load_file(&main).unwrap_or_else(|error| panic!("{error}"));

    let circle = write(&recipes, "circle.rhai", "import \"lib/back\" as back;");
    write(&recipes, "lib/back.rhai", "import \"../lib/../circle\" as main;");
    assert_eq!(Bench::new().session.load_file(&circle).unwrap_err().0.code, "module::cycle");
    let blind = write(&recipes, "blind.rhai", "import \"lib/needy\" as needy;");
    write(&recipes, "lib/needy.rhai", "fn f() { secret }");
    let error = Bench::new().session.load_file(&blind).unwrap_err();
    assert_eq!(error.0.code, "script::unknown_variable", "a module sees no variables of its importer");
}

#[test]
fn files_that_are_no_text_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let latin = folder.path().join("latin.rhai");
    std::fs::write(&latin, b"// fine\nlet a = \"caf\xe9\";\n").unwrap();
    let error = Bench::new().session.load_file(&latin).unwrap_err();
    assert_eq!((error.0.code, error.0.class), ("recipe::not_utf8", Class::Usage));
    assert!(error.to_string().contains("byte 20, in line 2, is 0xe9"), "{error}");
    let error = Bench::new().session.load_file(&folder.path().join("none.rhai")).unwrap_err();
    assert_eq!((error.0.code, error.0.class), ("recipe::unreadable", Class::Usage));
    assert_eq!(Bench::new().session.load_file(folder.path()).unwrap_err().0.code, "recipe::unreadable");
}

#[test]
fn limits_end_a_runaway_recipe() {
    let on_big_stack = std::thread::Builder::new().stack_size(limits::STACK).spawn(|| {
        let config = || Config { max_operations: 100_000, ..Config::default() };
        for (text, code) in [
            ("loop {}", "limit::operations"),
            ("try { loop {} } catch {}", "limit::operations"),
            ("fn f(n) { f(n + 1) } f(0)", "limit::calls"),
            ("let s = \"x\"; loop { s += s; }", "limit::size"),
            ("let a = [1]; loop { a += a; }", "limit::size"),
        ] {
            let error = Bench::on(FakeKernel::judged(), config()).run(text).unwrap_err();
            assert_eq!(error.0.code, code, "{text}: {error}");
            assert!(error.0.help.is_some() && error.0.site.is_some(), "{text}");
        }
        printed("fn depth(n) { if n == 0 { 0 } else { 1 + depth(n - 1) } } assert_eq(depth(100), 100);");
        let deep = format!("let x = {}1{};", "(".repeat(200), ")".repeat(200));
        assert_eq!(failure(&deep).0.code, "limit::expression");
    });
    on_big_stack.unwrap().join().unwrap();
}

#[test]
fn help_prints_from_the_definitions() {
    let lines = printed("help(\"subnet\"); help();");
    assert!(lines[0].contains("subnet.subnet(prefix: int, number: int) -> subnet"), "{}", lines[0]);
    assert!(lines[1].contains("Namespaces:") && lines[1].contains("wait_until"), "{}", lines[1]);
    let error = failure("help(\"subnat\");");
    assert_eq!((error.0.code, error.0.help.as_deref()), ("help::unknown", Some("Did you mean `subnet`?")));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(200))]

    #[test]
    fn no_text_makes_the_engine_or_a_report_panic(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "let", "x", "=", "1", "\"10.0.0.0/24\"", "subnet", "(", ")", ".", "host", ",", ";", "fn", "f", "{", "}", "|", "a",
            "#{", "mtu", ":", "netns", "bridge", "`${", "`", "throw", "import", "as", "::", "if", "param", "\"é", "\n", "-",
            "[", "]", "try", "catch", "assert", "/*", "==", "addr", "host()", "for", "in", "'", "exit", "switch", "=>",
        ]), 0..24),
    ) {
        let bench = Bench::on(FakeKernel::judged(), Config { max_operations: 2_000, ..Config::default() });
        if let Err(error) = bench.run(&words.join(" ")) {
            let style = rhailab::diagnostics::ReportStyle { color: false, width: 80, unicode: false };
            let report = rhailab::diagnostics::render(&error, bench.session.sources(), style);
            proptest::prop_assert!(report.contains(error.0.code), "{report}");
        }
    }
}
