//! Changes as the shell commands that do the same, for `plan`, `export`, progress and error reports.
//!
//! The commands are those of the article that the project starts from: iproute2's long words and iptables'
//! long options.

use crate::model::addr::AddAddr;
use crate::model::change::{Change, Identity};
use crate::model::file::WriteFile;
use crate::model::link::{AddLink, LinkKind, NewLink};
use crate::model::link_attr::{LinkSet, SetLink};
use crate::model::names::{IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::process::Start;
use crate::model::route::{AddRoute, Route};
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::sysctl::SetSysctl;
use std::borrow::Cow;
use std::iter;
use std::path::Path;

/// A command line, each word quoted where a shell needs it.
pub fn line<S: AsRef<str>>(words: &[S]) -> String {
    let mut words = words.iter().map(AsRef::as_ref);
    // A first word with `=` in it would be an assignment.
    let program = words.next().map(|word| if word.contains('=') { shell_words::quote(word) } else { quoted(word) });
    program.into_iter().chain(words.map(quoted)).collect::<Vec<_>>().join(" ")
}

/// The arguments of a command, likewise.
fn args<S: AsRef<str>>(words: &[S]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    if !word.is_empty() && word.chars().all(plain) { Cow::Borrowed(word) } else { shell_words::quote(word) }
}

/// `command`, run in `ns`.
pub fn in_ns(ns: &Ns, command: &str) -> String {
    match ns {
        Ns::Host => command.to_owned(),
        Ns::Named(name) => format!("ip netns exec {name} {command}"),
    }
}

/// The commands that make a change, in order.
pub fn commands(change: &Change) -> Vec<String> {
    match change {
        Change::AddNetns(AddNetns { name, sysctls }) => {
            let ns = Ns::Named(name.clone());
            let mut out = vec![format!("ip netns add {name}")];
            if !sysctls.is_empty() {
                let pair = |(key, value): &(String, String)| format!("{key}={}", line(&[value]));
                let pairs: Vec<String> = sysctls.iter().map(pair).collect();
                // -e: a kernel without bridge netfilter lacks those keys.
                out.push(in_ns(&ns, &format!("sysctl -qew {}", args(&pairs))));
            }
            out.push(in_ns(&ns, "ip link set dev lo up"));
            out
        }
        Change::AddLink(AddLink { ns, link }) => add_link(ns, link),
        Change::SetLink(SetLink { ns, link, set }) => vec![set_link(ns, link, set)],
        Change::AddAddr(AddAddr { ns, link, addr }) => vec![in_ns(ns, &format!("ip address add {addr} dev {link}"))],
        Change::AddRoute(AddRoute { ns, route }) => {
            vec![in_ns(ns, &format!("{} add {}", ip_route(route), route_words(route)))]
        }
        Change::SetSysctl(SetSysctl { ns, key, value }) => vec![set_sysctl(ns, key, value)],
        Change::EditRules(EditRules { ns, edits, .. }) => {
            edits.iter().map(|edit| in_ns(ns, &rule(change, edit, None))).collect()
        }
        Change::WriteFile(WriteFile { path, text }) => write_file(path, text),
        Change::Start(Start { ns, process }) => {
            let env: Vec<String> = process.env.iter().map(|(key, value)| args(&[format!("{key}={value}")])).collect();
            let prefix = if env.is_empty() { String::new() } else { format!("env {} ", env.join(" ")) };
            // The built-in servers are this program.
            let argv: Vec<&str> =
                process.argv.iter().map(|word| if word == "/proc/self/exe" { "rhailab" } else { word }).collect();
            vec![format!("{} &", in_ns(ns, &format!("{prefix}{}", line(&argv))))]
        }
    }
}

/// The commands that make a change, without the settings that every new namespace gets.
pub fn headlines(change: &Change) -> Vec<String> {
    match change {
        Change::AddNetns(AddNetns { name, .. }) => {
            commands(&Change::AddNetns(AddNetns { name: name.clone(), sysctls: [].into() }))
        }
        _ => commands(change),
    }
}

/// The commands that undo a change, in order. With an [`Identity::Rules`] they name the tagged rules; with
/// another identity, the plain ones.
pub fn undo_commands(change: &Change, identity: &Identity) -> Vec<String> {
    match change {
        Change::AddNetns(AddNetns { name, .. }) => vec![format!("ip netns del {name}")],
        Change::AddLink(AddLink { ns, link }) => vec![in_ns(ns, &format!("ip link del dev {}", link.name))],
        Change::SetLink(SetLink { ns, link, set }) => undo_set_link(ns, link, set, identity).into_iter().collect(),
        Change::AddAddr(AddAddr { ns, link, addr }) => vec![in_ns(ns, &format!("ip address del {addr} dev {link}"))],
        Change::AddRoute(AddRoute { ns, route }) => {
            vec![in_ns(ns, &format!("{} del {}", ip_route(route), route_words(route)))]
        }
        Change::SetSysctl(SetSysctl { ns, key, .. }) => match identity {
            Identity::WasText(old) => vec![set_sysctl(ns, key, old)],
            _ => Vec::new(),
        },
        Change::EditRules(EditRules { ns, edits, .. }) => {
            let tag = match identity {
                Identity::Rules { tag, .. } => Some(tag.as_str()),
                _ => None,
            };
            edits.iter().rev().map(|edit| in_ns(ns, &undo_rule(change, edit, tag))).collect()
        }
        Change::WriteFile(WriteFile { path, .. }) => {
            let mut out = vec![format!("rm {}", args(&[path.to_string_lossy()]))];
            if let Identity::File { made_dirs } = identity {
                out.extend(made_dirs.iter().map(|dir| format!("rmdir {}", args(&[dir.to_string_lossy()]))));
            }
            out
        }
        Change::Start(_) => match identity {
            Identity::Process { pid, .. } => vec![format!("kill {pid}")],
            _ => Vec::new(),
        },
    }
}

fn add_link(ns: &Ns, link: &NewLink) -> Vec<String> {
    let name = &link.name;
    let mut words = format!("ip link add dev {name}");
    if let Some(mac) = link.mac {
        words.push_str(&format!(" address {mac}"));
    }
    if let Some(mtu) = link.mtu {
        words.push_str(&format!(" mtu {mtu}"));
    }
    match &link.kind {
        LinkKind::Veth { peer, peer_ns } => {
            words.push_str(&format!(" type veth peer name {peer}"));
            if let Some(mtu) = link.mtu {
                words.push_str(&format!(" mtu {mtu}"));
            }
            match peer_ns {
                // From inside another namespace, the lab's root is not a name: pid 1 lives there.
                Ns::Host if *ns != Ns::Host => words.push_str(" netns 1"),
                Ns::Named(there) if peer_ns != ns => words.push_str(&format!(" netns {there}")),
                _ => {}
            }
        }
        LinkKind::Bridge { stp } => {
            words.push_str(" type bridge");
            if *stp {
                words.push_str(" stp_state 1");
            }
        }
    }
    let mut out = vec![in_ns(ns, &words)];
    if let Some(master) = &link.master {
        out.push(set_link(ns, name, &LinkSet::Master(Some(master.clone()))));
    }
    if link.up {
        out.push(set_link(ns, name, &LinkSet::Up(true)));
    }
    out
}

fn set_link(ns: &Ns, link: &IfName, set: &LinkSet) -> String {
    let on_off = |on: bool| if on { "on" } else { "off" };
    let command = match set {
        LinkSet::Up(up) => format!("ip link set dev {link} {}", if *up { "up" } else { "down" }),
        LinkSet::Mtu(mtu) => format!("ip link set dev {link} mtu {mtu}"),
        LinkSet::Mac(mac) => format!("ip link set dev {link} address {mac}"),
        LinkSet::Master(Some(master)) => format!("ip link set dev {link} master {master}"),
        LinkSet::Master(None) => format!("ip link set dev {link} nomaster"),
        LinkSet::Name(name) => format!("ip link set dev {link} name {name}"),
        LinkSet::Ns(Ns::Named(there)) => format!("ip link set dev {link} netns {there}"),
        LinkSet::Ns(Ns::Host) => format!("ip link set dev {link} netns 1"),
        LinkSet::Hairpin(on) => format!("bridge link set dev {link} hairpin {}", on_off(*on)),
        LinkSet::LinkLocal(on) => {
            format!("ip link set dev {link} addrgenmode {}", if *on { "eui64" } else { "none" })
        }
    };
    in_ns(ns, &command)
}

fn undo_set_link(ns: &Ns, link: &IfName, set: &LinkSet, identity: &Identity) -> Option<String> {
    let Identity::Was(old) = identity else { return None };
    Some(match set {
        LinkSet::Name(new) => set_link(ns, new, old),
        LinkSet::Ns(there) => set_link(there, link, old),
        _ => set_link(ns, link, old),
    })
}

fn ip_route(route: &Route) -> &'static str {
    if route.to.addr().is_ipv6() { "ip -6 route" } else { "ip route" }
}

