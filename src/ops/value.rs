//! The values of the language, free of any script engine.

use crate::lab::why::Trace;
use crate::model::error::OpError;
use crate::model::identity::Identity;
use crate::model::mac::Mac;
use crate::model::names::{ChainName, IfName, Ns, NsName};
use crate::model::observe::{Output, Reply};
pub use crate::model::proto::Endpoint;
use crate::model::secret::Secret;
use ipnet::IpNet;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// A value that a function takes or returns.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing.
    Unit,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A string.
    Str(String),
    /// A list.
    List(Vec<Value>),
    /// A map of strings.
    Map(BTreeMap<String, Value>),
    /// A new interface's name.
    IfName(IfName),
    /// A new namespace's name.
    NsName(NsName),
    /// A new chain's name.
    ChainName(ChainName),
    /// A namespace.
    Ns(Ns),
    /// An interface.
    Link(LinkHandle),
    /// The two ends of a veth pair.
    Pair(LinkHandle, LinkHandle),
    /// A subnet.
    Subnet(IpNet),
    /// An address, with its prefix length where it has one.
    Addr(IpAddr, Option<u8>),
    /// A hardware address.
    Mac(Mac),
    /// A TCP or UDP port.
    Port(u16),
    /// An address and port.
    Endpoint(Endpoint),
    /// A time.
    Duration(Duration),
    /// A bit rate, in bits per second.
    Rate(u64),
    /// A text that is never shown.
    Secret(Secret),
    /// What a command printed.
    Output(Rc<Output>),
    /// The answer to a probe.
    Reply(Rc<Reply>),
    /// The way of a packet.
    Trace(Rc<Trace>),
    /// A started process.
    Process(Rc<Process>),
    /// Rules, by the numbers of the changes that made them.
    Rules(Rc<Rules>),
    /// A virtual IP.
    Vip(Rc<Vip>),
    /// An error that a script caught.
    Error(OpError),
}

/// Something that several handles share, because a method through one must be seen through all.
pub type Shared<T> = Rc<RefCell<T>>;

/// An interface: where it is now. Renaming or moving it is seen by every copy of the handle.
#[derive(Debug, Clone)]
pub struct LinkHandle(pub Shared<LinkPlace>);

/// Where an interface is.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkPlace {
    /// Its namespace.
    pub ns: Ns,
    /// Its name there.
    pub name: IfName,
    /// The number of the change that made it; none if the lab found it.
    pub made: Option<u64>,
}

impl LinkHandle {
    /// A handle of the interface `name` in `ns`, made by change `made`.
    pub fn new(ns: Ns, name: IfName, made: Option<u64>) -> LinkHandle {
        LinkHandle(Rc::new(RefCell::new(LinkPlace { ns, name, made })))
    }

    /// Where it is now.
    pub fn place(&self) -> LinkPlace {
        self.0.borrow().clone()
    }
}

/// A started process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name in logs and errors.
    pub name: String,
    /// Where it runs.
    pub ns: Ns,
    /// The number of the change that started it.
    pub change: u64,
    /// Its pid, start time and log.
    pub identity: Identity,
}

impl Process {
    /// Its pid and log file.
    pub fn pid_and_log(&self) -> (i32, PathBuf) {
        match &self.identity {
            Identity::Process { pid, log, .. } => (*pid, log.clone()),
            _ => (0, PathBuf::new()),
        }
    }
}

/// A set of rules that were made together.
#[derive(Debug, Clone)]
pub struct Rules {
    /// What they are for, as `to_string` shows it.
    pub what: String,
    /// Where they are.
    pub ns: Ns,
    /// The changes that made them.
    pub changes: Vec<u64>,
}

/// A virtual IP of the lab: what it is made of is in the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vip {
    /// The address and port that clients use.
    pub endpoint: Endpoint,
    /// Whose rules make it.
    pub ns: Ns,
    /// Its name, which is that of its chain.
    pub name: ChainName,
}
