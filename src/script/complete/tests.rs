use super::{Candidate, CandidateKind, complete};
use crate::kernel::fake::FakeKernel;
use crate::lab::Lab;
use crate::model::names::LabName;
use crate::ops::Ty;
use crate::script::describe::{Use, UseKind, definition, hover, rename, signatures, symbols, uses};
use crate::script::infer::Shape;
use crate::script::page::{Live, Page};
use crate::script::{Config, Near, Session};
use proptest::{prop_assert, prop_assert_eq, proptest};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// Asks something about a text whose cursor is at `^`.
fn ask<T>(text: &str, live: Live, ask: impl FnOnce(&Page, usize, &Near<'_>) -> T) -> T {
    let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::new()), None);
    let session = Session::new(Rc::new(RefCell::new(lab)), Config::default());
    let vocabulary = session.vocabulary();
    let near = session.near(Path::new(""), &vocabulary, live);
    let offset = text.find('^').unwrap_or(text.len());
    ask(&Page::new(&text.replacen('^', "", 1)), offset, &near)
}

fn all(text: &str) -> Vec<Candidate> {
    ask(text, Live::default(), |page, offset, near| complete(page, offset, near).matching(&page.text).candidates)
}

/// The labels that go on from what is written.
fn labels(text: &str) -> Vec<String> {
    all(text).into_iter().map(|candidate| candidate.label).collect()
}

fn offers(text: &str, wanted: &[&str], unwanted: &[&str]) {
    let labels = labels(text);
    for wanted in wanted {
        assert!(labels.iter().any(|label| label == wanted), "{wanted} is not offered at {text}: {labels:?}");
    }
    for unwanted in unwanted {
        assert!(labels.iter().all(|label| label != unwanted), "{unwanted} is offered at {text}");
    }
}

#[test]
fn values_offer_variables_functions_and_words() {
    offers("let lan = 1; l^", &["lan", "let", "link", "loop"], &["bridge", "attach"]);
    offers("let lan = 1; let x = ^", &["lan", "bridge", "print", "true", "if"], &["let", "fn", "x"]);
    offers("fn f(lan) { l^ } let late = 1;", &["lan", "link"], &["late"]);
    offers("import \"std/topo\" as topo; fn f() { t^ }", &["topo", "true"], &[]);
    offers("bridge(^)", &["netns", "param"], &["let"]);
    offers("print(`${n^}`)", &["netns"], &[]);
    offers("[1].map(|item| i^)", &["item", "ip"], &[]);
    offers("if true { n^", &["netns"], &[]);
    offers("f()\n^", &["let"], &[]);
}

#[test]
fn nothing_is_offered_where_names_are_made_up_or_nothing_is_known() {
    for text in [
        "let ^",
        "const b^",
        "fn ^",
        "fn f(a^)",
        "for i^ in x {}",
        "// net^",
        "/* n^ */",
        "let s = \"net^\";",
        "1^",
        "`text ^`",
        "netns(\"a\") ^",
        "import ^",
        "[1].map(|i^|",
        "let m = #{ n^ }",
        "print(\"n^\")",
    ] {
        assert_eq!(labels(text), Vec::<String>::new(), "{text}");
    }
    offers("let x = 1; /* done */ n^", &["netns"], &[]);
}

