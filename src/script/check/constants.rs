//! `global::NAME` where Rhai does not know it.

use super::Checked;
use crate::model::error::OpError;
use crate::script::bindings::BindingKind;
use crate::script::explain::no_global;
use crate::script::syntax::{ExprKind, each};

/// Every constant that is asked of `global` in vain.
pub fn mistakes(checked: &Checked<'_>) -> Vec<OpError> {
    let mut found = Vec::new();
    // At a prompt, earlier entries may have made it.
    if !checked.program.live.variables.is_empty() {
        return found;
    }
    let has_functions = checked.compiled.ast.iter_functions().next().is_some();
    let bindings = &checked.facts.bindings.all;
    let is_constant =
        |name: &str| bindings.iter().any(|it| it.ident.name == name && matches!(it.kind, BindingKind::Const(_)));
    each(checked.facts.tree, &mut |expr| {
        if let ExprKind::Path { modules, name } = &expr.kind
            && let [module] = modules.as_slice()
            && module.name == "global"
            // Where the name is in the next line it is not read, for it may be missing.
            && !name.name.is_empty()
            && !(has_functions && is_constant(&name.name))
        {
            let error = no_global(&name.name, has_functions);
            found.push(checked.at(error, module.at.start, module.at.start..name.at.end, "not known here"));
        }
    });
    found
}
