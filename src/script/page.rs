//! A text that is being written, as an editor or a prompt asks about it: what is known around a byte of it.

use super::bindings::Bindings;
use super::infer::{Elsewhere, Facts, Shape, returns};
use super::syntax::{Call, Expr, ExprKind, Tree, each, parse};
use super::vocabulary::Vocabulary;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

/// A text with its tree.
#[derive(Debug, Clone)]
pub struct Page {
    /// The text.
    pub text: Arc<str>,
    /// Its tree.
    pub tree: Tree,
}

/// A module that a text can import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its source's id: a path, or `std/NAME`.
    pub source: String,
    /// Its text.
    pub page: Page,
}

/// What is known besides the text.
pub trait Around {
    /// The module that an import's path means.
    fn module(&self, path: &str) -> Option<Rc<Imported>>;
    /// What can be written as an import's path where this much is there: modules, and folders with a `/` at their end.
    fn importable(&self, typed: &str) -> Vec<String>;
    /// What can be called.
    fn vocabulary(&self) -> &Vocabulary<'_>;
    /// What earlier entries of a prompt have made; nothing for a file.
    fn live(&self) -> &Live;
}

/// What is there while a text is written at a prompt.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The variables, with their types.
    pub variables: BTreeMap<String, Shape>,
    /// The functions that were defined, with their parameters.
    pub functions: Vec<(String, Vec<String>)>,
    /// The modules that were imported: the path of each name.
    pub modules: BTreeMap<String, String>,
    /// The names of the lab's namespaces.
    pub namespaces: Vec<String>,
    /// The names of the lab's interfaces.
    pub links: Vec<String>,
}

impl Page {
    /// Reads a text.
    pub fn new(text: &str) -> Page {
        Page { text: text.into(), tree: parse(text) }
    }

    /// The expressions around a byte, outermost first; one that ends there is among them.
    pub fn around(&self, offset: usize) -> Vec<&Expr> {
        let mut found = Vec::new();
        each(&self.tree, &mut |expr| {
            if expr.at.start <= offset && offset <= expr.at.end {
                found.push(expr);
            }
        });
        found
    }

    /// The innermost call whose brackets are around a byte.
    pub fn call_around(&self, offset: usize) -> Option<&Call> {
        let mut found: Option<&Call> = None;
        each(&self.tree, &mut |expr| {
            if let ExprKind::Call(call) = &expr.kind
                && call.inside.start <= offset
                && offset <= call.inside.end
                && found.is_none_or(|other| other.inside.start < call.inside.start)
            {
                found = Some(call);
            }
        });
        found
    }
}

/// What the types of a text are found with.
pub struct Beyond<'a>(pub &'a dyn Around);

impl Elsewhere for Beyond<'_> {
    fn variable(&self, name: &str) -> Option<Shape> {
        self.0.live().variables.get(name).cloned()
    }

    fn returns(&self, module: &str, function: &str) -> Option<Shape> {
        let path = self.0.live().modules.get(module).map_or(module, String::as_str);
        let module = self.0.module(path)?;
        returns(&module.page.tree, function, &Alone(self.0.vocabulary()))
    }

    fn is_native(&self, name: &str, arguments: usize) -> bool {
        self.0.vocabulary().is_native(name, arguments)
    }

    fn is_scripted(&self, _: &str) -> bool {
        // Nothing here is said with certainty.
        false
    }
}

/// A module, whose own imports are not looked into.
struct Alone<'a>(&'a Vocabulary<'a>);

impl Elsewhere for Alone<'_> {
    fn variable(&self, _name: &str) -> Option<Shape> {
        None
    }

    fn returns(&self, _module: &str, _function: &str) -> Option<Shape> {
        None
    }

    fn is_native(&self, name: &str, arguments: usize) -> bool {
        self.0.is_native(name, arguments)
    }

    fn is_scripted(&self, _: &str) -> bool {
        // Nothing here is said with certainty.
        false
    }
}

/// Calls `ask` with what is known in a page.
pub fn with_facts<T>(page: &Page, around: &dyn Around, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
    let bindings = Bindings::of(&page.tree);
    let beyond = Beyond(around);
    ask(&Facts::new(&page.tree, &bindings, &beyond))
}

/// The path of the module that a name means in a text.
pub fn module_path(facts: &Facts<'_>, around: &dyn Around, name: &str, start: usize) -> Option<String> {
    use super::bindings::BindingKind;
    let here = facts.bindings.at(start).and_then(|at| facts.bindings.all.get(at)).map(|binding| binding.kind);
    // A name that nothing follows yet is no use of a module: look for an import of it anywhere.
    let anywhere = || facts.bindings.all.iter().find(|binding| binding.ident.name == name).map(|binding| binding.kind);
    match here.or_else(anywhere) {
        Some(BindingKind::Import(path)) => match &path.kind {
            ExprKind::Str(Some(path)) => Some(path.clone()),
            _ => None,
        },
        _ => around.live().modules.get(name).cloned(),
    }
}
