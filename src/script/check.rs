//! What can be known to be wrong with a text before any of it runs.
//!
//! An error is something with which no run can go well, and keeps a recipe from being run; a warning is something that
//! its author will not have meant. Nothing is an error that only may go wrong: what a guess says, or what is wrong in a
//! part that a run may leave out, is a warning.

mod calls;
mod constants;
mod nets;
mod reach;
mod receivers;
mod unused;
mod values;

use super::bindings::Bindings;
use super::compile::Compiled;
use super::infer::{Elsewhere, Facts, Meant, Shape};
use super::modules::Library;
use super::page::Live;
use super::scan::{line_col, offset, scan};
use super::sources::Sources;
use super::spans::call_at;
use super::syntax::{Call, ExprKind, Function, StatementKind, each, each_statement};
use super::unit::Unit;
use super::vocabulary::Vocabulary;
use crate::model::error::{Class, Mark, OpError, Site};
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot go well.
    Error,
    /// It will not have been meant.
    Warning,
}

/// Something wrong with a text.
#[derive(Debug, Clone)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, with its place.
    pub error: OpError,
}

impl Finding {
    /// An error.
    pub fn error(error: OpError) -> Finding {
        Finding { severity: Severity::Error, error: error.class(Class::Usage) }
    }

    /// An error where it is certain, else a warning.
    fn of(error: OpError, is_certain: bool) -> Finding {
        if is_certain { Finding::error(error) } else { Finding::warning(error) }
    }

    /// A warning.
    pub fn warning(error: OpError) -> Finding {
        Finding { severity: Severity::Warning, error: error.class(Class::Usage) }
    }

    /// The bytes that it is about, in the text of its place; none where it has no place.
    pub fn range(&self, sources: &Sources) -> Option<Range<usize>> {
        let site = self.error.0.site.as_ref()?;
        let text = sources.text(&site.source)?;
        let mark = self.error.0.mark.as_ref().map(|mark| mark.range.clone());
        let range = mark.unwrap_or_else(|| call_at(&text, offset(&text, site.line, site.col)).whole());
        Some(range).filter(|range| text.get(range.clone()).is_some())
    }
}

/// What all checks of a recipe go by.
pub struct CheckedRecipe<'p> {
    /// Its texts: modules first, what they import before them.
    pub units: &'p [Unit],
    /// Where modules are.
    pub library: &'p Library,
    /// The texts.
    pub sources: &'p Sources,
    /// What can be called.
    pub vocabulary: &'p Vocabulary<'p>,
    /// What earlier entries of a prompt have made; nothing for a file.
    pub live: &'p Live,
}

impl CheckedRecipe<'_> {
    /// Whether a text has a method for values of a type of its choice, with so many arguments where that matters. Whoever
    /// imports it has it without the module's name.
    fn has_method(&self, name: &str, arguments: Option<usize>) -> bool {
        let is_it = |function: &Function| {
            function.is_method
                && function.name.name == name
                && arguments.is_none_or(|count| function.params.len() == count)
        };
        self.units.iter().any(|unit| unit.compiled.tree.functions.iter().any(is_it))
    }

    /// The names under which a text puts something into a map, or may do so with a string.
    fn keys(&self) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for unit in self.units {
            each(&unit.compiled.tree, &mut |expr| match &expr.kind {
                ExprKind::Map(entries) => keys.extend(entries.iter().map(|entry| entry.key.name.clone())),
                ExprKind::Assign { target, .. } => {
                    if let ExprKind::Property { name, .. } = &target.kind {
                        keys.insert(name.name.clone());
                    }
                }
                ExprKind::Str(Some(text)) => drop(keys.insert(text.clone())),
                _ => {}
            });
        }
        keys
    }
}

/// Everything wrong with a recipe's texts, in the order of the texts and their lines.
pub fn check(program: &CheckedRecipe<'_>) -> Vec<Finding> {
    let forgiven = forgiven(program);
    let text_of = |source: &str| program.sources.text(source).unwrap_or_else(|| "".into());
    let (mut all, keys) = (Vec::new(), OnceCell::new());
    let bindings: Vec<Bindings<'_>> = program.units.iter().map(|unit| Bindings::of(&unit.compiled.tree)).collect();
    // Only where something is wrong does it matter which parts a run goes through.
    let doubts = OnceCell::new();
    let is_sure = |number: usize, at: usize| {
        let all = doubts.get_or_init(|| reach::doubts(program.units, &bindings, program.library, &text_of));
        all.get(number).is_some_and(|doubts: &reach::Doubts| doubts.is_sure(at))
    };
    for (number, (unit, bindings)) in program.units.iter().zip(&bindings).enumerate() {
        let compiled = &*unit.compiled;
        let text = text_of(&compiled.source);
        let elsewhere = Known { program, importer: &compiled.source, text: &text };
        let facts = Facts::new(&compiled.tree, bindings, &elsewhere);
        let checked = Checked {
            program,
            compiled,
            text: &text,
            facts: &facts,
            forgiven: &forgiven,
            undeclared: &compiled.undeclared,
            keys: &keys,
        };
        let mut found: Vec<Finding> = calls::mistakes(&checked);
        found.extend(constants::mistakes(&checked).into_iter().map(Finding::error));
        found.extend(receivers::mistakes(&checked).into_iter().map(Finding::error));
        found.extend(values::mistakes(&checked));
        found.extend(nets::mistakes(&checked));
        found.extend(unused::remarks(&checked).into_iter().map(Finding::warning));
        for finding in &mut found {
            finding.error.0.calls.clone_from(&unit.via);
            let place = finding.error.0.site.as_ref().map(|site| offset(&text, site.line, site.col));
            if finding.severity == Severity::Error && place.is_some_and(|place| !is_sure(number, place)) {
                finding.severity = Severity::Warning;
            }
        }
        found.sort_by_key(|finding| {
            let place = finding.error.0.site.as_ref().map(|site| (site.line, site.col));
            (place, finding.severity)
        });
        // Rhai goes through the arms of a switch twice.
        let what = |finding: &Finding| (finding.error.0.site.clone(), finding.error.0.message.clone());
        found.dedup_by(|one, other| what(one) == what(other));
        all.extend(found);
    }
    all
}

