//! `raw up|down KIND SIZE`: builds and removes the labs as fast as we know how, with none of the care that a tool
//! owes its user: no names checked, no journal, no identity, no rollback. It is the limit that ours is held against.
//!
//! What makes it fast, by payoff: peers born in their namespace, one group delete, rules in one restore that runs
//! beside everything else, no process per change, the bridge up last, one queue per veth, no IPv6 link-local
//! addresses, master and up in the creating message, many requests per `sendto`.

use rhailab_bench::lab::{Bridge, Host, Lab, RESOLV_CONF};
use rhailab_bench::netlink::{End, LOOPBACK, Requests, Socket};
use rhailab_bench::{Context as _, Result, rules, spaces};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

/// Marks every link of the lab for the group delete.
const GROUP: u32 = 98;
/// Indexes are chosen here, so that no request needs the answer of another.
const BRIDGE: u32 = 1_000_000;
const DEVICE: u32 = 1_000_000;

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
/// 1 is `none`: no IPv6 link-local address, so no duplicate address detection that floods the bridge.
const ADDR_GEN_MODE: &str = "/proc/sys/net/ipv6/conf/default/addr_gen_mode";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[1..] {
        ["up", kind, size] => Lab::parse(kind, size).and_then(up),
        ["down", kind, size] => Lab::parse(kind, size).and_then(down),
        _ => Err("usage: raw up|down KIND SIZE".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("raw: {why}");
            ExitCode::FAILURE
        }
    }
}

fn up(lab: Lab) -> Result<()> {
    let restore = restore(lab, true)?;
    let hosts = lab.hosts();
    if let Some(bridge) = lab.bridge() {
        make_links(&bridge, &hosts)?;
    }
    if lab.routes_out() {
        fs::write(FORWARD, "1").context(FORWARD)?;
    }
    for dir in resolver_dirs(&hosts) {
        fs::create_dir_all(&dir).context(dir.display())?;
        let file = dir.join("resolv.conf");
        fs::write(&file, RESOLV_CONF).context(file.display())?;
    }
    finish(restore)
}

fn make_links(bridge: &Bridge, hosts: &[Host]) -> Result<()> {
    let here = Socket::open()?;
    let mut requests = Requests::default();
    requests.bridge(&End { index: BRIDGE, name: bridge.name }, GROUP);
    requests.addr(BRIDGE, bridge.addr, bridge.prefix);
    if !hosts.is_empty() {
        let spaces = make_spaces(hosts)?;
        for (index, (host, space)) in (BRIDGE + 1..).zip(hosts.iter().zip(&spaces)) {
            let device = End { index: DEVICE, name: &host.device };
            requests.veth(&End { index, name: &host.port }, BRIDGE, GROUP, &device, space.as_fd());
        }
        without_link_local(|| here.send(requests))?;
        configure(hosts, &spaces, bridge)?;
        requests = Requests::default();
    }
    requests.set_up(BRIDGE, true);
    here.send(requests)
}

fn make_spaces(hosts: &[Host]) -> Result<Vec<File>> {
    fs::create_dir_all(spaces::DIR).context(spaces::DIR)?;
    let home = spaces::current()?;
    let made = hosts
        .iter()
        .map(|host| {
            let space = spaces::create(&host.name)?;
            fs::write(ADDR_GEN_MODE, "1").context(ADDR_GEN_MODE)?;
            Ok(space)
        })
        .collect();
    spaces::enter(&home)?;
    made
}

/// Links take the mode that is the default when they are made; the default itself is not ours to change.
fn without_link_local(make: impl FnOnce() -> Result<()>) -> Result<()> {
    let was = fs::read(ADDR_GEN_MODE).context(ADDR_GEN_MODE)?;
    fs::write(ADDR_GEN_MODE, "1").context(ADDR_GEN_MODE)?;
    make()?;
    fs::write(ADDR_GEN_MODE, was).context(ADDR_GEN_MODE)
}

fn configure(hosts: &[Host], spaces: &[File], bridge: &Bridge) -> Result<()> {
    let home = spaces::current()?;
    for (host, space) in hosts.iter().zip(spaces) {
        spaces::enter(space)?;
        let mut requests = Requests::default();
        requests.set_up(LOOPBACK, true);
        requests.set_up(DEVICE, true);
        requests.addr(DEVICE, host.addr, bridge.prefix);
        requests.default_route(DEVICE, bridge.addr);
        Socket::open()?.send(requests)?;
    }
    spaces::enter(&home)
}

fn down(lab: Lab) -> Result<()> {
    let restore = restore(lab, false)?;
    if lab.routes_out() {
        fs::write(FORWARD, "0").context(FORWARD)?;
    }
    let hosts = lab.hosts();
    std::thread::scope(|scope| {
        let links = scope.spawn(|| delete_links(lab));
        for host in &hosts {
            spaces::remove(&host.name)?;
        }
        for dir in resolver_dirs(&hosts) {
            fs::remove_dir_all(&dir).context(dir.display())?;
        }
        links.join().map_err(|_| "a thread panicked")?
    })?;
    finish(restore)
}

fn delete_links(lab: Lab) -> Result<()> {
    if lab.bridge().is_none() {
        return Ok(());
    }
    let mut requests = Requests::default();
    // A bridge that is up recomputes itself for each port that goes.
    requests.set_up(BRIDGE, false);
    requests.delete_group(GROUP);
    Socket::open()?.send(requests)
}

fn resolver_dirs(hosts: &[Host]) -> impl Iterator<Item = PathBuf> {
    hosts.iter().filter(|host| host.dns).map(|host| PathBuf::from("/etc/netns").join(&host.name))
}

fn restore(lab: Lab, make: bool) -> Result<Option<Child>> {
    let rules = rules::of(lab);
    if rules.is_empty() {
        return Ok(None);
    }
    let program = rules::command("iptables-restore");
    let mut child = Command::new(&program).args(["--noflush", "-w"]).stdin(Stdio::piped()).spawn().context(&program)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(rules::restore_input(&rules, make).as_bytes()).context(&program)?;
    }
    Ok(Some(child))
}

fn finish(restore: Option<Child>) -> Result<()> {
    let Some(mut child) = restore else { return Ok(()) };
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("iptables-restore: {status}").into()) }
}
