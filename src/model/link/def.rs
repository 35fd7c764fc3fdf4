//! What is to be known of a kind of interface.

use super::{NewLink, kinds};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of interface that can be made.
pub const KINDS: &[&LinkDef] = kinds::ALL;

/// What is to be known of a kind of interface.
pub struct LinkDef {
    /// Its name, as `ip link add … type NAME` has it.
    pub name: &'static str,
    /// How `doctor` calls such interfaces.
    pub plural: &'static str,
    /// The kernel's module.
    pub module: &'static str,
    /// Its own attributes.
    pub attrs: &'static [AttrDef],
    /// How `ip link add` names the device that it is stacked on.
    pub lower: Lower,
    /// What it needs besides a name to be tried out.
    pub example: fn(NewLink) -> NewLink,
}

/// How `ip link add` and the kernel name the device that an interface is stacked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lower {
    /// It has none.
    None,
    /// As every kind can: `link NAME` before the type (`IFLA_LINK`).
    Link,
    /// By an attribute of the kind: `dev NAME` behind the type.
    Dev,
}

/// An attribute of a kind of interface. `ip link add` has it as `WORD VALUE`; the language as an option.
pub struct AttrDef {
    /// Its name in the language and on record.
    pub name: &'static str,
    /// What it is, for people; empty for what goes without saying.
    pub about: &'static str,
    /// How `ip link add` spells it with this value; empty for what need not be said.
    pub words: fn(&Attr) -> String,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attr {
    /// On or off.
    Bool(bool),
    /// A number.
    Int(u64),
    /// An address, a name.
    Text(String),
}

impl fmt::Display for Attr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Attr::Bool(on) => on.fmt(f),
            Attr::Int(number) => number.fmt(f),
            Attr::Text(text) => f.write_str(text),
        }
    }
}

/// One of the kinds.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LinkKind(&'static LinkDef);

impl LinkKind {
    /// A veth pair.
    pub const VETH: LinkKind = LinkKind(&kinds::veth::DEF);
    /// A bridge.
    pub const BRIDGE: LinkKind = LinkKind(&kinds::bridge::DEF);

    /// The kind of that name.
    pub fn named(name: &str) -> Option<LinkKind> {
        KINDS.iter().find(|def| def.name == name).map(|def| LinkKind(def))
    }
}

impl std::ops::Deref for LinkKind {
    type Target = LinkDef;
    fn deref(&self) -> &LinkDef {
        self.0
    }
}

impl PartialEq for LinkKind {
    fn eq(&self, other: &LinkKind) -> bool {
        self.0.name == other.0.name
    }
}

impl fmt::Debug for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

impl TryFrom<String> for LinkKind {
    type Error = String;
    fn try_from(name: String) -> Result<LinkKind, String> {
        LinkKind::named(&name).ok_or_else(|| format!("there is no kind of interface `{name}`"))
    }
}

impl From<LinkKind> for String {
    fn from(kind: LinkKind) -> String {
        kind.0.name.to_owned()
    }
}
