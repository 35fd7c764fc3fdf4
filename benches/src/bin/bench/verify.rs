//! Whether the network that a tool built is the right one, and whether nothing is left of it.

use crate::measure::milliseconds;
use rhailab_bench::lab::Lab;
use rhailab_bench::rules::{self, ARTICLE_VIP};
use rhailab_bench::{Context as _, Result, spaces};
use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";
const PORT: u16 = 8080;

/// What there is in a sandbox, as far as labs change it.
#[derive(Debug, PartialEq)]
pub struct State {
    links: Vec<String>,
    spaces: Vec<String>,
    rules: Vec<String>,
    resolvers: Vec<String>,
    forward: String,
}

/// Reads it.
pub fn state() -> Result<State> {
    Ok(State {
        links: links()?,
        spaces: entries(spaces::DIR),
        rules: saved_rules()?,
        resolvers: entries("/etc/netns"),
        forward: fs::read_to_string(FORWARD).context(FORWARD)?.trim().into(),
    })
}

fn links() -> Result<Vec<String>> {
    let table = fs::read_to_string("/proc/self/net/dev").context("/proc/self/net/dev")?;
    Ok(table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().into()).collect())
}

/// The names in a folder; none where there is no such folder.
fn entries(dir: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

/// Every rule and every chain that is not built in, of both backends.
fn saved_rules() -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for save in ["iptables-nft-save", "iptables-legacy-save"] {
        let save = if rules::installed(save) { save } else { "iptables-save" };
        let output = Command::new(save).output().context(save)?;
        let text = String::from_utf8_lossy(&output.stdout);
        lines.extend(text.lines().filter(|line| line.starts_with("-A") || line.contains(" - [")).map(String::from));
    }
    Ok(lines)
}

/// Checks a lab that stands against what was there before it.
pub fn stands(lab: Lab, before: &State) -> Result<()> {
    let now = state()?;
    let hosts = lab.hosts();
    let expected = before.links.len() + hosts.len() + usize::from(lab.bridge().is_some());
    expect(now.links.len() == expected, || format!("there are {} links instead of {expected}", now.links.len()))?;
    let mut names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    names.sort();
    expect(now.spaces == names, || format!("the namespaces are {:?}", now.spaces))?;
    for host in hosts.iter().filter(|host| host.dns) {
        let file = Path::new("/etc/netns").join(&host.name).join("resolv.conf");
        let text = fs::read_to_string(&file).context(file.display())?;
        expect(text.contains("nameserver 8.8.8.8"), || format!("{} holds {text:?}", file.display()))?;
    }
    let count = |word: &str| now.rules.iter().filter(|line| line.contains(word)).count();
    let vips = match lab {
        Lab::Vips(n) => usize::from(n),
        Lab::Article => 1,
        Lab::First | Lab::Star(_) => 0,
    };
    let found = count("-j DNAT");
    expect(found >= vips, || format!("{found} DNAT rules instead of {vips}"))?;
    if lab.routes_out() {
        expect(now.forward == "1", || "ip_forward is off".into())?;
        expect(count("-j MASQUERADE") >= 1, || "nothing is masqueraded".into())?;
        expect(count("-A FORWARD") >= 2, || "the bridge is not forwarded".into())?;
    }
    if let ([first, .., last], Some(bridge)) = (hosts.as_slice(), lab.bridge()) {
        let server = SocketAddr::from((first.addr, PORT));
        // The listener stays in the namespace in which it was made.
        let listener = spaces::within(&first.name, || TcpListener::bind(server).context("bind"))?;
        spaces::within(&last.name, || {
            connect(server)?;
            let routes = fs::read_to_string("/proc/thread-self/net/route").context("route")?;
            let gateway = format!("\t00000000\t{:08X}\t", u32::from_ne_bytes(bridge.addr.octets()));
            expect(routes.contains(&gateway), || format!("no default route in {routes}"))
        })?;
        if lab == Lab::Article {
            connect(ARTICLE_VIP.0.parse()?)?;
        }
        drop(listener);
    }
    Ok(())
}

fn connect(to: SocketAddr) -> Result<()> {
    TcpStream::connect_timeout(&to, Duration::from_secs(5)).map(drop).context(format!("connecting to {to}"))
}

/// Waits until nothing is left of a lab. Returns the milliseconds since `since`, which is when its removal began:
/// the kernel may still be busy when the tool is done.
pub fn gone(before: &State, since: Instant) -> Result<f64> {
    loop {
        let waited = milliseconds(since);
        if links()? == before.links {
            let now = state()?;
            expect(now == *before, || format!("this is left: {now:?}; this was there: {before:?}"))?;
            return Ok(waited);
        }
        expect(waited < 60_000.0, || format!("links are left: {:?}", links()))?;
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn expect(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
