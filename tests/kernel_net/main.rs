//! The real kernel, read again after every change. Each test has its own network and mount namespace, so nothing of
//! the machine is touched; somebody else's objects are made with `ip`.

#![allow(clippy::unwrap_used, clippy::panic)]

mod addrs;
mod counts;
mod delete;
mod files;
mod ip_rules;
mod links;
mod netns;
mod random;
mod routes;
mod settings;
mod support;
mod sysctls;
mod vxlan;
