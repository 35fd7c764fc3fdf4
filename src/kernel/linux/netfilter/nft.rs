//! Rules by messages to `nf_tables`, as iptables-nft(8) would send them, without its process: a commit costs a tenth of
//! what starting one does.
//!
//! Only what a lab is made of is known here ([`command`]). Whatever else a line says, and whatever the kernel refuses, is
//! left to `iptables-restore`, which also has the words for an error; so this may say no to anything, as long as nothing
//! was done then.

use super::restore::Block;
use crate::kernel::linux::nfnetlink::{self, Batch, BatchFault, NFTABLES, Nfnetlink, attribute, nest, put};
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::rules::Table;
use command::{Command, Rule};
use expressions::text;
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use nix::errno::Errno;
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

mod command;
mod expressions;

/// Messages (`linux/netfilter/nf_tables.h`).
const NEW_TABLE: u8 = 0;
const NEW_CHAIN: u8 = 3;
pub(super) const GET_CHAIN: u8 = 4;
const DELETE_CHAIN: u8 = 5;
const NEW_RULE: u8 = 6;
const GET_RULE: u8 = 7;
const DELETE_RULE: u8 = 8;
const GET_GENERATION: u8 = 16;

/// `NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, `NFTA_RULE_TABLE`, `NFTA_GEN_ID`.
const FIRST: u16 = 1;
pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
const CHAIN_TYPE: u16 = 7;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const RULE_COMPAT: u16 = 5;

/// `NLM_F_NONREC`: a chain that has rules is not to be deleted with them.
const NOT_RECURSIVE: u16 = 0x100;

/// How often to try again where somebody else has changed the rules meanwhile.
const TRIES: u32 = 5;

