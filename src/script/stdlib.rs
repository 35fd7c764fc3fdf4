//! The modules that come with rhailab, embedded in the binary.

/// Every module of the standard library: what a recipe imports, and its text.
pub const MODULES: &[(&str, &str)] = &[("std/topo", include_str!("../../stdlib/topo.rhai"))];

/// The text of a module.
pub fn text(path: &str) -> Option<&'static str> {
    MODULES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}