#[test]
fn a_point_offers_what_the_value_has() {
    offers("let br = bridge(\"b\"); br.^", &["addr", "up", "name", "to_string"], &["attach", "push"]);
    offers("let br = bridge(\"b\"); br.up().m^;", &["mtu", "mac", "master", "move_to"], &["masquerade"]);
    offers("veth(\"a\", \"b\").^\nlet next = 1;", &["a", "b"], &["up"]);
    offers("veth(\"a\", \"b\").a.^", &["up", "master"], &["b"]);
    offers("netns(\"a\").exec(\"x\").^", &["stdout", "status"], &["exec"]);
    offers("host().^", &["masquerade", "attach", "vip"], &["mtu"]);
    offers("let lan = subnet(param(\"lan\", \"10.0.0.0/24\", \"\")); lan.h^", &["host"], &["hosts"]);
    offers("let all = []; for i in 0..3 { all.push(netns(\"n\" + i)); } for n in all { n.^ }", &["attach"], &["up"]);
    offers("let n = param(\"n\", \"text\", \"\"); n.^", &["len", "split", "to_upper"], &["push", "attach"]);
    offers("[1, 2].^", &["push", "map", "len"], &["to_upper", "attach"]);
    offers("try { } catch (e) { e.^ }", &["code", "message", "help"], &["attach"]);
    offers("fn make() { bridge(\"x\") } make().^", &["up"], &["attach"]);
    offers("fn f(x) { x.^ }", &["attach", "up", "stdout"], &[]);
    offers("let m = #{ one: netns(\"a\") }; m.^", &["one", "keys"], &["attach"]);
    offers("let m = #{ one: netns(\"a\") }; m.one.at^", &["attach"], &[]);
    offers("ns(\"a\")?.at^", &["attach"], &[]);
}

#[test]
fn modules_offer_their_functions_and_paths() {
    offers("import \"std/topo\" as topo;\ntopo::^", &["star", "chain"], &["netns"]);
    offers("import \"std/topo\" as topo;\ntopo::s^", &["star"], &["chain"]);
    offers("import \"std/topo\" as topo;\nlet lab = topo::star(\"a\", 2, lan);\nlab.^", &["bridge", "hosts"], &[]);
    offers("import \"std/topo\" as topo;\nlet lab = topo::star(\"a\", 2, lan);\nlab.bridge.^", &["up"], &["attach"]);
    offers("const N = 1; let v = 2; fn f() { global::^ }", &["N"], &["v", "netns"]);
    offers("import \"^", &["std/topo", "src/", "stdlib/"], &["Cargo.toml"]);
    offers("import \"stdlib/^\" as t;", &["stdlib/topo"], &["src/"]);
    offers("topo::^", &[], &["star"]);
}

#[test]
fn options_offer_the_keys_that_are_missing() {
    offers("bridge(\"b\", #{ ^ })", &["mtu", "mac", "stp"], &["peer"]);
    offers("bridge(\"b\", #{ mtu: 1400, ^ })", &["mac", "stp"], &["mtu"]);
    offers("bridge(\"b\", #{ ^", &["mtu", "mac", "stp"], &["netns"]);
    offers("bridge(\"b\", #{ mtu: 1400,  ^", &["mac", "stp"], &["mtu", "netns"]);
    offers("let web = netns(\"w\"); web.attach(br, \"10.0.0.1/24\", #{ m^", &["mtu"], &["name"]);
    offers("bridge(\"b\", #{ stp: ^ })", &["true", "false"], &["mtu"]);
    offers("bridge(\"b\", #{ mtu: [1, ^] })", &["netns"], &["mac"]);
    let mtu = all("bridge(\"b\", #{ mt^ })").remove(0);
    assert_eq!((mtu.kind, mtu.detail.as_str()), (CandidateKind::Option, "int"));
    assert!(mtu.doc.starts_with("the MTU in bytes"), "{}", mtu.doc);
}

#[test]
fn texts_offer_the_names_that_are_there() {
    offers("netns(\"web\"); netns(\"db\" + 1); ns(\"^\")", &["web", "db1", "host"], &[]);
    offers("bridge(\"br0\"); host().iface(\"^\")", &["br0", "lo"], &["web"]);
    offers("host().route(\"d^\")", &["default"], &[]);
    offers("let web = netns(\"web\"); veth(\"a\", \"b\", \"w^\")", &["web"], &[]);
}

#[test]
fn a_prompt_adds_what_is_there() {
    let live = || Live {
        variables: [("earlier".to_owned(), Shape::Is(Ty::Link))].into(),
        functions: vec![("greet".to_owned(), vec!["whom".to_owned()])],
        modules: [("topo".to_owned(), "std/topo".to_owned())].into(),
        namespaces: vec!["web9".to_owned()],
        links: vec!["br9".to_owned()],
    };
    for (text, wanted) in [
        ("ear^", "earlier"),
        ("earlier.^", "master"),
        ("gr^", "greet"),
        ("topo::^", "star"),
        ("let x = topo::star(1, 2, 3); x.br^", "bridge"),
        ("ns(\"w^", "web9"),
        ("iface(\"^", "br9"),
    ] {
        let found =
            ask(text, live(), |page, offset, near| complete(page, offset, near).matching(&page.text).candidates);
        assert!(found.iter().any(|candidate| candidate.label == wanted), "{text}: {found:?}");
    }
}

