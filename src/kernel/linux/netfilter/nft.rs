//! Rules by messages to `nf_tables`, as iptables-nft(8) would send them, without its process: a commit costs a tenth of
//! what starting one does.
//!
//! Only what a lab is made of is known here ([`encode`]). Whatever else a rule has, and whatever the kernel refuses, is
//! left to `iptables-restore`, which also has the words for an error; so this may say no to anything, as long as nothing
//! was done then.

use super::command::IptablesCommand;
use super::restore::RestoreBlock;
use crate::kernel::linux::nfnetlink::{self, Batch, BatchFault, NFTABLES, Nfnetlink, attribute, nest, put};
use crate::kernel::{Done, Refusal, Why};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::rules::Table;
use base::{ACCEPT, Base};
use encode::{Encoded, EncodedCommand};
use expressions::text;
use handles::{Added, Handles};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL};
use nix::errno::Errno;
use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};

mod base;
mod encode;
mod expressions;
mod handles;

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
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const RULE_COMPAT: u16 = 5;

/// `NLM_F_NONREC`: a chain that has rules is not to be deleted with them, nor a table with its chains.
const NOT_RECURSIVE: u16 = 0x100;

/// How often to try again where somebody else has changed the rules meanwhile.
const TRIES: u32 = 5;

/// What is to be done besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Also {
    /// Nothing.
    Nothing,
    /// Delete the tables and base chains that we made, where the commands leave nothing in them.
    Sweep,
}

/// What became of a transaction.
#[derive(Debug)]
pub(super) enum Sent {
    /// All of it was made.
    Made,
    /// Nothing was done; iptables is to be asked.
    NotMade,
    /// Nobody knows.
    Unknown(Refusal),
}

