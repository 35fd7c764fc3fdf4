//! What the engine can call, ours and Rhai's own: for checks and suggestions.

use super::language::language;
use crate::ops::{self, FnDef, FnKind};
use rhai::Engine;
use std::any::TypeId;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

/// The functions of an engine. Those that are not ours are asked for only when a recipe calls one: going through all of
/// them takes longer than a small recipe does.
pub struct Vocabulary<'e> {
    engine: &'e Engine,
    natives: OnceCell<BTreeMap<String, Native>>,
    /// The names of Rhai's own functions.
    rhais: OnceCell<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Native {
    /// How many arguments the forms take, what they are called on included.
    counts: BTreeSet<usize>,
    /// The types of the arguments of each form.
    types: BTreeSet<Vec<&'static str>>,
    /// The numbers of arguments of those forms that are not ours.
    theirs: BTreeSet<usize>,
    /// Those of them that are called on a value of any type.
    on_any: BTreeSet<usize>,
}

/// Names that Rhai has functions of, too, with the numbers of their arguments. A list, because asking the engine takes its
/// time; a test compares it.
const SHARED: &[(&str, &[usize])] = &[("contains", &[2]), ("log", &[1, 2]), ("name", &[1]), ("start", &[1])];

/// What Rhai calls without a function of that name.
const SYNTAX: &[&str] =
    &["print", "debug", "type_of", "Fn", "call", "curry", "is_shared", "is_def_var", "is_def_fn", "take"];

impl<'e> Vocabulary<'e> {
    /// Everything that is registered with an engine.
    pub fn of(engine: &'e Engine) -> Vocabulary<'e> {
        Vocabulary { engine, natives: OnceCell::new(), rhais: OnceCell::new() }
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
                let native = natives.entry(name.clone()).or_default();
                native.counts.insert(count);
                let is_ours = types.iter().all(|ty| [OTHER, "any"].contains(ty))
                    && ops::named(&name).any(|def| is_form(def, count));
                // Rhai's own `sleep` is replaced.
                let is_ours = is_ours || name == "sleep";
                if !is_ours {
                    native.theirs.insert(count);
                    if types.first() == Some(&"any") {
                        native.on_any.insert(count);
                    }
                }
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
            || ops::named(name).any(|def| is_form(def, count))
            || self.natives().get(name).is_some_and(|native| native.counts.contains(&count))
    }

    /// Whether Rhai has a function of its own with so many arguments.
    pub fn is_native(&self, name: &str, count: usize) -> bool {
        if is_syntax(name) {
            return true;
        }
        if ops::named(name).next().is_some() {
            return SHARED.iter().any(|(shared, counts)| *shared == name && counts.contains(&count));
        }
        self.natives().get(name).is_some_and(|native| native.theirs.contains(&count))
    }

    /// Whether one of Rhai's own functions can be called on a value of any of our types with so many arguments.
    pub fn is_for_any(&self, name: &str, count: usize) -> bool {
        is_syntax(name)
            || (ON_OURS.contains(&name) && count == 1)
            || self.natives().get(name).is_some_and(|native| native.on_any.contains(&count))
    }

    /// Rhai's own methods of a type, by its name: each with its form, without what it is called on, and whether it takes
    /// arguments.
    pub fn methods(&self, of: &str) -> Vec<(String, String, bool)> {
        let mut all = Vec::new();
        for (name, native) in self.natives() {
            let is_it = |types: &&Vec<&str>| match types.first() {
                Some(&"any") => native.on_any.contains(&types.len()),
                Some(&OTHER) => ON_OURS.contains(&name.as_str()) && !RHAIS.contains(&of),
                Some(first) => *first == of,
                None => false,
            };
            if let Some((_, rest)) = native.types.iter().find(is_it).and_then(|types| types.split_first()) {
                all.push((name.clone(), format!("{name}({})", rest.join(", ")), !rest.is_empty()));
            }
        }
        all
    }

    /// The forms of one of Rhai's own functions.
    pub fn signatures(&self, name: &str) -> impl Iterator<Item = String> {
        let forms = self.natives().get(name).map(|native| &native.types).into_iter().flatten();
        forms.map(move |types| format!("{name}({})", types.join(", ")))
    }

    /// Names to suggest: ours first, for a tie goes to them.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let rhais = self.rhais.get_or_init(|| {
            let mut engine = Engine::new_raw();
            engine.register_global_module(language());
            Vocabulary::of(&engine).natives().keys().cloned().collect()
        });
        ops::all().map(|def| def.name).chain(rhais.iter().map(String::as_str))
    }
}

/// A type that has no name there: one of ours, or one of Rhai's that recipes do not have.
const OTHER: &str = "value";

/// Rhai's types among those with names.
const RHAIS: &[&str] =
    &["()", "bool", "char", "int", "float", "string", "array", "map", "closure", "range", "timestamp"];

/// What can be done with every value of ours.
const ON_OURS: &[&str] = &["to_string", "to_debug", "print", "debug"];

/// What our documentation calls a type of Rhai's.
fn type_name(id: TypeId) -> &'static str {
    let names = [
        (TypeId::of::<rhai::Dynamic>(), "any"),
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
    names.iter().find(|(known, _)| *known == id).map_or(OTHER, |(_, name)| *name)
}

/// Whether one of our functions takes that many arguments, what it is called on included.
fn is_form(def: &FnDef, count: usize) -> bool {
    let counts = def.required()..=def.params.len();
    let on_something = count.checked_sub(1).is_some_and(|rest| counts.contains(&rest));
    match def.kind {
        FnKind::Free => counts.contains(&count),
        FnKind::InNs => counts.contains(&count) || on_something,
        FnKind::Method(_) => on_something,
        FnKind::Property(_) => false,
    }
}

fn is_syntax(name: &str) -> bool {
    SYNTAX.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::fake::FakeKernel;
    use crate::lab::Lab;
    use crate::model::names::LabName;
    use crate::script::{Config, Session};
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn the_names_that_rhai_has_too_are_known() {
        let lab = Lab::new(LabName::new("test").unwrap(), Box::new(FakeKernel::new()), None);
        let session = Session::new(Rc::new(RefCell::new(lab)), Config::default());
        let vocabulary = Vocabulary::of(&session.engine);
        let natives = vocabulary.natives();
        let shared: BTreeMap<&str, Vec<usize>> = ops::all()
            .filter_map(|def| Some((def.name, natives.get(def.name)?.theirs.iter().copied().collect::<Vec<_>>())))
            .filter(|(_, counts)| !counts.is_empty())
            .collect();
        assert_eq!(shared, SHARED.iter().map(|(name, counts)| (*name, counts.to_vec())).collect());
    }
}
