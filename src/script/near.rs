//! What a session knows around a text: the modules that it can import, and what can be called.

use super::modules::Library;
use super::page::{Around, Imported, Live, Page};
use super::vocabulary::Vocabulary;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// The surroundings of a text in a file, or of one that is in none.
pub struct Near<'s> {
    library: &'s Library,
    vocabulary: &'s Vocabulary<'s>,
    importer: String,
    live: Live,
    /// The modules that were asked for.
    known: RefCell<HashMap<String, Option<Rc<Imported>>>>,
}

impl<'s> Near<'s> {
    /// The surroundings of the text in `file`, whose path is empty where it is in none.
    pub fn new(library: &'s Library, vocabulary: &'s Vocabulary<'s>, file: &Path, live: Live) -> Near<'s> {
        library.root_at(file);
        Near { library, vocabulary, importer: file.display().to_string(), live, known: RefCell::default() }
    }
}

impl Around for Near<'_> {
    fn module(&self, path: &str) -> Option<Rc<Imported>> {
        if let Some(known) = self.known.borrow().get(path) {
            return known.clone();
        }
        let found = self.library.text(&self.importer, path);
        let found = found.map(|(source, text)| Rc::new(Imported { source, page: Page::new(&text) }));
        self.known.borrow_mut().insert(path.to_owned(), found.clone());
        found
    }

    fn importable(&self, typed: &str) -> Vec<String> {
        self.library.importable(&self.importer, typed)
    }

    fn vocabulary(&self) -> &Vocabulary<'_> {
        self.vocabulary
    }

    fn live(&self) -> &Live {
        &self.live
    }
}
