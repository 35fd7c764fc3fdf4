use super::{ExprKind, StatementKind, each, parse};
use proptest::{prop_assert, proptest};

/// The calls of a text, as `receiver.name/arguments`.
fn calls(text: &str) -> Vec<String> {
    let tree = parse(text);
    let mut found = Vec::new();
    each(&tree, &mut |expr| {
        if let ExprKind::Call(call) = &expr.kind {
            let modules: Vec<&str> = call.modules.iter().map(|module| module.name.as_str()).collect();
            let on = call.on.as_ref().map_or(String::new(), |on| format!("{}.", &text[on.at.clone()]));
            let path = if modules.is_empty() { String::new() } else { format!("{}::", modules.join("::")) };
            found.push(format!("{on}{path}{}/{}", call.name.name, call.args.len()));
        }
    });
    found.sort();
    found
}

#[test]
fn calls_are_found_wherever_they_are() {
    let text = r#"let a = f(1, g()[2].h(`${i(1)} ${j()}`)); if k() { l() } else if m() { n() } else { o() }
        switch p() { 1 | 2 if q() => r(), _ => { s() } } while t() { u() } do { v() } until w();
        for x in y() { z() } try { aa() } catch (e) { bb(e) } return cc(|x, y| dd(x), || ee(), #{ a: ff(), "b": gg() });
        fn hh(x) { ii!(x); jj::kk(x) } let x = -ll() + 2 ** mm() ?? nn(..=oo(), ()); [pp(), (qq())].rr(ss,); x += tt();"#;
    let names = [
        "f/2",
        "g/0",
        "g()[2].h/1",
        "i/1",
        "j/0",
        "k/0",
        "l/0",
        "m/0",
        "n/0",
        "o/0",
        "p/0",
        "q/0",
        "r/0",
        "s/0",
        "t/0",
        "u/0",
        "v/0",
        "w/0",
        "y/0",
        "z/0",
        "aa/0",
        "bb/1",
        "cc/3",
        "dd/1",
        "ee/0",
        "ff/0",
        "gg/0",
        "ii/1",
        "jj::kk/1",
        "ll/0",
        "mm/0",
        "nn/2",
        "oo/0",
        "pp/0",
        "qq/0",
        "[pp(), (qq())].rr/1",
        "tt/0",
    ];
    let mut names = names.map(str::to_owned).to_vec();
    names.sort();
    assert_eq!(calls(text), names);
}

#[test]
fn what_is_not_finished_keeps_what_follows() {
    let declared = |text: &str| -> Vec<String> {
        let tree = parse(text);
        let names = tree.body.statements.iter().filter_map(|statement| match &statement.kind {
            StatementKind::Let { name, .. } => Some(name.name.clone()),
            _ => None,
        });
        names.chain(tree.functions.iter().map(|function| function.name.name.clone())).collect()
    };
    assert_eq!(declared("let a = b.\nlet c = 1;"), ["a", "c"]);
    assert_eq!(declared("let a = f(1, \nlet c = 1;\nfn d() {}"), ["a", "c", "d"]);
    assert_eq!(declared("let a = #{ x: 1, y: \nlet c = [1,"), ["a", "c"]);
    assert_eq!(declared("let a = \"open\nlet c = `x"), ["a", "c"]);
    assert_eq!(declared("} ) let a = 1; ]"), ["a"]);
}

#[test]
fn blocks_end_statements_and_semicolons_take_values() {
    let tree = parse("if a { b } [1].len()");
    assert_eq!(tree.body.statements.len(), 2);
    assert!(tree.body.tail().is_some());
    assert!(parse("f();").body.tail().is_none());
}

#[test]
fn blocks_that_are_values_have_methods() {
    assert_eq!(
        calls("let a = { b }.c(); print(if d { e } else { f }.g()); switch x { 1 => { h } [2] => 3 }"),
        ["if d { e } else { f }.g/0", "print/1", "{ b }.c/0",]
    );
}

#[test]
fn functions_have_their_comments() {
    let tree = parse("//! file\n\n/// One.\n/// Two.\nprivate fn f(a, b) { a }\n/// lost\nlet x = 1;\nfn g() {}");
    let docs: Vec<&str> = tree.functions.iter().map(|function| function.doc.as_str()).collect();
    assert_eq!(docs, ["One.\nTwo.", ""]);
    assert!(tree.functions[0].is_private && tree.functions[0].params.len() == 2);
}

#[test]
fn depth_has_an_end() {
    for text in ["(".repeat(5000), "f(".repeat(5000), "{".repeat(5000), "-".repeat(5000), "a+".repeat(5000)] {
        parse(&text);
    }
    parse(&format!("a{}", ".b()".repeat(5000)));
    parse(&format!("a{}", "[b".repeat(5000)));
    parse(&"if a {} else ".repeat(5000));
    parse(&"|a| ".repeat(5000));
    parse(&"`${".repeat(5000));
}

proptest! {
    #[test]
    fn any_text_has_a_tree_within_it(text in "[a-c1\"'`#${}()\\[\\]\\\\\n .,;|é:=<!?-]{0,60}") {
        let tree = parse(&text);
        each(&tree, &mut |expr| assert!(text.get(expr.at.clone()).is_some(), "{:?} of {text:?}", expr.at));
        prop_assert!(tree.body.at == (0..text.len()));
    }

    #[test]
    fn any_words_have_a_tree_within_them(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "let", "fn", "a", "(", ")", "{", "}", "#{", "if", "else", "for", "in", "switch", "=>", "|", "||", "::", ".",
            ",", ";", "=", "+", "[", "]", "`x", "${", "try", "catch", "import", "as", "\"s\"", "1", "return", "do", "!",
        ]), 0..40)) {
        let text = words.join(" ");
        let tree = parse(&text);
        each(&tree, &mut |expr| assert!(text.get(expr.at.clone()).is_some(), "{:?} of {text:?}", expr.at));
    }
}

