//! Recipes: whatever text comes in, it is refused or run, never with a panic; every report can be rendered; and when
//! everything was undone, nothing is left.

use crate::fakes::Watched;
use rhailab::diagnostics::{ReportStyle, render, to_json};
use rhailab::export::{self, Step, StepKind};
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::{Event, Lab};
use rhailab::model::error::OpResult;
use rhailab::model::names::LabName;
use rhailab::ops;
use rhailab::sandbox::on_big_stack;
use rhailab::script::sources::Sources;
use rhailab::script::{Config, Session};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// How many operations a recipe may use up.
const OPERATIONS: u64 = 2_000;

/// The folders of the project that have recipes.
const FOLDERS: [&str; 5] = ["scripts/labs", "scripts/provision", "stdlib", "benches/recipes", "tests/errors"];

/// Checks one input.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // A run must not depend on the stack that the fuzzer was started with.
    on_big_stack(|| check_text(text)).expect("a thread can be started");
}

fn check_text(text: &str) {
    // The length decides which of the two kernels it is, and whether a change is refused.
    let kernel = match text.len() % 4 {
        0 => FakeKernel::judged(),
        1 => FakeKernel::failing_at(text.len() as u64 / 4 % 8),
        _ => FakeKernel::new(),
    };
    let fake = Rc::new(RefCell::new(kernel));
    let watched = Watched { fake: Rc::clone(&fake), batches: Rc::default(), refusal: None };
    let Ok(name) = LabName::new("fuzz") else { panic!("`fuzz` is no name") };
    let lab = Rc::new(RefCell::new(Lab::new(name, Box::new(watched), None)));
    let steps = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&steps);
    lab.borrow_mut().listen(Box::new(move |event| {
        if let Event::Made(record) = event {
            seen.borrow_mut().push(Step { record: (*record).clone(), kind: StepKind::Makes });
        }
    }));
    let (result, sources) = run_in(text, &lab);
    if let Err(error) = &result {
        for (width, color) in [(100, false), (20, true)] {
            let report = render(error, &sources, ReportStyle { color, width, unicode: !color });
            assert!(report.contains(error.0.code), "{report}");
        }
        let _ = to_json(error);
    }
    let steps = steps.take();
    let _ = (export::up("fuzz.rhai", &steps), export::down("fuzz.rhai", &steps));
    let left = lab.borrow_mut().unwind();
    let left: Vec<String> = left.iter().map(rhailab::lab::Leftover::describe).collect();
    assert!(left.is_empty() && fake.borrow().is_bare(), "{left:?} {fake:?}");
}

fn run_in(text: &str, lab: &Rc<RefCell<Lab>>) -> (OpResult<()>, Sources) {
    let config = Config { max_operations: OPERATIONS, print: Rc::new(|_| {}), ..Config::default() };
    let session = Session::new(Rc::clone(lab), config);
    let result = session.load_text("fuzz.rhai", text).and_then(|recipe| {
        let _ = recipe.doc(session.sources());
        session.run(&recipe)
    });
    (result, session.sources().clone())
}

/// Runs a recipe in a lab.
///
/// # Errors
///
/// If the recipe fails.
pub fn run(text: &str, lab: &mut Lab) -> OpResult<()> {
    let spare = Lab::new(lab.name().clone(), Box::new(FakeKernel::new()), None);
    let shared = Rc::new(RefCell::new(std::mem::replace(lab, spare)));
    let (result, _) = run_in(text, &shared);
    *lab = shared.replace(Lab::new(lab.name().clone(), Box::new(FakeKernel::new()), None));
    result
}

/// Every recipe of the project, and the example of every function.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut paths: Vec<PathBuf> = FOLDERS
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .collect();
    paths.sort();
    let files = paths.iter().filter_map(|path| std::fs::read(path).ok());
    files.chain(ops::all().map(|def| def.example.as_bytes().to_vec())).collect()
}
