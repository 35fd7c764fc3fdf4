//! What there is to offer in each kind of place.

use super::{Candidate, CandidateKind};
use crate::ops::{self, FnDef, FnKind, Ty};
use crate::script::bindings::{Binding, BindingKind};
use crate::script::describe::{documentation, option_documentation};
use crate::script::infer::{Facts, Shape, methods_of};
use crate::script::page::{Around, Page, module_path};
use crate::script::scan::KEYWORDS;
use crate::script::syntax::{Call, ExprKind, Function};
use std::collections::BTreeMap;

/// Rhai's own functions that are worth offering where a value is due; all others are methods of something.
const NATIVES: &[(&str, &str)] = &[
    ("print", "Prints a value."),
    ("debug", "Prints a value as it is inside, with its place."),
    ("type_of", "The name of a value's type."),
    ("parse_int", "The whole number that a text is."),
    ("range", "The numbers from one to before another."),
    ("min", "The smaller of two numbers."),
    ("max", "The larger of two numbers."),
    ("timestamp", "The time now; subtract one from another for seconds."),
];

/// Words that only begin statements.
const STATEMENTS: &[&str] = &[
    "let", "const", "while", "until", "loop", "do", "for", "break", "continue", "return", "throw", "try", "fn",
    "private", "import", "export",
];

/// A place in a text that something is offered at.
pub struct Offers<'o> {
    /// The text.
    pub page: &'o Page,
    /// What is known in it.
    pub facts: &'o Facts<'o>,
    /// What is known besides.
    pub around: &'o dyn Around,
    /// Where.
    pub offset: usize,
}

