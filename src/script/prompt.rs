//! The language at a prompt: entries that are read, checked and run one after the other, in one scope.
//!
//! Each entry is a text of its own, `repl:N`, so that errors point into it. Its functions become a module that later
//! entries see, and so do its imports. A [`SavedScope`] is everything that an entry can change outside of the lab: taken
//! before an entry, it brings back the variables and functions as they were.

mod saved_scope;
mod values;

use super::compile::Compiled;
use super::context::{ENTRY, STDIN};
use super::page::Live;
use super::place::is_closure;
use super::scan::{Token, TokenKind, offset, scan};
use super::sources::Sources;
use super::syntax::{ExprKind, StatementKind};
use super::vocabulary::Vocabulary;
use super::{Context, Earlier, Near, Recipe, ScriptError, Session, engine, explain, params, read};
use crate::lab::Lab;
use crate::model::identity::Identity;
use crate::model::names::Ns;
use crate::ops::{Process, Value};
use rhai::{AST, Dynamic, EvalAltResult, Module, ParseErrorType, Scope, Shared};
pub use saved_scope::SavedScope;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The variable with the last value that was shown.
pub const LAST: &str = "it";

/// A prompt's engine with what its entries have made so far.
pub struct Prompt {
    session: Session,
    scope: Scope<'static>,
    defined: Defined,
    /// How many entries were read.
    count: usize,
    /// What was read from something that is no terminal.
    piped: String,
}

/// What entries define besides variables.
#[derive(Clone, Default)]
struct Defined {
    /// The functions of each entry that has any, oldest first.
    functions: Vec<(Rc<Compiled>, Shared<Module>)>,
    /// The path and the module of each name that was imported.
    modules: BTreeMap<String, (String, Shared<Module>)>,
}

/// An entry that was read and found to be in order.
pub struct Entry {
    recipe: Recipe,
    /// The entry's text.
    pub text: String,
}

/// What an entry came to.
pub struct Shown {
    /// The value; none where it is one that only Rhai has.
    pub value: Option<Value>,
    /// The same as text.
    pub text: String,
    /// Its type's name.
    pub ty: String,
}

/// A variable, for a list of them.
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it is now.
    pub shown: Shown,
}

impl Prompt {
    /// A prompt that nothing was entered at. It is the session's only user.
    pub fn new(session: Session) -> Prompt {
        Prompt { session, scope: Scope::new(), defined: Defined::default(), count: 0, piped: String::new() }
    }

    fn cx(&self) -> &Rc<Context> {
        &self.session.cx
    }

    /// The lab that entries act on.
    pub fn lab(&self) -> &Rc<RefCell<Lab>> {
        &self.cx().lab
    }

    /// The texts that were read so far, for reports.
    pub fn sources(&self) -> &Sources {
        self.session.sources()
    }

