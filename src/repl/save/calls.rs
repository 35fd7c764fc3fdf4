//! Changes as calls of the language.

use crate::lab::Record;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::file::WriteFile;
use crate::model::link::{AddLink, LinkKind, NewLink};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::process::{NewProcess, Start};
use crate::model::route::{AddRoute, Route};
use crate::model::rule::Rule;
use crate::model::rules::{EditRules, RuleEdit};
use crate::model::sysctl::SetSysctl;
use std::path::Path;

/// A recipe of the changes, in the order in which they were made.
pub fn calls(records: &[Record]) -> String {
    let mut deleted: Vec<(u64, &str, &Rule)> = Vec::new();
    for record in records {
        if let Change::EditRules(EditRules { edits, .. }) = &record.change {
            deleted.extend(edits.iter().filter_map(|edit| match edit {
                RuleEdit::Delete { chain, rule, owner } => Some((*owner, chain.as_str(), rule)),
                _ => None,
            }));
        }
    }
    let mut text = String::new();
    for record in records {
        for call in call(record, &mut deleted) {
            text.push_str(&format!("{call};\n"));
        }
    }
    text
}

fn call(record: &Record, deleted: &mut Vec<(u64, &str, &Rule)>) -> Vec<String> {
    match &record.change {
        Change::AddNetns(AddNetns { name, sysctls }) => {
            let is_local = !sysctls.iter().any(|(key, _)| key == "net.ipv6.conf.default.addr_gen_mode");
            let options = if is_local { ", #{ link_local: true }" } else { "" };
            vec![format!("netns({}{options})", quoted(name.as_str()))]
        }
        Change::AddLink(AddLink { ns, link }) => vec![new_link(ns, link)],
        Change::SetLink(SetLink { ns, link, set }) => vec![format!("{}.{}", iface(ns, link), setter(set))],
        Change::AddAddr(AddAddr { ns, link, addr }) => {
            vec![format!("{}.addr({})", iface(ns, link), quoted(&addr.to_string()))]
        }
        Change::AddRoute(AddRoute { ns, route }) => vec![new_route(ns, route)],
        Change::SetSysctl(SetSysctl { ns, key, value }) => {
            vec![format!("{}sysctl({}, {})", of(ns), quoted(key), quoted(value))]
        }
        Change::EditRules(EditRules { ns, family, table, edits }) => {
            let mut calls = Vec::new();
            for edit in edits {
                let swapped = edit
                    .added()
                    .and_then(|(chain, rule)| deleted.iter().position(|gone| *gone == (record.n, chain, rule)));
                if let Some(at) = swapped {
                    deleted.swap_remove(at);
                    continue;
                }
                let (verb, chain) = match edit {
                    RuleEdit::NewChain(chain) => ("-N", chain.as_str()),
                    RuleEdit::Append { chain, .. } => ("-A", chain.as_str()),
                    RuleEdit::Insert { chain, .. } => ("-I", chain.as_str()),
                    RuleEdit::Delete { .. } => continue,
                };
                let mut words = ["-t", table.as_str(), verb, chain].map(str::to_owned).to_vec();
                if let RuleEdit::Insert { at, .. } = edit {
                    words.extend((*at > 1).then(|| at.to_string()));
                }
                words.extend(edit.added().into_iter().flat_map(|(_, rule)| rule.words().into_owned()));
                let options = if *family == Family::V6 { ", #{ ipv6: true }" } else { "" };
                calls.push(format!("{}iptables({}{options})", of(ns), list(words.iter().map(String::as_str))));
            }
            calls
        }
        Change::WriteFile(WriteFile { path, text }) => vec![file(path, text)],
        Change::Start(Start { ns, process }) => vec![start(ns, process)],
    }
}

/// What a method of a namespace is called on; nothing for the root.
fn of(ns: &Ns) -> String {
    match ns {
        Ns::Host => String::new(),
        Ns::Named(name) => format!("ns({}).", quoted(name.as_str())),
    }
}

fn iface(ns: &Ns, link: &IfName) -> String {
    format!("{}iface({})", of(ns), quoted(link.as_str()))
}

fn quoted(text: &str) -> String {
    // As Rhai reads it: `\u{…}` of Rust is another escape there, so that only what both know is escaped.
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", words.map(quoted).collect::<Vec<_>>().join(", "))
}

/// An options map as the last argument; nothing where there are none.
fn options(entries: &[(&str, Option<String>)]) -> String {
    let given = entries.iter().filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)));
    let given: Vec<String> = given.collect();
    if given.is_empty() { String::new() } else { format!(", #{{ {} }}", given.join(", ")) }
}

