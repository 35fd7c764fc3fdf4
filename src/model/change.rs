//! The changes that a lab is made of, as plain data.
//!
//! A [`Change`] can be applied and undone (by a [`Kernel`](crate::kernel::Kernel)), written to the journal,
//! rendered as the shell command that does the same ([`render`](crate::model::render)) and compared. With the
//! [`Identity`] that was recorded before it was made it says what must still be true for us to undo it.

use crate::model::addr::AddAddr;
use crate::model::file::WriteFile;
use crate::model::link::AddLink;
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::mac::Mac;
use crate::model::names::Ns;
use crate::model::netns::AddNetns;
use crate::model::process::Start;
use crate::model::route::AddRoute;
use crate::model::rules::EditRules;
use crate::model::sysctl::SetSysctl;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One change. A closed set of kinds, each of which has a file of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Change {
    /// Make a namespace.
    AddNetns(AddNetns),
    /// Make an interface.
    AddLink(AddLink),
    /// Set one attribute of an interface.
    SetLink(SetLink),
    /// Give an interface an address.
    AddAddr(AddAddr),
    /// Add a route.
    AddRoute(AddRoute),
    /// Write a sysctl.
    SetSysctl(SetSysctl),
    /// Edit a table of rules.
    EditRules(EditRules),
    /// Write a file.
    WriteFile(WriteFile),
    /// Start a process.
    Start(Start),
}

/// What makes the object of a change provably ours. It is read or chosen before the change is made, journalled
/// with the intent, and compared before the change is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The spec itself is the identity (addresses, and routes with our protocol number).
    Spec,
    /// A namespace: `SO_NETNS_COOKIE`, which the kernel never reuses within a boot, while device and inode
    /// numbers are reused at once.
    Netns {
        /// The cookie.
        cookie: u64,
    },
    /// An interface: the hardware addresses and the interface group given at creation.
    Link {
        /// The cookie of the namespace it was born in.
        cookie: u64,
        /// Its address.
        mac: Mac,
        /// Its veth peer's address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        peer: Option<Mac>,
        /// The lab's `IFLA_GROUP`.
        group: u32,
    },
    /// The value an attribute had before.
    Was(LinkSet),
    /// The text a sysctl had before.
    WasText(String),
    /// Rules: their `--comment` and the backend they live in.
    Rules {
        /// `rhailab:LAB:N`.
        tag: String,
        /// `nft` or `legacy`.
        backend: String,
    },
    /// A file: its path and content, which are in the change, and what we made for it.
    File {
        /// Parent folders that did not exist, innermost first.
        made_dirs: Vec<PathBuf>,
    },
    /// A process: pids are reused, a pid with its start time is not.
    Process {
        /// The pid, as seen from the lab.
        pid: i32,
        /// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
        start: u64,
        /// Where its output goes.
        log: PathBuf,
        /// A variable of its environment, by which those that it starts are known.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        mark: String,
    },
    /// The machine was already as wanted: nothing was done and nothing is to be undone.
    Already,
}

impl Change {
    /// The namespace that the change acts in.
    pub fn ns(&self) -> Ns {
        match self {
            Change::AddNetns(_) | Change::WriteFile(_) => Ns::Host,
            Change::AddLink(AddLink { ns, .. })
            | Change::SetLink(SetLink { ns, .. })
            | Change::AddAddr(AddAddr { ns, .. })
            | Change::AddRoute(AddRoute { ns, .. })
            | Change::SetSysctl(SetSysctl { ns, .. })
            | Change::EditRules(EditRules { ns, .. })
            | Change::Start(Start { ns, .. }) => ns.clone(),
        }
    }

    /// Whether what it changes outlives a reboot, so that its journal records must reach the disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(self, Change::WriteFile(_))
    }
}
