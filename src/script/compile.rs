//! Compiling a text, and what a walk over its syntax tree tells about it.

use super::explain::mark::{Part, mark};
use super::explain::syntax::{syntax, unclosed};
use super::place::{is_closure, site};
use super::sources::Sources;
use super::syntax::{Statement, StatementKind, Tree, parse};
use crate::model::error::{Class, OpError, Site, closest};
use rhai::{AST, ASTNode, Engine, Expr, FnAccess, FnCallExpr, ParseError, ParseErrorType, Position, Scope, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many variables that are not declared are told of one text; each takes another compilation.
const UNDECLARED: usize = 20;

/// A compiled recipe, module or REPL entry.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Its source's id.
    pub source: Arc<str>,
    /// Rhai's syntax tree.
    pub ast: AST,
    /// Our own, which knows the bytes of everything.
    pub tree: Tree,
    /// The variables that it uses and does not declare.
    pub undeclared: BTreeSet<String>,
    /// Every call in it, of natives, functions and methods; operators are not among them.
    pub calls: Vec<CallSite>,
    /// Every import in it.
    pub imports: Vec<Import>,
    /// Its functions, with the numbers of parameters they take.
    pub functions: BTreeMap<String, BTreeSet<usize>>,
    /// The functions among them that a module keeps to itself.
    pub private: BTreeSet<String>,
}

/// A call in a text.
#[derive(Debug, Clone)]
pub struct CallSite {
    /// The function's name.
    pub name: String,
    /// The modules before the name, outermost first.
    pub path: Vec<String>,
    /// The number of arguments.
    pub args: usize,
    /// Whether it is called on something.
    pub is_method: bool,
    /// Where.
    pub site: Site,
}

/// An import in a text.
#[derive(Debug, Clone)]
pub struct Import {
    /// What is imported.
    pub path: String,
    /// The name that it gets; empty where it gets none.
    pub alias: String,
    /// Where.
    pub site: Site,
}

impl Compiled {
    /// Whether it has a function of that name with that many parameters.
    pub fn has(&self, function: &str, params: usize) -> bool {
        self.functions.get(function).is_some_and(|counts| counts.contains(&params))
    }
}

/// A compiled text, as far as it could be, with what is wrong with it.
pub type Compilation = (Option<Compiled>, Vec<OpError>);

/// Compiles a text and remembers it under `id`. Variables that are not declared are all told; after another mistake
/// in its syntax nothing more is known of a text.
pub fn compile(engine: &Engine, sources: &Sources, id: &str, text: &str) -> Compilation {
    compile_after(engine, sources, id, text, &Scope::new())
}

/// As [`compile`], of a text that knows variables which it does not declare.
pub fn compile_after(engine: &Engine, sources: &Sources, id: &str, text: &str, known: &Scope<'static>) -> Compilation {
    let source = sources.add(id, text);
    let mut errors = Vec::new();
    let mut missing = known.clone();
    let mut undeclared = BTreeSet::new();
    let code = without_shebang(text);
    let mut ast = loop {
        match engine.compile_with_scope(&missing, &code) {
            Ok(ast) => break ast,
            Err(error) => {
                errors.push(advise(syntax(&error, &source, sources), &error, known));
                match error.err_type() {
                    ParseErrorType::VariableUndefined(name) if errors.len() < UNDECLARED => {
                        missing.push(name.clone(), ());
                        undeclared.insert(name.clone());
                    }
                    _ => return (None, errors),
                }
            }
        }
    };
    if let Some(error) = unclosed(text, &source) {
        errors.push(error);
        return (None, errors);
    }
    if !known.is_empty() && ast.iter_functions().next().is_some() {
        let tree = parse(text);
        if let Err(error) = engine.compile(functions_alone(&code, &tree)) {
            errors.push(advise(syntax(&error, &source, sources), &error, known));
            return (None, errors);
        }
    }
    ast.set_source(&*source);
    let mut compiled = Compiled {
        source: Arc::clone(&source),
        tree: parse(text),
        undeclared,
        calls: Vec::new(),
        imports: Vec::new(),
        functions: BTreeMap::new(),
        private: BTreeSet::new(),
        ast,
    };
    for function in compiled.ast.iter_functions() {
        compiled.functions.entry(function.name.to_string()).or_default().insert(function.params.len());
        if function.access == FnAccess::Private {
            compiled.private.insert(function.name.to_string());
        }
    }
    sources.define(&source, compiled.ast.iter_fn_def().map(|function| function.name.as_str()));
    errors.extend(walk(&mut compiled, sources));
    for call in &compiled.calls {
        sources.call(&call.name, &call.site);
    }
    (Some(compiled), errors)
}