fn route_words(route: &Route) -> String {
    let mut words = if route.to.prefix_len() == 0 { "default".to_owned() } else { route.to.to_string() };
    if let Some(via) = route.via {
        words.push_str(&format!(" via {via}"));
    }
    if let Some(dev) = &route.dev {
        words.push_str(&format!(" dev {dev}"));
    }
    if let Some(metric) = route.metric {
        words.push_str(&format!(" metric {metric}"));
    }
    words
}

fn set_sysctl(ns: &Ns, key: &str, value: &str) -> String {
    match ns {
        Ns::Host => format!("echo {} > {}", args(&[value]), sysctl_path(key)),
        Ns::Named(_) => in_ns(ns, &format!("sysctl -qw {}", args(&[format!("{key}={value}")]))),
    }
}

/// The file of a sysctl: dots are separators unless the key is written with slashes (sysctl(8)).
pub fn sysctl_path(key: &str) -> String {
    if key.contains('/') { format!("/proc/sys/{key}") } else { format!("/proc/sys/{}", key.replace('.', "/")) }
}

fn write_file(path: &Path, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    if let Some(parent) = path.parent() {
        out.push(format!("mkdir -p {}", args(&[parent.to_string_lossy()])));
    }
    let target = args(&[path.to_string_lossy()]);
    let lines: Vec<&str> = text.lines().collect();
    let plain = text.ends_with('\n') && !text.contains('\\');
    out.push(match &lines[..] {
        [only] if plain && !only.starts_with('-') => format!("echo {} > {target}", args(&[only])),
        _ if text.ends_with('\n') => format!("printf '%s\\n' {} > {target}", args(&lines)),
        _ => format!("printf '%s' {} > {target}", args(&[text])),
    });
    out
}

