//! The gallery of errors: every recipe in `tests/errors`, beside the report that it ends with. Those in
//! `tests/errors/kernel` are run by the real binary, on the real kernel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "machine/mod.rs"]
mod machine;
#[path = "scratch/mod.rs"]
mod scratch;
#[path = "support/mod.rs"]
mod support;

use rhailab::diagnostics::{ReportStyle, render};
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::Lab;
use rhailab::model::names::LabName;
use rhailab::script::{Config, Session};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

const STYLE: ReportStyle = ReportStyle { color: false, width: 100, unicode: true };

/// What a recipe printed, and the report of how it failed.
fn outcome(path: &Path) -> String {
    let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::judged()), None);
    let printed = Rc::new(RefCell::new(String::new()));
    let print = Rc::clone(&printed);
    let config = Config {
        max_operations: 10_000,
        print: Rc::new(move |text: &str| {
            print.borrow_mut().push_str(text);
            print.borrow_mut().push('\n');
        }),
        ..Config::default()
    };
    let session = Session::new(Rc::new(RefCell::new(lab)), config);
    let result = session.load_file(path).and_then(|recipe| session.run(&recipe));
    let error = result.err().unwrap_or_else(|| panic!("{} did not fail", path.display()));
    let report = render(&error, session.sources(), STYLE);
    let here = std::env::current_dir().unwrap().display().to_string();
    format!("{}exit code {}\n\n{}", printed.take(), error.0.class.exit_code(), report.replace(&here, "[here]"))
}

/// The recipes in a folder, by name.
fn recipes(folder: &str) -> Vec<PathBuf> {
    let mut recipes: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    recipes.retain(|path| path.extension().is_some_and(|extension| extension == "rhai"));
    recipes.sort();
    recipes
}

fn compare(path: &Path, outcome: &str) {
    let script = std::fs::read_to_string(path).unwrap();
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let folder = if path.parent().unwrap().ends_with("kernel") { "snapshots/kernel" } else { "snapshots" };
    let text = format!("{script}\n----- {outcome}");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => folder }, {
        insta::assert_snapshot!(name, text);
    });
}

#[test]
fn every_error_is_told_well() {
    let recipes = recipes("tests/errors");
    assert!(recipes.len() > 30, "the gallery is there");
    let run = move || recipes.iter().for_each(|path| compare(path, &outcome(path)));
    // One level of a recursion takes kilobytes in a debug build.
    let stack = rhailab::script::limits::STACK;
    std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap();
}

/// What the kernel itself refuses, and what fails in a network that stands. A recipe's first line says with which
/// options it is run.
#[test]
fn every_refusal_of_the_kernel_is_told_well() {
    let Some(machine) = machine::enter(false) else { return };
    let recipes = recipes("tests/errors/kernel");
    assert!(recipes.len() > 50, "the gallery is there");
    machine.home.folder("lib");
    machine.home.write("lib/lan.rhai", &std::fs::read_to_string("tests/errors/kernel/lib/lan.rhai").unwrap());
    for path in recipes {
        let script = std::fs::read_to_string(&path).unwrap();
        let options = script.lines().next().and_then(|line| line.strip_prefix("// with: ")).unwrap_or_default();
        let file = path.file_name().unwrap().to_str().unwrap();
        machine.home.write(file, &script);
        let words: Vec<&str> = ["run", "-q"].into_iter().chain(options.split_whitespace()).chain([file]).collect();
        let ran = machine.home.run(&words);
        compare(&path, &format!("{}exit code {}\n\n{}", ran.out, ran.code.unwrap_or(-1), ran.err));
    }
}
