//! Every recipe that the project shows: the functions' examples, the README's, and those in files.

#![allow(dead_code, reason = "no test program uses all of it")]

use crate::fakes::Watched;
use crate::source;
use rhailab::kernel::Refusal;
use rhailab::kernel::fake::FakeKernel;
use rhailab::lab::Lab;
use rhailab::model::error::OpError;
use rhailab::model::names::LabName;
use rhailab::ops;
use rhailab::script::{Config, ParamValue, Session, limits};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A recipe.
pub struct Shown {
    /// What errors call it.
    pub title: String,
    /// Its text.
    pub text: String,
    /// Its file, from the project's root, for the modules that it imports.
    pub path: Option<String>,
}

/// The example of every function.
pub fn examples() -> Vec<Shown> {
    let shown = |def: &ops::FnDef| Shown { title: def.signature(), text: def.example.to_owned(), path: None };
    ops::all().map(shown).collect()
}

/// The recipes in a Markdown file, between fences that say `rhai`.
pub fn fences(path: &str) -> Vec<Shown> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let parts = text.split("\n```rhai\n").skip(1).map(|part| part.split("\n```").next().unwrap_or_default());
    parts
        .enumerate()
        .map(|(n, text)| Shown { title: format!("{path}, recipe {}", n + 1), text: text.to_owned(), path: None })
        .collect()
}

/// The recipes in a folder.
pub fn files(folder: &str) -> Vec<Shown> {
    let shown = |file: source::Source| Shown { title: file.path.clone(), text: file.text, path: Some(file.path) };
    source::files(folder, "rhai").into_iter().map(shown).collect()
}

/// A recipe's run in memory.
pub struct Rehearsal {
    /// How it ended.
    pub result: Result<(), OpError>,
    /// What it was run in.
    pub lab: Rc<RefCell<Lab>>,
    /// The kernel that the lab has.
    pub fake: Rc<RefCell<FakeKernel>>,
}

impl Shown {
    fn session(&self, kernel: Watched) -> (Session, Rc<RefCell<Lab>>) {
        let lab = Rc::new(RefCell::new(Lab::new(LabName::new("test").unwrap(), Box::new(kernel), None)));
        // What a recipe must be given is an interface, and one is always there.
        let given = self.required().into_iter().map(|name| (name, ParamValue::Text("lo".into()))).collect();
        let config = Config { params: given, print: Rc::new(|_: &str| {}), ..Config::default() };
        (Session::new(Rc::clone(&lab), config), lab)
    }

    /// The parameters without a default; reading them checks the whole recipe.
    fn required(&self) -> Vec<String> {
        let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::new()), None);
        let session = Session::new(Rc::new(RefCell::new(lab)), Config::default());
        let recipe =
            self.load(&session).unwrap_or_else(|error| panic!("{} does not load: {error}\n{}", self.title, self.text));
        recipe.params().iter().filter(|param| param.default.is_none()).map(|param| param.name.clone()).collect()
    }

    fn load(&self, session: &Session) -> Result<rhailab::script::Recipe, OpError> {
        match &self.path {
            Some(path) => session.load_file(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path)),
            None => session.load_text("test.rhai", &self.text),
        }
    }

    /// Reads and checks it, with all that it imports.
    pub fn check(&self) {
        self.required();
    }

    /// Runs it in memory.
    pub fn rehearse(&self, fake: FakeKernel) -> Rehearsal {
        self.rehearse_with(fake, None)
    }

    /// Runs it in memory, where the change of that number is refused.
    pub fn rehearse_refusing(&self, n: u64, refusal: Refusal) -> Rehearsal {
        self.rehearse_with(FakeKernel::new(), Some((n, refusal)))
    }

    fn rehearse_with(&self, fake: FakeKernel, refusal: Option<(u64, Refusal)>) -> Rehearsal {
        let fake = Rc::new(RefCell::new(fake));
        let (session, lab) = self.session(Watched { fake: Rc::clone(&fake), batches: Rc::default(), refusal });
        let result = self.load(&session).and_then(|recipe| session.run(&recipe));
        Rehearsal { result, lab, fake }
    }
}

/// Runs a test on a stack as big as the one that the program gives a recipe.
pub fn on_big_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(limits::STACK).spawn(test).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
