//! How a call that is being written goes on.

use super::{defs, documentation};
use crate::ops::{FnDef, FnKind, Ty};
use crate::script::page::{Around, Page, module_path, with_facts};
use crate::script::syntax::{Call, Function};
use std::ops::Range;

/// The forms that a call can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatures {
    /// Each of them.
    pub all: Vec<Signature>,
    /// The argument that is being written, from 0.
    pub argument: usize,
}

/// A form of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// How it is written.
    pub label: String,
    /// The bytes of each parameter in there, with what it is for.
    pub params: Vec<(Range<usize>, String)>,
    /// What there is to know, in Markdown.
    pub doc: String,
}

/// The forms of the call whose brackets are around a byte.
pub fn signatures(page: &Page, offset: usize, around: &dyn Around) -> Option<Signatures> {
    let call = page.call_around(offset)?;
    let all = with_facts(page, around, |facts| {
        let name = call.name.name.as_str();
        let own = |functions: &[Function]| -> Vec<Signature> {
            functions.iter().filter(|function| function.name.name == name).map(of_function).collect()
        };
        if let Some(module) = call.modules.first() {
            let path = module_path(facts, around, &module.name, module.at.start);
            let module = path.and_then(|path| around.module(&path));
            return module.map(|module| own(&module.page.tree.functions)).unwrap_or_default();
        }
        let mut all = own(&page.tree.functions);
        if all.is_empty() {
            all = defs(facts, call).into_iter().map(of_def).collect();
        }
        all
    });
    if all.is_empty() { None } else { Some(Signatures { all, argument: argument(page, call, offset) }) }
}

/// Which argument of a call a byte is in.
fn argument(page: &Page, call: &Call, offset: usize) -> usize {
    let before = call.args.iter().filter(|arg| arg.at.end < offset).count();
    let Some(last) = before.checked_sub(1).and_then(|at| call.args.get(at)) else { return 0 };
    // Behind an argument one is still in it until its comma.
    let between = page.text.get(last.at.end..offset).unwrap_or_default();
    if between.contains(',') { before } else { before - 1 }
}

fn of_function(function: &Function) -> Signature {
    let params = function.params.iter().map(|param| (param.name.clone(), String::new()));
    form(&function.name.name, params, "", function.doc.clone())
}

fn of_def(def: &'static FnDef) -> Signature {
    let receiver = match def.kind {
        FnKind::Free | FnKind::InNs => String::new(),
        FnKind::Method(ty) | FnKind::Property(ty) => format!("{}.", ty.name().replace(' ', "_")),
    };
    let params = def.params.iter().map(|param| {
        let question = if param.default.is_some() { "?" } else { "" };
        let doc = if matches!(param.ty, Ty::Options(_)) {
            let options = def.options().iter().map(|option| format!("`{}`: {}", option.name, option.doc));
            options.collect::<Vec<_>>().join("; ")
        } else {
            param.doc.to_owned()
        };
        (format!("{}{question}: {}", param.name, param.ty.name()), doc)
    });
    let returns = if def.returns == Ty::Unit { String::new() } else { format!(" -> {}", def.returns.name()) };
    form(&format!("{receiver}{}", def.name), params, &returns, documentation(def))
}

fn form(name: &str, params: impl Iterator<Item = (String, String)>, returns: &str, doc: String) -> Signature {
    let mut label = format!("{name}(");
    let mut places = Vec::new();
    for (number, (param, doc)) in params.enumerate() {
        if number > 0 {
            label.push_str(", ");
        }
        let start = label.len();
        label.push_str(&param);
        places.push((start..label.len(), doc));
    }
    label.push(')');
    label.push_str(returns);
    Signature { label, params: places, doc }
}
