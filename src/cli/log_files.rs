//! The files in a lab's folder with what its processes print.

use crate::model::error::{Class, OpError, OpResult, io_words};
use std::fs::read_dir;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The processes that have a log in a folder.
pub fn names(dir: &Path) -> OpResult<Vec<String>> {
    let entries = match read_dir(dir) {
        // No process was ever started.
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|e| unreadable(dir, &e))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(dir, &e))?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

pub fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.log"))
}

pub fn unreadable(path: &Path, error: &io::Error) -> OpError {
    OpError::new("logs::read", format!("Cannot read {}: {}.", path.display(), io_words(error))).class(Class::Machine)
}
