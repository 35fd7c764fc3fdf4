//! The rules of a lab, as the words of iptables commands.

use crate::lab::Lab;
use std::fmt::Write as _;
use std::path::Path;

/// Where the article's virtual IP is, and what answers for it.
pub const ARTICLE_VIP: (&str, &str) = ("10.100.100.100:8080", "10.0.0.11:8080");

/// A command that makes a rule or chain, and those that take it away, without `iptables -t TABLE`.
pub struct Rule {
    /// The table.
    pub table: &'static str,
    /// The words that make it.
    pub make: String,
}

fn rule(table: &'static str, make: impl Into<String>) -> Rule {
    Rule { table, make: make.into() }
}

/// The rules of a lab, in the order in which they are made. Those of one table are together.
pub fn of(lab: Lab) -> Vec<Rule> {
    let mut rules = Vec::new();
    match lab {
        Lab::First | Lab::Star(_) => {}
        Lab::Article => {
            rules.push(rule("filter", "-A FORWARD -i bridge_local -j ACCEPT"));
            rules.push(rule("filter", "-A FORWARD -o bridge_local -j ACCEPT"));
            rules.push(rule("nat", "-A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE"));
            vip(&mut rules, "VIP-EXAMPLE", ARTICLE_VIP.0, ARTICLE_VIP.1);
        }
        Lab::Vips(n) => {
            for i in 1..=n {
                let [high, low] = i.to_be_bytes();
                vip(&mut rules, &format!("VIP-{i}"), &format!("10.9.{high}.{low}:80"), "10.1.1.2:8080");
            }
        }
    }
    rules
}

fn vip(rules: &mut Vec<Rule>, chain: &str, from: &str, to: &str) {
    let (addr, port) = from.split_once(':').unwrap_or((from, "80"));
    rules.push(rule("nat", format!("-N {chain}")));
    for hook in ["PREROUTING", "OUTPUT"] {
        rules.push(rule("nat", format!("-A {hook} -d {addr}/32 -p tcp -m tcp --dport {port} -j {chain}")));
    }
    rules.push(rule("nat", format!("-A {chain} -p tcp -j DNAT --to-destination {to}")));
}

impl Rule {
    /// The words that take it away.
    pub fn unmake(&self) -> String {
        match self.make.strip_prefix("-N ") {
            Some(chain) => format!("-X {chain}"),
            None => self.make.replacen("-A ", "-D ", 1),
        }
    }
}

/// The input of one `iptables-restore --noflush` that makes all the rules, or takes them away.
pub fn restore_input(rules: &[Rule], make: bool) -> String {
    let mut text = String::new();
    let mut table = "";
    // A chain can only go after the jumps to it.
    let ordered: Vec<&Rule> = if make { rules.iter().collect() } else { rules.iter().rev().collect() };
    for rule in ordered {
        if rule.table != table {
            if !table.is_empty() {
                text.push_str("COMMIT\n");
            }
            table = rule.table;
            let _ = writeln!(text, "*{table}");
        }
        text.push_str(&if make { rule.make.clone() } else { rule.unmake() });
        text.push('\n');
    }
    if !table.is_empty() {
        text.push_str("COMMIT\n");
    }
    text
}

/// The `nf_tables` variant of a command (`iptables`, `iptables-restore`, …) by its own name where the machine
/// has both variants, so that every tool compared uses the same.
pub fn command(name: &str) -> String {
    let nft = name.replacen("iptables", "iptables-nft", 1);
    if installed(&nft) { nft } else { name.into() }
}

/// Whether a program is on the path.
pub fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir: std::path::PathBuf| Path::new(&dir).join(program).exists())
}
