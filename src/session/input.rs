//! What a session is given.

use crate::lab::Right;
use crate::model::error::OpResult;
use crate::script::{ParamValue, read_text, standard_input};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A recipe and what it is given.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its path, as the user wrote it.
    pub recipe: PathBuf,
    /// Whether its text is on standard input, and that is but its name.
    pub is_stdin: bool,
    /// Its parameters; of two with one name the last counts.
    pub params: Vec<(String, ParamValue)>,
    /// Further folders that modules may come from.
    pub module_path: Vec<PathBuf>,
    /// When to end a recipe that runs away, in operations of the script engine.
    pub max_operations: Option<u64>,
    /// What it may not do.
    pub deny: BTreeSet<Right>,
}

impl Input {
    /// The recipe's text.
    pub fn text(&self) -> OpResult<String> {
        if self.is_stdin { standard_input() } else { read_text(&self.recipe) }
    }

    /// Where the recipe is, for who asks from another folder.
    pub fn path(&self) -> PathBuf {
        if self.is_stdin { self.recipe.clone() } else { absolute(&self.recipe) }
    }

    /// The parameters as a user would write them.
    pub fn values(&self) -> Vec<(String, String)> {
        self.params.iter().map(|(name, value)| (name.clone(), value.plain())).collect()
    }
}

/// A recipe's path from the root, for who looks at the lab from another folder.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
