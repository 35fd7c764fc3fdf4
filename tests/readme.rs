//! What the README shows is so: its commands run, in the order in which they stand, with the recipe beside them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use support::{Home, Ran, User, outside, users};

/// The file that the commands call the recipe.
const RECIPE: &str = "web.rhai";

/// A folder of the user's, where files can be written.
const FOLDER: &str = "here";

/// What no test can run, each with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    ("scripts/demo.sh", "builds a release and may install packages; continuous integration runs it"),
    ("scripts/test.sh", "runs this test"),
    ("scripts/release.sh", "builds a release, which takes minutes"),
    ("scripts/bench.sh", "takes minutes, and shows times, which are no test"),
    ("cargo install --path .", "builds a release and installs it"),
    (
        "ssh HOST rhailab up --host --name web - < web.rhai",
        "needs another machine; tests/stdin.rs gives a recipe on standard input",
    ),
    ("kill -9", "is what can happen, and no advice"),
    ("ip -batch", "is what the benchmark compares with"),
];

/// A piece of the README.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// A command line of a shell.
    Command(String),
    /// A session at the prompt: what is entered, and all that is printed.
    Prompt { command: String, entered: Vec<String>, printed: Vec<String> },
}

impl Piece {
    fn command(&self) -> &str {
        match self {
            Piece::Command(command) | Piece::Prompt { command, .. } => command,
        }
    }
}

fn readme() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

/// The blocks between fences, by their language, and the text around them.
fn blocks(text: &str) -> (Vec<(&str, &str)>, String) {
    let (mut blocks, mut prose) = (Vec::new(), String::new());
    for (at, part) in text.split("```").enumerate() {
        match part.split_once('\n') {
            Some(block) if at % 2 == 1 => blocks.push(block),
            _ => prose.push_str(part),
        }
    }
    (blocks, prose)
}

/// A command without the remark after it.
fn bare(line: &str) -> String {
    line.split_once(" #").map_or(line, |(command, _)| command).trim().to_owned()
}

/// What the blocks say to enter.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (language, block) in blocks(text).0 {
        match language {
            "rhai" => {}
            "sh" => pieces.extend(block.lines().map(|line| Piece::Command(bare(line)))),
            "console" => block.lines().for_each(|line| read(line, &mut pieces)),
            other => panic!("no test knows what is in a block of `{other}`:\n{block}"),
        }
    }
    pieces
}

/// Reads a line that a terminal shows.
fn read(line: &str, pieces: &mut Vec<Piece>) {
    if let Some(command) = line.strip_prefix("$ ").map(bare) {
        let is_prompt = command.starts_with("rhailab repl");
        let prompt = |command| Piece::Prompt { command, entered: Vec::new(), printed: Vec::new() };
        pieces.push(if is_prompt { prompt(command) } else { Piece::Command(command) });
        return;
    }
    let Some(Piece::Prompt { entered, printed, .. }) = pieces.last_mut() else {
        panic!("the README shows the output of a command, which no test compares: {line}");
    };
    match line.strip_prefix("lab> ") {
        Some(entry) => entered.push(entry.to_owned()),
        None => printed.push(line.to_owned()),
    }
}

fn reason_not_to_run(command: &str) -> Option<&'static str> {
    NOT_RUN.iter().find(|(name, _)| *name == command).map(|(_, reason)| *reason)
}

/// Runs a command line with the program in the path, and both its outputs in one.
fn shell(home: &Home, line: &str, input: &str) -> Ran {
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home.path("").display());
    let input = home.write("input", input);
    let line = format!("cd {FOLDER} && ( {line} ) <{} 2>&1", input.display());
    Ran::of(&home.command(&["sh", "-c", &line]).env("PATH", path).output().unwrap())
}

