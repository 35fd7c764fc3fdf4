//! The handles of rules that were added a moment ago, such as those of a virtual IP that is moved again and again: a chain need
//! not be read to find one of many.

use super::encode::Encoded;
use super::{Done, Errno, FIRST, GET_RULE, NFTABLES, RULE_CHAIN, RULE_EXPRESSIONS, RULE_HANDLE, Tables, text};
use crate::kernel::linux::nfnetlink::{attribute, put};
use crate::model::rules::Table;
use std::collections::HashMap;

/// The rules of how large a transaction are remembered: what the kernel tells of more would not fit into a socket's buffer.
pub(super) const MOST: usize = 32;

/// A rule: its family, table, chain and expressions, our tag among them.
type Key = (u8, Table, String, Vec<u8>);

/// The handles, by what they are of. Whether a rule still has its handle is for the kernel to say.
#[derive(Debug, Default)]
pub(in super::super) struct Handles(HashMap<Key, Vec<u8>>);

/// Rules of a transaction, by the sequence numbers of the messages that add them.
pub(super) type Added = HashMap<u32, Key>;

impl Handles {
    /// Takes in what the kernel has made of a message.
    pub(super) fn learn(&mut self, added: &mut Added, sequence: u32, rule: &[u8]) {
        if let (Some(key), Some(handle)) = (added.remove(&sequence), attribute(rule, RULE_HANDLE)) {
            self.0.insert(key, handle.to_vec());
        }
    }
}

impl Tables<'_> {
    pub(super) fn key(&self, table: Table, rule: &Encoded<'_>) -> Key {
        (self.family, table, rule.chain.to_owned(), rule.expressions.0.clone())
    }

    /// The handle of a rule, if it is remembered and still its.
    pub(super) fn remembered(&mut self, table: Table, rule: &Encoded<'_>) -> Done<Option<Vec<u8>>> {
        let Some(handle) = self.handles.0.remove(&self.key(table, rule)) else { return Ok(None) };
        let mut named = Vec::new();
        put(&mut named, FIRST, &text(table.as_str()));
        put(&mut named, RULE_CHAIN, &text(rule.chain));
        put(&mut named, RULE_HANDLE, &handle);
        match self.netlink.query(NFTABLES, GET_RULE, self.family, &named) {
            Err(refusal) if refusal.is(Errno::ENOENT) => Ok(None),
            shown => {
                let shown = shown?;
                let is_it = attribute(&shown, RULE_EXPRESSIONS).is_some_and(|shown| rule.expressions.are(shown));
                Ok(is_it.then_some(handle))
            }
        }
    }
}
