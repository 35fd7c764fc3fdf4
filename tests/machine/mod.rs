//! A machine of the test's own for `--host`: namespaces of the test's thread with a private `/run` and `/etc`, and
//! what is on it, to be compared before and after, and with another machine.

#![allow(dead_code, reason = "no test program uses all of it")]

use crate::scratch::{self, Scratch};
use crate::support::{Home, Ran, User};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The machine, with a folder for recipes.
pub struct Machine {
    /// The binary and its state.
    pub home: Home,
    _scratch: Scratch,
}

/// What a test that failed left must not trouble the next one.
impl Drop for Machine {
    fn drop(&mut self) {
        for (path, _) in processes(&self.home) {
            let pid = path.file_name().unwrap_or_default();
            let _ = Command::new("kill").arg("-9").arg(pid).status();
        }
    }
}

/// Moves the test's thread onto a machine of its own; nothing where that needs root and we are not. `bridged` says
/// whether bridged frames pass iptables there, which is what the module br_netfilter is loaded for.
pub fn enter(bridged: bool) -> Option<Machine> {
    let switches = ["ip", "ip6", "arp"].map(|tables| format!("/proc/sys/net/bridge/bridge-nf-call-{tables}tables"));
    let is_loaded = Path::new(&switches[0]).exists();
    if bridged && !is_loaded {
        println!("SKIPPED: the module br_netfilter is not loaded");
        return None;
    }
    let scratch = scratch::enter()?;
    // What cannot be read (shadow, as an ordinary user) is left out.
    let copy = "mkdir /run/etc; cp -a /etc/. /run/etc 2>/dev/null; mount --bind /run/etc /etc";
    assert!(Command::new("sh").args(["-c", copy]).status().unwrap().success());
    for switch in switches.iter().filter(|_| is_loaded) {
        fs::write(switch, if bridged { "1" } else { "0" }).unwrap();
    }
    Some(Machine { home: Home::new(User::Me), _scratch: scratch })
}

/// What is on the thread's machine and must be there again after a lab: interfaces, addresses, routes, rules and their
/// tables, sysctls, namespaces and their files.
pub fn state() -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |what: &str, lines: Vec<String>| all.extend(lines.iter().map(|line| format!("{what}: {line}")));
    add("link", lines(&["ip", "-o", "link"]));
    add("address", lines(&["ip", "-o", "address"]).iter().map(|line| before(line, "valid_lft")).collect());
    for family in ["-4", "-6"] {
        // The kernel notes that a bridge has no carrier a moment after it came up.
        let routes = lines(&["ip", family, "route", "show", "table", "all"]);
        add("route", routes.iter().map(|line| line.replace(" linkdown", "")).collect());
        add("policy", lines(&["ip", family, "rule"]));
    }
    add("rule", rules(&[]));
    add("nft", lines(&["nft", "list", "chains"]));
    for folder in ["ipv4", "ipv6", "bridge"] {
        add("sysctl", files(&Path::new("/proc/sys/net").join(folder)));
    }
    let netns = |path: &PathBuf| format!("{} is {:?}", path.display(), fs::metadata(path).map(|m| (m.dev(), m.ino())));
    add("netns", entries(Path::new("/run/netns")).iter().map(netns).collect());
    add("file", files(Path::new("/etc/netns")));
    all
}

/// A state without the tables and base chains of `nf_tables`, which commands of iptables, and a lab in a sandbox, leave empty.
pub fn without_tables(state: Vec<String>) -> Vec<String> {
    state.into_iter().filter(|line| !line.starts_with("nft: ")).collect()
}

/// The processes that were started by the binary of a home or by what it started.
pub fn processes(home: &Home) -> Vec<(PathBuf, String)> {
    let mark = format!("RHAILAB_STATE_DIR={}", home.path("state").display());
    let is_ours = |path: &Path| {
        fs::read(path.join("environ")).is_ok_and(|env| env.split(|b| *b == 0).any(|v| v == mark.as_bytes()))
    };
    let all = entries(Path::new("/proc")).into_iter().filter(|path| is_ours(path));
    all.map(|path| (path.clone(), fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " ")))
        .collect()
}

/// Two states must be the same.
#[track_caller]
pub fn assert_same(what: &str, old: &[String], new: &[String]) {
    let difference = difference(old, new);
    assert!(difference.is_empty(), "{what}:\n{}", difference.join("\n"));
}

/// What is gone and what is new.
pub fn difference(old: &[String], new: &[String]) -> Vec<String> {
    let only = |sign: char, these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only('-', old, new), only('+', new, old)].concat()
}