fn new_link(ns: &Ns, link: &NewLink) -> String {
    let (mtu, mac) = (link.mtu.map(|mtu| mtu.to_string()), link.mac.map(|mac| quoted(&mac.to_string())));
    let name = quoted(link.name.as_str());
    let mut call = match &link.kind {
        LinkKind::Veth { peer, peer_ns } => {
            let options = options(&[("mtu", mtu), ("mac", mac)]);
            let peer = quoted(peer.as_str());
            let end = if link.master.is_some() || link.up { ".a" } else { "" };
            format!("{}veth({name}, {peer}, {}{options}){end}", of(ns), quoted(&peer_ns.to_string()))
        }
        LinkKind::Bridge { stp } => {
            let options = options(&[("mtu", mtu), ("mac", mac), ("stp", stp.then(|| "true".to_owned()))]);
            format!("{}bridge({name}{options})", of(ns))
        }
    };
    if let Some(master) = &link.master {
        call.push_str(&format!(".master({})", quoted(master.as_str())));
    }
    if link.up {
        call.push_str(".up()");
    }
    call
}

fn setter(set: &LinkSet) -> String {
    match set {
        LinkSet::Up(true) => "up()".to_owned(),
        LinkSet::Up(false) => "down()".to_owned(),
        LinkSet::Mtu(mtu) => format!("mtu({mtu})"),
        LinkSet::Mac(mac) => format!("mac({})", quoted(&mac.to_string())),
        LinkSet::Master(Some(master)) => format!("master({})", quoted(master.as_str())),
        LinkSet::Master(None) => "no_master()".to_owned(),
        LinkSet::Name(name) => format!("rename({})", quoted(name.as_str())),
        LinkSet::Ns(ns) => format!("move_to({})", quoted(&ns.to_string())),
        LinkSet::Hairpin(on) => format!("hairpin({on})"),
        LinkSet::LinkLocal(on) => format!("link_local({on})"),
    }
}

fn new_route(ns: &Ns, route: &Route) -> String {
    let is_default = route.to.prefix_len() == 0 && route.via.is_some();
    let to = if is_default { "default".to_owned() } else { route.to.to_string() };
    let via = route.via.map_or_else(String::new, |via| format!(", {}", quoted(&via.to_string())));
    let dev = route.dev.as_ref().map(|dev| quoted(dev.as_str()));
    let options = options(&[("dev", dev), ("metric", route.metric.map(|metric| metric.to_string()))]);
    format!("{}route({}{via}{options})", of(ns), quoted(&to))
}

/// Files are what `dns` and `hosts` have written.
fn file(path: &Path, text: &str) -> String {
    let ns = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    let ns = format!("ns({})", quoted(&ns));
    if path.ends_with("resolv.conf") {
        let servers = text.lines().filter_map(|line| line.strip_prefix("nameserver "));
        return format!("{ns}.dns({})", list(servers));
    }
    let names = text.lines().filter(|line| !line.ends_with(" localhost")).filter_map(|line| line.split_once(' '));
    let entries = names.map(|(ip, name)| format!("{}: {}", quoted(name), quoted(ip)));
    format!("{ns}.hosts(#{{ {} }})", entries.collect::<Vec<_>>().join(", "))
}

fn start(ns: &Ns, process: &NewProcess) -> String {
    let env = process.env.iter().map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)));
    let env = env.collect::<Vec<_>>().join(", ");
    // A name that begins with a number was made of it, and is another one in another run.
    let is_numbered = process.name.split('-').next().is_some_and(|word| word.parse::<u64>().is_ok());
    let options = options(&[
        ("name", (!is_numbered).then(|| quoted(&process.name))),
        ("env", (!env.is_empty()).then(|| format!("#{{ {env} }}"))),
        ("cwd", process.cwd.as_ref().map(|cwd| quoted(&cwd.display().to_string()))),
    ]);
    let words = list(process.argv.iter().map(String::as_str));
    format!("{}start({words}{options})", of(ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::Identity;
    use crate::model::error::Site;

    #[test]
    fn a_text_is_quoted_as_rhai_reads_it() {
        assert_eq!(quoted("a\"b\\c\nd\u{e4}"), "\"a\\\"b\\\\c\\nd\u{e4}\"");
    }

    #[test]
    fn a_rule_that_was_swapped_is_not_made() {
        let site = Site { source: "t".into(), line: 1, col: 1 };
        let rule = |n, edits| Record {
            n,
            site: site.clone(),
            change: Change::EditRules(EditRules {
                ns: Ns::Host,
                family: Family::V4,
                table: crate::model::rules::Table::Nat,
                edits,
            }),
            identity: Identity::Spec,
        };
        let append = |word: &str| RuleEdit::append("X", vec![word.to_owned()].into());
        let delete = RuleEdit::Delete { chain: "X".into(), rule: vec!["one".to_owned()].into(), owner: 1 };
        let records = [rule(1, vec![append("one"), append("two")]), rule(2, vec![delete, append("three")])];
        let text = calls(&records);
        assert!(!text.contains("one") && text.contains("two") && text.contains("three"), "{text}");
    }
}