#[test]
fn its_commands_run_one_after_another() {
    let text = readme();
    let recipe = blocks(&text).0.into_iter().find(|(language, _)| *language == "rhai").unwrap().1;
    let pieces = pieces(&text);
    let run = pieces.iter().filter(|piece| reason_not_to_run(piece.command()).is_none()).count();
    assert!(run >= 6, "{pieces:?}");
    for user in users() {
        let home = Home::new(user);
        let before = outside();
        home.folder(FOLDER);
        home.write(&format!("{FOLDER}/{RECIPE}"), recipe);
        for piece in pieces.iter().filter(|piece| reason_not_to_run(piece.command()).is_none()) {
            let command = piece.command();
            assert!(command.starts_with("rhailab "), "no test can tell whether this works: {command}");
            match piece {
                Piece::Command(_) => {
                    let ran = shell(&home, command, "");
                    assert_eq!(ran.code, Some(0), "{user:?}: {command}\n{}", ran.out);
                    for value in given(command) {
                        assert!(ran.out.contains(value), "{user:?}: {command} shows nothing of {value}:\n{}", ran.out);
                    }
                }
                Piece::Prompt { entered, printed, .. } => {
                    let ran = shell(&home, command, &(entered.join("\n") + "\n"));
                    let shown: Vec<&str> = ran.out.lines().collect();
                    assert_eq!((ran.code, shown), (Some(0), printed.iter().map(String::as_str).collect()), "{user:?}");
                }
            }
        }
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}: a lab stays up");
        assert_eq!(outside(), before, "{user:?}");
    }
}

/// The parameters' values that a command which shows every change is given.
fn given(command: &str) -> Vec<&str> {
    let words: Vec<&str> = command.split(' ').collect();
    let is_shown = words.contains(&"-v");
    let values = words.windows(2).filter(|pair| is_shown && pair[0] == "-p");
    values.filter_map(|pair| Some(pair[1].split_once('=')?.1)).collect()
}

/// What stands between back-ticks.
fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The commands in the text, and those in the table of commands, where `status NAME` is short for `rhailab status NAME`.
fn named(prose: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut subcommands, mut others) = (BTreeSet::new(), Vec::new());
    let mut see = |span: &str, in_table: bool| match span.strip_prefix("rhailab ").or(in_table.then_some(span)) {
        Some(command) => {
            subcommands.extend(command.split(' ').next().map(str::to_owned));
        }
        None if span.contains(' ') || Path::new(span).extension() == Some("sh".as_ref()) => {
            others.push(span.to_owned());
        }
        None => {}
    };
    let (table, text): (Vec<&str>, Vec<&str>) = prose.lines().partition(|line| line.starts_with("| `"));
    for row in table {
        let cells = row.trim_start_matches("| ").split_once(" | ").unwrap();
        spans(cells.0).for_each(|span| see(span, true));
    }
    spans(&text.join(" ")).for_each(|span| see(span, false));
    (subcommands, others)
}

#[test]
fn every_command_in_its_text_is_there() {
    let text = readme();
    let (subcommands, others) = named(&blocks(&text).1);
    assert!(subcommands.len() > 15 && subcommands.contains("journal"), "{subcommands:?}");
    let home = Home::new(User::Me);
    for name in subcommands {
        let help = home.run(&[&name, "--help"]);
        assert_eq!(help.code, Some(0), "README.md names `rhailab {name}`, which is not there: {}", help.err);
        assert!(help.out.contains(&format!("Usage: rhailab {name}")), "{}", help.out);
    }
    for other in others {
        assert!(reason_not_to_run(&other).is_some(), "README.md names `{other}`: run it, or say in NOT_RUN why not");
    }
}

#[test]
fn it_asks_for_the_rust_that_cargo_does() {
    let wanted = format!("Rust {} or newer", env!("CARGO_PKG_RUST_VERSION"));
    assert!(readme().contains(&wanted), "README.md does not say `{wanted}`");
}

#[test]
fn what_is_not_run_is_in_it() {
    let text = readme();
    for (command, _) in NOT_RUN {
        assert!(text.contains(command), "README.md does not name `{command}` any more");
    }
}