impl Offers<'_> {
    /// Methods and properties of what is before the point, whose name starts at `start`.
    pub fn members(&self, start: usize) -> Vec<Candidate> {
        let around = self.page.around(start);
        let on = around.iter().rev().find_map(|expr| match &expr.kind {
            ExprKind::Property { on, name } if name.at.start == start => Some(&**on),
            ExprKind::Call(call) if call.name.at.start == start => call.on.as_ref(),
            _ => None,
        });
        let shape = on.map(|on| self.facts.of(on).shape).unwrap_or_default();
        let mut found = Vec::new();
        if let Shape::Map(entries) = &shape {
            found.extend(entries.iter().map(|(key, shape)| Candidate {
                label: key.clone(),
                kind: CandidateKind::Property,
                detail: shape.name(),
                doc: String::new(),
            }));
        }
        if shape == Shape::Unknown {
            // It can be anything; what is offered once is enough, whatever it is a method of.
            let all: BTreeMap<&str, &FnDef> = ops::all()
                .filter(|def| matches!(def.kind, FnKind::Method(_) | FnKind::Property(_) | FnKind::InNs))
                .map(|def| (def.name, def))
                .collect();
            found.extend(all.into_values().map(of_def));
            return found;
        }
        found.extend(methods_of(&shape).map(of_def));
        let natives = self.around.vocabulary().methods(&shape.rhai_name());
        let is_new = |name: &str, found: &[Candidate]| found.iter().all(|candidate| candidate.label != name);
        for (name, form, takes) in natives {
            if is_new(&name, &found) {
                found.push(Candidate {
                    label: name,
                    kind: CandidateKind::Function { takes },
                    detail: form,
                    doc: String::new(),
                });
            }
        }
        found
    }

    /// What is in a module, or the constants for `global`.
    pub fn in_module(&self, name: &str) -> Vec<Candidate> {
        if name == "global" {
            let is_constant =
                |binding: &&Binding<'_>| matches!(binding.kind, BindingKind::Const(_)) && binding.function.is_none();
            let constants = self.facts.bindings.all.iter().enumerate().filter(|(_, binding)| is_constant(binding));
            return constants.map(|(at, binding)| self.of_binding(at, binding)).collect();
        }
        let path = module_path(self.facts, self.around, name, usize::MAX);
        let Some(module) = path.and_then(|path| self.around.module(&path)) else { return Vec::new() };
        module.page.tree.functions.iter().filter(|function| !function.is_private).map(of_function).collect()
    }

    /// The options of a call that it is not given yet.
    pub fn keys(&self, call: &Call, offset: usize) -> Vec<Candidate> {
        let Some(meant) = self.facts.meant(call) else { return Vec::new() };
        let given: Vec<&str> = call
            .args
            .iter()
            .filter_map(|arg| match &arg.kind {
                ExprKind::Map(entries) => Some(entries),
                _ => None,
            })
            .flatten()
            .filter(|entry| entry.key.at.end < offset || entry.key.at.start > offset)
            .map(|entry| entry.key.name.as_str())
            .collect();
        let missing = meant.def.options().iter().filter(|option| !given.contains(&option.name));
        let candidate = |option: &ops::Opt| Candidate {
            label: option.name.to_owned(),
            kind: CandidateKind::Option,
            detail: option.ty.name(),
            doc: option_documentation(option),
        };
        missing.map(candidate).collect()
    }

    /// What an import's path can be.
    pub fn paths(&self, typed: &str) -> Vec<Candidate> {
        let candidate =
            |label| Candidate { label, kind: CandidateKind::Path, detail: String::new(), doc: String::new() };
        self.around.importable(typed).into_iter().map(candidate).collect()
    }

    /// Variables, functions, modules and words.
    pub fn expressions(&self, is_statement: bool) -> Vec<Candidate> {
        let bindings = self.facts.bindings;
        let visible = bindings.visible(self.facts.tree, self.offset);
        let mut found: Vec<Candidate> = visible.into_iter().map(|at| self.of_binding(at, &bindings.all[at])).collect();
        let live = self.around.live();
        let of_live = |(name, shape): (&String, &Shape)| Candidate {
            label: name.clone(),
            kind: CandidateKind::Variable,
            detail: shape.name(),
            doc: String::new(),
        };
        found.extend(live.variables.iter().map(of_live));
        found.extend(live.modules.iter().map(|(name, path)| of_module(name, path)));
        let of_earlier = |(name, params): &(String, Vec<String>)| Candidate {
            label: name.clone(),
            kind: CandidateKind::Function { takes: !params.is_empty() },
            detail: format!("{name}({})", params.join(", ")),
            doc: String::new(),
        };
        found.extend(live.functions.iter().map(of_earlier));
        found.extend(self.facts.tree.functions.iter().map(of_function));
        found.extend(ops::all().filter(|def| matches!(def.kind, FnKind::Free | FnKind::InNs)).map(of_def));
        found.extend(NATIVES.iter().map(|(name, doc)| Candidate {
            label: (*name).to_owned(),
            kind: CandidateKind::Function { takes: *name != "timestamp" },
            detail: String::new(),
            doc: (*doc).to_owned(),
        }));
        let words = KEYWORDS.iter().filter(|word| !matches!(**word, "in" | "as" | "catch" | "else"));
        let words = words.filter(|word| is_statement || !STATEMENTS.contains(word));
        found.extend(words.map(|word| Candidate {
            label: (*word).to_owned(),
            kind: CandidateKind::Keyword,
            detail: String::new(),
            doc: String::new(),
        }));
        // The nearest thing of a name is what the name means.
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|candidate| seen.insert(candidate.label.clone()));
        found
    }

    fn of_binding(&self, at: usize, binding: &Binding<'_>) -> Candidate {
        let name = &binding.ident.name;
        if let BindingKind::Import(path) = binding.kind {
            let path = if let ExprKind::Str(Some(path)) = &path.kind { path.as_str() } else { "" };
            return of_module(name, path);
        }
        let is_constant = matches!(binding.kind, BindingKind::Const(_));
        let kind = if is_constant { CandidateKind::Constant } else { CandidateKind::Variable };
        Candidate { label: name.clone(), kind, detail: self.facts.binding(at).shape.name(), doc: String::new() }
    }
}

fn of_module(name: &str, path: &str) -> Candidate {
    Candidate { label: name.to_owned(), kind: CandidateKind::Module, detail: path.to_owned(), doc: String::new() }
}

fn of_function(function: &Function) -> Candidate {
    let params: Vec<&str> = function.params.iter().map(|param| param.name.as_str()).collect();
    Candidate {
        label: function.name.name.clone(),
        kind: CandidateKind::Function { takes: !params.is_empty() },
        detail: format!("{}({})", function.name.name, params.join(", ")),
        doc: function.doc.clone(),
    }
}

fn of_def(def: &'static FnDef) -> Candidate {
    let kind = if let FnKind::Property(_) = def.kind {
        CandidateKind::Property
    } else {
        CandidateKind::Function { takes: def.params.iter().any(|param| !matches!(param.ty, Ty::Options(_))) }
    };
    Candidate { label: def.name.to_owned(), kind, detail: def.signature(), doc: documentation(def) }
}
