//! Names that the kernel will accept, checked when they are made.
//!
//! A [`Name`] can never become an option, a path outside its folder, or shell: it is ASCII, starts with a
//! letter, a digit or `_`, and holds no separator. So no later layer checks again.

use crate::model::hook::Hook;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::Arc;

/// What a name names: its limits and how to speak of it.
pub trait NameKind {
    /// How errors speak of it: "interface name".
    const NOUN: &'static str;
    /// The longest the kernel (or we) accept, in bytes.
    const MAX: usize;
    /// Who sets the limit, for the error's help.
    const WHY: &'static str;
    /// The code of the error when a name is refused.
    const CODE: &'static str;
    /// Names that are taken, each with the reason.
    const RESERVED: &'static [(&'static str, &'static str)] = &[];

    /// Why a name is taken, if it is.
    fn reserved(text: &str) -> Option<&'static str> {
        Self::RESERVED.iter().find(|(word, _)| *word == text).map(|(_, why)| *why)
    }
}

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadName {
    /// The code of the error.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.message)
    }
}

/// A network interface: `IFNAMSIZ` is 16 with its NUL (linux/if.h).
pub enum Interface {}
/// A network namespace: a file name under `/run/netns`.
pub enum Namespace {}
/// An iptables chain: `XT_EXTENSION_MAXNAMELEN` is 29 with its NUL (linux/netfilter/x_tables.h).
pub enum Chain {}
/// A lab: a folder name in the state directory and part of every mark we leave.
pub enum Lab {}

impl NameKind for Interface {
    const NOUN: &'static str = "interface name";
    const MAX: usize = 15;
    const WHY: &'static str = "the kernel allows 15 bytes";
    const CODE: &'static str = "name::interface";
    const RESERVED: &'static [(&'static str, &'static str)] = &[
        ("all", "it is a folder of /proc/sys/net/ipv4/conf"),
        ("default", "it is a folder of /proc/sys/net/ipv4/conf"),
    ];
}

impl NameKind for Namespace {
    const NOUN: &'static str = "namespace name";
    const MAX: usize = 64;
    const WHY: &'static str = "rhailab allows 64 bytes";
    const CODE: &'static str = "name::netns";
    const RESERVED: &'static [(&'static str, &'static str)] =
        &[("host", "it is the lab's root namespace, which `host()` gives")];
}

impl NameKind for Chain {
    const NOUN: &'static str = "chain name";
    const MAX: usize = 28;
    const WHY: &'static str = "iptables allows 28 bytes";
    const CODE: &'static str = "name::chain";

    /// `iptables` takes the name of a target for the target.
    fn reserved(text: &str) -> Option<&'static str> {
        const TARGETS: [&str; 9] =
            ["ACCEPT", "DROP", "RETURN", "QUEUE", "REJECT", "MASQUERADE", "SNAT", "DNAT", "REDIRECT"];
        let built_in = Hook::parse(text).map(|_| "it is a built-in chain");
        built_in.or_else(|| TARGETS.contains(&text).then_some("it is a target"))
    }
}

impl NameKind for Lab {
    const NOUN: &'static str = "lab name";
    const MAX: usize = 40;
    const WHY: &'static str = "rhailab allows 40 bytes";
    const CODE: &'static str = "name::lab";
}

/// A checked name of kind `K`.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String", bound = "K: NameKind")]
pub struct Name<K>(Arc<str>, PhantomData<K>);

/// The name of a network interface.
pub type IfName = Name<Interface>;
/// The name of a network namespace.
pub type NsName = Name<Namespace>;
/// The name of an iptables chain that we make.
pub type ChainName = Name<Chain>;
/// The name of a lab.
pub type LabName = Name<Lab>;

impl<K: NameKind> Name<K> {
    /// The longest that there can be, in bytes.
    pub const MAX: usize = K::MAX;

