//! The kernel changes a lab is made of, as plain data.
//!
//! A [`Change`] can be applied and undone (by a [`Kernel`](crate::kernel::Kernel)), written to the journal,
//! rendered as the shell command that does the same ([`render`](crate::model::render)) and compared. With the
//! [`Identity`] that was recorded before it was made it says what must still be true for us to undo it.

use crate::model::names::{ChainName, IfName, Ns, NsName};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// One kernel change. A closed set: a new kind of kernel object adds a variant, and every `match` names a
/// place to fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Change {
    /// Make a named network namespace, with `lo` up and these sysctls written (ip-netns(8)).
    AddNetns {
        /// Its name under `/run/netns`.
        name: NsName,
        /// Keys in dot or slash form and their values, written before anything else happens in it.
        sysctls: Settings,
    },
    /// Make an interface (ip-link(8)).
    AddLink {
        /// Where it is born.
        ns: Ns,
        /// What it is.
        link: NewLink,
    },
    /// Set one attribute of an interface.
    SetLink {
        /// Where it is.
        ns: Ns,
        /// Its name there, before the change.
        link: IfName,
        /// The attribute and its new value.
        set: LinkSet,
    },
    /// Give an interface an address (ip-address(8)).
    AddAddr {
        /// Where the interface is.
        ns: Ns,
        /// Its name.
        link: IfName,
        /// The address with its prefix length.
        addr: IpNet,
    },
    /// Add a route to the main table (ip-route(8)).
    AddRoute {
        /// Whose table.
        ns: Ns,
        /// The route.
        route: Route,
    },
    /// Write a sysctl (sysctl(8)).
    SetSysctl {
        /// In which namespace's `/proc/sys`.
        ns: Ns,
        /// The key in dot form where no part holds a dot, else in slash form (sysctl(8)).
        key: String,
        /// The value as text, without a newline.
        value: String,
    },
    /// Edit one iptables table in one atomic commit (iptables-restore(8)).
    EditRules {
        /// In which namespace.
        ns: Ns,
        /// IPv4 (iptables) or IPv6 (ip6tables).
        family: Family,
        /// The table.
        table: Table,
        /// The edits, in order.
        edits: Vec<RuleEdit>,
    },
    /// Write a file that is not there yet, such as `/etc/netns/NAME/resolv.conf`; its missing parent folders
    /// are made, and removed with it.
    WriteFile {
        /// An absolute path.
        path: PathBuf,
        /// The whole content.
        text: String,
    },
    /// Start a process that lives as long as the lab.
    Start {
        /// In which namespace.
        ns: Ns,
        /// What to run.
        process: NewProcess,
    },
}

/// Sysctls with their values. Many namespaces share one list.
pub type Settings = Arc<[(String, String)]>;

/// An interface to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewLink {
    /// Its name.
    pub name: IfName,
    /// What kind of device.
    #[serde(flatten)]
    pub kind: LinkKind,
    /// Its MTU in bytes, if not the kind's default; a veth's peer gets the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Its hardware address, if the recipe chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
    /// The bridge to enslave it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master: Option<IfName>,
    /// Whether to bring it up.
    #[serde(default)]
    pub up: bool,
}

/// The kinds of interface that can be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LinkKind {
    /// One end of a virtual Ethernet pair (veth(4)).
    Veth {
        /// The other end's name.
        peer: IfName,
        /// Where the other end is born.
        peer_ns: Ns,
    },
    /// An Ethernet bridge with the spanning tree protocol off unless `stp`.
    Bridge {
        /// Whether to run the spanning tree protocol.
        stp: bool,
    },
}

/// One attribute of an interface with its value; the inverse of setting it is setting the old value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkSet {
    /// Administratively up or down.
    Up(bool),
    /// The MTU in bytes.
    Mtu(u32),
    /// The hardware address.
    Mac(Mac),
    /// The bridge it is a port of.
    Master(Option<IfName>),
    /// Its name (the change renames it).
    Name(IfName),
    /// The namespace it lives in (the change moves it).
    Ns(Ns),
    /// Whether the bridge port sends frames back out of the port they came in by.
    Hairpin(bool),
    /// How the kernel makes its IPv6 link-local address: `true` for EUI-64, `false` for none.
    LinkLocal(bool),
}

/// A route of the main table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The destination; `0.0.0.0/0` or `::/0` is the default route.
    pub to: IpNet,
    /// The next hop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<IfName>,
    /// The metric; the kernel's default where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
}

