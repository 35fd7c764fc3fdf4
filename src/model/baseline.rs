//! What every namespace of a lab begins with.

use crate::model::netns::Sysctls;
use std::sync::{Arc, LazyLock};

/// The sysctls that every namespace of a lab starts with, so that a recipe means the same on every machine: a
/// new namespace copies the host's IPv4 settings, and its bridges pass their frames to iptables.
pub fn baseline() -> Sysctls {
    static BASELINE: LazyLock<Sysctls> =
        LazyLock::new(|| BASE.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
    Arc::clone(&BASELINE)
}

const BASE: [(&str, &str); 10] = [
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv6.conf.all.forwarding", "0"),
    // Without duplicate address detection an IPv6 address works at once.
    ("net.ipv6.conf.all.accept_dad", "0"),
    ("net.ipv6.conf.default.accept_dad", "0"),
    // No link-local address unless the recipe asks: the router solicitations and MLD reports of a thousand
    // hosts flood a bridge.
    ("net.ipv6.conf.default.addr_gen_mode", "1"),
    ("net.bridge.bridge-nf-call-iptables", "0"),
    ("net.bridge.bridge-nf-call-ip6tables", "0"),
    ("net.bridge.bridge-nf-call-arptables", "0"),
];
