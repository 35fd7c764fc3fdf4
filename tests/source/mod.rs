//! The project's own source text, for tests that read it.

#![allow(dead_code, reason = "no test program uses all of it")]

use std::fs;
use std::path::{Path, PathBuf};

/// A file, by its path from the project's root.
pub struct Source {
    /// `src/kernel/fake.rs`
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The files in a folder of the project and those below it, with this extension, in order.
pub fn files(dir: &str, extension: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(&root.join(dir), &mut found);
    found.retain(|path| path.extension().is_some_and(|it| it == extension));
    found.sort();
    assert!(!found.is_empty(), "no .{extension} file in {dir}");
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).unwrap(),
        path: path.strip_prefix(root).unwrap().to_str().unwrap().into(),
    };
    found.into_iter().map(source).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

impl Source {
    /// Where the unit tests at the end of the file begin; its end where there are none.
    pub fn tests_at(text: &str) -> usize {
        text.find("#[cfg(test)]").unwrap_or(text.len())
    }
}