/// Syntax that recipes seldom have.
const ODD: &str = r##"// odd but legal
let a = [1, 2, 3,];
let f = |x, y| { x + y };
print(f.call(1, 2));
let s = switch a.len() { 1 | 2 => print("x"), 3 if a.len() > 2 => { print("big"); 7 }, 3..=5 => debug("r"), _ => () };
let t = if a.len() > 2 { print("y") } else if false { debug(1) } else { () };
let m = #{ "a b": to_string(1), c: #{ d: [to_string(2)] } };
print(m.c.d[0].len().to_string());
let u = -abs(-3) ** 2 - +abs(4);
loop { if u > 0 { break; } }
do { print("z") } until true;
while false { continue }
for (x, i) in [to_string(1)] { print(x + i) }
for x in 0..abs(3) { print(x) }
print(`a ${to_string(1) + `b ${to_string(2)}`} c`);
let v = a?.len() ?? abs(1);
let w = a?[0];
try { throw to_string("x") } catch (e) { print(e) }
try { print(1) } catch { print(2) }
print("a" in ["a"]); print(!("b" in ["a"])); print("c" !in ["a"]);
{ let inner = to_string(1); print(inner) }
let z = { let q = abs(2); q + 1 };
let g = || print("q");
g.call();
fn p(x) { this += x; this }
let n = 5; n.p(2); print(n);
let r = (1 + abs(2)) * 3;
let big = a.map(|x| x * 2).filter(|x| x > 2).reduce(|s, x| s + x, 0);
print(a.extract(abs(0)..abs(2)).len());
a[0] = abs(5); a[1] += abs(2); m.c.d = [to_string(3)];
let neg = a[-1].to_string();
if !a.is_empty() && a.len() == abs(3) || false { print("ok") }
const K = abs(1);
fn uses() { global::K + abs(1) }
print(uses());
let c = 'x'; let raw = #"a "quoted" word"#; let multi = "a\
   b";
print(type_of(raw)); print(1..2 == 1..2);
return to_string(9);
"##;

/// Every recipe that the project has.
fn recipes() -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut folders: Vec<std::path::PathBuf> =
        ["scripts", "stdlib", "tests", "benches/recipes"].map(|folder| root().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rhai") {
                all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all.extend(crate::ops::all().map(|def| (def.signature(), def.example.to_owned())));
    all.push(("ODD".to_owned(), ODD.to_owned()));
    all
}

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_tree_has_the_calls_that_rhai_makes() {
    use crate::script::compile::compile;
    use crate::script::sources::Sources;
    let mut engine = rhai::Engine::new_raw();
    engine.set_optimization_level(rhai::OptimizationLevel::None);
    engine.set_max_expr_depths(64, 64);
    let mut compared = 0;
    for (title, text) in recipes() {
        // Texts with a mistake have no tree of Rhai's.
        let (Some(compiled), _) = compile(&engine, &Sources::default(), "test", &text) else { continue };
        let mut theirs: Vec<String> = compiled
            .calls
            .iter()
            // Rhai makes them of a closure that uses what is around it, and of `in`.
            .filter(|call| call.name != "curry" && (call.name != "contains" || call.is_method))
            .map(|call| format!("{}:{}/{} {}", call.site.line, call.name, call.args, call.is_method))
            .collect();
        let mut ours = Vec::new();
        each(&compiled.tree, &mut |expr| {
            if let ExprKind::Call(call) = &expr.kind {
                let start = call.modules.first().map_or(call.name.at.start, |module| module.at.start);
                let (line, _) = crate::script::scan::line_col(&text, start);
                ours.push(format!("{line}:{}/{} {}", call.name.name, call.args.len(), call.on.is_some()));
            }
        });
        // Rhai goes through the arms of a switch twice.
        for calls in [&mut ours, &mut theirs] {
            calls.sort();
            calls.dedup();
        }
        assert_eq!(ours, theirs, "{title}");
        compared += ours.len();
    }
    assert!(compared > 500, "{compared} calls");
}
