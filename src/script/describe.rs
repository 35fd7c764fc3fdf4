//! What there is to say of a place in a text: what a name means, how a call goes on, where something is declared, and
//! what a text declares.

mod signature;
mod symbols;
mod uses;

use super::bindings::{Binding, BindingKind};
use super::infer::{Facts, Meant};
use super::page::{Around, Page, module_path, with_facts};
use super::syntax::{Call, Expr, ExprKind, Function, Ident};
use crate::ops::{self, FnDef, FnKind, Opt, Ty};
pub use signature::{Signature, Signatures, signatures};
use std::ops::Range;
pub use symbols::{Symbol, SymbolKind, symbols};
pub use uses::{Use, UseKind, rename, uses};

/// What is said of some bytes of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The bytes.
    pub range: Range<usize>,
    /// What is said, in Markdown.
    pub text: String,
}

/// A place where something is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The source that it is in; none for the text itself.
    pub source: Option<String>,
    /// Its bytes there.
    pub range: Range<usize>,
}

/// What a name means.
enum Meaning<'m> {
    /// Functions of the language.
    Defs(Vec<&'static FnDef>),
    /// A function of the text.
    Own(&'m Function),
    /// A function in a module.
    InModule(String, String),
    /// A declaration, by its number.
    Binding(usize),
    /// A key of a function's options.
    Option(&'static FnDef, &'static Opt),
    /// A module, by an import's path.
    Module(String),
}

/// What there is to know of a function, in Markdown, without its signature.
pub fn documentation(def: &FnDef) -> String {
    let mut text = def.summary.to_owned();
    if !def.details.is_empty() {
        text.push_str(&format!("\n\n{}", def.details));
    }
    let params = def.params.iter().filter(|param| !matches!(param.ty, Ty::Options(_)));
    let params: Vec<String> = params
        .map(|param| {
            let default = param.default.map_or(String::new(), |default| format!(" (default: {default})"));
            format!("- `{}`: {}{default}", param.name, param.doc)
        })
        .collect();
    let options = def.options().iter().map(|option| format!("- `{}`: {}", option.name, option_documentation(option)));
    for (title, rows) in [("Parameters", params), ("Options", options.collect())] {
        if !rows.is_empty() {
            text.push_str(&format!("\n\n{title}:\n\n{}", rows.join("\n")));
        }
    }
    text
}

/// What there is to know of an option.
pub fn option_documentation(option: &Opt) -> String {
    format!("{} ({}, default: {})", option.doc, option.ty.name(), option.default)
}

/// What the name at a byte means.
pub fn hover(page: &Page, offset: usize, around: &dyn Around) -> Option<Said> {
    with_facts(page, around, |facts| {
        let (range, meaning) = meaning(page, facts, around, offset)?;
        let text = match meaning {
            Meaning::Defs(defs) => {
                let each = defs.into_iter().map(|def| {
                    let example = format!("```rhai\n{}\n```", def.example);
                    format!("{}\n\n{}\n\nExample:\n\n{example}", code(&def.signature()), documentation(def))
                });
                each.collect::<Vec<_>>().join("\n\n---\n\n")
            }
            Meaning::Own(function) => of_function(function),
            Meaning::InModule(path, name) => {
                let module = around.module(&path)?;
                of_function(module.page.tree.functions.iter().find(|function| function.name.name == name)?)
            }
            Meaning::Binding(at) => of_binding(facts, at)?,
            Meaning::Option(def, option) => {
                let head = code(&format!("{}: {}", option.name, option.ty.name()));
                format!("{head}\n\n{}\n\nAn option of `{}`.", option_documentation(option), def.name)
            }
            Meaning::Module(path) => format!("{}\n\n{}", code(&format!("import \"{path}\"")), head_of(around, &path)),
        };
        Some(Said { range, text })
    })
}

/// Where what the name at a byte means is declared.
pub fn definition(page: &Page, offset: usize, around: &dyn Around) -> Option<Declared> {
    with_facts(page, around, |facts| {
        let (_, meaning) = meaning(page, facts, around, offset)?;
        match meaning {
            Meaning::Own(function) => Some(Declared { source: None, range: function.name.at.clone() }),
            Meaning::Binding(at) => {
                let binding = facts.bindings.all.get(at)?;
                Some(Declared { source: None, range: binding.ident.at.clone() })
            }
            Meaning::InModule(path, name) => {
                let module = around.module(&path)?;
                let function = module.page.tree.functions.iter().find(|function| function.name.name == name)?;
                Some(Declared { source: Some(module.source.clone()), range: function.name.at.clone() })
            }
            Meaning::Module(path) => Some(Declared { source: Some(around.module(&path)?.source.clone()), range: 0..0 }),
            Meaning::Defs(_) | Meaning::Option(..) => None,
        }
    })
}

fn code(text: &str) -> String {
    format!("```rhai\n{text}\n```")
}

fn of_function(function: &Function) -> String {
    let params: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
    let head = code(&format!("fn {}({})", function.name.name, params.join(", ")));
    if function.doc.is_empty() { head } else { format!("{head}\n\n{}", function.doc) }
}

fn of_binding(facts: &Facts<'_>, at: usize) -> Option<String> {
    let binding = facts.bindings.all.get(at)?;
    let worth = facts.binding(at);
    let word = match binding.kind {
        BindingKind::Let(_) => "let ",
        BindingKind::Const(_) => "const ",
        BindingKind::Item(_) | BindingKind::Counter => "for ",
        BindingKind::Caught => "catch ",
        BindingKind::Param | BindingKind::ClosureParam => "parameter ",
        BindingKind::Import(path) => {
            let ExprKind::Str(Some(path)) = &path.kind else { return None };
            return Some(code(&format!("import \"{path}\" as {}", binding.ident.name)));
        }
    };
    let head = format!("{word}{}: {}", binding.ident.name, worth.shape.name());
    let value = worth.value.as_ref().and_then(super::infer::text_of);
    Some(code(&value.map_or(head.clone(), |value| format!("{head} = {value}"))))
}

/// What a module says of itself.
fn head_of(around: &dyn Around, path: &str) -> String {
    let Some(module) = around.module(path) else { return "There is no such module.".into() };
    let names: Vec<String> =
        module.page.tree.functions.iter().filter(|it| !it.is_private).map(of_function_line).collect();
    let doc = super::head(&module.page.text);
    let functions = if names.is_empty() { String::new() } else { format!("\n\n{}", names.join("\n")) };
    format!("{doc}{functions}")
}

fn of_function_line(function: &Function) -> String {
    let params: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
    format!("- `{}({})`", function.name.name, params.join(", "))
}

/// What the name at a byte means, with the name's bytes.
fn meaning<'m>(
    page: &'m Page,
    facts: &Facts<'m>,
    around: &dyn Around,
    offset: usize,
) -> Option<(Range<usize>, Meaning<'m>)> {
    let is_at = |ident: &Ident| !ident.name.is_empty() && ident.at.start <= offset && offset <= ident.at.end;
    if let Some(function) = page.tree.functions.iter().find(|function| is_at(&function.name)) {
        return Some((function.name.at.clone(), Meaning::Own(function)));
    }
    for expr in page.around(offset).into_iter().rev() {
        if let Some(found) = in_expr(expr, page, facts, around, &is_at) {
            return Some(found);
        }
    }
    let declared = facts.bindings.all.iter().position(|binding: &Binding<'_>| is_at(binding.ident))?;
    Some((facts.bindings.all[declared].ident.at.clone(), Meaning::Binding(declared)))
}

fn in_expr<'m>(
    expr: &'m Expr,
    page: &'m Page,
    facts: &Facts<'m>,
    around: &dyn Around,
    is_at: &dyn Fn(&Ident) -> bool,
) -> Option<(Range<usize>, Meaning<'m>)> {
    match &expr.kind {
        ExprKind::Name(_) => {
            let binding = facts.bindings.at(expr.at.start)?;
            Some((expr.at.clone(), Meaning::Binding(binding)))
        }
        ExprKind::Path { modules, name } => {
            let module = modules.iter().find(|module| is_at(module));
            match module {
                Some(module) => of_module(facts, around, module),
                None => facts.bindings.at(name.at.start).map(|at| (name.at.clone(), Meaning::Binding(at))),
            }
        }
        ExprKind::Property { on, name } if is_at(name) => {
            let shape = facts.of(on).shape;
            let defs: Vec<&FnDef> = super::infer::methods_named(&name.name, &shape).collect();
            let any = || ops::all().filter(|def| def.name == name.name && matches!(def.kind, FnKind::Property(_)));
            let defs = if defs.is_empty() && !shape.is_handle() { any().collect() } else { defs };
            (!defs.is_empty()).then(|| (name.at.clone(), Meaning::Defs(defs)))
        }
        ExprKind::Call(call) => in_call(call, page, facts, around, is_at),
        // The path of an import.
        ExprKind::Str(Some(path)) => {
            let is_import = facts
                .bindings
                .all
                .iter()
                .any(|binding| matches!(binding.kind, BindingKind::Import(import) if import.at == expr.at));
            is_import.then(|| (expr.at.clone(), Meaning::Module(path.clone())))
        }
        _ => None,
    }
}

