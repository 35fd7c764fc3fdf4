//! Judgement of the machine: facts in, findings out.

use super::finding::{MachineFinding, Rating, count};
use super::needs::{NeedKind, Requirement};
use crate::kernel::Errno;
use crate::kernel::linux::netfilter::Backend;
use crate::kernel::linux::netfilter::inventory::Tool;
use crate::lab::machine::{Lacks, MachineFacts, Refused, Tried};
use crate::model::error::OpResult;
use crate::model::family::Family;
use crate::sandbox::{Barrier, UserNsSettings};
use std::path::PathBuf;

/// The ids that a range has by default, and that programs may need (login.defs(5), `SUB_UID_COUNT`).
const RANGE: u32 = 65_536;

/// Whether sandboxes can be made, and if not, why.
pub fn sandbox(tried: &OpResult<Tried>, settings: &UserNsSettings) -> MachineFinding {
    let error = match tried {
        Ok(Tried { own_users: true, .. }) => {
            return MachineFinding::ok("sandbox", "sandboxes can be made, each with users of its own");
        }
        Ok(_) => return MachineFinding::ok("sandbox", "sandboxes can be made, with the rights of root"),
        Err(error) => error,
    };
    let barrier = error.0.errno.and_then(|errno| settings.barrier(Errno::from_raw(errno)));
    let command = barrier.as_ref().and_then(Barrier::command);
    let means = match (&barrier, &command, &error.0.help) {
        (Some(barrier), Some(_), _) => format!("{} Without a sandbox there is no lab.", barrier.cause()),
        (_, _, Some(help)) => help.clone(),
        _ => String::new(),
    };
    MachineFinding::new("sandbox", Rating::Failure, &error.0.message, means).mend(command)
}

/// Whether others could make them too, for root, who needs no user namespace.
pub fn users(facts: &MachineFacts) -> Option<MachineFinding> {
    if !matches!(&facts.sandbox, Ok(Tried { own_users: false, .. })) {
        return None;
    }
    let zero = facts.settings.zero.clone().filter(|name| name == "user.max_user_namespaces");
    let barrier = facts.settings.against_users().or(zero.map(Barrier::Zero))?;
    let found = format!("ordinary users cannot make them: {}", barrier.cause().trim_end_matches('.'));
    let means = "Root's labs do without user namespaces.";
    Some(MachineFinding::new("user-namespaces", Rating::Note, found, means).mend(barrier.command()))
}

/// Whether a sandbox has more users than one.
pub fn ids(facts: &MachineFacts) -> MachineFinding {
    let check = "subordinate-ids";
    let Ok(tried) = &facts.sandbox else {
        return MachineFinding::new(check, Rating::Unknown, "not tried without a sandbox", "");
    };
    if !tried.own_users {
        return MachineFinding::ok(check, "not needed by root");
    }
    let [uids, gids] = tried.ids;
    if uids > 1 && gids > 1 {
        return MachineFinding::ok(check, format!("a lab has {uids} users and {gids} groups"));
    }
    let means = "There is only root in a lab: programs that give up privileges (tcpdump, dnsmasq, su) fail.";
    let grants = &facts.grants;
    if grants.ranges.contains(&None) {
        let found = "/etc/subuid or /etc/subgid grants no ids to this user";
        let last = grants.free.saturating_add(RANGE - 1);
        let range = format!("{}-{last}", grants.free);
        let grant = |login: &String| format!("sudo usermod --add-subuids {range} --add-subgids {range} {login}");
        return MachineFinding::new(check, Rating::Note, found, means).mend(facts.login.as_ref().map(grant));
    }
    if !grants.missing.is_empty() {
        let found = format!("{} is not installed", grants.missing.join(" or "));
        return MachineFinding::new(check, Rating::Note, found, means).mend(install(facts.manager, "newuidmap"));
    }
    let found = "newuidmap or newgidmap refuses the ids that /etc/subuid and /etc/subgid grant";
    let mend = "sudo chmod u+s \"$(command -v newuidmap)\" \"$(command -v newgidmap)\"";
    MachineFinding::new(check, Rating::Note, found, means).mend(mend.to_owned())
}

