//! What the documentation says is so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::{Home, User};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_reference_is_that_of_the_functions() {
    let (written, generated) = (read("docs/reference.md"), rhailab::ops::reference::markdown());
    let differs = written.lines().zip(generated.lines()).position(|(a, b)| a != b);
    assert!(
        written == generated,
        "docs/reference.md is not that of the functions, from line {} on: run `rhailab reference > docs/reference.md`",
        differs.unwrap_or_else(|| written.lines().count().min(generated.lines().count())) + 1
    );
}

#[test]
fn every_dependency_has_a_line_that_says_what_for() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let names = |section: &str| manifest[section].as_table().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let design = read("docs/design.md");
    let (_, table) = design.split_once("| crate | what for |\n| --- | --- |\n").unwrap();
    let rows: Vec<(String, bool)> = table
        .lines()
        .map_while(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .map(|(name, what)| (name.to_owned(), what.starts_with("tests: ")))
        .collect();
    for (section, is_for_tests) in [("dependencies", false), ("dev-dependencies", true)] {
        let listed: Vec<&String> = rows.iter().filter(|row| row.1 == is_for_tests).map(|(name, _)| name).collect();
        let depended = names(section);
        let depended: Vec<&String> = depended.iter().collect();
        assert_eq!(listed, depended, "the table in docs/design.md, from a to z, and [{section}] in Cargo.toml");
    }
}

#[test]
fn the_commands_that_take_json_are_those_in_its_documentation() {
    let home = Home::new(User::Me);
    let documented = read("docs/json.md");
    let headings: BTreeSet<&str> = documented
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect();
    let help = home.run(&["--help"]).assert_well();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))?.split(' ').next())
        .collect();
    assert!(commands.len() > 10, "{help}");
    for name in commands.into_iter().filter(|name| *name != "help") {
        let takes = home.run(&[name, "--help"]).assert_well().contains("--json");
        assert_eq!(takes, headings.contains(name), "`rhailab {name}` takes --json, or docs/json.md says so");
    }
}

#[test]
fn definition_files_are_written_where_they_are_wanted() {
    let home = Home::new(User::Me);
    let said = home.run(&["definitions", "editor/rhai"]).err;
    assert!(said.contains("Wrote editor/rhai/rhailab.d.rhai."), "{said}");
    let text = fs::read_to_string(home.path("editor/rhai/rhailab.d.rhai")).unwrap();
    assert!(text.starts_with("module static;\n") && text.contains("\nfn netns(name: String) -> netns;\n"), "{text}");
    home.write("editor/web.rhai", "netns(\"a\");\n");
    assert_eq!(home.run(&["check", "editor"]).err, "1 file checked: nothing is wrong.\n", "they are no recipes");
    assert!(home.run(&["definitions", "rhailab"]).assert_fails(3).contains("Cannot write rhailab"));
}

#[test]
fn what_editors_are_to_be_told_is_well_formed() {
    let text = read("docs/editors.md");
    let fences = |language: &str| -> Vec<String> {
        let fence = format!("\n```{language}\n");
        let parts = text.split(&fence).skip(1);
        parts.filter_map(|part| part.split("\n```").next()).map(str::to_owned).collect()
    };
    let helix: toml::Table = toml::from_str(&fences("toml")[0]).unwrap();
    assert_eq!(helix["language-server"]["rhailab"]["args"][0].as_str(), Some("lsp"));
    let code: serde_json::Value = serde_json::from_str(&fences("json")[0]).unwrap();
    assert_eq!(code["contributes"]["languages"][0]["extensions"][0], ".rhai");
    for language in ["lua", "js", "elisp"] {
        let all = fences(language).concat();
        assert!(all.contains("lsp") && all.contains("rhailab"), "{language}: {all}");
    }
}
