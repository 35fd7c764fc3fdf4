//! The language: recipes in [Rhai](https://rhai.rs), from text to calls of [`ops`](crate::ops).
//!
//! A [`Session`] compiles a recipe with everything it imports, checks all of it, and only then runs it. Every
//! failure is an [`OpError`] that knows the text it blames.

mod bindings;
mod builtins;
mod check;
mod compile;
pub mod complete;
mod context;
mod convert;
pub mod definitions;
pub mod describe;
mod explain;
pub mod format;
pub mod infer;
mod language;
pub mod limits;
mod modules;
mod near;
pub mod page;
mod params;
mod place;
pub mod prompt;
mod read;
mod register;
mod resolver;
pub mod scan;
pub mod sources;
pub mod spans;
pub mod stdlib;
pub mod syntax;
mod unit;
pub mod values;
pub mod vocabulary;

use crate::kernel::interrupt;
use crate::lab::Lab;
use crate::model::error::{OpError, OpResult, Site};
use crate::model::names::Ns;
use check::CheckedRecipe;
pub use check::{Finding, Severity};
use compile::{Compiled, compile_after};
use context::Context;
pub use context::Print;
use modules::Library;
pub use near::Near;
use page::Live;
pub use params::{Param, ParamTy, ParamValue};
use read::read;
pub use read::{read as read_text, standard_input};
use resolver::Resolver;
use rhai::{Dynamic, Engine, OptimizationLevel, Scope};
use scan::{line_col, scan};
use sources::Sources;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use unit::Unit;
use vocabulary::Vocabulary;

/// Why a recipe could not be read, or failed while it ran.
pub type ScriptError = OpError;

/// What a run is given besides its recipe.
pub struct Config {
    /// Values of the recipe's parameters.
    pub params: BTreeMap<String, ParamValue>,
    /// Folders to import from besides the recipe's own.
    pub module_path: Vec<PathBuf>,
    /// How many operations it may use up.
    pub max_operations: u64,
    /// Where `print` and `help` write.
    pub print: Print,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            params: BTreeMap::new(),
            module_path: Vec::new(),
            max_operations: limits::OPERATIONS,
            print: Rc::new(|text| {
                // Nobody reads on: stop the run, as a closed pipe stops other programs.
                if writeln!(std::io::stdout(), "{text}").is_err() {
                    interrupt::raise();
                }
            }),
        }
    }
}

/// A recipe that was read, compiled and checked with all it imports.
#[derive(Debug, Clone)]
pub struct Recipe {
    compiled: Rc<Compiled>,
    params: Vec<Param>,
}

impl Recipe {
    /// The parameters that it and its modules declare, in order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Its description: the text of its `//!` comments.
    pub fn doc(&self, sources: &Sources) -> String {
        head(&sources.text(&self.compiled.source).unwrap_or_else(|| "".into()))
    }
}