/// One edit as a command.
fn rule(change: &Change, edit: &RuleEdit, tag: Option<&str>) -> String {
    match edit {
        RuleEdit::NewChain(chain) => iptables(change, "--new", chain.as_str(), &[], None),
        RuleEdit::Append { chain, rule } => iptables(change, "--append", chain, &rule.words(), tag),
        RuleEdit::Insert { chain, at: 1, rule } => iptables(change, "--insert", chain, &rule.words(), tag),
        RuleEdit::Insert { chain, at, rule } => {
            let words: Vec<String> = iter::once(at.to_string()).chain(rule.words().iter().cloned()).collect();
            iptables(change, "--insert", chain, &words, tag)
        }
        RuleEdit::Delete { chain, rule, .. } => iptables(change, "--delete", chain, &rule.words(), tag),
    }
}

/// The command that takes an edit back.
fn undo_rule(change: &Change, edit: &RuleEdit, tag: Option<&str>) -> String {
    match edit {
        RuleEdit::NewChain(chain) => iptables(change, "--delete-chain", chain.as_str(), &[], None),
        RuleEdit::Append { chain, rule } | RuleEdit::Insert { chain, rule, .. } => {
            iptables(change, "--delete", chain, &rule.words(), tag)
        }
        RuleEdit::Delete { chain, rule, .. } => iptables(change, "--append", chain, &rule.words(), tag),
    }
}

fn iptables(change: &Change, verb: &str, chain: &str, rule: &[String], tag: Option<&str>) -> String {
    let Change::EditRules(EditRules { family, table, .. }) = change else { return String::new() };
    let mut words = vec![family.iptables()];
    if *table != Table::Filter {
        words.extend(["--table", table.as_str()]);
    }
    words.extend([verb, chain]);
    words.extend(rule.iter().map(String::as_str));
    if let Some(tag) = tag {
        words.extend(["--match", "comment", "--comment", tag]);
    }
    line(&words)
}
