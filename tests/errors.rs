//! The gallery of errors: every recipe in `tests/errors`, beside the report that it ends with.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

use rhailab::diagnostics::{Style, render};
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::Lab;
use rhailab::names::LabName;
use rhailab::script::{Config, Session};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

const STYLE: Style = Style { color: false, width: 100, unicode: true };

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

#[test]
fn every_error_is_told_well() {
    let mut recipes: Vec<_> = std::fs::read_dir("tests/errors").unwrap().map(|entry| entry.unwrap().path()).collect();
    recipes.retain(|path| path.extension().is_some_and(|extension| extension == "rhai"));
    recipes.sort();
    assert!(recipes.len() > 30, "the gallery is there");
    // One level of a recursion takes kilobytes in a debug build.
    let stack = rhailab::script::limits::STACK;
    let run = move || {
        for path in recipes {
            let script = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let text = format!("{script}\n----- {}", outcome(&path));
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(name, text);
            });
        }
    };
    std::thread::Builder::new().stack_size(stack).spawn(run).unwrap().join().unwrap();
}
