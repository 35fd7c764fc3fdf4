//! The texts of a run, and which of them defines which function.

use crate::model::error::Site;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

/// Every text that was compiled, by its id: a path as the user wrote it, `std/NAME`, or `repl:N`. Clones share.
#[derive(Debug, Clone, Default)]
pub struct Sources(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    texts: BTreeMap<Arc<str>, Arc<str>>,
    /// The sources that define a function, by its name. Rhai gives each closure a name of its own.
    homes: BTreeMap<String, BTreeSet<Arc<str>>>,
    /// The sources that call a function, by the call's line and column and the function's name.
    calls: BTreeMap<(u32, u32, String), BTreeSet<Arc<str>>>,
}

impl Sources {
    /// Remembers a text, in place of an older one of the same id.
    pub fn add(&self, id: &str, text: &str) -> Arc<str> {
        let id: Arc<str> = id.into();
        let mut inner = self.0.borrow_mut();
        inner.texts.insert(Arc::clone(&id), text.into());
        let Inner { homes, calls, .. } = &mut *inner;
        // What nothing is left of goes, or an editor's server would grow with every change of a text.
        let forget = |sources: &mut BTreeSet<Arc<str>>| {
            sources.remove(&id);
            !sources.is_empty()
        };
        homes.retain(|_, sources| forget(sources));
        calls.retain(|_, sources| forget(sources));
        id
    }

    /// Puts a longer text in the place of one in which everything that was compiled is where it is in the longer one.
    pub fn complete(&self, id: &str, text: &str) {
        self.0.borrow_mut().texts.insert(id.into(), text.into());
    }

    /// A text.
    pub fn text(&self, id: &str) -> Option<Arc<str>> {
        self.0.borrow().texts.get(id).cloned()
    }

    /// Remembers that `id` defines these functions and closures.
    pub fn define<'a>(&self, id: &Arc<str>, functions: impl IntoIterator<Item = &'a str>) {
        let mut inner = self.0.borrow_mut();
        for function in functions {
            inner.homes.entry(function.to_string()).or_default().insert(Arc::clone(id));
        }
    }

    /// Remembers that `function` is called at a place.
    pub fn call(&self, function: &str, site: &Site) {
        let key = (site.line, site.col, function.to_string());
        self.0.borrow_mut().calls.entry(key).or_default().insert(Arc::clone(&site.source));
    }

    /// The source that calls a function at the line and column of a place whose source Rhai may have wrong: in a
    /// callback it is that of the module that calls it.
    pub fn caller(&self, function: &str, site: &Site) -> Arc<str> {
        let inner = self.0.borrow();
        only(inner.calls.get(&(site.line, site.col, function.to_string())), &site.source)
    }

    /// The source of a function that Rhai says is in `claimed`. Of a callback Rhai names the source of the
    /// module that calls it.
    pub fn home(&self, function: &str, claimed: &str) -> Arc<str> {
        only(self.0.borrow().homes.get(function), claimed)
    }
}

/// The source that is claimed, unless there is just another that it can be.
fn only(sources: Option<&BTreeSet<Arc<str>>>, claimed: &str) -> Arc<str> {
    let known = sources.and_then(|sources| sources.get(claimed).or(sources.first().filter(|_| sources.len() == 1)));
    known.map_or_else(|| claimed.into(), Arc::clone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_found_where_it_was_written() {
        let sources = Sources::default();
        let main = sources.add("main.rhai", "");
        let module = sources.add("lib/each.rhai", "");
        sources.define(&main, ["anon$1", "both"]);
        sources.define(&module, ["each", "both"]);
        assert_eq!(&*sources.home("anon$1", "lib/each.rhai"), "main.rhai");
        assert_eq!(&*sources.home("both", "lib/each.rhai"), "lib/each.rhai");
        assert_eq!(&*sources.home("both", "elsewhere"), "elsewhere");

        let at = |source: &Arc<str>, line| Site { source: Arc::clone(source), line, col: 3 };
        sources.call("netns", &at(&main, 4));
        assert_eq!(sources.caller("netns", &at(&module, 4)), main);
        assert_eq!(sources.caller("netns", &at(&module, 5)), module);
        assert_eq!(sources.caller("get$name", &at(&module, 4)), module);

        sources.add("main.rhai", "changed");
        assert_eq!(sources.home("anon$1", "lib/each.rhai"), module);
        assert_eq!(sources.caller("netns", &at(&module, 4)), module);
    }
}
