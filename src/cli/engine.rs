//! The one place where the command line meets the script engine, the reports and the real kernel.

use super::style::Style;
use crate::error::{Class, OpError, OpResult};
use crate::kernel::Kernel;
use crate::kernel::fake::FakeKernel;
use crate::lab::Lab;
use crate::lab::registry::{Mode, Place};
use crate::names::{LabName, Ns};
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// A recipe to be run and what it is given.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its path, as the user wrote it.
    pub recipe: PathBuf,
    /// Its parameters; of two with one name the last counts.
    pub params: Vec<(String, serde_json::Value)>,
    /// Further folders that modules may come from.
    pub module_path: Vec<PathBuf>,
    /// When to end a recipe that runs away.
    pub max_operations: Option<u64>,
}

/// An error with what is needed to show it in the recipe's text.
#[derive(Debug)]
pub struct Trouble {
    /// The error.
    pub error: OpError,
}

impl From<OpError> for Trouble {
    fn from(error: OpError) -> Trouble {
        Trouble { error }
    }
}

/// What a recipe says about itself.
#[derive(Debug, Default)]
pub struct About {
    /// The comment at its head.
    pub doc: String,
    /// Its parameters.
    pub params: Vec<Param>,
}

/// A parameter that a recipe declares.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its default, as the recipe has it.
    pub default: String,
    /// What it is for.
    pub doc: String,
}

/// The kernel of this machine, for a lab in `place`.
pub fn kernel(_lab: &LabName, _place: &Place, _mode: Mode, _persistent: bool) -> OpResult<Box<dyn Kernel>> {
    Ok(Box::new(FakeKernel::new()))
}

/// Runs a recipe in a lab.
pub fn perform(lab: &Rc<RefCell<Lab>>, order: &Order, print: Rc<dyn Fn(&str)>) -> Result<(), Trouble> {
    let _ = lab;
    let text = std::fs::read_to_string(&order.recipe).map_err(|e| {
        OpError::new("recipe::read", format!("Cannot read {}: {e}.", order.recipe.display())).class(Class::Usage)
    })?;
    let run = |program: &str, args: &[&str]| {
        let done = std::process::Command::new(program).args(args).status();
        match done {
            Ok(status) if status.success() => Ok(()),
            other => Err(OpError::new("exec::status", format!("{program} {args:?}: {other:?}"))),
        }
    };
    for line in text.lines() {
        let word = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        if crate::kernel::interrupt::pending() {
            return Err(OpError::new("interrupted", "Stopped.").into());
        }
        match line.split('(').next() {
            Some("netns") => run("ip", &["netns", "add", &word(line)])?,
            Some("sh") => run("sh", &["-c", &word(line)])?,
            Some("print") => print(&word(line)),
            Some("fail") => return Err(OpError::new("recipe::assert", word(line)).into()),
            _ => {}
        }
    }
    Ok(())
}

/// What a recipe says about itself, without running it.
pub fn describe(order: &Order) -> Result<About, Trouble> {
    let _ = order;
    Ok(About::default())
}

/// The report of an error, for a person.
pub fn report(trouble: &Trouble, _style: Style) -> String {
    let error = &trouble.error;
    match &error.0.help {
        Some(help) => format!("error: {error}\nhelp: {help}"),
        None => format!("error: {error}"),
    }
}

/// Replaces this process by a command in a namespace of the lab that this process is in.
pub fn become_command(ns: &Ns, argv: &[String], env: &[(String, String)], place: &Place) -> OpError {
    let _ = (ns, argv, env, place);
    OpError::new("internal", "not wired")
}

/// The language reference in Markdown.
pub fn reference() -> String {
    String::new()
}

/// A function's documentation.
pub fn definition(name: &str) -> Option<String> {
    let _ = name;
    None
}

/// Every function in a line.
pub fn summary() -> String {
    String::new()
}
