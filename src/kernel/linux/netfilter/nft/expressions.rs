//! The expressions of a rule as netlink has them (`linux/netfilter/nf_tables.h`), in the very bytes in which the kernel
//! shows them again, so that a rule is found by comparing.
//!
//! What iptables-nft(8) would write as `match` or `target` is written so here, ports included (which it writes as
//! `payload` since 1.8.8): every version reads those back.

use crate::kernel::linux::nfnetlink::{attribute, attributes, nest, put};

/// `NFTA_LIST_ELEM`
const ELEMENT: u16 = 1;
/// `NFTA_EXPR_NAME` and `NFTA_EXPR_DATA`
const NAME: u16 = 1;
const DATA: u16 = 2;
/// `NFTA_DATA_VALUE` and `NFTA_DATA_VERDICT`
const VALUE: u16 = 1;
const VERDICT: u16 = 2;
/// `NFTA_VERDICT_CODE` and `NFTA_VERDICT_CHAIN`
const CODE: u16 = 1;
const CHAIN: u16 = 2;
/// `NFT_REG_1`: the one register that is used here.
const REGISTER: u32 = 1;

/// What packets have to be compared: `NFT_META_IIFNAME`, `NFT_META_OIFNAME`, `NFT_META_L4PROTO`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meta {
    InInterface = 6,
    OutInterface = 7,
    Protocol = 16,
}

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    Return,
    Jump(String),
}

/// The expressions of one rule.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Expressions(pub(super) Vec<u8>);

impl Expressions {
    /// Compares something known of the packet.
    pub(super) fn meta(&mut self, what: Meta, with: &[u8]) {
        self.add("meta", |data| {
            number(data, 2, what as u32);
            number(data, 1, REGISTER);
        });
        self.equal(with);
    }

    /// Compares bytes of the network header, those that the mask has.
    pub(super) fn header(&mut self, offset: u32, with: &[u8], mask: &[u8]) {
        let length = u32::try_from(with.len()).unwrap_or_default();
        self.add("payload", |data| {
            number(data, 1, REGISTER);
            // `NFT_PAYLOAD_NETWORK_HEADER`
            number(data, 2, 1);
            number(data, 3, offset);
            number(data, 4, length);
        });
        if mask.iter().any(|byte| *byte != 0xff) {
            self.add("bitwise", |data| {
                number(data, 1, REGISTER);
                number(data, 2, REGISTER);
                number(data, 3, length);
                // `NFT_BITWISE_MASK_XOR`
                number(data, 6, 0);
                nest(data, 4, |nested| put(nested, VALUE, mask));
                nest(data, 5, |nested| put(nested, VALUE, &vec![0; mask.len()]));
            });
        }
        self.equal(with);
    }

    fn equal(&mut self, with: &[u8]) {
        self.add("cmp", |data| {
            number(data, 1, REGISTER);
            // `NFT_CMP_EQ`
            number(data, 2, 0);
            nest(data, 3, |nested| put(nested, VALUE, with));
        });
    }

    /// A match of iptables, with its structure.
    pub(super) fn matching(&mut self, name: &str, revision: u32, info: &[u8]) {
        self.extension("match", name, revision, info);
    }

    /// A target of iptables, with its structure.
    pub(super) fn target(&mut self, name: &str, revision: u32, info: &[u8]) {
        self.extension("target", name, revision, info);
    }

    fn extension(&mut self, kind: &str, name: &str, revision: u32, info: &[u8]) {
        self.add(kind, |data| {
            put(data, 1, &text(name));
            number(data, 2, revision);
            put(data, 3, info);
        });
    }

    /// Counts packets and bytes.
    pub(super) fn counter(&mut self) {
        self.add("counter", |data| {
            put(data, 1, &[0; 8]);
            put(data, 2, &[0; 8]);
        });
    }

    /// Decides.
    pub(super) fn verdict(&mut self, verdict: &Verdict) {
        let code: i32 = match verdict {
            Verdict::Drop => 0,
            Verdict::Accept => 1,
            Verdict::Jump(_) => -3,
            Verdict::Return => -5,
        };
        self.add("immediate", |data| {
            // `NFT_REG_VERDICT`
            number(data, 1, 0);
            nest(data, 2, |value| {
                nest(value, VERDICT, |verdict_data| {
                    put(verdict_data, CODE, &code.to_be_bytes());
                    if let Verdict::Jump(chain) = verdict {
                        put(verdict_data, CHAIN, &text(chain));
                    }
                });
            });
        });
    }

    fn add(&mut self, name: &str, fill: impl FnOnce(&mut Vec<u8>)) {
        nest(&mut self.0, ELEMENT, |element| {
            put(element, NAME, &text(name));
            nest(element, DATA, fill);
        });
    }

    /// Whether expressions that the kernel shows are these, whatever they have counted.
    pub(super) fn are(&self, shown: &[u8]) -> bool {
        let known = |(_, element)| {
            let name = attribute(element, NAME)?;
            Some((name, if name == b"counter\0" { None } else { attribute(element, DATA) }))
        };
        attributes(&self.0).map(known).eq(attributes(shown).map(known))
    }
}

fn number(data: &mut Vec<u8>, kind: u16, value: u32) {
    put(data, kind, &value.to_be_bytes());
}

/// A name as the kernel reads and shows it.
pub(super) fn text(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}
