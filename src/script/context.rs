//! What every function call of a running script can reach.

use super::convert::handles::Caught;
use super::modules::Library;
use super::place::{Raised, site};
use super::sources::Sources;
use crate::kernel::interrupt;
use crate::lab::Lab;
use crate::model::error::{OpError, Site};
use crate::model::names::Ns;
use rhai::{Dynamic, EvalAltResult, NativeCallContext};
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
    /// The namespace that a free function means which is called at a prompt, if that is not the root.
    pub here: RefCell<Ns>,
}

/// What the ids of a prompt's entries begin with.
pub const ENTRY: &str = "repl:";

/// The id of all entries together that are read from something that is no terminal.
pub const STDIN: &str = "stdin";

impl Context {
    /// The namespace that a free function means where it is called.
    pub fn default_ns(&self, call: &NativeCallContext<'_>) -> Ns {
        let here = self.here.borrow();
        // Modules and recipes mean the root wherever they are used.
        if *here == Ns::Host {
            return Ns::Host;
        }
        let source = self.site(call).source;
        if source.starts_with(ENTRY) || *source == *STDIN { here.clone() } else { Ns::Host }
    }

    /// Where a function that is being called was called from.
    pub fn site(&self, call: &NativeCallContext<'_>) -> Site {
        let mut site = site(&call.call_source().unwrap_or_default().into(), call.call_position());
        site.source = self.sources.caller(call.fn_name(), &site);
        site
    }

    /// Fails a function with an error of ours. An error that was raised before keeps the place where it was.
    pub fn raise<T>(&self, call: &NativeCallContext<'_>, mut error: OpError) -> Raised<T> {
        // The message may quote the output of a program, and that a secret which the program was given.
        if let Ok(lab) = self.lab.try_borrow() {
            error = error.masked(&|text| lab.mask(text));
        }
        let here = self.site(call);
        match &error.0.site {
            None => error.0.site = Some(here),
            // A change that was put off and is refused only now.
            Some(site) if *site != here => error = error.note(here, "came to light here"),
            Some(_) => {}
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
