//! What a text declares, for its outline.

use crate::ops::Ty;
use crate::script::bindings::BindingKind;
use crate::script::infer::Shape;
use crate::script::page::{Around, Page, with_facts};
use crate::script::syntax::{Expr, ExprKind};
use std::ops::Range;

/// Something that a text declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// What more there is to say of it: a signature, a default, a name in the lab.
    pub detail: String,
    /// All of its bytes.
    pub range: Range<usize>,
    /// The bytes of its name.
    pub selection: Range<usize>,
}

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A function.
    Function,
    /// A parameter of the recipe.
    Param,
    /// A module.
    Module,
    /// Something in the lab: a namespace, an interface, a process.
    Object,
    /// A constant.
    Constant,
}

/// The functions, parameters, modules, constants and lab objects that a text declares, in its order.
pub fn symbols(page: &Page, around: &dyn Around) -> Vec<Symbol> {
    let mut found: Vec<Symbol> = page
        .tree
        .functions
        .iter()
        .filter(|function| !function.name.name.is_empty())
        .map(|function| {
            let params: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
            Symbol {
                name: function.name.name.clone(),
                kind: SymbolKind::Function,
                detail: format!("({})", params.join(", ")),
                range: function.at.clone(),
                selection: function.name.at.clone(),
            }
        })
        .collect();
    with_facts(page, around, |facts| {
        for (at, binding) in facts.bindings.all.iter().enumerate() {
            let shape = facts.binding(at).shape;
            let (kind, detail, end) = match binding.kind {
                BindingKind::Import(path) => (SymbolKind::Module, page.text[path.at.clone()].to_owned(), path.at.end),
                BindingKind::Let(Some(value)) | BindingKind::Const(Some(value)) => {
                    let is_constant = matches!(binding.kind, BindingKind::Const(_));
                    let kind = match param(value) {
                        Some(_) => SymbolKind::Param,
                        None if shape.is_handle() && is_object(&shape) => SymbolKind::Object,
                        None if is_constant && binding.function.is_none() => SymbolKind::Constant,
                        None => continue,
                    };
                    let default =
                        param(value).and_then(|args| args.get(1)).map(|arg| page.text[arg.at.clone()].to_owned());
                    (kind, default.unwrap_or_else(|| shape.name()), value.at.end)
                }
                _ => continue,
            };
            let selection = binding.ident.at.clone();
            let range = selection.start..end.max(selection.end);
            found.push(Symbol { name: binding.ident.name.clone(), kind, detail, range, selection });
        }
    });
    found.sort_by_key(|symbol| symbol.selection.start);
    found
}

fn is_object(shape: &Shape) -> bool {
    matches!(shape, Shape::Is(Ty::Ns | Ty::Link | Ty::Pair | Ty::Process | Ty::Rules | Ty::Vip))
}

/// The arguments of the `param` that a value is made of.
fn param(value: &Expr) -> Option<&[Expr]> {
    match &value.kind {
        ExprKind::Call(call) if call.name.name == "param" && call.on.is_none() => Some(&call.args),
        // `subnet(param(…))`
        ExprKind::Call(call) => call.args.first().and_then(param),
        _ => None,
    }
}
