//! The journal's reader: whatever bytes a file holds, it is refused or it is read, and what is read says the same when
//! it is written again, can be shown, and can be undone.

use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::journal::Contents;
use rhailab::lab::{Lab, Leftover, store};
use rhailab::model::kind::Kind;
use rhailab::model::names::LabName;
use std::path::Path;

/// Checks one input.
pub fn check(data: &[u8]) {
    let path = Path::new("journal.jsonl");
    let Ok(state) = store::parse(data, path) else { return };
    let written = write(&state);
    let again = store::parse(&written, path);
    let again = again.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&written)));
    assert_eq!(again, state, "{}", String::from_utf8_lossy(&written));

    for record in state.records() {
        let _ = (record.change.commands(), record.change.undo_commands(&record.identity));
    }
    let (Ok(name), Ok(journal)) = (LabName::new("fuzz"), store::Journal::open(Path::new("/dev/null"), None)) else {
        panic!("there is no /dev/null")
    };
    // A journal that lies may have a sysctl set that never was; but whatever it says, it can be acted on.
    let mut lab = Lab::resume(name, Box::new(FakeKernel::new()), Some(journal), state.records());
    let left: Vec<String> = lab.unwind().iter().map(Leftover::describe).collect();
    assert_eq!(left.len(), lab.records().len(), "{left:?}");
}

/// A journal that says what a state says.
fn write(state: &Contents) -> Vec<u8> {
    let lines = state.lines();
    let texts = lines.iter().map(|line| serde_json::to_string(line).expect("a line can be written") + "\n");
    texts.collect::<String>().into_bytes()
}

/// The journals of recipes that were run in memory, as a crash at the end would leave them.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("there is room for a journal");
    let recipes = crate::recipe::seeds();
    let journal = |(number, recipe): (usize, &Vec<u8>)| {
        let path = folder.path().join(number.to_string());
        let name = LabName::new("seed").ok()?;
        let journal = store::Journal::create(&path, &name, "seed.rhai", None).ok()?;
        let text = std::str::from_utf8(recipe).ok()?;
        let mut lab = Lab::new(name, Box::new(FakeKernel::new()), Some(journal));
        let result = crate::recipe::run(text, &mut lab);
        result.and_then(|()| lab.keep()).ok()?;
        std::fs::read(&path).ok()
    };
    recipes.iter().enumerate().filter_map(journal).collect()
}
