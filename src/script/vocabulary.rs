//! What the engine can call, ours and Rhai's own: for checks and suggestions.

use crate::ops::{self, FnDef, Kind};
use rhai::Engine;
use std::any::TypeId;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// The functions of an engine. Those that are not ours are asked for only when a recipe calls one: going through all of
/// them takes longer than a small recipe does.
pub struct Vocabulary<'e> {
    engine: &'e Engine,
    natives: OnceCell<BTreeMap<String, Native>>,
}

#[derive(Debug, Default)]
struct Native {
    /// How many arguments the forms take, what they are called on included.
    counts: BTreeSet<usize>,
    /// The types of the arguments of each form.
    types: BTreeSet<Vec<&'static str>>,
}

/// What Rhai calls without a function of that name.
const SYNTAX: &[&str] =
    &["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "take"];

impl<'e> Vocabulary<'e> {
    /// Everything that is registered with an engine.
    pub fn of(engine: &'e Engine) -> Vocabulary<'e> {
        Vocabulary { engine, natives: OnceCell::new() }
    }

    fn natives(&self) -> &BTreeMap<String, Native> {
        self.natives.get_or_init(|| {
            let forms = self.engine.collect_fn_metadata(
                None,
                |info| {
                    let meta = info.metadata;
                    let is_name =
                        meta.name.starts_with(|c: char| c.is_alphabetic() || c == '_') && !meta.name.contains('$');
                    is_name.then(|| {
                        let types: Vec<&'static str> = meta.param_types.iter().copied().map(type_name).collect();
                        (meta.name.to_string(), meta.num_params, types)
                    })
                },
                true,
            );
            let mut natives: BTreeMap<String, Native> = BTreeMap::new();
            for (name, count, types) in forms {
                let native = natives.entry(name).or_default();
                native.counts.insert(count);
                native.types.insert(types);
            }
            natives
        })
    }

    /// Whether there is a function of that name.
    pub fn knows(&self, name: &str) -> bool {
        is_syntax(name) || self.natives().contains_key(name)
    }

    /// Whether a function takes that many arguments, what it is called on included.
    pub fn takes(&self, name: &str, count: usize) -> bool {
        is_syntax(name)
            || ops::all().any(|def| def.name == name && is_form(def, count))
            || self.natives().get(name).is_some_and(|native| native.counts.contains(&count))
    }

    /// The forms of one of Rhai's own functions.
    pub fn signatures(&self, name: &str) -> impl Iterator<Item = String> {
        let forms = self.natives().get(name).map(|native| &native.types).into_iter().flatten();
        forms.map(move |types| format!("{name}({})", types.join(", ")))
    }

    /// Names to suggest: ours first, for a tie goes to them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        ops::all().map(|def| def.name).chain(self.natives().keys().map(String::as_str))
    }
}

/// What our documentation calls a type of Rhai's.
fn type_name(id: TypeId) -> &'static str {
    let names = [
        (TypeId::of::<()>(), "()"),
        (TypeId::of::<bool>(), "bool"),
        (TypeId::of::<char>(), "char"),
        (TypeId::of::<rhai::INT>(), "int"),
        (TypeId::of::<rhai::FLOAT>(), "float"),
        (TypeId::of::<rhai::ImmutableString>(), "string"),
        (TypeId::of::<rhai::Array>(), "array"),
        (TypeId::of::<rhai::Map>(), "map"),
        (TypeId::of::<rhai::FnPtr>(), "closure"),
        (TypeId::of::<std::ops::Range<rhai::INT>>(), "range"),
        (TypeId::of::<std::ops::RangeInclusive<rhai::INT>>(), "range"),
        (TypeId::of::<std::time::Instant>(), "timestamp"),
    ];
    names.iter().find(|(known, _)| *known == id).map_or("any", |(_, name)| *name)
}

/// Whether one of our functions takes that many arguments, what it is called on included.
fn is_form(def: &FnDef, count: usize) -> bool {
    let counts = def.required()..=def.params.len();
    let on_something = count.checked_sub(1).is_some_and(|rest| counts.contains(&rest));
    match def.kind {
        Kind::Free => counts.contains(&count),
        Kind::InNs => counts.contains(&count) || on_something,
        Kind::Method(_) => on_something,
        Kind::Property(_) => false,
    }
}

fn is_syntax(name: &str) -> bool {
    SYNTAX.contains(&name)
}
