//! rhailab: Linux network labs as scripts.
//!
//! ```text
//! recipe text ─► script ─► ops ─────────► lab ───────► kernel
//!                (Rhai)    plan Changes   apply/unwind  netlink · netfilter · sysctl · files · processes
//!                                           │
//!                                           ▼
//!                                         journal (intent + identity, before; outcome, after)
//! ```
//!
//! Imports point down this list only, which a test enforces.

// 9 edge
pub mod cli;
pub mod lsp;
pub mod repl;
// 8 what is printed
pub mod output;
// 7 one run from beginning to end
pub mod session;
// 6 language, reports, scripts
pub mod diagnostics;
pub mod export;
pub mod script;
// 5 vocabulary
pub mod ops;
// 4 transaction
pub mod lab;
// 3 namespaces that a lab lives in
pub mod sandbox;
// 2 kernel
pub mod kernel;
// 1 data
pub mod model;