/// The protocol number that marks our routes, so that `ip route show proto 98` lists them.
pub const ROUTE_PROTOCOL: u8 = 98;

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(addr: IpAddr) -> Family {
        if addr.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// The command that edits its rules.
    pub fn iptables(self) -> &'static str {
        match self {
            Family::V4 => "iptables",
            Family::V6 => "ip6tables",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        })
    }
}

/// An iptables table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// Packet filtering.
    Filter,
    /// Address translation.
    Nat,
    /// Packet alteration.
    Mangle,
    /// Before connection tracking.
    Raw,
    /// Mandatory access control marks.
    Security,
}

impl Table {
    /// Every table with its name.
    pub const ALL: [(Table, &'static str); 5] = [
        (Table::Filter, "filter"),
        (Table::Nat, "nat"),
        (Table::Mangle, "mangle"),
        (Table::Raw, "raw"),
        (Table::Security, "security"),
    ];

    /// The table's name, as `iptables -t` takes it.
    pub fn as_str(self) -> &'static str {
        Table::ALL.iter().find(|(table, _)| *table == self).map_or("filter", |(_, name)| name)
    }
}

/// One edit of an iptables table. A rule's words are what follows the chain's name, unquoted, one per item, in
/// the spelling the recipe used; our ownership comment is not among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleEdit {
    /// `-N CHAIN`: make a chain of our own; it must not exist.
    NewChain(ChainName),
    /// `-A CHAIN words…`.
    Append {
        /// The chain, ours or a built-in one.
        chain: String,
        /// The rule.
        words: Vec<String>,
    },
    /// `-I CHAIN 1 words…`: before every other rule.
    Insert {
        /// The chain.
        chain: String,
        /// The rule.
        words: Vec<String>,
    },
    /// `-D CHAIN words…`: delete a rule that this lab's change number `owner` made. Used to swap rules.
    Delete {
        /// The chain.
        chain: String,
        /// The rule.
        words: Vec<String>,
        /// The number of the change whose tag the rule carries.
        owner: u64,
    },
}

/// A process to be started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewProcess {
    /// How logs and errors call it; unique in the lab.
    pub name: String,
    /// The program and its arguments; no shell.
    pub argv: Vec<String>,
    /// Variables added to the environment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<(String, String)>,
    /// Its working folder; the recipe's where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
}

/// A hardware (Ethernet) address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<String> = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        f.pad(&text.join(":"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Mac {
    type Err = String;
    fn from_str(text: &str) -> Result<Mac, String> {
        let mut bytes = [0u8; 6];
        let mut parts = text.split(':');
        for byte in &mut bytes {
            *byte = parts
                .next()
                // A sign would pass for a digit.
                .filter(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .and_then(|part| u8::from_str_radix(part, 16).ok())
                .ok_or("it is not six two-digit hexadecimal numbers joined by `:`")?;
        }
        if parts.next().is_some() {
            return Err("it has more than six parts".into());
        }
        if bytes[0] & 1 == 1 {
            return Err("it is a multicast address (its first byte is odd)".into());
        }
        Ok(Mac(bytes))
    }
}

impl TryFrom<String> for Mac {
    type Error = String;
    fn try_from(text: String) -> Result<Mac, String> {
        text.parse()
    }
}

impl From<Mac> for String {
    fn from(mac: Mac) -> String {
        mac.to_string()
    }
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
            Change::AddNetns { .. } | Change::WriteFile { .. } => Ns::Host,
            Change::AddLink { ns, .. }
            | Change::SetLink { ns, .. }
            | Change::AddAddr { ns, .. }
            | Change::AddRoute { ns, .. }
            | Change::SetSysctl { ns, .. }
            | Change::EditRules { ns, .. }
            | Change::Start { ns, .. } => ns.clone(),
        }
    }

    /// Whether what it changes outlives a reboot, so that its journal records must reach the disk.
    pub fn is_on_disk(&self) -> bool {
        matches!(self, Change::WriteFile { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::Mac;

    #[test]
    fn a_hardware_address_has_six_pairs_of_digits() {
        assert_eq!("02:00:00:0A:ff:01".parse(), Ok(Mac([2, 0, 0, 10, 255, 1])));
        for text in
            ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:+1", "2:0:0:0:0:1", "01:00:00:00:00:01"]
        {
            assert!(text.parse::<Mac>().is_err(), "{text:?} was accepted");
        }
    }
}
