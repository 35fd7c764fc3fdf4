//! Policies of built-in chains, in both families and backends.

use crate::support::{append, each_kind};
use rhailab::kernel::Undone;
use rhailab::kernel::linux::netfilter::{Backend, BuiltIn};
use rhailab::model::hook::Hook;
use rhailab::model::names::Ns;
use rhailab::model::rules::Table;

#[test]
fn a_policy_is_set_read_and_put_back() {
    each_kind(|lab| {
        let tables = [(Table::Filter, Hook::Forward), (Table::Mangle, Hook::Output), (Table::Raw, Hook::Prerouting)];
        for (table, chain) in tables {
            let of = BuiltIn { ns: &Ns::Host, family: lab.family, backend: lab.backend, table, chain };
            let seen =
                |lab: &crate::support::Lab| lab.iptables(&format!("-t {} -S {}", table.as_str(), chain.as_str()));
            assert_eq!(lab.netfilter.policy(&lab.spaces, of).unwrap(), "ACCEPT", "of what is not there");
            lab.netfilter.set_policy(&lab.spaces, of, "DROP").unwrap();
            assert_eq!(lab.netfilter.policy(&lab.spaces, of).unwrap(), "DROP");
            assert_eq!(seen(lab).trim(), format!("-P {} DROP", chain.as_str()));
            // A chain with rules keeps them.
            let n = lab.apply(table, vec![append(chain.as_str(), "-m mark --mark 7 -j ACCEPT")]).unwrap();
            lab.netfilter.set_policy(&lab.spaces, of, "ACCEPT").unwrap();
            assert_eq!(seen(lab).lines().count(), 2);
            assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
            assert_eq!(seen(lab).trim(), format!("-P {} ACCEPT", chain.as_str()));
        }
    });
}

#[test]
fn a_chain_that_we_made_goes_once_it_accepts_and_is_empty() {
    each_kind(|lab| {
        if lab.backend == Backend::Legacy {
            return;
        }
        let ruleset = || crate::support::sh("nft list ruleset");
        let of = BuiltIn {
            ns: &Ns::Host,
            family: lab.family,
            backend: lab.backend,
            table: Table::Filter,
            chain: Hook::Input,
        };
        lab.netfilter.set_policy(&lab.spaces, of, "DROP").unwrap();
        let n = lab.apply(Table::Filter, vec![append("INPUT", "-i lo -j ACCEPT")]).unwrap();
        assert_eq!(lab.undo(&[n]), [Ok(Undone::Yes)]);
        assert!(ruleset().contains("policy drop"), "with its rules goes no policy");
        lab.netfilter.set_policy(&lab.spaces, of, "ACCEPT").unwrap();
        assert_eq!(ruleset(), "");
    });
}

#[test]
fn rules_that_are_put_off_come_first() {
    each_kind(|lab| {
        lab.defer(Table::Filter, vec![append("FORWARD", "-i br0 -j ACCEPT")]);
        let of = BuiltIn {
            ns: &Ns::Host,
            family: lab.family,
            backend: lab.backend,
            table: Table::Filter,
            chain: Hook::Forward,
        };
        lab.netfilter.set_policy(&lab.spaces, of, "DROP").unwrap();
        let rules = lab.iptables("-S FORWARD");
        assert!(rules.contains("-P FORWARD DROP") && rules.contains("-i br0"), "{rules}");
    });
}