/// Commits blocks in the calling thread's namespace, all of them or none. The socket that it was done by is to be kept
/// for a while: closing it waits until the kernel has freed what was deleted, one grace period (15 to 20 ms).
///
/// The answer is `None` where nothing was done and iptables is to be asked, and an error where the outcome is unknown.
pub(super) fn commit(family: Family, blocks: &[Block<'_>]) -> Done<Option<Nfnetlink>> {
    let Some(commands) = parse(family, blocks) else { return Ok(None) };
    let number = if family == Family::V4 { nfnetlink::IPV4 } else { nfnetlink::IPV6 };
    for _ in 0..TRIES {
        // What cannot be asked or found has not been done.
        let Ok(mut tables) = Tables::open(number) else { return Ok(None) };
        let Ok(true) = tables.write(&commands) else { return Ok(None) };
        let Tables { mut netlink, batch, .. } = tables;
        match netlink.commit(batch) {
            Ok(()) => return Ok(Some(netlink)),
            Err(BatchFault::Refused(errno)) if errno == Errno::ERESTART as i32 => {}
            Err(BatchFault::Refused(_)) => return Ok(None),
            Err(BatchFault::Lost(refusal)) => return Err(refusal),
        }
    }
    Ok(None)
}

fn parse(family: Family, blocks: &[Block<'_>]) -> Option<Vec<(Table, Vec<Command>)>> {
    let block = |block: &Block<'_>| {
        let lines = block.lines.iter().map(|line| command::parse(family, block.table, line));
        Some((block.table, lines.collect::<Option<Vec<Command>>>()?))
    };
    blocks.iter().map(block).collect()
}

/// The tables of one family, and what is to be sent to them.
struct Tables {
    netlink: Nfnetlink,
    family: u8,
    batch: Batch,
}

/// A rule that is there: its handle and expressions.
type Shown = (Vec<u8>, Vec<u8>);

impl Tables {
    /// As they are now.
    fn open(family: u8) -> Done<Tables> {
        let mut netlink = Nfnetlink::open()?;
        let answer = netlink.query(NFTABLES, GET_GENERATION, nfnetlink::ANY_FAMILY, &[])?;
        let generation = attribute(&answer, FIRST).and_then(|id| Some(u32::from_be_bytes(id.try_into().ok()?)));
        let generation = generation.ok_or_else(|| Refusal::new(Why::Protocol, "NFT_MSG_GETGEN", ""))?;
        Ok(Tables { netlink, family, batch: Batch::new(NFTABLES, generation) })
    }

    /// Writes the messages for commands; false where something named in them is not there.
    fn write(&mut self, commands: &[(Table, Vec<Command>)]) -> Done<bool> {
        for (table, commands) in commands {
            if !self.write_table(*table, commands)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn write_table(&mut self, table: Table, commands: &[Command]) -> Done<bool> {
        self.say(NEW_TABLE, NLM_F_CREATE, table, |_| {});
        let mut there: HashSet<&str> = HashSet::new();
        let mut shown: HashMap<&str, Vec<Shown>> = HashMap::new();
        for command in commands {
            match command {
                Command::NewChain(chain) => {
                    there.insert(chain);
                    self.say(NEW_CHAIN, NLM_F_CREATE | NLM_F_EXCL, table, |to| put(to, CHAIN_NAME, &text(chain)));
                }
                Command::DeleteChain(chain) => {
                    self.say(DELETE_CHAIN, NOT_RECURSIVE, table, |to| put(to, CHAIN_NAME, &text(chain)));
                }
                Command::Append(rule) | Command::Insert(rule) => {
                    for chain in needed_chains(rule) {
                        if !there.contains(chain) && !self.has_chain(table, chain)? && !self.add_base(table, chain) {
                            return Ok(false);
                        }
                        there.insert(chain);
                    }
                    let at_the_end = if matches!(command, Command::Append(_)) { NLM_F_APPEND } else { 0 };
                    self.add_rule(table, rule, NLM_F_CREATE | at_the_end);
                }
                Command::Delete(rule) => {
                    let rules = match shown.entry(&rule.chain) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(new) => new.insert(self.rules(table, &rule.chain)?),
                    };
                    // From the end, where what is undone first was made last.
                    let Some(at) = rules.iter().rposition(|(_, shown)| rule.expressions.are(shown)) else {
                        return Ok(false);
                    };
                    let (handle, _) = rules.remove(at);
                    self.say(DELETE_RULE, 0, table, |to| {
                        put(to, RULE_CHAIN, &text(&rule.chain));
                        put(to, RULE_HANDLE, &handle);
                    });
                }
            }
        }
        Ok(true)
    }

    fn say(&mut self, kind: u8, flags: u16, table: Table, fill: impl FnOnce(&mut Vec<u8>)) {
        self.batch.add(kind, flags, self.family, |message| {
            put(message, FIRST, &text(table.as_str()));
            fill(message);
        });
    }

    fn add_rule(&mut self, table: Table, rule: &Rule, flags: u16) {
        self.say(NEW_RULE, flags, table, |to| {
            put(to, RULE_CHAIN, &text(&rule.chain));
            put(to, RULE_EXPRESSIONS, &rule.expressions.0);
            if let Some(protocol) = rule.protocol {
                // `NFTA_RULE_COMPAT_PROTO` and `NFTA_RULE_COMPAT_FLAGS`
                nest(to, RULE_COMPAT, |compat| {
                    put(compat, 1, &u32::from(protocol).to_be_bytes());
                    put(compat, 2, &[0; 4]);
                });
            }
        });
    }

    /// Makes a chain of iptables' own, where it is one. Its policy is the default, to accept.
    fn add_base(&mut self, table: Table, chain: &str) -> bool {
        let Some((kind, hook, priority)) = base_chain(table, chain) else { return false };
        self.say(NEW_CHAIN, NLM_F_CREATE | NLM_F_EXCL, table, |to| {
            put(to, CHAIN_NAME, &text(chain));
            // `NFTA_HOOK_HOOKNUM` and `NFTA_HOOK_PRIORITY`
            nest(to, CHAIN_HOOK, |nested| {
                put(nested, 1, &hook.to_be_bytes());
                put(nested, 2, &priority.to_be_bytes());
            });
            put(to, CHAIN_TYPE, &text(kind));
        });
        true
    }

    fn has_chain(&mut self, table: Table, chain: &str) -> Done<bool> {
        match self.netlink.query(NFTABLES, GET_CHAIN, self.family, &named(table, CHAIN_NAME, chain)) {
            Ok(_) => Ok(true),
            Err(refusal) if refusal.is(Errno::ENOENT) => Ok(false),
            Err(refusal) => Err(refusal),
        }
    }

    /// The rules of a chain, in order.
    fn rules(&mut self, table: Table, chain: &str) -> Done<Vec<Shown>> {
        let named = named(table, RULE_CHAIN, chain);
        let mut rules = Vec::new();
        self.netlink.dump(NFTABLES, GET_RULE, self.family, &named, |rule| {
            let has = |kind| attribute(rule, kind) == attribute(&named, kind);
            if has(FIRST)
                && has(RULE_CHAIN)
                && let (Some(handle), Some(shown)) = (attribute(rule, RULE_HANDLE), attribute(rule, RULE_EXPRESSIONS))
            {
                rules.push((handle.to_vec(), shown.to_vec()));
            }
        })?;
        Ok(rules)
    }
}

/// The attributes that name a chain of a table, whose own is of this kind.
fn named(table: Table, kind: u16, chain: &str) -> Vec<u8> {
    let mut attributes = Vec::new();
    put(&mut attributes, FIRST, &text(table.as_str()));
    put(&mut attributes, kind, &text(chain));
    attributes
}

/// The chains that must be there for a rule to be added.
fn needed_chains(rule: &Rule) -> impl Iterator<Item = &str> {
    std::iter::once(rule.chain.as_str()).chain(rule.jump.as_deref())
}

/// The type, hook (`NF_INET_…`) and priority (`NF_IP_PRI_…`) of a chain of iptables' own. Those of `security` are left to
/// iptables, which gives them another priority than the kernel's header, and knows them by it.
fn base_chain(table: Table, chain: &str) -> Option<(&'static str, u32, i32)> {
    let hook = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"].iter().position(|name| *name == chain)?;
    let hook = u32::try_from(hook).ok()?;
    match (table, chain) {
        (Table::Filter, "INPUT" | "FORWARD" | "OUTPUT") => Some(("filter", hook, 0)),
        (Table::Nat, "PREROUTING" | "OUTPUT") => Some(("nat", hook, -100)),
        (Table::Nat, "INPUT" | "POSTROUTING") => Some(("nat", hook, 100)),
        (Table::Mangle, "OUTPUT") => Some(("route", hook, -150)),
        (Table::Mangle, _) => Some(("filter", hook, -150)),
        (Table::Raw, "PREROUTING" | "OUTPUT") => Some(("filter", hook, -300)),
        _ => None,
    }
}