#[test]
fn a_candidate_takes_the_place_of_what_is_written_before_the_cursor() {
    let range = |text: &str| ask(text, Live::default(), |page, offset, near| complete(page, offset, near).range);
    assert_eq!(range("é; net^ns"), 4..7);
    assert_eq!(range("br.^"), 3..3);
    assert_eq!(range("import \"std/t^\""), 8..13);
    assert_eq!(range("bridge(^)"), 7..7);
    let insert = all("br.up().ad^");
    assert!(insert.iter().any(|it| it.label == "addr" && it.kind == CandidateKind::Function { takes: true }));
    let insert = all("br.u^");
    assert!(insert.iter().any(|it| it.label == "up" && it.kind == CandidateKind::Function { takes: false }));
}

fn said(text: &str) -> Option<String> {
    ask(text, Live::default(), |page, offset, near| hover(page, offset, near).map(|said| said.text))
}

#[test]
fn a_name_is_explained() {
    for (text, wanted) in [
        ("bri^dge(\"b\")", "[netns.]bridge(name: interface name, options?: options) -> link"),
        ("let br = bridge(\"b\"); br.a^ddr(\"10.0.0.1/24\")", "link.addr(address"),
        ("let br = bridge(\"b\"); br.nam^e", "link.name -> string"),
        ("let b^r = bridge(\"b\");", "let br: link"),
        ("let n = \"a\" + 1; print(n^);", "let n: string = a1"),
        ("/// Says hello.\nfn hi(whom) { } h^i(1);", "Says hello."),
        ("import \"std/topo\" as topo; topo::st^ar(1, 2, 3)", "A star:"),
        ("import \"std/to^po\" as topo;", "Common topologies"),
        ("import \"std/topo\" as topo; to^po::star(1, 2, 3)", "import \"std/topo\" as topo"),
        ("bridge(\"b\", #{ m^tu: 1400 })", "the MTU in bytes"),
        ("fn f(whom) { wh^om }", "parameter whom: any"),
        ("try { } catch (er^ror) { }", "catch error: error"),
    ] {
        let text_said = said(text).unwrap_or_else(|| panic!("nothing is said of {text}"));
        assert!(text_said.contains(wanted), "{text}: {text_said}");
    }
    for text in ["let x = 1 ^+ 2;", "// bri^dge", "\"bri^dge\"", "nothing_like_^it(1)", "^"] {
        assert_eq!(said(text), None, "{text}");
    }
}

#[test]
fn a_call_is_explained_while_it_is_written() {
    let form = |text: &str| {
        ask(text, Live::default(), |page, offset, near| {
            signatures(page, offset, near).map(|it| (it.all[0].label.clone(), it.all.len(), it.argument))
        })
    };
    let (label, count, argument) = form("let web = netns(\"w\"); web.attach(br, ^").unwrap();
    assert!(label.starts_with("netns.attach(bridge: link, address: address/prefix, options?"), "{label}");
    assert_eq!((count, argument), (1, 1));
    assert_eq!(form("veth(\"a\", f(1, 2), ^)").unwrap().2, 2);
    assert_eq!(form("veth(\"a\", f(1, ^), 3)"), None);
    assert_eq!(form("veth(\"a\", \"b^\")").unwrap().2, 1);
    assert_eq!(form("fn f(a, b) {} f(1, ^2)").unwrap(), ("f(a, b)".into(), 1, 1));
    assert_eq!(form("import \"std/topo\" as t; t::chain(^").unwrap().0, "chain(name, n, net)");
    assert_eq!(form("x.del(^)").unwrap().1, 4);
    assert_eq!(form("let x = ^"), None);
}

