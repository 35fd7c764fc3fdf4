//! Which iptables there is on this machine, and what its root namespace has in its tables: facts, without judgement.

use super::backend::{Backend, Tools};
use super::nft::{CHAIN_HOOK, CHAIN_NAME, GET_CHAIN};
use super::{child, read};
use crate::kernel::linux::nfnetlink::{self, GET_TABLE, Nfnetlink, attribute};
use crate::kernel::linux::programs;
use crate::kernel::linux::spaces::{self, Spaces};
use crate::kernel::{Done, Errno, Refusal};
use crate::model::family::Family;
use crate::model::names::Ns;
use std::io::ErrorKind;
use std::path::PathBuf;

/// The iptables of one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// IPv4 or IPv6.
    pub family: Family,
    /// Where the plain program is, `iptables` or `ip6tables`.
    pub program: Option<PathBuf>,
    /// What it says of its version.
    pub version: Option<String>,
    /// Which backend it is.
    pub default: Option<Backend>,
    /// The backends whose programs are there.
    pub backends: Vec<Backend>,
}

/// What the root namespace has in the tables of one family and backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// IPv4 or IPv6.
    pub family: Family,
    /// Which of the two.
    pub backend: Backend,
    /// What somebody put there, as `iptables-save` has it: `*filter -A INPUT …`, `*filter :FORWARD DROP`.
    pub lines: Vec<String>,
}

/// A chain of nft(8) that forwarded packets pass, which drops those that no rule decides about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drop {
    /// Whose packets: `ip`, `ip6`, `inet` or `bridge`.
    pub family: &'static str,
    /// Its table.
    pub table: String,
    /// Its name.
    pub chain: String,
}

/// Attributes of chains (`linux/netfilter/nf_tables.h`).
const CHAIN_TABLE: u16 = 1;
const CHAIN_POLICY: u16 = 5;
const CHAIN_USE: u16 = 6;
const HOOK_NUMBER: u16 = 1;
/// `NF_INET_FORWARD` and `NF_BR_FORWARD`.
const FORWARD: u32 = 2;
/// `NF_DROP`.
const DROP: u32 = 0;

/// The families of nft(8): `NFPROTO_INET` and so on.
const FAMILIES: [(u8, &str); 6] =
    [(1, "inet"), (nfnetlink::IPV4, "ip"), (3, "arp"), (5, "netdev"), (7, "bridge"), (nfnetlink::IPV6, "ip6")];

/// Those that forward.
const FORWARDING: [&str; 4] = ["inet", "ip", "bridge", "ip6"];

/// The iptables of both families.
pub fn tools() -> Done<Vec<Tool>> {
    let mut tools = Tools::default();
    [Family::V4, Family::V6].map(|family| tool(&mut tools, family)).into_iter().collect()
}

fn tool(tools: &mut Tools, family: Family) -> Done<Tool> {
    let program = programs::find(family.iptables());
    let version = match &program {
        Some(path) => {
            let said = child::run(path, &["--version"])?.stdout;
            said.split_whitespace().find_map(|word| word.strip_prefix('v')).map(str::to_owned)
        }
        None => None,
    };
    let mut backends = Vec::new();
    for backend in [Backend::Nft, Backend::Legacy] {
        if tools.has(family, backend)? {
            backends.push(backend);
        }
    }
    Ok(Tool { family, program, version, default: tools.plain(family)?, backends })
}

/// What is in the tables of the calling thread's namespace; none if we may not look.
pub fn held(spaces: &Spaces) -> Done<Option<Vec<Held>>> {
    if !may_look()? {
        return Ok(None);
    }
    let mut tools = Tools::default();
    let mut all = Vec::new();
    for family in [Family::V4, Family::V6] {
        for backend in [Backend::Nft, Backend::Legacy] {
            // Where there is no program to read them, nobody uses them.
            let saved = read::saved(&mut tools, spaces, &Ns::Host, family, backend)?.unwrap_or_default();
            all.push(Held { family, backend, lines: saved.lines().collect() });
        }
    }
    Ok(Some(all))
}