    /// What can be called.
    pub fn vocabulary(&self) -> Vocabulary<'_> {
        self.session.vocabulary()
    }

    /// What is known around an entry that is being written.
    pub fn near<'s>(&'s self, vocabulary: &'s Vocabulary<'s>, live: Live) -> Near<'s> {
        self.session.near(Path::new(""), vocabulary, live)
    }

    /// The namespace that free functions mean.
    pub fn here(&self) -> Ns {
        self.cx().here.borrow().clone()
    }

    /// Makes free functions of the entries to come mean that namespace.
    pub fn go_to(&self, ns: Ns) {
        *self.cx().here.borrow_mut() = ns;
    }

    /// Reads, compiles and checks an entry. Nothing is run.
    pub fn read(&mut self, text: &str) -> Result<Entry, ScriptError> {
        self.count += 1;
        let id = format!("{ENTRY}{}", self.count);
        self.examine(&id, text, Path::new(""))
    }

    /// As [`read`](Prompt::read), of the next lines of something that is no terminal: places are lines of all of it.
    pub fn read_piped(&mut self, text: &str) -> Result<Entry, ScriptError> {
        let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
        let code = self.piped.bytes().map(blank).collect::<String>() + text;
        self.skip_piped(text);
        let entry = self.examine(STDIN, &code, Path::new(""));
        self.sources().complete(STDIN, &self.piped);
        Ok(Entry { text: text.to_owned(), ..entry? })
    }

    /// Takes note of lines that are no entry.
    pub fn skip_piped(&mut self, text: &str) {
        self.piped.push_str(text);
    }

    /// As [`read`](Prompt::read), of a recipe in a file, whose imports are relative to it.
    pub fn read_file(&mut self, path: &Path) -> Result<Entry, ScriptError> {
        let text = read::read(path)?;
        self.examine(&path.display().to_string(), &text, path)
    }

    fn examine(&self, id: &str, text: &str, path: &Path) -> Result<Entry, ScriptError> {
        let live = self.live();
        let earlier = Earlier { scope: &self.scope, live: &live };
        let recipe = self.session.judge(self.session.examine(id, text, path, Some(&earlier)))?;
        Ok(Entry { recipe, text: text.to_owned() })
    }

    /// Runs an entry. What it has made stays, whether it fails or not.
    pub fn run(&mut self, entry: &Entry) -> Result<Option<Shown>, ScriptError> {
        let compiled = Rc::clone(&entry.recipe.compiled);
        let cx = Rc::clone(self.cx());
        // What is given is for the recipe that the prompt began with.
        let given = std::mem::take(&mut self.session.given);
        cx.params.borrow_mut().extend(params::bind(&entry.recipe.params, &given, &cx.sources)?);
        let mut ast = compiled.ast.clone();
        if let Some(constants) = self.constants(&entry.text) {
            ast = constants.merge(&ast);
            ast.set_source(&*compiled.source);
        }
        let result = self.session.engine.eval_ast_with_scope::<Dynamic>(&mut self.scope, &ast);
        let value = result.map_err(|failure| self.explain(&failure, &compiled))?;
        cx.lab.borrow_mut().settle().map_err(|mut error| {
            explain::locate(&mut error, &cx.sources);
            error
        })?;
        self.keep(&compiled, &entry.text).map_err(|failure| self.explain(&failure, &compiled))?;
        // As with other prompts, a semicolon at the end says that the value is of no interest.
        let is_ended = matches!(
            compiled.tree.body.statements.last().map(|last| &last.kind),
            Some(StatementKind::Expr { is_ended: true, .. })
        );
        if value.is_unit() || is_ended {
            return Ok(None);
        }
        let shown = values::show(&self.session.engine, &value);
        self.scope.set_or_push(LAST, value);
        Ok(Some(shown))
    }

    fn explain(&self, failure: &EvalAltResult, entry: &Compiled) -> ScriptError {
        explain::runtime(failure, &entry.source, self.cx(), &self.session.vocabulary())
    }

    /// Makes functions and imports of an entry last.
    fn keep(&mut self, compiled: &Rc<Compiled>, text: &str) -> Result<(), Box<EvalAltResult>> {
        let engine = &mut self.session.engine;
        for statement in &compiled.tree.body.statements {
            let StatementKind::Import { path, alias: Some(alias) } = &statement.kind else { continue };
            let ExprKind::Str(Some(path)) = &path.kind else { continue };
            // It was evaluated when the entry ran.
            let Some(found) = self.session.cx.library.get(&compiled.source, path) else { continue };
            let module = self.session.cx.library.evaluate(engine, &found)?;
            engine.register_static_module(&alias.name, Shared::clone(&module));
            self.defined.modules.insert(alias.name.clone(), (path.clone(), module));
        }
        if compiled.ast.iter_functions().next().is_none() {
            return Ok(());
        }
        let functions = compiled.ast.clone_functions_only();
        let mut ast = self.constants(text).map_or_else(|| functions.clone(), |constants| constants.merge(&functions));
        ast.set_source(&*compiled.source);
        let module: Shared<Module> = Module::eval_ast_as_new(self.scope.clone(), &ast, &self.session.engine)?.into();
        self.session.engine.register_global_module(Shared::clone(&module));
        self.defined.functions.push((Rc::clone(compiled), module));
        Ok(())
    }

    /// The constants of earlier entries, declared once more: functions see them as `global::NAME` only where they were
    /// declared in the same run.
    fn constants(&self, text: &str) -> Option<AST> {
        if !text.contains("global") {
            return None;
        }
        let names = self.scope.iter_raw().filter(|(_, is_constant, _)| *is_constant);
        let names: Vec<String> = names.map(|(name, _, _)| format!("const {name} = {name};")).collect();
        let text = names.join("\n");
        self.session.engine.compile_with_scope(&self.scope, text).ok()
    }

    /// Whether there is nothing to wait for: the text is whole, or wrong in a way that more of it will not mend.
    pub fn is_complete(&self, text: &str) -> bool {
        let scanned = scan(text);
        let is = |kind| move |token: &&Token| token.kind == kind;
        let depth = scanned.tokens.iter().filter(is(TokenKind::Open)).count();
        let closed = scanned.tokens.iter().filter(is(TokenKind::Close)).count();
        if scanned.unfinished || depth > closed {
            return false;
        }
        let Some(last) =
            scanned.tokens.iter().rev().find(|token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc))
        else {
            return true;
        };
        let Err(error) = self.session.engine.compile_with_scope(&self.scope, text) else { return true };
        if matches!(error.err_type(), ParseErrorType::VariableUndefined(_) | ParseErrorType::ModuleUndefined(_)) {
            return true;
        }
        let number = |place: Option<usize>| place.and_then(|place| u32::try_from(place).ok());
        match (number(error.position().line()), number(error.position().position())) {
            (Some(line), column) => offset(text, line, column.unwrap_or(1)) < last.at.end,
            (None, _) => false,
        }
    }

    /// What entries have made so far, without the names of what is in the lab.
    pub fn live(&self) -> Live {
        let variables = self.scope.iter_raw().map(|(name, _, value)| (name.to_owned(), values::shape(value)));
        let functions = self.defined.functions.iter().flat_map(|(compiled, _)| {
            let own = compiled.ast.iter_functions().filter(|function| !is_closure(function.name));
            own.map(|function| {
                (function.name.to_owned(), function.params.iter().map(|param| (*param).to_owned()).collect())
            })
            .collect::<Vec<(String, Vec<String>)>>()
        });
        let mut functions: Vec<(String, Vec<String>)> = functions.collect();
        functions.sort();
        functions.dedup();
        Live {
            variables: variables.collect(),
            functions,
            modules: self.defined.modules.iter().map(|(name, (path, _))| (name.clone(), path.clone())).collect(),
            ..Live::default()
        }
    }

    /// The variables, of two with one name the newer one.
    pub fn variables(&self) -> Vec<Variable> {
        let all: BTreeMap<&str, &Dynamic> = self.scope.iter_raw().map(|(name, _, value)| (name, value)).collect();
        let show = |(name, value): (&str, &Dynamic)| Variable {
            name: name.to_owned(),
            shown: values::show(&self.session.engine, value),
        };
        all.into_iter().map(show).collect()
    }

    /// Everything that an entry can change besides the lab.
    pub fn moment(&self) -> SavedScope {
        SavedScope::of(&self.scope, &self.defined)
    }

    /// Brings back what was.
    pub fn restore(&mut self, moment: &SavedScope) {
        self.scope = moment.scope();
        self.defined = moment.defined.clone();
        let engine = engine(self.cx(), self.session.max_operations);
        self.session.engine = engine;
        for (_, module) in &self.defined.functions {
            self.session.engine.register_global_module(Shared::clone(module));
        }
        for (name, (_, module)) in &self.defined.modules {
            self.session.engine.register_static_module(name, Shared::clone(module));
        }
    }

    /// Makes variables that stand for processes stand for what became of these: those that were started anew, and whose
    /// logs are in another folder.
    pub fn renew(&mut self, moved: Option<(&Path, &Path)>) {
        let lab = Rc::clone(self.lab());
        let lab = lab.borrow();
        let renewed = |process: &Process| {
            let mut identity = lab.identity(process.change).unwrap_or_else(|| process.identity.clone());
            if let (Some((from, to)), Identity::Process { log, .. }) = (moved, &mut identity)
                && let Ok(name) = log.strip_prefix(from)
            {
                *log = PathBuf::from(to).join(name);
            }
            (identity != process.identity).then(|| Process { identity, ..process.clone() })
        };
        let mut scope = Scope::new();
        for (name, is_constant, value) in self.scope.iter_raw() {
            let mut value = value.clone();
            values::renew(&mut value, &renewed);
            if is_constant {
                scope.push_constant_dynamic(name.to_owned(), value);
            } else {
                scope.push_dynamic(name.to_owned(), value);
            }
        }
        self.scope = scope;
    }
}
