//! Compiling a text, and what a walk over its syntax tree tells about it.

use super::context::{is_closure, site};
use super::explain;
use super::explain::mark::{Part, mark};
use super::sources::Sources;
use crate::error::{Class, OpError, OpResult, Site};
use rhai::{AST, ASTNode, Engine, Expr, FnAccess, FnCallExpr, Position, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A compiled recipe, module or REPL entry.
#[derive(Debug, Clone)]
pub struct Compiled {
    /// Its source's id.
    pub source: Rc<str>,
    /// The syntax tree.
    pub ast: AST,
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
    /// The keys of its last argument, if that is a map literal.
    pub keys: Vec<String>,
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

/// Compiles a text and remembers it under `id`.
pub fn compile(engine: &Engine, sources: &Sources, id: &str, text: &str) -> OpResult<Compiled> {
    let source = sources.add(id, text);
    let mut ast = match engine.compile(without_shebang(text)) {
        Ok(ast) => ast,
        Err(error) => return Err(explain::syntax(&error, &source, sources)),
    };
    if let Some(error) = explain::unclosed(text, &source) {
        return Err(error);
    }
    ast.set_source(&*source);
    let mut compiled = Compiled {
        source: Rc::clone(&source),
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
    walk(&mut compiled, sources)?;
    for call in &compiled.calls {
        sources.call(&call.name, &call.site);
    }
    Ok(compiled)
}

fn walk(compiled: &mut Compiled, sources: &Sources) -> OpResult<()> {
    let source = &compiled.source;
    let mut unclear = None;
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
                    other => unclear = unclear.take().or(Some(site(source, other.start_position()))),
                }
            }
            _ => {}
        }
        true
    });
    match unclear {
        None => Ok(()),
        Some(site) => {
            let mut error = OpError::new("module::literal", "The path of an import must be a literal string.")
                .help("Modules are read and checked before the recipe starts.")
                .class(Class::Usage);
            error.0.mark = mark(sources, &site, Part::Call, "not a literal");
            error.0.site = Some(site);
            Err(error)
        }
    }
}

fn call_site(call: &FnCallExpr, at: Position, is_method: bool, source: &Rc<str>) -> Option<CallSite> {
    if call.is_operator_call() || is_closure(&call.name) {
        return None;
    }
    // A qualified call has the position of its function, but reads from the first module's name on.
    let (path, at) = if call.is_qualified() {
        (call.namespace.path.iter().map(|module| module.name.to_string()).collect(), call.namespace.position())
    } else {
        (Vec::new(), at)
    };
    let keys = match call.args.last() {
        Some(Expr::Map(map, _)) => map.0.iter().map(|(key, _)| key.name.to_string()).collect(),
        _ => Vec::new(),
    };
    Some(CallSite { name: call.name.to_string(), path, args: call.args.len(), is_method, keys, site: site(source, at) })
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
