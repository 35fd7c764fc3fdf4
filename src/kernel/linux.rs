//! The real kernel of this machine.

pub mod conntrack;
pub mod netfilter;
mod nfnetlink;
pub mod spaces;
