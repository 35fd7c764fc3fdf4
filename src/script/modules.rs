//! Modules: where they are, and that each is compiled, checked and evaluated once.
//!
//! Rhai's own file resolver is not used: it resolves nested imports against the working folder, lets a module see
//! its importer's variables, and reads any path.

use super::compile::{Compiled, compile};
use super::explain::mark::{Part, mark};
use super::place::Raised;
use super::read::read;
use super::sources::Sources;
use super::stdlib;
use super::unit::Unit;
use crate::model::error::{Class, OpError, OpResult, Site, closest};
use rhai::{Engine, Module, Scope, Shared};
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The modules of a run.
#[derive(Default)]
pub struct Library {
    /// Further folders to find modules in.
    path: Vec<PathBuf>,
    /// The recipe's folder, which modules may be in as well.
    root: RefCell<PathBuf>,
    /// What was compiled, by the real path of its file.
    compiled: RefCell<HashMap<PathBuf, Rc<Compiled>>>,
    /// Texts in place of those in files, by the file's real path.
    unsaved: RefCell<HashMap<PathBuf, String>>,
    /// What was evaluated, by its source.
    evaluated: RefCell<HashMap<Arc<str>, Shared<Module>>>,
}

/// A module that was found.
struct Found {
    /// Its file with all symbolic links followed; `std/NAME` for an embedded one.
    real: PathBuf,
    /// How reports call it.
    id: String,
}

impl Library {
    /// A library that finds modules in these folders besides the recipe's.
    pub fn new(path: Vec<PathBuf>) -> Library {
        Library { path, ..Library::default() }
    }

    /// Makes the folder of a recipe's file the one that relative imports must stay in, and forgets what was loaded
    /// for another recipe. A recipe that is in no file has an empty path.
    pub fn enter(&self, file: &Path, recipe: &Rc<Compiled>) {
        self.root_at(file);
        self.evaluated.borrow_mut().clear();
        let mut compiled = self.compiled.borrow_mut();
        compiled.clear();
        // A module that imports the recipe closes a circle, by whichever path it does.
        if let Ok(real) = file.canonicalize() {
            compiled.insert(real, Rc::clone(recipe));
        }
    }

    /// Compiles what a recipe imports, and what that imports, and gives each module once, those that it imports before
    /// it. What is wrong with imports and with the syntax of modules goes to `errors`.
    pub fn load(
        &self,
        engine: &Engine,
        sources: &Sources,
        recipe: &Rc<Compiled>,
        errors: &mut Vec<OpError>,
    ) -> Vec<Unit> {
        let mut loading = Loading { library: self, engine, sources, errors, units: Vec::new() };
        loading.load(recipe, &mut vec![recipe.source.to_string()], &[]);
        loading.units
    }

    /// The module that `importer` means by an import's path, compiled.
    pub fn get(&self, importer: &str, path: &str) -> Option<Rc<Compiled>> {
        let found = self.find(importer, path).ok()?;
        self.compiled.borrow().get(&found.real).cloned()
    }

    /// Makes the folder of a file the one that modules may be in.
    pub fn root_at(&self, file: &Path) {
        *self.root.borrow_mut() = file.parent().unwrap_or(Path::new("")).to_path_buf();
    }

    /// The source's id and the text of the module that `importer` means by an import's path.
    pub fn text(&self, importer: &str, path: &str) -> Option<(String, String)> {
        let found = self.find(importer, path).ok()?;
        let text = stdlib::text(&found.id).map_or_else(|| self.read(&found).ok(), |text| Some(text.to_owned()))?;
        Some((found.id, text))
    }

    /// What can be written as an import's path in `importer` where `typed` is there: modules, and folders with a `/`
    /// at their end.
    pub fn importable(&self, importer: &str, typed: &str) -> Vec<String> {
        let mut all: BTreeSet<String> = stdlib::MODULES.iter().map(|(name, _)| (*name).to_owned()).collect();
        let prefix = typed.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let beside = Path::new(importer).parent().unwrap_or(Path::new("")).to_path_buf();
        for folder in std::iter::once(&beside).chain(&self.path) {
            let Ok(entries) = std::fs::read_dir(tidy(&folder.join(&prefix).join("."))) else { continue };
            for entry in entries.flatten() {
                let is_itself = folder.join(&prefix).join(entry.file_name()) == Path::new(importer);
                let Ok(name) = entry.file_name().into_string() else { continue };
                let name = match name.strip_suffix(".rhai") {
                    Some(module) => Some(module.to_owned()),
                    None => entry.path().is_dir().then(|| format!("{name}/")),
                };
                all.extend(
                    name.filter(|name| !is_itself && !name.starts_with('.')).map(|name| format!("{prefix}{name}")),
                );
            }
        }
        all.into_iter().collect()
    }

