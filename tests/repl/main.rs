//! `rhailab repl` from a pipe: entries, commands, and that an entry which fails leaves everything as it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "../machine/mod.rs"]
mod machine;
#[path = "../scratch/mod.rs"]
mod scratch;
#[path = "../support/mod.rs"]
mod support;

mod commands;
mod ends;
mod host;
mod named;
mod stays;
mod transactions;

use std::fs;
use support::{Home, Ran};

/// One of each kind of change.
const LAB: &str = r#"
let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
web.attach(br, "10.0.0.2/24");
let db = netns("db");
let port = db.attach(br, "10.0.0.3/24");
web.dns(["8.8.8.8"]);
ip_forward(true);
let first = masquerade("10.0.0.0/24");
masquerade("10.1.0.0/24");
forward(br);
let v = vip("10.100.0.1:80", ["10.0.0.2:80"]);
let p = web.start(["sleep", "SECONDS"]);
"#;

/// Everything in all namespaces, without what is random, counted or in the order of making.
const LOOK: &str = r#"
# Whether there is a carrier is announced up to a second later than anything else (net/core/link_watch.c).
look() {
    $1 ip -o link | sed 's/^[0-9]*: //; s/NO-CARRIER,//; s/,LOWER_UP//; s/ state [A-Z]*//; s/@if[0-9]*//; s/ group.*link/ link/; s/link-netns[a-z]* [^ ]*//' | sort
    $1 ip -o address | sed 's/^[0-9]*: //; s/ valid_lft.*//' | grep -v fe80 | sort
    $1 ip route | sort
    $1 iptables-save | sed '/^#/d; s/\[.*\]//; s/rhailab:[a-z]*:[0-9]*[^"]*/mark/'
    $1 sysctl net.ipv4.ip_forward
}
look ""
for ns in $(ls /run/netns); do
    echo "== $ns"
    look "ip netns exec $ns"
    cat /etc/netns/$ns/* 2>/dev/null
    for pid in $(ip netns pids $ns); do tr '\0' ' ' < /proc/$pid/cmdline; done
done
true
"#;

/// The lab, with a process that no other test has.
fn lab() -> (String, String) {
    let seconds = support::unique_seconds();
    (LAB.replace("SECONDS", &seconds), seconds)
}

/// Runs entries that come from a pipe.
fn enter(home: &Home, args: &[&str], entries: &str) -> Ran {
    home.feed(&[&["repl"], args].concat(), entries.as_bytes())
}

/// What a file of the home says.
fn read(home: &Home, name: &str) -> String {
    let name = if name.contains('/') { name.to_owned() } else { format!("out/{name}") };
    fs::read_to_string(home.path(&name)).unwrap()
}

/// A home with the script that looks at everything.
fn home(user: support::User) -> Home {
    let home = Home::new(user);
    home.write("look.sh", LOOK);
    home.folder("out");
    home
}
