//! What the engine can call, ours and Rhai's own: for checks and suggestions.

use super::explain::functions::nice_type;
use crate::ops;
use rhai::Engine;
use std::collections::{BTreeMap, BTreeSet};

/// The engine's functions by name.
#[derive(Debug, Default)]
pub struct Vocabulary {
    functions: BTreeMap<String, Native>,
}

#[derive(Debug, Default)]
struct Native {
    /// How many arguments the forms take, what they are called on included.
    counts: BTreeSet<usize>,
    /// The forms, for Rhai's own functions.
    signatures: BTreeSet<String>,
}

/// What Rhai calls without a function of that name.
const SYNTAX: &[&str] =
    &["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "take"];

impl Vocabulary {
    /// Everything that is registered with an engine.
    pub fn of(engine: &Engine) -> Vocabulary {
        let forms = engine.collect_fn_metadata(
            None,
            |info| {
                let meta = info.metadata;
                let is_name =
                    meta.name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !meta.name.contains('$');
                let types = meta.params_info.iter().map(|info| {
                    let ty = info.split_once(':').map_or("", |(_, ty)| ty).trim();
                    nice_type(ty.trim_start_matches("&mut "))
                });
                is_name.then(|| (meta.name.to_string(), meta.num_params, types.collect::<Vec<_>>().join(", ")))
            },
            true,
        );
        let mut vocabulary = Vocabulary::default();
        for (name, count, types) in forms {
            let signature = format!("{name}({types})");
            let native = vocabulary.functions.entry(name).or_default();
            native.counts.insert(count);
            native.signatures.insert(signature);
        }
        vocabulary
    }

    /// Whether there is a function of that name.
    pub fn knows(&self, name: &str) -> bool {
        self.functions.contains_key(name) || is_syntax(name)
    }

    /// Whether a function takes that many arguments, what it is called on included.
    pub fn takes(&self, name: &str, count: usize) -> bool {
        self.functions.get(name).is_some_and(|native| native.counts.contains(&count)) || is_syntax(name)
    }

    /// The forms of one of Rhai's own functions.
    pub fn signatures(&self, name: &str) -> Vec<String> {
        self.functions.get(name).map(|native| native.signatures.iter().cloned().collect()).unwrap_or_default()
    }

    /// Names to suggest: ours first, for a tie goes to them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        ops::all().map(|def| def.name).chain(self.functions.keys().map(String::as_str))
    }
}

fn is_syntax(name: &str) -> bool {
    SYNTAX.contains(&name)
}