    fn compile(&self, engine: &Engine, sources: &Sources, found: &Found) -> (Option<Rc<Compiled>>, Vec<OpError>) {
        let text = match stdlib::text(&found.id) {
            Some(text) => Ok(text.to_string()),
            None => self.read(found),
        };
        let (compiled, errors) = match text {
            Ok(text) => compile(engine, sources, &found.id, &text),
            Err(error) => (None, vec![error]),
        };
        let compiled = compiled.map(Rc::new);
        if let Some(compiled) = &compiled {
            self.compiled.borrow_mut().insert(found.real.clone(), Rc::clone(compiled));
        }
        (compiled, errors)
    }

    /// The text of a module: what is being written in an editor, or else what its file has.
    fn read(&self, found: &Found) -> OpResult<String> {
        match self.unsaved.borrow().get(&found.real) {
            Some(text) => Ok(text.clone()),
            None => read(Path::new(&found.id)),
        }
    }

    /// Takes a text in place of that in a file; nothing takes that back.
    pub fn overlay(&self, file: &Path, text: Option<String>) {
        let real = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        match text {
            Some(text) => self.unsaved.borrow_mut().insert(real, text),
            None => self.unsaved.borrow_mut().remove(&real),
        };
    }

    fn find(&self, importer: &str, path: &str) -> OpResult<Found> {
        if path.starts_with("std/") {
            return match stdlib::text(path) {
                Some(_) => Ok(Found { real: path.into(), id: path.into() }),
                None => Err(not_found(path, "the modules that come with rhailab", &[])),
            };
        }
        if importer.starts_with("std/") {
            return Err(not_found(path, "the modules that come with rhailab", &[]));
        }
        let file = match Path::new(path).extension() {
            Some(extension) if extension == "rhai" => path.to_string(),
            _ => format!("{path}.rhai"),
        };
        let beside = Path::new(importer).parent().unwrap_or(Path::new("")).to_path_buf();
        let folders: Vec<PathBuf> = std::iter::once(beside).chain(self.path.iter().cloned()).collect();
        for folder in &folders {
            let place = tidy(&folder.join(&file));
            let Ok(real) = place.canonicalize() else { continue };
            if !self.may_read(&real) {
                let message = format!("The module `{path}` is outside the recipe's folder.");
                return Err(OpError::new("module::outside", message)
                    .cause(format!("it is `{}`", real.display()))
                    .help("Name its folder with `--module-path` if the recipe may read it."));
            }
            let known = self.compiled.borrow().get(&real).map(|compiled| compiled.source.to_string());
            return Ok(Found { id: known.unwrap_or_else(|| place.display().to_string()), real });
        }
        let looked: Vec<String> =
            folders.iter().map(|folder| format!("`{}`", tidy(&folder.join(&file)).display())).collect();
        Err(not_found(path, &looked.join(", "), &folders))
    }

    fn may_read(&self, file: &Path) -> bool {
        let root = self.root.borrow();
        self.path.iter().chain([&*root]).any(|folder| {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            folder.canonicalize().is_ok_and(|folder| file.starts_with(folder))
        })
    }

    /// A module that is imported in a run; compiled only now, if it was not found before.
    pub fn compiled(&self, engine: &Engine, sources: &Sources, importer: &str, path: &str) -> OpResult<Rc<Compiled>> {
        let found = self.find(importer, path)?;
        let known = self.compiled.borrow().get(&found.real).cloned();
        known.map_or_else(|| self.compile_late(engine, sources, &found), Ok)
    }

    fn compile_late(&self, engine: &Engine, sources: &Sources, found: &Found) -> OpResult<Rc<Compiled>> {
        let (compiled, errors) = self.compile(engine, sources, found);
        match (errors.into_iter().next(), compiled) {
            (None, Some(compiled)) => Ok(compiled),
            (Some(error), _) => Err(error),
            (None, None) => Err(OpError::new("module::lost", format!("The module `{}` cannot be compiled.", found.id))),
        }
    }

