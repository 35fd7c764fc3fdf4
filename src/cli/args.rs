//! Arguments that several subcommands share.

use super::completions;
use super::params;
use crate::lab::Right;
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::{LabName, proposal};
use crate::output::progress::{Level, Progress};
use crate::output::{Printing, told, write_err};
use crate::script::ParamValue;
use crate::session::Failure;
use crate::session::Input;
use clap::Args;
use serde_json::json;
use std::cell::RefCell;
use std::ffi::OsString;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What to run and with which parameters.
#[derive(Debug, Clone, Args)]
pub struct RecipeArgs {
    /// The recipe, a file of script; - for standard input
    #[arg(value_name = "RECIPE", required_unless_present = "help", add = completions::recipes())]
    pub recipe: Option<PathBuf>,
    #[command(flatten)]
    pub given: GivenArgs,
}

/// What a recipe is given, and help with that.
#[derive(Debug, Clone, Args)]
pub struct GivenArgs {
    /// Set a parameter of the recipe
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = parse_pair, add = completions::parameters())]
    pub param: Vec<(String, String)>,
    /// Read parameters from a TOML or JSON file; -p wins
    #[arg(long, value_name = "FILE")]
    pub params: Option<PathBuf>,
    /// Let the recipe import modules from this folder too
    #[arg(long, value_name = "DIR")]
    pub module_path: Vec<PathBuf>,
    /// End the recipe after this many operations of the script engine; 0 is no limit
    #[arg(long, value_name = "N")]
    pub max_operations: Option<u64>,
    /// Forbid the recipe to run programs (exec), to change the lab's root namespace (host), to write files (files)
    #[arg(long, value_name = "WHAT", value_delimiter = ',', value_parser = parse_right)]
    pub deny: Vec<Right>,
    /// Print help; with a recipe, also its parameters
    #[arg(short, long, display_order = 901)]
    pub help: bool,
}

/// How much is said while a lab is made or taken down.
#[derive(Debug, Clone, Copy, Args)]
pub struct OutputArgs {
    /// Show every change, as the command that does the same
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Say nothing but the recipe's own output and errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print events as JSON, one per line (docs/json.md)
    #[arg(long, conflicts_with_all = ["verbose", "quiet"])]
    pub json: bool,
}

/// How a subcommand that writes files says so.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReportArgs {
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Print a JSON object for each file (docs/json.md)
    #[arg(long, conflicts_with = "quiet")]
    pub json: bool,
}

impl ReportArgs {
    /// Says that a file was written.
    pub fn wrote(self, path: &Path) -> OpResult<()> {
        if self.json {
            let line = json!({ "event": "wrote", "file": path });
            return told(writeln!(stdout(), "{line}"));
        }
        if !self.quiet {
            write_err(&format!("Wrote {}.", path.display()));
        }
        Ok(())
    }
}

/// Whether a path stands for standard input.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl OutputArgs {
    /// Nothing but the recipe's own output and errors.
    pub const QUIET: OutputArgs = OutputArgs { verbose: false, quiet: true, json: false };

    fn level(self) -> Level {
        match self {
            OutputArgs { json: true, .. } => Level::Json,
            OutputArgs { verbose: true, .. } => Level::Verbose,
            OutputArgs { quiet: true, .. } => Level::Quiet,
            OutputArgs { .. } => Level::Brief,
        }
    }

    /// The progress of a lab, as the user wants it to be shown.
    pub fn progress(self, lab: &str, printing: Printing) -> Rc<RefCell<Progress>> {
        Rc::new(RefCell::new(Progress::new(lab, self.level(), printing.stderr())))
    }
}

impl RecipeArgs {
    /// What a session is given.
    pub fn input(&self) -> Result<Input, Failure> {
        Ok(Input {
            recipe: self.path()?.to_owned(),
            is_stdin: self.is_stdin(),
            params: self.parameters()?,
            module_path: self.module_path()?,
            max_operations: self.given.max_operations,
            deny: self.given.deny.iter().copied().collect(),
        })
    }