/// What a text says of itself: its `//!` comments.
fn head(text: &str) -> String {
    let tokens = scan(text).tokens;
    let lines = tokens.iter().filter_map(|token| token.text(text).strip_prefix("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_string()
}

/// A recipe that the language itself has nothing against, with the texts it is made of.
struct Readable {
    recipe: Recipe,
    units: Vec<Unit>,
}

/// The error of a recipe that was not compiled, with nothing to say why.
fn lost() -> OpError {
    OpError::new("internal::recipe", "The recipe was not compiled, and nothing is wrong.")
        .help("This is a defect of rhailab, not of the recipe; please report it.")
}

/// A recipe, as far as it could be read, and everything wrong with it.
struct Examined {
    recipe: Option<Recipe>,
    findings: Vec<Finding>,
}

/// How many more errors are told with the first one.
const MORE: usize = 4;

/// An engine with the lab that its recipes act on.
pub struct Session {
    engine: Engine,
    cx: Rc<Context>,
    given: BTreeMap<String, ParamValue>,
    max_operations: u64,
}

/// What a text may use that it does not declare; nothing for a file.
struct Earlier<'e> {
    scope: &'e Scope<'static>,
    live: &'e Live,
}

impl Session {
    /// A session on a lab. It runs on the thread that owns the lab, which needs a stack of [`limits::STACK`].
    pub fn new(lab: Rc<RefCell<Lab>>, config: Config) -> Session {
        let cx = Rc::new(Context {
            lab,
            sources: Sources::default(),
            library: Library::new(config.module_path),
            print: config.print,
            params: RefCell::default(),
            here: RefCell::new(Ns::Host),
        });
        let engine = engine(&cx, config.max_operations);
        Session { engine, cx, given: config.params, max_operations: config.max_operations }
    }

    /// What can be called.
    pub fn vocabulary(&self) -> Vocabulary<'_> {
        Vocabulary::of(&self.engine)
    }

    /// What is known around a text in a file that is being written, for completion and its like. The path is empty
    /// where the text is in no file.
    pub fn near<'s>(&'s self, file: &Path, vocabulary: &'s Vocabulary<'s>, live: Live) -> Near<'s> {
        Near::new(&self.cx.library, vocabulary, file, live)
    }

    /// Takes a text in place of what is in a file, wherever that is imported; nothing takes that back.
    pub fn overlay(&self, file: &Path, text: Option<String>) {
        self.cx.library.overlay(file, text);
    }

    /// The texts that were compiled so far, for reports.
    pub fn sources(&self) -> &Sources {
        &self.cx.sources
    }

    /// Reads, compiles and checks a recipe and everything it imports. Nothing is run.
    pub fn load_file(&self, path: &Path) -> Result<Recipe, ScriptError> {
        let text = read(path)?;
        self.load(&path.display().to_string(), &text, path)
    }

    /// As [`load_file`](Session::load_file), of a text that is in no file. Its imports are relative to the
    /// working folder.
    pub fn load_text(&self, id: &str, text: &str) -> Result<Recipe, ScriptError> {
        self.load(id, text, Path::new(""))
    }

    /// As [`load_file`](Session::load_file), of a text that is not in its file yet.
    pub fn load_as(&self, path: &Path, text: &str) -> Result<Recipe, ScriptError> {
        self.load(&path.display().to_string(), text, path)
    }

    /// Everything wrong with a recipe and what it imports: what [`load_file`](Session::load_file) fails with, and
    /// what an author may want to know besides.
    pub fn check_file(&self, path: &Path) -> Vec<Finding> {
        match read(path) {
            Ok(text) => self.check_text(&path.display().to_string(), &text, path),
            Err(error) => vec![Finding::error(error)],
        }
    }

    /// As [`check_file`](Session::check_file), of a text that is not in its file, or not yet.
    pub fn check_text(&self, id: &str, text: &str, path: &Path) -> Vec<Finding> {
        self.examine(id, text, path, None).findings
    }

    /// As [`load_as`](Session::load_as), whatever `check` says: only what the language itself refuses is an error. For those
    /// who compare what is found with what a run says.
    pub fn load_unchecked(&self, path: &Path, text: &str) -> Result<Recipe, ScriptError> {
        let id = path.display().to_string();
        let (read, errors) = self.read(&id, text, path, None);
        match (errors.into_iter().next(), read) {
            (None, Some(Readable { recipe, .. })) => Ok(recipe),
            (Some(error), _) => Err(Finding::error(error).error),
            (None, None) => Err(lost()),
        }
    }

    /// The first error of a recipe is raised, with the next ones of the same text.
    fn load(&self, id: &str, text: &str, path: &Path) -> OpResult<Recipe> {
        self.judge(self.examine(id, text, path, None))
    }

    fn judge(&self, Examined { recipe, findings }: Examined) -> OpResult<Recipe> {
        let mut errors = findings.into_iter().filter(|finding| finding.severity == Severity::Error);
        match (errors.next(), recipe) {
            (None, Some(recipe)) => Ok(recipe),
            (None, None) => Err(lost()),
            (Some(Finding { error: first, .. }), _) => {
                let source = first.0.site.as_ref().map(|site| Arc::clone(&site.source));
                let told = errors
                    .filter(|more| more.error.0.site.as_ref().map(|site| &site.source) == source.as_ref())
                    .filter_map(|more| Some((self.place(&more)?, more.error.0.message)))
                    .take(MORE);
                Err(told.fold(first, |error, (site, message)| error.note(site, message.trim_end_matches('.'))))
            }
        }
    }

    /// Where the text begins that a finding is about.
    fn place(&self, finding: &Finding) -> Option<Site> {
        let site = finding.error.0.site.as_ref()?;
        let text = self.cx.sources.text(&site.source)?;
        let (line, col) = line_col(&text, finding.range(&self.cx.sources)?.start);
        Some(Site { line, col, ..site.clone() })
    }

    /// Reads a recipe and what it imports, with everything that the language itself refuses in them.
    fn read(
        &self,
        id: &str,
        text: &str,
        path: &Path,
        earlier: Option<&Earlier<'_>>,
    ) -> (Option<Readable>, Vec<OpError>) {
        let (library, sources) = (&self.cx.library, &self.cx.sources);
        let scope = Scope::new();
        let scope = earlier.map_or(&scope, |earlier| earlier.scope);
        let (compiled, mut errors) = compile_after(&self.engine, sources, id, text, scope);
        let Some(compiled) = compiled.map(Rc::new) else { return (None, errors) };
        match earlier {
            // Functions of earlier entries still use the modules that those imported, so the library keeps them.
            Some(_) => library.root_at(path),
            None => library.enter(path, &compiled),
        }
        let mut units = library.load(&self.engine, sources, &compiled, &mut errors);
        units.push(Unit { compiled: Rc::clone(&compiled), via: Vec::new() });
        let mut params = Vec::new();
        for unit in &units {
            params.extend(params::collect(&unit.compiled, sources, &mut errors));
        }
        errors.extend(params::duplicates(&params, sources));
        (Some(Readable { recipe: Recipe { compiled, params }, units }), errors)
    }

    fn examine(&self, id: &str, text: &str, path: &Path, earlier: Option<&Earlier<'_>>) -> Examined {
        let (read, errors) = self.read(id, text, path, earlier);
        let mut findings: Vec<Finding> = errors.into_iter().map(Finding::error).collect();
        let Some(Readable { recipe, units }) = read else { return Examined { recipe: None, findings } };
        let (vocabulary, nothing) = (self.vocabulary(), Live::default());
        let live = earlier.map_or(&nothing, |earlier| earlier.live);
        let (library, sources) = (&self.cx.library, &self.cx.sources);
        findings.extend(check::check(&CheckedRecipe {
            units: &units,
            library,
            sources,
            vocabulary: &vocabulary,
            live,
        }));
        Examined { recipe: Some(recipe), findings }
    }

    /// Runs a recipe. What it made stays, whether it fails or not: undoing is the lab's.
    pub fn run(&self, recipe: &Recipe) -> Result<(), ScriptError> {
        let cx = &self.cx;
        cx.params.replace(params::bind(&recipe.params, &self.given, &cx.sources)?);
        cx.library.forget();
        let source = &recipe.compiled.source;
        let result = self.engine.run_ast_with_scope(&mut Scope::new(), &recipe.compiled.ast);
        result.map_err(|failure| explain::runtime(&failure, source, cx, &self.vocabulary()))?;
        cx.lab.borrow_mut().settle().map_err(|mut error| {
            explain::locate(&mut error, &cx.sources);
            error
        })
    }
}

/// An engine that knows the language and nothing else.
fn engine(cx: &Rc<Context>, max_operations: u64) -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(language::language());
    // Folding constants would hide code that is never reached from the check.
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_strict_variables(true);
    engine.disable_symbol("eval");
    limits::set(&mut engine, max_operations);
    engine.set_module_resolver(Resolver(Rc::clone(cx)));
    engine.on_progress(|_| interrupt::pending().then_some(Dynamic::UNIT));
    let print = Rc::clone(&cx.print);
    engine.on_print(move |text| print(text));
    let print = Rc::clone(&cx.print);
    engine.on_debug(move |text, source, at| print(&format!("{}:{at:?}: {text}", source.unwrap_or("recipe"))));
    builtins::register(&mut engine);
    register::register(&mut engine, cx);
    engine
}
