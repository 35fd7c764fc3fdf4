//! What a script may use up, the same in every build: Rhai's own defaults are smaller in debug builds.

use rhai::Engine;

/// Operations (roughly, evaluated expressions) where the command line does not say: some ten seconds of looping.
pub const OPERATIONS: u64 = 50_000_000;
/// How deeply functions may call each other. Each level takes some kilobytes of the thread's stack in a debug
/// build, so the thread that runs scripts needs a stack of at least [`STACK`].
pub const CALL_LEVELS: usize = 128;
/// The stack, in bytes, of a thread that runs scripts.
pub const STACK: usize = 64 << 20;
/// How deeply expressions may be nested at the top, and in functions.
pub const EXPR_DEPTHS: (usize, usize) = (64, 64);
/// The longest string, in bytes.
pub const STRING: usize = 64 << 20;
/// The longest array, and the most keys in a map.
pub const ITEMS: usize = 1_000_000;
/// The most variables at a time.
pub const VARIABLES: usize = 10_000;
/// The most functions in a text.
pub const FUNCTIONS: usize = 10_000;
/// The most imports in a run.
pub const MODULES: usize = 1_000;

/// How many texts that recur are kept once only.
pub const INTERNED: usize = 256;

/// Sets the limits of an engine.
pub fn set(engine: &mut Engine, max_operations: u64) {
    engine
        .set_max_operations(max_operations)
        .set_max_call_levels(CALL_LEVELS)
        .set_max_expr_depths(EXPR_DEPTHS.0, EXPR_DEPTHS.1)
        .set_max_string_size(STRING)
        .set_max_array_size(ITEMS)
        .set_max_map_size(ITEMS)
        .set_max_variables(VARIABLES)
        .set_max_functions(FUNCTIONS)
        .set_max_modules(MODULES)
        .set_max_strings_interned(INTERNED);
}