    /// The recipe's path as the user wrote it; for standard input what it is called.
    pub fn path(&self) -> OpResult<&Path> {
        let path = self.recipe.as_deref().ok_or_else(|| {
            OpError::new("usage::recipe", "There is no recipe to run.").help("Name one.").class(Class::Usage)
        })?;
        Ok(if is_stdin(path) { Path::new("stdin") } else { path })
    }

    /// Whether the recipe comes from standard input.
    pub fn is_stdin(&self) -> bool {
        self.recipe.as_deref().is_some_and(is_stdin)
    }

    /// The same as words of another command line.
    pub fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        for (name, value) in &self.given.param {
            words.extend(["--param".into(), format!("{name}={value}").into()]);
        }
        if let Some(path) = &self.given.params {
            words.extend(["--params".into(), path.into()]);
        }
        for path in &self.given.module_path {
            words.extend(["--module-path".into(), path.into()]);
        }
        if let Some(limit) = self.given.max_operations {
            words.extend(["--max-operations".into(), limit.to_string().into()]);
        }
        for right in &self.given.deny {
            words.extend(["--deny".into(), right.as_str().into()]);
        }
        words.extend(["--".into()].into_iter().chain(self.recipe.iter().map(Into::into)));
        words
    }

    /// The parameters of the file and of the command line, in this order; of two with one name the last counts.
    pub fn parameters(&self) -> Result<Vec<(String, ParamValue)>, Failure> {
        let mut all = match &self.given.params {
            Some(file) => params::read(file)?,
            None => Vec::new(),
        };
        all.extend(self.given.param.iter().map(|(name, value)| (name.clone(), ParamValue::Text(value.clone()))));
        Ok(all)
    }

    /// The folders that modules may come from, all of which are there.
    pub fn module_path(&self) -> OpResult<Vec<PathBuf>> {
        folders(&self.given.module_path)
    }
}

/// The folders of `--module-path`, all of which are there.
pub fn folders(module_path: &[PathBuf]) -> OpResult<Vec<PathBuf>> {
    match module_path.iter().find(|folder| !folder.is_dir()) {
        None => Ok(module_path.to_vec()),
        Some(folder) => Err(OpError::new("usage::module_path", format!("There is no folder `{}`.", folder.display()))
            .help("`--module-path` takes a folder that modules may be imported from.")
            .class(Class::Usage)),
    }
}

/// The lab's name where the user gave none: the recipe's, made legal.
pub fn default_name(recipe: &Path) -> OpResult<LabName> {
    let stem = recipe.file_stem().unwrap_or_default().to_string_lossy();
    Ok(LabName::new(&proposal(&stem, 40))?)
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("it has the form NAME=VALUE".to_owned()),
    }
}

fn parse_right(text: &str) -> Result<Right, String> {
    let all = [Right::Exec, Right::Host, Right::Files];
    all.into_iter().find(|right| right.as_str() == text).ok_or_else(|| "it is one of exec, host, files".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_split_at_its_first_equals_sign() {
        assert_eq!(parse_pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert_eq!(parse_pair("a=").unwrap(), ("a".into(), String::new()));
        assert!(parse_pair("=b").is_err() && parse_pair("a").is_err());
    }

    #[test]
    fn a_lab_is_called_after_its_recipe_as_far_as_that_is_legal() {
        assert_eq!(default_name(Path::new("labs/web one.rhai")).unwrap().as_str(), "webone");
        assert_eq!(default_name(Path::new("..")).unwrap().as_str(), "x");
    }

    #[test]
    fn parameters_come_from_toml_and_json_and_the_command_line_wins() {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in
            [("p.toml", "n = 3\nlan = \"10.0.0.0/24\""), ("p.json", r#"{"n": 3, "lan": "10.0.0.0/24"}"#)]
        {
            let path = dir.path().join(file);
            std::fs::write(&path, text).unwrap();
            let given = GivenArgs {
                param: vec![("n".into(), "4".into())],
                params: Some(path),
                module_path: Vec::new(),
                max_operations: None,
                deny: Vec::new(),
                help: false,
            };
            let all = RecipeArgs { recipe: None, given }.parameters().unwrap();
            assert_eq!(all.last(), Some(&("n".to_owned(), ParamValue::Text("4".into()))));
            assert!(all.contains(&("n".to_owned(), ParamValue::Json(3.into()))), "{file}");
        }
    }
}
