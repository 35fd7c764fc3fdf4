//! The tables and built-in chains of iptables, which in `nf_tables` are there only as long as somebody wants them.
//!
//! Those that we make carry a mark, a comment that nft(8) shows. So whichever lab is the last to use one can delete it, and
//! what was there before us, or was made by somebody else, stays. Kernels before 5.10 keep no such comment: what is made
//! there stays, empty.

use super::{CHAIN_HOOK, CHAIN_NAME, FIRST, GET_CHAIN, NEW_CHAIN, NEW_TABLE, NOT_RECURSIVE, Tables, named, text};
use crate::kernel::Done;
use crate::kernel::linux::nfnetlink::{GET_TABLE, NFTABLES, attribute, nest, put};
use crate::model::hook::Hook;
use crate::model::rules::Table;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;
use std::collections::HashMap;

/// Messages and attributes (`linux/netfilter/nf_tables.h`).
const DELETE_TABLE: u8 = 2;
const TABLE_USE: u16 = 3;
const TABLE_USERDATA: u16 = 6;
const CHAIN_POLICY: u16 = 5;
const CHAIN_USE: u16 = 6;
const CHAIN_TYPE: u16 = 7;
const CHAIN_USERDATA: u16 = 12;

/// `NF_ACCEPT` and `NF_DROP`
pub(super) const ACCEPT: u32 = 1;
const DROP: u32 = 0;

/// Our mark: a comment as libnftnl has it (`NFTNL_UDATA_TABLE_COMMENT`, `NFTNL_UDATA_CHAIN_COMMENT`), its kind, its length
/// and its text.
const MARK: &[u8] = b"\0\x08rhailab\0";

/// How a chain of iptables' own is registered: its type, hook and priority.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    kind: &'static str,
    hook: Hook,
    priority: i32,
}

impl Base {
    /// That of a chain, if it is one of iptables' own, with the priorities by which iptables knows them.
    pub(super) fn of(table: Table, chain: &str) -> Option<Base> {
        let hook = table.built_in(chain)?;
        let (kind, priority) = match (table, hook) {
            (Table::Filter, _) => ("filter", 0),
            (Table::Nat, Hook::Prerouting | Hook::Output) => ("nat", -100),
            (Table::Nat, _) => ("nat", 100),
            (Table::Mangle, Hook::Output) => ("route", -150),
            (Table::Mangle, _) => ("filter", -150),
            (Table::Raw, _) => ("filter", -300),
            (Table::Security, _) => ("filter", 150),
        };
        Some(Base { kind, hook, priority })
    }
}

impl Tables<'_> {
    /// Makes a table, if it is not there.
    pub(super) fn add_table(&mut self, table: Table) {
        self.say(NEW_TABLE, NLM_F_CREATE, table, |to| put(to, TABLE_USERDATA, MARK));
    }

    /// The policy of a chain of iptables' own, which is to accept where it is not there.
    pub(super) fn policy(&mut self, table: Table, chain: Hook) -> Done<String> {
        let shown = self.netlink.query(NFTABLES, GET_CHAIN, self.family, &named(table, CHAIN_NAME, chain.as_str()));
        let drops = match shown {
            Err(refusal) if refusal.is(Errno::ENOENT) => false,
            shown => number(&shown?, CHAIN_POLICY) == Some(DROP),
        };
        Ok(if drops { "DROP" } else { "ACCEPT" }.to_owned())
    }

    /// Sets it, and makes the chain if it is not there; false if it is none of iptables' own.
    pub(super) fn set_policy(&mut self, table: Table, chain: Hook, policy: &str) -> Done<bool> {
        let Some(base) = Base::of(table, chain.as_str()) else { return Ok(false) };
        let policy = if policy == "DROP" { DROP } else { ACCEPT };
        if self.has_chain(table, chain.as_str())? {
            self.say(NEW_CHAIN, 0, table, |to| {
                put(to, CHAIN_NAME, &text(chain.as_str()));
                put(to, CHAIN_POLICY, &policy.to_be_bytes());
            });
        } else {
            self.add_table(table);
            self.add_base(table, chain.as_str(), base, policy);
        }
        Ok(true)
    }

    /// Makes a chain of iptables' own.
    pub(super) fn add_base(&mut self, table: Table, chain: &str, base: Base, policy: u32) {
        self.say(NEW_CHAIN, NLM_F_CREATE | NLM_F_EXCL, table, |to| {
            put(to, CHAIN_NAME, &text(chain));
            // `NFTA_HOOK_HOOKNUM` and `NFTA_HOOK_PRIORITY`
            nest(to, CHAIN_HOOK, |nested| {
                put(nested, 1, &(base.hook as u32).to_be_bytes());
                put(nested, 2, &base.priority.to_be_bytes());
            });
            if policy != ACCEPT {
                put(to, CHAIN_POLICY, &policy.to_be_bytes());
            }
            put(to, CHAIN_TYPE, &text(base.kind));
            put(to, CHAIN_USERDATA, MARK);
        });
    }

    /// Deletes the base chains of a table that we made and nobody uses, and the table likewise. `deleted` is how many rules
    /// of which chain go in the same transaction, and `chains` how many chains.
    pub(super) fn sweep(&mut self, table: Table, deleted: &HashMap<&str, u32>, chains: u32) -> Done<()> {
        let mut going: Vec<String> = Vec::new();
        let name = text(table.as_str());
        self.netlink.dump(NFTABLES, GET_CHAIN, self.family, &[], |chain| {
            if attribute(chain, FIRST) == Some(&name[..])
                && let Some(base) = unused(chain, deleted)
            {
                going.push(base);
            }
        })?;
        for chain in &going {
            self.delete_chain(table, chain);
        }
        let mut named = Vec::new();
        put(&mut named, FIRST, &name);
        let shown = match self.netlink.query(NFTABLES, GET_TABLE, self.family, &named) {
            Err(refusal) if refusal.is(Errno::ENOENT) => return Ok(()),
            shown => shown?,
        };
        let gone = u32::try_from(going.len()).unwrap_or(u32::MAX).saturating_add(chains);
        if attribute(&shown, TABLE_USERDATA) == Some(MARK) && number(&shown, TABLE_USE) == Some(gone) {
            self.say(DELETE_TABLE, NOT_RECURSIVE, table, |_| {});
        }
        Ok(())
    }
}

/// The name of a chain, if it is a base chain that we made and that is of no use without these rules.
fn unused(chain: &[u8], deleted: &HashMap<&str, u32>) -> Option<String> {
    let name = String::from_utf8_lossy(attribute(chain, CHAIN_NAME)?);
    let name = name.trim_end_matches('\0');
    let is_ours = attribute(chain, CHAIN_HOOK).is_some() && attribute(chain, CHAIN_USERDATA) == Some(MARK);
    let rules = number(chain, CHAIN_USE)?.checked_sub(deleted.get(name).copied().unwrap_or(0));
    (is_ours && rules == Some(0) && number(chain, CHAIN_POLICY) == Some(ACCEPT)).then(|| name.to_owned())
}

fn number(attributes: &[u8], kind: u16) -> Option<u32> {
    attribute(attributes, kind).and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)))
}