/// Whether the kernel can make what every lab is made of.
pub fn kernel(tried: &OpResult<Tried>, basics: &[Requirement]) -> Vec<MachineFinding> {
    let Ok(tried) = tried else {
        return vec![MachineFinding::new("kernel", Rating::Unknown, "not tried without a sandbox", "")];
    };
    let mut made = Vec::new();
    let mut findings = Vec::new();
    for (need, refused) in basics.iter().zip(&tried.refused) {
        match refused {
            None => made.push(need.what.as_str()),
            // Told of by the check of the tool.
            Some(Refused { lacks: Lacks::Tool, .. }) => {}
            Some(Refused { words, .. }) => {
                let (verdict, means) = match need.of {
                    NeedKind::Link => (Rating::Failure, "There is hardly a lab without them."),
                    _ if need.is_ipv6() => (Rating::Note, "Recipes that make IPv6 rules fail."),
                    _ => (Rating::Warning, "Recipes that make such rules fail."),
                };
                let found = format!("cannot make {}: {words}", need.what);
                findings.push(MachineFinding::new("kernel", verdict, found, means).mend(module(need)));
            }
        }
    }
    if !made.is_empty() {
        findings.insert(0, MachineFinding::ok("kernel", format!("makes {}", made.join(", "))));
    }
    findings
}

/// The command that loads what an attempt needs, where that is known.
pub fn module(need: &Requirement) -> Option<String> {
    need.module.map(|module| format!("sudo modprobe {module}"))
}

/// Which iptables there is for a family.
pub fn tool(tool: &Tool, manager: Option<&'static str>) -> MachineFinding {
    let check = tool.family.iptables();
    if tool.backends.is_empty() {
        let verdict = if tool.family == Family::V4 { Rating::Warning } else { Rating::Note };
        let found = format!("{check} is not installed");
        let means = "Firewall and NAT rules need it: forward, masquerade, dnat, snat, vip.";
        return MachineFinding::new(check, verdict, found, means).mend(install(manager, "iptables"));
    }
    let version = tool.version.as_deref().unwrap_or("of an unknown version");
    let mut found = match tool.default {
        Some(default) => format!("{version}, writes {} by default", tables(default)),
        None => "only by the name of its backend".to_owned(),
    };
    match tool.backends.iter().filter(|backend| Some(**backend) != tool.default).map(|backend| tables(*backend)) {
        others if others.clone().next().is_some() => {
            found.push_str(&format!("; can write {} too", others.collect::<Vec<_>>().join(", ")));
        }
        _ => {}
    }
    if tool.default == Some(Backend::Legacy) && tool.backends.contains(&Backend::Nft) {
        let means = "Labs write nf_tables. What other programs, and commands in recipes, write with the plain command \
                     is in other tables.";
        let select = format!("sudo update-alternatives --set {check} /usr/sbin/{check}-nft");
        let mend = (manager == Some("apt-get")).then_some(select);
        return MachineFinding::new(check, Rating::Note, found, means).mend(mend);
    }
    MachineFinding::ok(check, found)
}

/// How people call the tables of a backend.
pub fn tables(backend: Backend) -> &'static str {
    match backend {
        Backend::Nft => "nf_tables",
        Backend::Legacy => "the legacy tables",
    }
}

/// Whether labs can be kept.
pub fn state(state: &OpResult<PathBuf>) -> MachineFinding {
    match state {
        Ok(folder) => MachineFinding::ok("state", format!("labs are kept in {}", folder.display())),
        Err(error) => {
            let help = error.0.help.clone().unwrap_or_default();
            MachineFinding::new("state", Rating::Failure, &error.0.message, help)
        }
    }
}

/// The command that installs what has a program.
pub fn install(manager: Option<&'static str>, program: &str) -> Option<String> {
    let package = match (manager?, program) {
        ("apt-get", "newuidmap") => "uidmap",
        ("dnf", "newuidmap") => "shadow-utils",
        ("pacman", "newuidmap") => "shadow",
        ("apk", "newuidmap") => "shadow-uidmap",
        ("dnf", "iptables") => "iptables-nft",
        (_, "iptables") => "iptables",
        _ => return None,
    };
    Some(match manager? {
        "pacman" => format!("sudo pacman -S {package}"),
        "apk" => format!("sudo apk add {package}"),
        manager => format!("sudo {manager} install {package}"),
    })
}

/// All findings in one sentence.
pub fn summary(findings: &[MachineFinding], recipe: Option<&str>, host: bool) -> String {
    let counted = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut what = recipe.map_or_else(|| "Labs ".to_owned(), |recipe| format!("`{recipe}` "));
    if host {
        what.push_str("with --host ");
    }
    let can = if counted(Rating::Failure) == 0 { "can run here" } else { "cannot run here" };
    let counts = [(Rating::Failure, "failure"), (Rating::Warning, "warning"), (Rating::Note, "note")];
    let counts = counts.map(|(verdict, name)| (counted(verdict), name));
    let mut listed: Vec<String> =
        counts.iter().filter(|(number, _)| *number > 0).map(|(number, name)| count(*number, name)).collect();
    let unknown = counted(Rating::Unknown);
    listed.extend((unknown > 0).then(|| format!("{unknown} unknown")));
    if listed.is_empty() { format!("{what}{can}.") } else { format!("{what}{can}: {}.", listed.join(", ")) }
}
