//! What makes the object of a change provably ours.

use crate::model::link_set::LinkSet;
use crate::model::mac::Mac;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
        /// The cookie of the namespace it was made in.
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
        /// `rhailab:LAB:N`, and the name of what they make, if that has one.
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

impl Identity {
    /// The same with the hardware addresses of an interface that was there before.
    #[must_use]
    pub fn like(self, before: &Identity) -> Identity {
        match (self, before) {
            (Identity::Link { cookie, group, .. }, Identity::Link { mac, peer, .. }) => {
                Identity::Link { cookie, mac: *mac, peer: *peer, group }
            }
            (identity, _) => identity,
        }
    }
}
