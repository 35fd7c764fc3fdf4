//! Rules and tracked connections, in namespaces of the tests' own, read back with iptables itself.

#![allow(clippy::unwrap_used, clippy::panic)]

mod apply;
mod backends;
mod base;
mod flows;
mod policy;
mod support;
mod undo;