/// Whether we have the right to read tables. (A lab's own reading takes the tables that it may not read for empty, as
/// in a sandbox they are.)
fn may_look() -> Done<bool> {
    let asked = Nfnetlink::open()
        .and_then(|mut netlink| netlink.dump(nfnetlink::NFTABLES, GET_TABLE, nfnetlink::IPV4, &[], |_| {}));
    match asked {
        Ok(()) => Ok(true),
        Err(refusal) if is_denied(&refusal) => Ok(false),
        Err(refusal) if nfnetlink::is_unsupported(&refusal) => {
            let names = std::fs::read(spaces::proc_net("ip_tables_names")?);
            Ok(names.map_or_else(|e| e.kind() == ErrorKind::NotFound, |_| true))
        }
        Err(refusal) => Err(refusal),
    }
}

fn is_denied(refusal: &Refusal) -> bool {
    refusal.is(Errno::EPERM) || refusal.is(Errno::EACCES)
}

/// The chains that drop forwarded packets in the calling thread's namespace: iptables' own among them, if they are
/// made in `nf_tables`. Where we may not look, none are seen.
pub fn drops() -> Done<Vec<Drop>> {
    let mut found = Vec::new();
    each(GET_CHAIN, |family, chain| {
        found.extend(drop_of(family, chain).filter(|drop| FORWARDING.contains(&drop.family)));
    })?;
    Ok(found)
}

/// The tables and chains of nft(8) in the calling thread's namespace, iptables' own among them, a line each. Where we may not
/// look, none are seen.
pub fn outline() -> Done<Vec<String>> {
    let mut lines = Vec::new();
    each(GET_TABLE, |family, table| {
        lines.extend(text(table, CHAIN_TABLE).map(|name| format!("table {family} {name}")));
    })?;
    each(GET_CHAIN, |family, chain| {
        if let (Some(table), Some(name)) = (text(chain, CHAIN_TABLE), text(chain, CHAIN_NAME)) {
            let policy = if number(chain, CHAIN_POLICY) == Some(DROP) { " that drops" } else { "" };
            let users = number(chain, CHAIN_USE).unwrap_or_default();
            lines.push(format!("chain {family} {table} {name}{policy}, of {users} rules and jumps"));
        }
    })?;
    Ok(lines)
}

/// Reads a list of each family. Nothing where we may not look.
fn each(message: u8, mut take: impl FnMut(&'static str, &[u8])) -> Done<()> {
    let mut netlink = Nfnetlink::open()?;
    for (number, family) in FAMILIES {
        match netlink.dump(nfnetlink::NFTABLES, message, number, &[], |item| take(family, item)) {
            Err(refusal) if is_denied(&refusal) || nfnetlink::is_unsupported(&refusal) => return Ok(()),
            asked => asked?,
        }
    }
    Ok(())
}

fn number(attributes: &[u8], kind: u16) -> Option<u32> {
    attribute(attributes, kind).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)))
}

fn text(attributes: &[u8], kind: u16) -> Option<String> {
    Some(String::from_utf8_lossy(attribute(attributes, kind)?).trim_end_matches('\0').to_owned())
}

fn drop_of(family: &'static str, chain: &[u8]) -> Option<Drop> {
    let hook = number(attribute(chain, CHAIN_HOOK)?, HOOK_NUMBER)?;
    let drops = hook == FORWARD && number(chain, CHAIN_POLICY)? == DROP;
    drops.then_some(Drop { family, table: text(chain, CHAIN_TABLE)?, chain: text(chain, CHAIN_NAME)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::linux::nfnetlink::put;

    fn chain(hook: u32, policy: u32) -> Vec<u8> {
        let (mut bytes, mut nested) = (Vec::new(), Vec::new());
        put(&mut nested, HOOK_NUMBER, &hook.to_be_bytes());
        put(&mut bytes, CHAIN_TABLE, b"t\0");
        put(&mut bytes, CHAIN_NAME, b"forward\0");
        put(&mut bytes, CHAIN_HOOK, &nested);
        put(&mut bytes, CHAIN_POLICY, &policy.to_be_bytes());
        bytes
    }

    #[test]
    fn a_chain_is_told_by_its_hook_and_policy() {
        let found = Drop { family: "inet", table: "t".into(), chain: "forward".into() };
        assert_eq!(drop_of("inet", &chain(FORWARD, DROP)), Some(found));
        assert_eq!((drop_of("ip", &chain(FORWARD, 1)), drop_of("ip", &chain(1, DROP))), (None, None));
        assert_eq!(drop_of("ip", &[]), None);
    }
}
