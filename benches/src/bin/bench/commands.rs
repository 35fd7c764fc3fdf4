//! The labs as shell scripts, in two styles.

use rhailab_bench::lab::{Host, Lab, RESOLV_CONF};
use rhailab_bench::{Context as _, Result, rules};
use std::fs;
use std::path::Path;

const FORWARD: &str = "/proc/sys/net/ipv4/ip_forward";

/// Scripts that build and remove a lab, both run by `sh -e`.
pub struct Scripts {
    up: Vec<String>,
    down: Vec<String>,
}

impl Scripts {
    /// Writes them to `up.sh` and `down.sh` in a folder.
    pub fn write(&self, dir: &Path) -> Result<()> {
        for (name, lines) in [("up.sh", &self.up), ("down.sh", &self.down)] {
            write(dir, name, lines)?;
        }
        Ok(())
    }
}

fn write(dir: &Path, name: &str, lines: &[String]) -> Result<()> {
    let path = dir.join(name);
    fs::write(&path, lines.join("\n") + "\n").context(path.display())
}

/// One process per command: the way of the article where it shows one (a peer is made and then moved, commands run
/// through `ip netns exec`), and for a star the best that a shell script can do.
pub fn one_by_one(lab: Lab) -> Scripts {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let hosts = lab.hosts();
    if let Some(bridge) = lab.bridge() {
        let name = bridge.name;
        up.push(format!("ip link add dev {name} type bridge"));
        up.push(format!("ip address add {}/{} dev {name}", bridge.addr, bridge.prefix));
        up.push(format!("ip link set {name} up"));
        for host in &hosts {
            let Host { name: ns, port, device, addr, .. } = host;
            let enter = if lab == Lab::Article { format!("ip netns exec {ns} ip") } else { format!("ip -n {ns}") };
            up.push(format!("ip netns add {ns}"));
            if lab == Lab::Article {
                up.push(format!("ip link add dev {port} type veth peer name {device}"));
                up.push(format!("ip link set {device} netns {ns}"));
            } else {
                up.push(format!("ip link add dev {port} type veth peer name {device} netns {ns}"));
            }
            up.push(format!("ip link set dev {port} up"));
            up.push(format!("ip link set dev {port} master {name}"));
            up.push(format!("{enter} link set dev {device} up"));
            up.push(format!("{enter} address add {addr}/{} dev {device}", bridge.prefix));
            up.push(format!("{enter} link set dev lo up"));
            up.push(format!("{enter} route add default via {}", bridge.addr));
        }
    }
    let iptables = rules::command("iptables");
    let rules = rules::of(lab);
    up.extend(rules.iter().map(|rule| format!("{iptables} -w -t {} {}", rule.table, rule.make)));
    down.extend(rules.iter().rev().map(|rule| format!("{iptables} -w -t {} {}", rule.table, rule.unmake())));
    files_and_forwarding(lab, &mut up, &mut down);
    down.extend(hosts.iter().map(|host| format!("ip netns del {}", host.name)));
    down.extend(lab.bridge().map(|bridge| format!("ip link del {}", bridge.name)));
    Scripts { up, down }
}

/// `ip -batch`, one process for the root namespace and one for each other, and one `iptables-restore`. Writes what
/// these read into the folder.
pub fn in_batches(lab: Lab, dir: &Path) -> Result<Scripts> {
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let here = dir.display();
    let hosts = lab.hosts();
    if let Some(bridge) = lab.bridge() {
        let name = bridge.name;
        let mut root = vec![
            format!("link add {name} type bridge"),
            format!("addr add {}/{} dev {name}", bridge.addr, bridge.prefix),
            format!("link set {name} up"),
        ];
        up.push(format!("ip -batch {here}/root"));
        for Host { name: ns, port, device, addr, .. } in &hosts {
            root.push(format!("netns add {ns}"));
            root.push(format!("link add {port} type veth peer name {device} netns {ns}"));
            root.push(format!("link set {port} master {name}"));
            root.push(format!("link set {port} up"));
            let inside = [
                format!("addr add {addr}/{} dev {device}", bridge.prefix),
                "link set lo up".into(),
                format!("link set {device} up"),
                format!("route add default via {}", bridge.addr),
            ];
            write(dir, ns, &inside)?;
            up.push(format!("ip -n {ns} -batch {here}/{ns}"));
        }
        write(dir, "root", &root)?;
        let mut unroot = vec![format!("link del {name}")];
        unroot.extend(hosts.iter().map(|host| format!("netns del {}", host.name)));
        write(dir, "unroot", &unroot)?;
    }
    let rules = rules::of(lab);
    if !rules.is_empty() {
        let restore = rules::command("iptables-restore");
        for (name, make, script) in [("rules", true, &mut up), ("unrules", false, &mut down)] {
            fs::write(dir.join(name), rules::restore_input(&rules, make)).context(name)?;
            script.push(format!("{restore} -w --noflush < {here}/{name}"));
        }
    }
    files_and_forwarding(lab, &mut up, &mut down);
    if lab.bridge().is_some() {
        down.push(format!("ip -batch {here}/unroot"));
    }
    Ok(Scripts { up, down })
}

fn files_and_forwarding(lab: Lab, up: &mut Vec<String>, down: &mut Vec<String>) {
    if lab.routes_out() {
        up.push(format!("echo 1 > {FORWARD}"));
        down.push(format!("echo 0 > {FORWARD}"));
    }
    for host in lab.hosts().iter().filter(|host| host.dns) {
        let folder = format!("/etc/netns/{}", host.name);
        up.push(format!("mkdir -p {folder}"));
        up.push(format!("echo '{}' > {folder}/resolv.conf", RESOLV_CONF.trim_end()));
        down.push(format!("rm -r {folder}"));
    }
}