    /// Checks `text` and makes it a name, or says what is wrong with it and proposes another.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let refuse = |message: String, help: String| Err(BadName { code: K::CODE, message, help });
        // A text that long is no slip of the pen, and would fill the screen.
        let shown: String = if text.chars().count() > SHOWN {
            text.chars().take(SHOWN).chain(['…']).collect()
        } else {
            text.to_owned()
        };
        let noun = K::NOUN;
        if text.is_empty() {
            let article = if noun.starts_with('i') { "An" } else { "A" };
            return refuse(format!("{article} {noun} cannot be empty."), format!("{ALPHABET}."));
        }
        if let Some(why) = K::reserved(text) {
            return refuse(format!("`{text}` cannot be a {noun}: {why}."), "Pick another name.".to_owned());
        }
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let bad_start = text.starts_with(['-', '.']);
        if bad_start || !text.chars().all(good) {
            let what = text.chars().find(|c| !good(*c)).filter(|_| !bad_start).or(text.chars().next()).unwrap_or(' ');
            let place = if bad_start { "starts with" } else { "contains" };
            let example = match proposal(text, K::MAX) {
                near if near == NOTHING_LEFT || K::reserved(&near).is_some() => String::new(),
                near => format!(", for example `{near}`"),
            };
            return refuse(format!("The {noun} {shown:?} {place} {what:?}."), format!("{ALPHABET}{example}."));
        }
        if text.len() > K::MAX {
            return refuse(
                format!("The {noun} `{shown}` has {} bytes; {}.", text.len(), K::WHY),
                format!("Shorten it, for example to `{}`.", proposal(text, K::MAX)),
            );
        }
        Ok(Name(text.into(), PhantomData))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How much of a wrong name is shown, in characters.
const SHOWN: usize = 60;

/// What names are made of.
const ALPHABET: &str = "Use ASCII letters, digits, `_`, `-` and `.`, and start with a letter, a digit or `_`";

/// What is proposed where no character is legal.
const NOTHING_LEFT: &str = "x";

/// A legal name near to `text`: bad characters dropped, the end replaced by a hash where it is too long, so
/// that two long names with a common start stay two names.
pub fn proposal(text: &str, max: usize) -> String {
    let mut clean: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        .skip_while(|c| matches!(c, '-' | '.'))
        .collect();
    if clean.is_empty() {
        clean.push_str(NOTHING_LEFT);
    }
    if clean.len() > max {
        // FNV-1a: a stable, tiny hash; the name must be the same on every run.
        let hash = text.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
        clean.truncate(max.saturating_sub(5));
        clean.push_str(&format!("-{:04x}", hash & 0xffff));
    }
    clean
}

impl<K> Clone for Name<K> {
    fn clone(&self) -> Self {
        Name(Arc::clone(&self.0), PhantomData)
    }
}
impl<K> PartialEq for Name<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Name<K> {}
impl<K> PartialOrd for Name<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Name<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Name<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Debug for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}
impl<K> fmt::Display for Name<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
impl<K: NameKind> TryFrom<String> for Name<K> {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        Name::new(&text)
    }
}
impl<K> From<Name<K>> for String {
    fn from(name: Name<K>) -> String {
        name.0.to_string()
    }
}

/// A network namespace of the lab: its root, which plays the host, or one of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ns {
    /// The namespace the lab was started in: the sandbox's root, or the real host with `--host`.
    Host,
    /// A named namespace that the lab made, or found under `/run/netns`.
    Named(NsName),
}

impl Ns {
    /// The name, where it has one.
    pub fn name(&self) -> Option<&NsName> {
        match self {
            Ns::Host => None,
            Ns::Named(name) => Some(name),
        }
    }
}

impl fmt::Display for Ns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name().map_or("host", NsName::as_str))
    }
}

impl std::str::FromStr for Ns {
    type Err = BadName;
    /// Reads what [`Ns`] prints.
    fn from_str(text: &str) -> Result<Ns, BadName> {
        if text == "host" { Ok(Ns::Host) } else { NsName::new(text).map(Ns::Named) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        IfName::new(text).map_or_else(|e| e.to_string(), |_| String::new())
    }

    #[test]
    fn names_that_could_become_options_paths_or_lines_are_refused() {
        for text in ["", "-x", "..", "a/b", "a b", "a\nb", "a\0", "é", "a:b", "$(x)", ".hidden"] {
            assert!(IfName::new(text).is_err(), "{text:?} was accepted");
            assert!(NsName::new(text).is_err(), "{text:?} was accepted");
        }
        assert!(refused("a/b").contains('/'));
        assert!(refused("-x").contains("starts with '-'"), "{}", refused("-x"));
    }

    #[test]
    fn no_reserved_name_is_proposed() {
        for text in ["defa/ult", "a ll"] {
            let error = IfName::new(text).unwrap_err();
            assert!(!error.help.contains("for example"), "{error:?}");
        }
    }

    #[test]
    fn a_long_name_comes_with_a_legal_proposal() {
        let long = "veth_namespace_http2";
        assert!(refused(long).contains("20 bytes"), "{}", refused(long));
        assert!(IfName::new(&proposal(long, 15)).is_ok());
        assert_ne!(proposal("veth_namespace_http2", 15), proposal("veth_namespace_http3", 15));
    }
}