/// A text that is being checked.
struct Checked<'c> {
    program: &'c CheckedRecipe<'c>,
    compiled: &'c Compiled,
    text: &'c str,
    facts: &'c Facts<'c>,
    forgiven: &'c BTreeSet<String>,
    /// The variables that it uses without declaring them where they are used.
    undeclared: &'c BTreeSet<String>,
    /// What maps have, once somebody asks.
    keys: &'c OnceCell<BTreeSet<String>>,
}

impl<'c> Checked<'c> {
    /// Whether some map of the recipe has something under a name, as far as that is known.
    fn has_key(&self, name: &str) -> bool {
        self.keys.get_or_init(|| self.program.keys()).contains(name)
    }

    /// Which of our functions a call means; none where it may well be a closure in a map.
    fn meant(&self, call: &Call) -> Option<Meant> {
        let meant = self.facts.meant(call)?;
        let is_of_map = call.on.is_some() && !meant.is_certain && self.has_key(&call.name.name);
        Some(meant).filter(|_| !is_of_map)
    }

    /// An error at some bytes of the text.
    fn at(&self, mut error: OpError, start: usize, range: Range<usize>, label: &str) -> OpError {
        let (line, col) = line_col(self.text, start);
        error.0.site = Some(Site { source: Arc::clone(&self.compiled.source), line, col });
        error.0.mark = Some(Mark { range, label: label.into() });
        error
    }

    /// The place of some bytes of the text.
    fn site(&self, start: usize) -> Site {
        let (line, col) = line_col(self.text, start);
        Site { source: Arc::clone(&self.compiled.source), line, col }
    }

    /// Calls `see` for every call whose failure nobody catches.
    fn each_call(&self, see: &mut dyn FnMut(&'c Call, &Range<usize>)) {
        let tree = self.facts.tree;
        let caught = caught(&self.compiled.tree);
        let inside = |ranges: &[Range<usize>], at: usize| ranges.iter().any(|range| range.contains(&at));
        let forgiven = tree.functions.iter().filter(|function| self.forgiven.contains(&function.name.name));
        let forgiven: Vec<Range<usize>> = forgiven.map(|function| function.at.clone()).collect();
        each(tree, &mut |expr| {
            if let ExprKind::Call(call) = &expr.kind
                && !inside(&caught, expr.at.start)
                && !inside(&forgiven, expr.at.start)
            {
                see(call, &expr.at);
            }
        });
    }
}

/// The bodies of `try`, whose errors a recipe may want.
fn caught(tree: &super::syntax::Tree) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for block in std::iter::once(&tree.body).chain(tree.functions.iter().map(|function| &function.body)) {
        each_statement(block, &mut |statement| {
            if let StatementKind::Try { body, .. } = &statement.kind {
                ranges.push(body.at.clone());
            }
        });
    }
    ranges
}

/// The functions that are called where errors are caught, and those that these call.
fn forgiven(program: &CheckedRecipe<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut calls: Vec<(Option<&str>, &str)> = Vec::new();
    for unit in program.units {
        let tree = &unit.compiled.tree;
        let caught = caught(tree);
        each(tree, &mut |expr| {
            let ExprKind::Call(call) = &expr.kind else { return };
            if caught.iter().any(|range| range.contains(&expr.at.start)) {
                names.insert(call.name.name.clone());
            }
            let caller = tree.functions.iter().find(|function| function.at.contains(&expr.at.start));
            calls.push((caller.map(|function| function.name.name.as_str()), &call.name.name));
        });
    }
    if names.is_empty() {
        return names;
    }
    loop {
        let before = names.len();
        for (caller, called) in &calls {
            if caller.is_some_and(|caller| names.contains(caller)) {
                names.insert((*called).to_owned());
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

/// What is known of the modules that a text imports.
struct Known<'p> {
    program: &'p CheckedRecipe<'p>,
    importer: &'p str,
    /// The text that is being checked.
    text: &'p str,
}

impl Elsewhere for Known<'_> {
    fn variable(&self, name: &str) -> Option<Shape> {
        let shape = self.program.live.variables.get(name)?;
        // What it is given here may be of another type.
        let tokens = scan(self.text).tokens;
        let is_given = tokens.windows(2).any(|pair| match pair {
            [word, sign] => word.text(self.text) == name && sign.text(self.text) == "=",
            _ => false,
        });
        if is_given { None } else { Some(shape.clone()) }
    }

    fn returns(&self, module: &str, function: &str) -> Option<Shape> {
        let module = self.program.library.get(self.importer, module)?;
        super::infer::returns(&module.tree, function, &Known { importer: &module.source, ..*self })
    }

    fn is_native(&self, name: &str, arguments: usize) -> bool {
        self.program.vocabulary.is_native(name, arguments)
    }

    fn is_scripted(&self, method: &str) -> bool {
        self.program.has_method(method, None)
    }
}