    /// Forgets what the modules' own statements made, so that the next run makes it anew.
    pub fn forget(&self) {
        self.evaluated.borrow_mut().clear();
    }

    /// Evaluates a module, the first time that it is imported.
    pub fn evaluate(&self, engine: &Engine, compiled: &Compiled) -> Raised<Shared<Module>> {
        if let Some(module) = self.evaluated.borrow().get(&compiled.source) {
            return Ok(Shared::clone(module));
        }
        let module: Shared<Module> = Module::eval_ast_as_new(Scope::new(), &compiled.ast, engine)?.into();
        self.evaluated.borrow_mut().insert(Arc::clone(&compiled.source), Shared::clone(&module));
        Ok(module)
    }
}

/// The modules of a recipe being read.
struct Loading<'l> {
    library: &'l Library,
    engine: &'l Engine,
    sources: &'l Sources,
    errors: &'l mut Vec<OpError>,
    units: Vec<Unit>,
}

impl Loading<'_> {
    /// Loads what a text imports. `importing` are the sources that led to it, `via` the imports, innermost first.
    fn load(&mut self, importer: &Compiled, importing: &mut Vec<String>, via: &[(Site, String)]) {
        for import in &importer.imports {
            let mut here = vec![(import.site.clone(), "imported here".to_owned())];
            here.extend_from_slice(via);
            let found = match self.library.find(&importer.source, &import.path) {
                Ok(found) => found,
                Err(error) => {
                    self.refuse(error, &here);
                    continue;
                }
            };
            if importing.contains(&found.id) {
                let circle: Vec<&str> = importing.iter().map(String::as_str).skip_while(|id| *id != found.id).collect();
                let circle = format!("{} → {}", circle.join(" → "), found.id);
                let error = OpError::new("module::cycle", format!("The import goes in a circle: {circle}."))
                    .help("Move what both need into a module of its own.");
                self.refuse(error, &here);
                continue;
            }
            if self.library.compiled.borrow().contains_key(&found.real) {
                continue;
            }
            let (compiled, errors) = self.library.compile(self.engine, self.sources, &found);
            for error in errors {
                self.refuse(error, &here);
            }
            if let Some(compiled) = compiled {
                importing.push(found.id.clone());
                self.load(&compiled, importing, &here);
                importing.pop();
                self.units.push(Unit { compiled, via: here });
            }
        }
    }

    /// Notes an error of the import, or of a module that it leads to.
    fn refuse(&mut self, mut error: OpError, via: &[(Site, String)]) {
        let mut via = via.to_vec();
        if error.0.site.is_none() && !via.is_empty() {
            let (site, label) = via.remove(0);
            error.0.mark = mark(self.sources, &site, Part::Name, &label);
            error.0.site = Some(site);
        }
        error.0.calls = via;
        self.errors.push(error.class(Class::Usage));
    }
}

fn not_found(path: &str, looked: &str, folders: &[PathBuf]) -> OpError {
    let mut names: Vec<String> = stdlib::MODULES.iter().map(|(name, _)| (*name).to_string()).collect();
    let (folder, _) = path.rsplit_once('/').unwrap_or(("", ""));
    for place in folders {
        let Ok(entries) = std::fs::read_dir(tidy(&place.join(folder).join("."))) else { continue };
        names.extend(entries.flatten().filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let stem = name.strip_suffix(".rhai")?;
            Some(if folder.is_empty() { stem.to_string() } else { format!("{folder}/{stem}") })
        }));
    }
    let error = OpError::new("module::not_found", format!("There is no module `{path}`."));
    let error = error.cause(format!("looked for it in {looked}"));
    match closest(path, names.iter().map(String::as_str)) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None if path.starts_with("std/") => error.help(format!("There are `{}`.", names.join("`, `"))),
        None => error.help("Paths are relative to the importing file; `.rhai` is added."),
    }
}

/// The path without `.` and, where what is before it is plain, `..`.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(tidy.components().next_back(), Some(Component::Normal(_))) => {
                tidy.pop();
            }
            other => tidy.push(other),
        }
    }
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}