/// What a shell script of a home does on the thread's machine, where `rhailab` is on the PATH.
pub fn sh(home: &Home, script: &str) -> Ran {
    let mut command = home.command(&["sh", script]);
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", home.path("").display());
    Ran::of(&command.env("PATH", path).env("RHAILAB_STATE", home.path("pids")).output().unwrap())
}

/// The network in all namespaces, without what is random or depends on who built it: marks, indexes, hardware
/// addresses and route protocols.
pub fn network(home: &Home) -> Vec<String> {
    let spaces = entries(Path::new("/run/netns"));
    let names = spaces.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
    let mut all = Vec::new();
    for ns in std::iter::once("").chain(names) {
        let prefix: &[&str] = if ns.is_empty() { &[] } else { &["ip", "netns", "exec", ns] };
        let mut found = links(prefix);
        found.extend(routes(prefix));
        found.extend(rules(prefix));
        let baseline = rhailab::model::baseline::baseline();
        let keys = baseline.iter().map(|(key, _)| key);
        found.extend(
            keys.map(|key| format!("sysctl {key} = {}", lines(&[prefix, &["sysctl", "-en", key]].concat()).join(" "))),
        );
        let me = Path::new("/proc/thread-self/ns/net");
        let here =
            fs::metadata(if ns.is_empty() { me.into() } else { Path::new("/run/netns").join(ns) }).unwrap().ino();
        found.extend(processes(home).iter().filter(|(path, _)| is_in(path, here)).map(|(_, line)| program(home, line)));
        all.extend(found.iter().map(|line| format!("{}: {line}", if ns.is_empty() { "host" } else { ns })));
    }
    all.extend(files(Path::new("/etc/netns")));
    all.sort();
    all
}

fn links(prefix: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for link in json(&[prefix, &["ip", "-j", "-d", "address"]].concat()) {
        let flags = link["flags"].to_string();
        let up = if flags.contains("\"UP\"") { "up" } else { "down" };
        let (name, kind) = (&link["ifname"], &link["linkinfo"]["info_kind"]);
        found.push(format!("link {name} {kind} {up} master {} mtu {}", link["master"], link["mtu"]));
        for addr in link["addr_info"].as_array().unwrap() {
            // Made of the hardware address.
            if addr["scope"] == "link" && addr["family"] == "inet6" {
                continue;
            }
            found.push(format!("address {}/{} on {name}", addr["local"], addr["prefixlen"]));
        }
    }
    found
}

fn routes(prefix: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for family in ["-4", "-6"] {
        for route in json(&[prefix, &["ip", "-j", family, "route"]].concat()) {
            if route["dst"] != "fe80::/64" {
                found.push(format!("route {} via {} dev {}", route["dst"], route["gateway"], route["dev"]));
            }
        }
    }
    found
}

/// Rules, own chains and policies, without counters, comments and what is there as soon as somebody looks.
fn rules(prefix: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for save in ["iptables-save", "ip6tables-save"] {
        let mut table = String::new();
        for line in lines(&[prefix, &[save]].concat()) {
            if let Some(name) = line.strip_prefix('*') {
                name.clone_into(&mut table);
            } else if line.starts_with("-A") {
                found.push(format!("{save} {table} {}", without_comment(&line)));
            } else if line.starts_with(':') && !line.contains(" ACCEPT ") {
                found.push(format!("{save} {table} {}", before(&line, "[")));
            }
        }
    }
    found
}

fn without_comment(rule: &str) -> String {
    match rule.split_once(" -m comment --comment ") {
        Some((head, tail)) => format!("{head}{}", tail.find(" -").map_or("", |at| &tail[at..])),
        None => rule.to_owned(),
    }
}

/// The process's command, however the program was called.
fn program(home: &Home, line: &str) -> String {
    let binary = home.path("rhailab").display().to_string();
    format!("process {}", line.replace(&binary, "rhailab").replace("/proc/self/exe", "rhailab").trim_end())
}

fn is_in(process: &Path, ns: u64) -> bool {
    fs::metadata(process.join("ns/net")).is_ok_and(|there| there.ino() == ns)
}

/// The files below a folder, each with its text in one line; those that cannot be read are left out.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.push(path.display().to_string());
            found.extend(files(&path));
        } else if let Ok(text) = fs::read_to_string(&path) {
            found.push(format!("{} = {}", path.display(), text.trim_end().replace('\n', "\\n")));
        }
    }
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn before(line: &str, word: &str) -> String {
    line.split(word).next().unwrap_or_default().trim_end().to_owned()
}

fn json(words: &[&str]) -> Vec<Value> {
    let text = lines(words).join("\n");
    // Of nothing, ip prints nothing.
    if text.is_empty() { Vec::new() } else { serde_json::from_str(&text).unwrap() }
}

/// What a command prints; it must succeed.
#[track_caller]
pub fn lines(words: &[&str]) -> Vec<String> {
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
}