fn of_module<'m>(facts: &Facts<'m>, around: &dyn Around, module: &Ident) -> Option<(Range<usize>, Meaning<'m>)> {
    if let Some(at) = facts.bindings.at(module.at.start) {
        return Some((module.at.clone(), Meaning::Binding(at)));
    }
    let path = module_path(facts, around, &module.name, module.at.start)?;
    Some((module.at.clone(), Meaning::Module(path)))
}

fn in_call<'m>(
    call: &'m Call,
    page: &'m Page,
    facts: &Facts<'m>,
    around: &dyn Around,
    is_at: &dyn Fn(&Ident) -> bool,
) -> Option<(Range<usize>, Meaning<'m>)> {
    if let Some(module) = call.modules.iter().find(|module| is_at(module)) {
        return of_module(facts, around, module);
    }
    if is_at(&call.name) {
        let name = call.name.name.as_str();
        if let Some(module) = call.modules.first() {
            let path = module_path(facts, around, &module.name, module.at.start)?;
            return Some((call.name.at.clone(), Meaning::InModule(path, name.to_owned())));
        }
        let fitting = facts.own(call).map(|(_, function)| function);
        let named = || page.tree.functions.iter().find(|function| function.name.name == name);
        if let Some(function) = fitting.or_else(named) {
            return Some((call.name.at.clone(), Meaning::Own(function)));
        }
        let defs = defs(facts, call);
        return (!defs.is_empty()).then(|| (call.name.at.clone(), Meaning::Defs(defs)));
    }
    let entries = call.args.iter().filter_map(|arg| match &arg.kind {
        ExprKind::Map(entries) => Some(entries),
        _ => None,
    });
    let key = entries.flatten().find(|entry| is_at(&entry.key))?;
    let Meant { def, .. } = facts.meant(call)?;
    let option = def.options().iter().find(|option| option.name == key.key.name)?;
    Some((key.key.at.clone(), Meaning::Option(def, option)))
}

/// The functions of the language that a call can mean: the one that it does mean, or all of that name.
pub(super) fn defs(facts: &Facts<'_>, call: &Call) -> Vec<&'static FnDef> {
    if let Some(meant) = facts.meant(call) {
        return vec![meant.def];
    }
    let named = || ops::all().filter(|def| def.name == call.name.name && !matches!(def.kind, FnKind::Property(_)));
    let Some(on) = &call.on else {
        let free: Vec<&FnDef> = named().filter(|def| matches!(def.kind, FnKind::Free | FnKind::InNs)).collect();
        return if free.is_empty() { named().collect() } else { free };
    };
    let shape = facts.of(on).shape;
    let of_type: Vec<&FnDef> = super::infer::methods_named(&call.name.name, &shape).collect();
    if of_type.is_empty() { named().filter(|def| def.kind != FnKind::Free).collect() } else { of_type }
}
