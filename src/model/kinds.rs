//! The kinds of change. Written by `scripts/kinds.sh` from the files that there are; do not edit.

use crate::model::addr::AddAddr;
use crate::model::file::WriteFile;
use crate::model::link::AddLink;
use crate::model::link_attr::SetLink;
use crate::model::netns::AddNetns;
use crate::model::process::Start;
use crate::model::route::AddRoute;
use crate::model::rules::EditRules;
use crate::model::sysctl::SetSysctl;
use ip_rule::AddIpRule;
use policy::SetPolicy;
use serde::{Deserialize, Serialize};

pub mod ip_rule;
pub mod policy;

/// One change. A closed set of kinds, each of which has a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Change {
    /// Give an interface an address (ip-address(8)).
    AddAddr(AddAddr),
    /// Add a rule of policy routing (ip-rule(8)).
    AddIpRule(AddIpRule),
    /// Make an interface (ip-link(8)).
    AddLink(AddLink),
    /// Make a named network namespace, with `lo` up and these sysctls written (ip-netns(8)).
    AddNetns(AddNetns),
    /// Add a route (ip-route(8)).
    AddRoute(AddRoute),
    /// Edit one iptables table in one atomic commit (iptables-restore(8)).
    EditRules(EditRules),
    /// Set one attribute of an interface.
    SetLink(SetLink),
    /// Set the policy of a built-in chain (iptables(8), `-P`).
    SetPolicy(SetPolicy),
    /// Write a sysctl (sysctl(8)).
    SetSysctl(SetSysctl),
    /// Start a process that lives as long as the lab.
    Start(Start),
    /// Write a file that is not there yet, such as `/etc/netns/NAME/resolv.conf`; its missing parent folders
    WriteFile(WriteFile),
}

/// The one place that tells kinds of change apart: `$body` with `$kind` bound to the own struct of the change.
macro_rules! each_kind {
    ($change:expr, $kind:ident => $body:expr) => {
        match $change {
            $crate::model::kinds::Change::AddAddr($kind) => $body,
            $crate::model::kinds::Change::AddIpRule($kind) => $body,
            $crate::model::kinds::Change::AddLink($kind) => $body,
            $crate::model::kinds::Change::AddNetns($kind) => $body,
            $crate::model::kinds::Change::AddRoute($kind) => $body,
            $crate::model::kinds::Change::EditRules($kind) => $body,
            $crate::model::kinds::Change::SetLink($kind) => $body,
            $crate::model::kinds::Change::SetPolicy($kind) => $body,
            $crate::model::kinds::Change::SetSysctl($kind) => $body,
            $crate::model::kinds::Change::Start($kind) => $body,
            $crate::model::kinds::Change::WriteFile($kind) => $body,
        }
    };
}

pub(crate) use each_kind;
