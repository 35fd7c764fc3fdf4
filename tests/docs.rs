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

/// The subcommands that the README names: after `rhailab` on a command line, and in the table of commands.
fn named() -> BTreeSet<String> {
    let text = read("README.md");
    let mut named = BTreeSet::new();
    for line in text.lines() {
        let cell = line.strip_prefix("| `").and_then(|line| line.split(" |").next());
        let spans = cell.into_iter().flat_map(|cell| cell.split('`').step_by(2));
        let commands = line.strip_prefix("$ ").into_iter().chain(spans);
        // `status NAME` in the table is short for `rhailab status NAME`.
        let words = commands.filter_map(|command| command.trim_start_matches("rhailab ").split(' ').next());
        named.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    }
    named
}

#[test]
fn every_command_that_the_readme_names_is_there() {
    let (home, named) = (Home::new(User::Me), named());
    assert!(named.len() > 10 && named.contains("journal") && named.contains("exec"), "{named:?}");
    for name in named {
        let help = home.run(&[&name, "--help"]);
        assert_eq!(help.code, Some(0), "README.md names `rhailab {name}`, which is not there: {}", help.err);
        assert!(help.out.contains(&format!("rhailab {name}")), "{}", help.out);
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
