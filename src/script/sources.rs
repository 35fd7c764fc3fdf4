//! The texts of a run, and which of them defines which function.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Every text that was compiled, by its id: a path as the user wrote it, `std/NAME`, or `repl:N`. Clones share.
#[derive(Debug, Clone, Default)]
pub struct Sources(Rc<RefCell<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    texts: BTreeMap<Rc<str>, Rc<str>>,
    /// The sources that define a function, by its name. Rhai gives each closure a name of its own.
    homes: BTreeMap<String, BTreeSet<Rc<str>>>,
}

impl Sources {
    /// Remembers a text, in place of an older one of the same id.
    pub fn add(&self, id: &str, text: &str) -> Rc<str> {
        let id: Rc<str> = id.into();
        let mut inner = self.0.borrow_mut();
        inner.texts.insert(Rc::clone(&id), text.into());
        inner.homes.values_mut().for_each(|homes| {
            homes.remove(&id);
        });
        id
    }

    /// A text.
    pub fn text(&self, id: &str) -> Option<Rc<str>> {
        self.0.borrow().texts.get(id).cloned()
    }

    /// Remembers that `id` defines these functions and closures.
    pub fn define<'a>(&self, id: &Rc<str>, functions: impl IntoIterator<Item = &'a str>) {
        let mut inner = self.0.borrow_mut();
        for function in functions {
            inner.homes.entry(function.to_string()).or_default().insert(Rc::clone(id));
        }
    }

    /// Whether some source defines a function of this name.
    pub fn defines(&self, function: &str) -> bool {
        self.0.borrow().homes.get(function).is_some_and(|homes| !homes.is_empty())
    }

    /// The source of a function that Rhai says is in `claimed`. Of a callback Rhai names the source of the
    /// module that calls it.
    pub fn home(&self, function: &str, claimed: &str) -> Rc<str> {
        let inner = self.0.borrow();
        let homes = inner.homes.get(function);
        match homes.and_then(|homes| homes.get(claimed).or_else(|| homes.first().filter(|_| homes.len() == 1))) {
            Some(home) => Rc::clone(home),
            None => claimed.into(),
        }
    }
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

        sources.add("main.rhai", "changed");
        assert!(!sources.defines("anon$1"));
    }
}