/// Collects calls and imports; what is wrong are imports of paths that are no literals.
fn walk(compiled: &mut Compiled, sources: &Sources) -> Vec<OpError> {
    let source = &compiled.source;
    let mut unclear = Vec::new();
    let (calls, imports) = (&mut compiled.calls, &mut compiled.imports);
    compiled.ast.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                calls.extend(call_site(call, *at, false, source));
            }
            Some(ASTNode::Expr(Expr::MethodCall(call, at))) => calls.extend(call_site(call, *at, true, source)),
            Some(ASTNode::Stmt(Stmt::Import(import, _))) => {
                let (path, alias) = &**import;
                match path {
                    Expr::StringConstant(text, at) => {
                        imports.push(Import {
                            path: text.to_string(),
                            alias: alias.name.to_string(),
                            site: site(source, *at),
                        });
                    }
                    other => unclear.push(site(source, other.start_position())),
                }
            }
            _ => {}
        }
        true
    });
    let refuse = |site: Site| {
        let mut error = OpError::new("module::literal", "The path of an import must be a literal string.")
            .help("Modules are read and checked before the recipe starts.")
            .class(Class::Usage);
        error.0.mark = mark(sources, &site, Part::Call, "not a literal");
        error.0.site = Some(site);
        error
    };
    unclear.into_iter().map(refuse).collect()
}

fn call_site(call: &FnCallExpr, at: Position, is_method: bool, source: &Arc<str>) -> Option<CallSite> {
    if call.is_operator_call() || is_closure(&call.name) {
        return None;
    }
    // A qualified call has the position of its function, but reads from the first module's name on.
    let (path, at) = if call.is_qualified() {
        (call.namespace.path.iter().map(|module| module.name.to_string()).collect(), call.namespace.position())
    } else {
        (Vec::new(), at)
    };
    Some(CallSite { name: call.name.to_string(), path, args: call.args.len(), is_method, site: site(source, at) })
}

/// Adds what is known of variables that the text does not declare to the error of one that is not there.
fn advise(error: OpError, failure: &ParseError, known: &Scope<'static>) -> OpError {
    let ParseErrorType::VariableUndefined(name) = failure.err_type() else { return error };
    if known.contains(name) {
        return error.help(format!(
            "Functions do not see the variables of the prompt: pass `{name}` as a parameter, or declare it with \
             `const {name} = …` and write `global::{name}`."
        ));
    }
    match closest(name, known.iter_raw().map(|(name, _, _)| name)) {
        Some(near) => error.help(format!("Did you mean `{near}`?")),
        None => error,
    }
}

/// The text with everything blank but functions and imports, which is what functions see.
fn functions_alone(text: &str, tree: &Tree) -> String {
    let is_import = |statement: &&Statement| matches!(statement.kind, StatementKind::Import { .. });
    let mut kept: Vec<_> = tree.functions.iter().map(|function| function.at.clone()).collect();
    // The semicolon after an import is not its own.
    kept.extend(tree.body.statements.iter().filter(is_import).map(|import| import.at.start..import.at.end + 1));
    let blank =
        |(at, c): (usize, char)| if c == '\n' || kept.iter().any(|range| range.contains(&at)) { c } else { ' ' };
    let chars = text.char_indices().map(blank);
    chars.collect()
}

/// The text with a first line `#!…` turned into spaces, so that all positions stay.
fn without_shebang(text: &str) -> String {
    match text.strip_prefix("#!") {
        None => text.to_string(),
        Some(rest) => {
            let line = rest.find('\n').unwrap_or(rest.len());
            format!("{}{}", " ".repeat(line + 2), rest.get(line..).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shebang_line_moves_nothing() {
        assert_eq!(without_shebang("#!/usr/bin/env rhailab\nlet x = 1;"), format!("{}\nlet x = 1;", " ".repeat(22)));
        assert_eq!(without_shebang("#!x"), "   ");
        assert_eq!(without_shebang("#{}"), "#{}");
    }
}
