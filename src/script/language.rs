//! What recipes have of Rhai's own library.

use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, BasicTimePackage, CorePackage, LogicPackage,
    MoreStringPackage, Package,
};
use rhai::{Module, Shared};

rhai::def_package! {
    /// What recipes have of Rhai's own library. Registering what they have no use for, bit fields and blobs, would take
    /// its time in every run.
    Language(_module): CorePackage, LogicPackage, BasicMathPackage, BasicArrayPackage, BasicMapPackage,
        BasicTimePackage, MoreStringPackage {}
}

/// That library. Without the index that `Package::as_shared_module` builds, which only a module needs that is called by its
/// name.
pub fn language() -> Shared<Module> {
    let mut all = Module::new();
    Language::init(&mut all);
    all.register_lazy_functions();
    all.into()
}
