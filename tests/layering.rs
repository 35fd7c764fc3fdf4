//! The layers of `src/lib.rs`: what is above may use what is below, never the other way round, and some crates are used
//! in one place only.

#![allow(clippy::unwrap_used)]

mod source;

use source::Source;
use std::collections::{BTreeMap, BTreeSet};

/// The modules of the library, lowest layer first. Modules of one layer may use one another.
const LAYERS: &[&[&str]] = &[
    &["model"],
    &["kernel"],
    &["sandbox"],
    &["lab"],
    &["ops"],
    &["script", "diagnostics", "export"],
    &["session"],
    &["output"],
    &["lsp", "repl"],
    &["cli"],
];

/// Crates that are used only in files whose path starts so.
const PINS: &[(&[&str], &[&str])] = &[
    (&["rhai"], &["src/script"]),
    (&["miette"], &["src/diagnostics"]),
    (&["rustyline"], &["src/repl"]),
    (&["nix"], &["src/kernel", "src/sandbox", "src/model/refusal.rs"]),
    (&["rtnetlink", "netlink_packet_core", "netlink_packet_route", "netlink_sys"], &["src/kernel", "src/sandbox"]),
    (&["httparse"], &["src/kernel"]),
    (&["terminal_size"], &["src/output"]),
    (&["lsp_server", "lsp_types"], &["src/lsp"]),
    (&["clap_complete", "clap_mangen"], &["src/cli"]),
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// The text without its comments and the contents of its strings; lines stay where they are.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_length(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
        rest = &rest[skipped..];
    }
    code
}

/// How long the string literal is that `text` starts with.
fn string_length(text: &str) -> usize {
    let mut escaped = true; // the quote that opens it
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    text.len()
}

/// The modules that lead to a file: `src/a/b.rs` is `a::b`; `lib.rs` and `main.rs` are the root.
fn modules(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    if matches!(path, "lib" | "main") { Vec::new() } else { path.split('/').collect() }
}

/// The names that a path prefix such as `crate::` is followed by: one, or those of a `{group}`.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let starts = code.match_indices(prefix).filter(|(at, _)| !code[..*at].ends_with(part_of_path));
    let mut found = Vec::new();
    for (at, _) in starts {
        spread(&code[at + prefix.len()..], "", &mut found);
    }
    found.iter().map(|path| path.split("::").next().unwrap_or_default().to_owned()).collect()
}

fn part_of_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// What is wrong with the imports of a file.
fn offences(file: &Source) -> Vec<String> {
    let code = code(&file.text);
    let here = modules(&file.path);
    let mut wrong = Vec::new();
    let mut say = |what: String| wrong.push(format!("{}: {what}", file.path));

    let root = if file.path == "src/main.rs" { "rhailab::" } else { "crate::" };
    let mut used = names_after(&code, root);
    // As many `super` as the file has modules above it lead to the root too.
    let up = "super::".repeat(here.len());
    if !here.is_empty() {
        used.extend(names_after(&code, &up).into_iter().filter(|name| layer(name).is_some()));
    }
    let own = here.first().map(|module| layer(module));
    if own == Some(None) {
        say("its module is in no layer".into());
    }
    for name in used.into_iter().filter(|name| !name.is_empty()) {
        match (layer(&name), own.flatten()) {
            (None, _) => say(format!("`{root}{name}` is in no layer")),
            (Some(theirs), Some(own)) if theirs > own => say(format!("`{}` must not use `{name}` above it", here[0])),
            _ => {}
        }
    }

    for (crates, places) in PINS {
        for krate in *crates {
            let shadowed = code.contains(&format!("mod {krate};")) || code.contains(&format!("mod {krate} {{"));
            let used = !names_after(&code, &format!("{krate}::")).is_empty()
                || [" ", ";"].iter().any(|end| code.contains(&format!("use {krate}{end}")));
            if used && !shadowed && !places.iter().any(|place| file.path.starts_with(place)) {
                say(format!("`{krate}` belongs in {}", places.join(" and ")));
            }
        }
    }

    let tests = if file.path.ends_with("/tests.rs") { 0 } else { Source::tests_at(&code) };
    for (at, _) in code.match_indices("::*").filter(|(at, _)| code[at + 3..].starts_with([';', ',', '}', ' ', '\n'])) {
        if at < tests {
            let line = code[..at].lines().count();
            say(format!("line {line} imports everything there is; name what is used"));
        }
    }
    wrong
}

