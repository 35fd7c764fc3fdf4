//! What every function call of a running script can reach.

use super::convert::handles::Caught;
use super::modules::Library;
use super::sources::Sources;
use crate::error::{OpError, Site};
use crate::kernel::interrupt;
use crate::lab::Lab;
use rhai::{Dynamic, EvalAltResult, NativeCallContext, Position};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Where the text that a recipe prints goes.
pub type Print = Rc<dyn Fn(&str)>;

/// The state behind one engine. Nothing in it stays borrowed while a script's closure runs.
pub struct Context {
    /// The lab that functions act on.
    pub lab: Rc<RefCell<Lab>>,
    /// The texts that were compiled.
    pub sources: Sources,
    /// Modules.
    pub library: Library,
    /// Where `print` and `help` write.
    pub print: Print,
    /// The values of the recipe's parameters.
    pub params: RefCell<BTreeMap<String, Dynamic>>,
    /// What is being evaluated: the recipe, and on it the modules that it is in the middle of importing.
    pub evaluating: RefCell<Vec<Evaluating>>,
}

/// A text that is being evaluated.
#[derive(Debug, Clone)]
pub struct Evaluating {
    /// Its source.
    pub source: Rc<str>,
    /// Where it was imported.
    pub imported: Option<Site>,
}

/// A place in a running script, with the calls that led there, innermost first.
#[derive(Debug, Clone)]
pub struct Place {
    /// The place.
    pub site: Site,
    /// The calls.
    pub calls: Vec<(Site, String)>,
}

/// A result as Rhai's functions return it.
pub type Raised<T> = Result<T, Box<EvalAltResult>>;

impl Context {
    /// Where a function that is being called was called from.
    pub fn place(&self, call: &NativeCallContext<'_>) -> Place {
        let evaluating = self.evaluating.borrow();
        let mut calls: Vec<(Site, String)> = imports(&evaluating);
        let mut source: Rc<str> = evaluating.last().map_or_else(|| "".into(), |unit| Rc::clone(&unit.source));
        // The stack holds script functions and native ones alike; only the former have a text of their own.
        for frame in call.debugger().map_or(&[][..], |debugger| debugger.call_stack()) {
            if self.sources.defines(&frame.fn_name) {
                calls.push((site(&source, frame.pos), called(&frame.fn_name)));
                source = self.sources.home(&frame.fn_name, frame.source.as_deref().unwrap_or_default());
            }
        }
        calls.reverse();
        Place { site: site(&source, call.call_position()), calls }
    }

    /// Fails a function with an error of ours. An error that was raised before keeps the place where it was.
    pub fn raise<T>(&self, call: &NativeCallContext<'_>, mut error: OpError) -> Raised<T> {
        if error.0.site.is_none() {
            let place = self.place(call);
            error.0.site = Some(place.site);
            error.0.calls = place.calls;
        }
        let error = Dynamic::from(Caught(Rc::new(error)));
        let position = call.call_position();
        // A script must not be able to catch the user's wish to stop.
        Err(Box::new(if interrupt::pending() {
            EvalAltResult::ErrorTerminated(error, position)
        } else {
            EvalAltResult::ErrorRuntime(error, position)
        }))
    }
}

/// Where the modules that are being imported were imported, outermost first.
pub fn imports(evaluating: &[Evaluating]) -> Vec<(Site, String)> {
    evaluating.iter().filter_map(|unit| unit.imported.clone()).map(|site| (site, "imported here".to_string())).collect()
}

/// The place at a position of a source; the start of the source where Rhai lost the position.
pub fn site(source: &Rc<str>, position: Position) -> Site {
    let number = |place: Option<usize>| place.and_then(|place| u32::try_from(place).ok()).unwrap_or(1);
    Site { source: Rc::clone(source), line: number(position.line()), col: number(position.position()) }
}

/// What to say at the place where a function is called.
pub fn called(function: &str) -> String {
    if is_closure(function) { "in a closure that this calls".into() } else { format!("in this call of `{function}`") }
}

/// Whether Rhai made up this function's name.
pub fn is_closure(function: &str) -> bool {
    function.starts_with("anon$")
}