#[test]
fn declarations_are_found() {
    let declared = |text: &str| {
        ask(text, Live::default(), |page, offset, near| {
            definition(page, offset, near)
                .map(|it| (it.source.clone(), page.text.get(it.range).unwrap_or("").to_owned()))
        })
    };
    assert_eq!(declared("let lan = 1; { let x = l^an; }"), Some((None, "lan".into())));
    assert_eq!(declared("f^(1); fn f(a) { a }"), Some((None, "f".into())));
    assert_eq!(declared("const N = 1; fn f() { global::^N }"), Some((None, "N".into())));
    assert_eq!(declared("bridge^(\"a\")"), None);
    let (source, _) = declared("import \"std/topo\" as t; t::st^ar(1, 2, 3)").unwrap();
    assert_eq!(source.as_deref(), Some("std/topo"));
    let (source, _) = declared("import \"std/to^po\" as t;").unwrap();
    assert_eq!(source.as_deref(), Some("std/topo"));
}

#[test]
fn an_outline_has_what_a_recipe_is_made_of() {
    let text = "import \"std/topo\" as topo;\nlet n = param(\"n\", 3, \"\");\nlet web = netns(\"web\");\nconst A = 1;\nlet i = 1;\nfn f(x) { x }\n";
    let names: Vec<(String, String)> = ask(text, Live::default(), |page, _, near| {
        symbols(page, near).into_iter().map(|symbol| (symbol.name, symbol.detail)).collect()
    });
    let expected = [("topo", "\"std/topo\""), ("n", "3"), ("web", "netns"), ("A", "int"), ("f", "(x)")];
    assert_eq!(names, expected.map(|(name, detail)| (name.to_owned(), detail.to_owned())));
}

proptest! {
    #[test]
    fn any_place_in_any_text_has_an_answer(
        words in proptest::collection::vec(proptest::sample::select(vec![
            "let", "fn", "web", "(", ")", "{", "}", "#{", "mtu", ":", "bridge", "netns", "::", ".", ",", ";", "=", "|",
            "`x", "${", "\"", "\"s\"", "import", "as", "é", "//", "for", "in", "[", "]", "attach", "global", "\n", "1",
        ]), 0..14), at in 0_usize..80,
    ) {
        let text = words.concat();
        ask("", Live::default(), |_, _, near| {
            let page = Page::new(&text);
            let completion = complete(&page, at, near);
            prop_assert!(text.get(completion.range.clone()).is_some(), "{:?} of {text:?}", completion.range);
            let at = at.min(text.len());
            if text.is_char_boundary(at) {
                let hovered = hover(&page, at, near);
                prop_assert!(hovered.is_none_or(|said| text.get(said.range).is_some()));
                signatures(&page, at, near);
                definition(&page, at, near);
                symbols(&page, near);
            }
            Ok(())
        })?;
    }
}

/// The text with each place that means what is at `^` in brackets: `[d:…]` where it is declared, `[w:…]`, `[r:…]`.
fn marked(text: &str) -> Option<String> {
    ask(text, Live::default(), |page, offset, near| {
        let mut marked = page.text.to_string();
        for place in uses(page, offset, near)?.into_iter().rev() {
            let kind = match place.kind {
                UseKind::Declares => 'd',
                UseKind::Writes => 'w',
                UseKind::Reads => 'r',
            };
            let name = format!("[{kind}:{}]", &page.text[place.range.clone()]);
            marked.replace_range(place.range, &name);
        }
        Some(marked)
    })
}

/// The text with another name for what is at `^`.
fn renamed(text: &str, name: &str) -> Result<String, String> {
    ask(text, Live::default(), |page, offset, near| Ok(with_name(page, rename(page, offset, name, near)?, name)))
}

fn with_name(page: &Page, places: Vec<Use>, name: &str) -> String {
    let mut text = page.text.to_string();
    places.into_iter().rev().for_each(|place| text.replace_range(place.range, name));
    text
}