#[test]
fn imports_point_down_and_crates_stay_in_their_place() {
    let wrong: Vec<String> = source::files("src", "rs").iter().flat_map(offences).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn the_check_sees_what_it_should() {
    let check = |path: &str, text: &str| offences(&Source { path: path.into(), text: text.into() });
    let bad = [
        ("src/kernel/linux.rs", "use crate::lab::Lab;"),
        ("src/kernel.rs", "use crate::{model::{Change, Family}, ops::FnDef};"),
        ("src/kernel/linux/link.rs", "fn f() { super::super::super::lab::x() }"),
        ("src/lab/store.rs", "use super::super::script::Engine;"),
        ("src/model/names.rs", "fn f(lab: &crate::lab::Lab) {}"),
        ("src/ops/vip.rs", "use rhai::Engine;"),
        ("src/cli/run.rs", "fn f() -> miette::Report {}"),
        ("src/lab/store.rs", "use nix::unistd;"),
        ("src/lab.rs", "use crate::kernel::*;"),
        ("src/lab.rs", "use crate::kernel::{Kernel, fake::*};"),
        ("src/novel.rs", ""),
        ("src/lab.rs", "use crate::novel::Thing;"),
        ("src/lab.rs", "const URL: &str = \"http://x\"; const Q: char = '\"'; fn f() { crate::ops::all() }"),
    ];
    for (path, text) in bad {
        assert_eq!(check(path, text).len(), 1, "{path}: {text}: {:?}", check(path, text));
    }
    let good = [
        ("src/main.rs", "use rhailab::cli;"),
        ("src/lab.rs", "use crate::kernel::{Kernel, fake::Fake}; // crate::ops"),
        ("src/lab.rs", "//! [`all`](crate::ops::all)"),
        ("src/model/names.rs", "use crate::model::error::OpError;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}"),
        ("src/sandbox.rs", "use nix::sched::unshare;"),
        ("src/kernel/linux/link.rs", "use super::spaces::Spaces; use nix::errno::Errno;"),
        ("src/ops.rs", "mod iptables;\nconst X: &[FnDef] = iptables::DEFS;"),
        ("src/ops/rules.rs", "use crate::kernel::linux::iptables::Tag; use rhailab::x;"),
        ("src/ops/rules.rs", "const CODE: &str = \"a \\\" iptables::missing\"; // nix::x"),
    ];
    for (path, text) in good {
        assert_eq!(check(path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

/// The paths that a file's code mentions, from the library's root: `model::names::Ns`.
fn mentioned(file: &Source) -> Vec<String> {
    let tests = if file.path.ends_with("/tests.rs") { 0 } else { Source::tests_at(&file.text) };
    let code = code(&file.text[..tests]);
    let here = modules(&file.path);
    let mut found = Vec::new();
    for (at, prefix) in code.match_indices("crate::").map(|(at, _)| (at, Vec::new())).chain(supers(&code, &here)) {
        let rest = code[at..].trim_start_matches("crate::").trim_start_matches("super::");
        spread(rest, &prefix.join("::"), &mut found);
    }
    found
}

/// Where paths begin with `super`, and what that is.
fn supers<'a>(code: &'a str, here: &'a [&'a str]) -> impl Iterator<Item = (usize, Vec<&'a str>)> {
    let begins = |at: &usize| !code[..*at].ends_with(part_of_path);
    code.match_indices("super::").map(|(at, _)| at).filter(begins).map(move |at| {
        let rest = &code[at..];
        let ups = (rest.len() - rest.trim_start_matches("super::").len()) / "super::".len();
        (at, here[..here.len().saturating_sub(ups)].to_vec())
    })
}

/// A path with the groups in it spread out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn spread(text: &str, before: &str, found: &mut Vec<String>) {
    let end = text.find(|c: char| !part_of_path(c)).unwrap_or(text.len());
    let path = text[..end].trim_end_matches("::");
    let whole = [before, path].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::");
    let Some(group) = text[end..].strip_prefix('{') else { return found.push(whole) };
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        if depth == 0 && (c == ',' || c == '}') {
            let item = group[start..at].trim();
            if !item.is_empty() {
                spread(item, &whole, found);
            }
            start = at + 1;
        }
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// Which files use which others, parents and children aside: those are parts of one another.
fn uses(files: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let names: BTreeSet<String> = files.iter().map(|file| modules(&file.path).join("::")).collect();
    let file_of = |path: &str| {
        let parts: Vec<&str> = path.split("::").collect();
        (1..=parts.len()).rev().map(|count| parts[..count].join("::")).find(|name| names.contains(name))
    };
    let is_part = |one: &str, other: &str| one.starts_with(&format!("{other}::")) || one == other;
    let mut all = BTreeMap::new();
    for file in files {
        let here = modules(&file.path).join("::");
        let used = mentioned(file).into_iter().filter_map(|path| file_of(&path));
        let used = used.filter(|other| !is_part(&here, other) && !is_part(other, &here)).collect();
        all.insert(here, used);
    }
    all
}

/// A way from a file back to itself, if there is one.
fn circle(uses: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut left = uses.clone();
    // What uses nothing, or nothing but such, is in no circle.
    while let Some(leaf) = left.iter().find(|(_, used)| used.iter().all(|other| !left.contains_key(other))) {
        let leaf = leaf.0.clone();
        left.remove(&leaf);
    }
    let mut way = vec![left.keys().next()?.clone()];
    loop {
        let next = left[way.last()?].iter().find(|other| left.contains_key(*other))?.clone();
        if let Some(at) = way.iter().position(|file| *file == next) {
            return Some(way.split_off(at));
        }
        way.push(next);
    }
}

#[test]
fn no_file_uses_another_that_uses_it() {
    assert_eq!(circle(&uses(&source::files("src", "rs"))), None);
}

#[test]
fn a_circle_between_files_is_found() {
    let file = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
    let files = |text: &str| {
        [
            file("src/model.rs", "pub mod a;"),
            file("src/model/a.rs", "use crate::model::{b::B, c};"),
            file("src/model/b.rs", text),
            file("src/model/c.rs", ""),
            file("src/model/c/d.rs", "use super::super::c::X; // crate::model::a"),
        ]
    };
    assert_eq!(circle(&uses(&files("use super::c::d::D;"))), None);
    let found = Some(vec!["model::a".to_owned(), "model::b".to_owned()]);
    assert_eq!(circle(&uses(&files("fn f() -> super::a::A {}"))), found);
    assert_eq!(circle(&uses(&files("use crate::{kernel, model::{a::{self, A}}};"))), found);
}

/// Who may speak of this machine's kernel itself, besides `kernel/`, and what for. All others go through the trait.
const OF_LINUX: &[(&str, &str)] = &[
    ("src/sandbox", "namespaces and mounts are what it is made of"),
    ("src/session/machine.rs", "makes the kernel that everybody else gets"),
    ("src/session/exec.rs", "runs a command in a namespace of a lab without more of the lab"),
    ("src/session/stand_guard.rs", "sets up its own process"),
    ("src/lab/registry", "which boot it is, and what labs share"),
    ("src/lab/store.rs", "which boot and which process writes"),
    ("src/lab/recover.rs", "whether that boot and process are still there"),
    ("src/lab/machine.rs", "gathers facts about the machine for `doctor`"),
    ("src/lab/fault.rs", "kills its own process on purpose"),
    ("src/cli/doctor", "judges those facts"),
    ("src/cli/prove/trial.rs", "compares all there is before and after"),
    ("src/cli/by_tag.rs", "looks for marks on the whole machine"),
    ("src/cli/serve.rs", "is a server itself"),
];

#[test]
fn all_others_go_through_the_trait_of_the_kernel() {
    let files = source::files("src", "rs");
    let outside: Vec<&Source> = files.iter().filter(|file| !file.path.starts_with("src/kernel")).collect();
    let speaks = |file: &Source| mentioned(file).iter().any(|path| path.starts_with("kernel::linux"));
    let wrong: Vec<&str> = outside
        .iter()
        .filter(|file| speaks(file) && !OF_LINUX.iter().any(|(place, _)| file.path.starts_with(place)))
        .map(|file| file.path.as_str())
        .collect();
    assert!(wrong.is_empty(), "go through the trait `Kernel`: {}", wrong.join(", "));
    for (place, _) in OF_LINUX {
        assert!(outside.iter().any(|file| file.path.starts_with(place) && speaks(file)), "{place} needs no exception");
    }
}
