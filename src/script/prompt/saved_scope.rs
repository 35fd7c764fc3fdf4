//! What the variables and functions of a prompt were at some time.

use super::{Defined, values};
use crate::ops::{LinkHandle, LinkPlace};
use rhai::{Dynamic, Scope};

/// Everything that an entry can change besides the lab. Values that several variables share, and what handles know of
/// what they stand for, are as they were when it is brought back.
#[derive(Clone)]
pub struct SavedScope {
    scope: Scope<'static>,
    pub(super) defined: Defined,
    /// Variables that closures have captured, with what was in them.
    shared: Vec<(Dynamic, Dynamic)>,
    links: Vec<(LinkHandle, LinkPlace)>,
}

impl SavedScope {
    pub(super) fn of(scope: &Scope<'static>, defined: &Defined) -> SavedScope {
        let mut moment =
            SavedScope { scope: scope.clone(), defined: defined.clone(), shared: Vec::new(), links: Vec::new() };
        for (_, _, value) in scope.iter_raw() {
            moment.note(value);
        }
        moment
    }

    fn note(&mut self, value: &Dynamic) {
        values::each(value, &mut |value| {
            if value.is_shared() {
                self.shared.push((value.clone(), value.flatten_clone()));
            }
            if let Some(link) = value.read_lock::<LinkHandle>() {
                self.links.push((link.clone(), link.place()));
            }
            if let Some(pair) = value.read_lock::<crate::script::convert::handles::Pair>() {
                self.links.push((pair.0.clone(), pair.0.place()));
                self.links.push((pair.1.clone(), pair.1.place()));
            }
        });
    }

    /// The variables, with what they share set back.
    pub(super) fn scope(&self) -> Scope<'static> {
        for (place, value) in &self.shared {
            if let Some(mut place) = place.clone().write_lock::<Dynamic>() {
                *place = value.clone();
            }
        }
        for (link, place) in &self.links {
            *link.0.borrow_mut() = place.clone();
        }
        self.scope.clone()
    }

    /// Whether variables or functions are others than at another time, the last value that was shown aside.
    pub fn differs(&self, other: &SavedScope) -> bool {
        let variables = |moment: &SavedScope| -> Vec<String> {
            let all = moment.scope.iter_raw().filter(|(name, _, _)| *name != super::LAST);
            all.map(|(name, is_constant, value)| format!("{name} {is_constant} {value:?}")).collect()
        };
        let names = |moment: &SavedScope| -> Vec<String> { moment.defined.modules.keys().cloned().collect() };
        self.defined.functions.len() != other.defined.functions.len()
            || names(self) != names(other)
            || variables(self) != variables(other)
    }
}