#[test]
fn what_a_name_means_is_found_wherever_it_is_used() {
    for (text, found) in [
        ("let a^ = 1; { let a = a; a = 2; } a += 1; a", "let [d:a] = 1; { let a = [r:a]; a = 2; } [w:a] += 1; [r:a]"),
        ("let a^ = 1; -((a)) + (a + 1)", "let [d:a] = 1; -(([r:a])) + ([r:a] + 1)"),
        ("let b = 1; |b| ^b; print(`${b}`);", "let b = 1; |[d:b]| [r:b]; print(`${b}`);"),
        ("let b^ = 1; |b| b; print(`${b}`);", "let [d:b] = 1; |b| b; print(`${[r:b]}`);"),
        ("const N = 1; fn f(x) { x + global::^N }", "const [d:N] = 1; fn f(x) { x + global::[r:N] }"),
        (
            "import \"std/topo\" as topo^; topo::star(\"a\", 1);",
            "import \"std/topo\" as [d:topo]; [r:topo]::star(\"a\", 1);",
        ),
        (
            "fn f(x) { x } f^(1); m::f(2); 3.f(); let g = f;",
            "fn [d:f](x) { x } [r:f](1); m::f(2); 3.[r:f](); let g = [r:f];",
        ),
        (
            "fn f() { } fn f(a) { f^() } Fn(\"f\"); let f = 1; f",
            "fn [d:f]() { } fn [d:f](a) { [r:f]() } Fn(\"[r:f]\"); let f = 1; f",
        ),
        // A function of the language, by the number of its arguments.
        ("fn netns() { } ^netns(); netns(\"a\");", "fn [d:netns]() { } [r:netns](); netns(\"a\");"),
        ("let a = 1; a.b^.c", "-"),
        ("net^ns(\"a\")", "-"),
        ("^", "-"),
    ] {
        assert_eq!(marked(text).as_deref().unwrap_or("-"), found, "{text}");
    }
}

#[test]
fn a_new_name_means_what_the_old_one_did_or_is_refused() {
    let is =
        |text: &str, name: &str, expected: &str| assert_eq!(renamed(text, name).as_deref(), Ok(expected), "{text}");
    is(
        "let a^ = 1; print(`${a} é ${a}`); a = a + a;",
        "lan",
        "let lan = 1; print(`${lan} é ${lan}`); lan = lan + lan;",
    );
    is(
        "fn f^() { f() } fn f(x) { Fn(\"f\") } let g = f;",
        "go_on",
        "fn go_on() { go_on() } fn go_on(x) { Fn(\"go_on\") } let g = go_on;",
    );
    is("let a^ = 1; { let b = 2; } a", "b", "let b = 1; { let b = 2; } b");
    for (text, name) in [
        // It would be another one's.
        ("let a^ = 1; { let b = 2; a }", "b"),
        ("let a = 1; let b^ = 2; a", "a"),
        ("fn f^() { } fn g() { } f();", "g"),
        ("fn f^() { } let g = 1; let h = f;", "g"),
        ("fn f^(x) { } bridge(\"b\"); f(1);", "bridge"),
        // It is no name.
        ("let a^ = 1;", "let"),
        ("let a^ = 1;", "static"),
        ("let a^ = 1;", "1a"),
        ("let a^ = 1;", "a b"),
        ("let a^ = 1;", " b"),
        ("let a^ = 1;", ""),
        // It is not ours.
        ("br^idge(\"b\");", "lan"),
    ] {
        assert!(renamed(text, name).is_err(), "{text} with {name}: {:?}", renamed(text, name));
    }
}

proptest! {
    #[test]
    fn a_name_can_be_given_back(text in "(let |fn |[ab] ?|[(){}|;=,. ]|`\\$\\{|import \"m\" as |::){0,24}", at in 0_usize..64) {
        ask("", Live::default(), |_, _, near| {
            let page = Page::new(&text);
            let Ok(places) = rename(&page, at.min(text.len()), "newer", near) else { return Ok(()) };
            let (first, old) = (places[0].range.start, &text[places[0].range.clone()]);
            let newer = Page::new(&with_name(&page, places.clone(), "newer"));
            let back = rename(&newer, first, old, near).map(|places| with_name(&newer, places, old));
            prop_assert_eq!(back.as_ref(), Ok(&text), "{}", newer.text);
            Ok(())
        })?;
    }
}