/// Commits blocks, all of them or none. Where rules were deleted in the namespace less than a grace period ago (some 10 ms),
/// adding one waits for the rest of it: the kernel lets what iptables' modules keep of the old ones go first
/// (`nft_compat_wait_for_destructors`).
pub(super) fn commit(channel: &mut Channel, family: Family, blocks: &[RestoreBlock<'_>], also: Also) -> Sent {
    let Some(steps) = steps(family, blocks) else { return Sent::NotMade };
    let is_small = steps.iter().map(|(_, steps)| steps.len()).sum::<usize>() <= handles::MOST;
    transact(channel, family, |tables| {
        tables.remembers = is_small;
        for (table, steps) in &steps {
            if !tables.write(*table, steps, also)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Makes the tables and base chains that the commands are about, where they are missing, for iptables to find: what it makes
/// itself has no mark. Where that fails, so will iptables.
pub(super) fn prepare(channel: &mut Channel, family: Family, blocks: &[RestoreBlock<'_>]) -> Sent {
    transact(channel, family, |tables| {
        for RestoreBlock { table, commands } in blocks {
            let mut known = HashSet::new();
            for command in *commands {
                let (IptablesCommand::Append(marked) | IptablesCommand::Insert(_, marked)) = command else { continue };
                if let Some(base) = Base::of(*table, &marked.chain)
                    && known.insert(&marked.chain)
                    && !tables.has_chain(*table, &marked.chain)?
                {
                    tables.add_table(*table);
                    tables.add_base(*table, &marked.chain, base, ACCEPT);
                }
            }
        }
        Ok(true)
    })
}

/// The policy of a chain of iptables' own.
pub(super) fn policy(channel: &mut Channel, family: Family, table: Table, chain: Hook) -> Done<String> {
    Tables::open(channel, number(family))?.policy(table, chain)
}

/// Sets it, and makes the chain if it is not there.
pub(super) fn set_policy(channel: &mut Channel, family: Family, table: Table, chain: Hook, policy: &str) -> Sent {
    transact(channel, family, |tables| tables.set_policy(table, chain, policy))
}

/// Deletes what we made of a table and nobody uses.
pub(super) fn sweep(channel: &mut Channel, family: Family, table: Table) -> Sent {
    transact(channel, family, |tables| tables.sweep(table, &HashMap::new(), 0).map(|()| true))
}

/// Makes a transaction of what `write` writes, unless that says no; and again where somebody else has changed the rules
/// meanwhile.
fn transact(channel: &mut Channel, family: Family, mut write: impl FnMut(&mut Tables<'_>) -> Done<bool>) -> Sent {
    for _ in 0..TRIES {
        // What cannot be asked or found has not been done.
        let Ok(mut tables) = Tables::open(channel, number(family)) else { return Sent::NotMade };
        let Ok(true) = write(&mut tables) else { return Sent::NotMade };
        let Tables { netlink, handles, batch, mut added, .. } = tables;
        if batch.is_empty() {
            return Sent::Made;
        }
        match netlink.commit(batch, |sequence, rule| handles.learn(&mut added, sequence, rule)) {
            Ok(()) => return Sent::Made,
            Err(BatchFault::Refused(errno)) if errno == Errno::ERESTART as i32 => {}
            Err(BatchFault::Refused(_)) => return Sent::NotMade,
            Err(BatchFault::Lost(refusal)) => return Sent::Unknown(refusal),
        }
    }
    Sent::NotMade
}

fn number(family: Family) -> u8 {
    if family == Family::V4 { nfnetlink::IPV4 } else { nfnetlink::IPV6 }
}

fn steps<'a>(family: Family, blocks: &[RestoreBlock<'a>]) -> Option<Vec<(Table, Vec<EncodedCommand<'a>>)>> {
    let block = |block: &RestoreBlock<'a>| {
        let steps = block.commands.iter().map(|command| encode::step(family, block.table, command));
        Some((block.table, steps.collect::<Option<Vec<EncodedCommand<'a>>>>()?))
    };
    blocks.iter().map(block).collect()
}

/// A way to the kernel's tables in one namespace.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) netlink: Nfnetlink,
    handles: Handles,
}

impl Channel {
    /// To the tables of the calling thread's namespace.
    pub(super) fn open() -> Done<Channel> {
        Ok(Channel { netlink: Nfnetlink::open()?, handles: Handles::default() })
    }
}

/// The tables of one family, and what is to be sent to them.
struct Tables<'c> {
    netlink: &'c mut Nfnetlink,
    handles: &'c mut Handles,
    family: u8,
    batch: Batch,
    /// Whether the rules that are added are to be remembered.
    remembers: bool,
    added: Added,
}

/// A rule that is there: its handle and expressions.
type Shown = (Vec<u8>, Vec<u8>);

impl Tables<'_> {
    /// As they are now.
    fn open(channel: &mut Channel, family: u8) -> Done<Tables<'_>> {
        let Channel { netlink, handles } = channel;
        let answer = netlink.query(NFTABLES, GET_GENERATION, nfnetlink::ANY_FAMILY, &[])?;
        let generation = attribute(&answer, FIRST).and_then(|id| Some(u32::from_be_bytes(id.try_into().ok()?)));
        let generation = generation.ok_or_else(|| Refusal::new(Why::Protocol, "NFT_MSG_GETGEN", ""))?;
        let batch = netlink.begin(NFTABLES, generation);
        Ok(Tables { netlink, handles, family, batch, remembers: false, added: Added::new() })
    }

    /// Writes the messages for what is to be done in a table; false where something named in it is not there.
    fn write(&mut self, table: Table, steps: &[EncodedCommand<'_>], also: Also) -> Done<bool> {
        let adds = steps.iter().any(|step| !matches!(step, EncodedCommand::Delete(_) | EncodedCommand::DeleteChain(_)));
        if adds {
            self.add_table(table);
        }
        let mut there: HashSet<&str> = HashSet::new();
        let mut shown: HashMap<&str, Vec<Shown>> = HashMap::new();
        let mut gone: HashSet<Vec<u8>> = HashSet::new();
        let mut deleted: HashMap<&str, u32> = HashMap::new();
        let mut chains = 0;
        for step in steps {
            match step {
                EncodedCommand::NewChain(chain) => {
                    there.insert(chain);
                    self.say(NEW_CHAIN, NLM_F_CREATE | NLM_F_EXCL, table, |to| put(to, CHAIN_NAME, &text(chain)));
                }
                EncodedCommand::DeleteChain(chain) => {
                    self.delete_chain(table, chain);
                    chains += 1;
                }
                EncodedCommand::Append(rule) | EncodedCommand::Insert(rule) => {
                    for chain in needed_chains(rule) {
                        if !there.contains(chain) && !self.has_chain(table, chain)? {
                            let Some(base) = Base::of(table, chain) else { return Ok(false) };
                            self.add_base(table, chain, base, ACCEPT);
                        }
                        there.insert(chain);
                    }
                    let at_the_end = if matches!(step, EncodedCommand::Append(_)) { NLM_F_APPEND } else { 0 };
                    self.add_rule(table, rule, NLM_F_CREATE | at_the_end);
                }
                EncodedCommand::Delete(rule) => {
                    let handle = if let Some(handle) = self.remembered(table, rule)? {
                        handle
                    } else {
                        let rules = match shown.entry(rule.chain) {
                            Entry::Occupied(known) => known.into_mut(),
                            Entry::Vacant(new) => new.insert(self.rules(table, rule.chain)?),
                        };
                        let is_it = |(handle, shown): &&Shown| !gone.contains(handle) && rule.expressions.are(shown);
                        // From the end, where what is undone first was made last.
                        let Some((handle, _)) = rules.iter().rfind(is_it) else { return Ok(false) };
                        handle.clone()
                    };
                    self.say(DELETE_RULE, 0, table, |to| {
                        put(to, RULE_CHAIN, &text(rule.chain));
                        put(to, RULE_HANDLE, &handle);
                    });
                    gone.insert(handle);
                    *deleted.entry(rule.chain).or_default() += 1;
                }
            }
        }
        if also == Also::Sweep && !adds {
            self.sweep(table, &deleted, chains)?;
        }
        Ok(true)
    }

    /// Adds a message about a table, and returns its sequence number.
    fn say(&mut self, kind: u8, flags: u16, table: Table, fill: impl FnOnce(&mut Vec<u8>)) -> u32 {
        self.batch.add(kind, flags, self.family, |message| {
            put(message, FIRST, &text(table.as_str()));
            fill(message);
        })
    }

    fn add_rule(&mut self, table: Table, rule: &Encoded<'_>, flags: u16) {
        let echo = if self.remembers { NLM_F_ECHO } else { 0 };
        let sequence = self.say(NEW_RULE, flags | echo, table, |to| {
            put(to, RULE_CHAIN, &text(rule.chain));
            put(to, RULE_EXPRESSIONS, &rule.expressions.0);
            if let Some(protocol) = rule.protocol {
                // `NFTA_RULE_COMPAT_PROTO` and `NFTA_RULE_COMPAT_FLAGS`
                nest(to, RULE_COMPAT, |compat| {
                    put(compat, 1, &u32::from(protocol.number()).to_be_bytes());
                    put(compat, 2, &[0; 4]);
                });
            }
        });
        if self.remembers {
            let key = self.key(table, rule);
            self.added.insert(sequence, key);
        }
    }

    /// Deletes a chain, unless something uses it.
    fn delete_chain(&mut self, table: Table, chain: &str) {
        self.say(DELETE_CHAIN, NOT_RECURSIVE, table, |to| put(to, CHAIN_NAME, &text(chain)));
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
fn needed_chains<'a>(rule: &'a Encoded<'_>) -> impl Iterator<Item = &'a str> {
    std::iter::once(rule.chain).chain(rule.jump.as_deref())
}
