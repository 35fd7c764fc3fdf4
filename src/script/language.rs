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

/// That library.
pub fn language() -> Shared<Module> {
    Language::new().as_shared_module()
}
