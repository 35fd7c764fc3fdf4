//! Judgement of the machine's own network, in which `--host` acts. A lab in a sandbox has nothing to do with it, so
//! what is in the way there is a note unless `--host` is asked for.

use super::finding::{MachineFinding, Rating, count};
use super::machine::tables;
use super::needs::{Accepts, Needs};
use crate::kernel::linux::machine::{Network, Unread};
use crate::kernel::linux::netfilter::Backend;
use crate::kernel::linux::netfilter::inventory::{Drop, Held};
use crate::lab::machine::MachineFacts;
use crate::model::family::Family;
use crate::model::route::Route;

/// What is judged.
pub struct Case<'a> {
    /// The network.
    pub network: &'a Network,
    /// Whether we are root.
    pub is_root: bool,
    /// Whether labs are to act in it.
    pub host: bool,
    /// What the recipe needs, if there is one.
    pub needs: Option<&'a Needs>,
}

/// All findings.
pub fn all(facts: &MachineFacts, host: bool, needs: Option<&Needs>) -> Vec<MachineFinding> {
    let mut findings = Vec::new();
    if host {
        findings.push(rights(facts));
    }
    match &facts.network {
        Ok(network) => {
            let case = Case { network, is_root: facts.is_root, host, needs };
            findings.extend(case.backends());
            findings.extend(case.forward());
            findings.extend(case.docker());
            findings.push(case.bridged());
            findings.push(case.reverse_path());
            findings.push(case.forwarding());
            findings.push(uplink(&network.routes));
        }
        Err(why) => findings.push(MachineFinding::new("network", Rating::Unknown, why, "")),
    }
    findings
}

/// Whether we may change the network.
fn rights(facts: &MachineFacts) -> MachineFinding {
    let check = "rights";
    if !facts.is_root {
        let means = "Run the lab with sudo, or without --host in a sandbox.";
        return MachineFinding::new(check, Rating::Failure, "only root can change this machine's network", means);
    }
    if matches!(&facts.network, Ok(Network { tables: Err(Unread::Denied), .. })) {
        let means = "As in a container: start it with `--cap-add NET_ADMIN`, or run the lab without --host.";
        return MachineFinding::new(check, Rating::Failure, "this root lacks CAP_NET_ADMIN", means);
    }
    MachineFinding::ok(check, "root may change this machine's network")
}

/// A chain that drops what is forwarded.
struct Dropper {
    /// Where it is, for people.
    place: String,
    /// The command that makes it accept.
    mend: String,
    /// Whether a rule that a lab makes can let packets past it.
    can_be_passed: bool,
}

impl Case<'_> {
    /// In the way of labs with `--host` only.
    fn verdict(&self) -> Rating {
        if self.host { Rating::Warning } else { Rating::Note }
    }

    /// For what could not be read.
    fn unread(&self, check: &'static str, what: &str, why: &Unread) -> MachineFinding {
        let means = format!("{what} matters to labs with --host only.");
        let (found, mend) = match why {
            Unread::Denied if self.is_root => ("this root may not read the rules", None),
            Unread::Denied => ("reading the rules needs root", Some("sudo rhailab doctor --host".to_owned())),
            Unread::Failed(why) => (why.as_str(), None),
        };
        MachineFinding::new(check, Rating::Unknown, found, means).mend(mend)
    }

    fn lines(&self, family: Family, backend: Backend) -> &[String] {
        let held = self.network.tables.iter().flatten().find(|held| (held.family, held.backend) == (family, backend));
        held.map_or(&[], |held| &held.lines)
    }

    fn uses(&self, backend: Backend) -> bool {
        [Family::V4, Family::V6].into_iter().any(|family| !self.lines(family, backend).is_empty())
    }

    /// The backend that a lab takes here: `nf_tables`, unless rules are in the legacy tables alone.
    fn backend(&self) -> Backend {
        let only_legacy = self.uses(Backend::Legacy) && !self.uses(Backend::Nft);
        if only_legacy { Backend::Legacy } else { Backend::Nft }
    }

    /// Whether rules are in both kinds of tables.
    pub fn backends(&self) -> Vec<MachineFinding> {
        let check = "backends";
        if let Err(why) = &self.network.tables {
            return vec![self.unread(check, "Whether rules are in two kinds of tables", why)];
        }
        let mut findings = Vec::new();
        for family in [Family::V4, Family::V6] {
            let (nft, legacy) = (self.lines(family, Backend::Nft), self.lines(family, Backend::Legacy));
            if nft.is_empty() || legacy.is_empty() {
                continue;
            }
            let found = format!(
                "{family} rules are in both kinds of tables: {} in nf_tables, {} in the legacy ones",
                count(nft.len(), "line"),
                legacy.len()
            );
            let means = "Packets meet both, and each tool shows only its own: a rule in one can undo what the other \
                         allows.";
            let tool = family.iptables();
            let merge = format!(
                "sudo sh -c '{tool}-legacy-save | {tool}-nft-restore --noflush && for t in filter nat mangle raw; do \
                 {tool}-legacy -t $t -F; {tool}-legacy -t $t -X; done; for c in INPUT FORWARD OUTPUT; do \
                 {tool}-legacy -P $c ACCEPT; done'"
            );
            findings.push(MachineFinding::new(check, self.verdict(), found, means).mend(merge));
        }
        if findings.is_empty() {
            let used: Vec<&str> =
                [Backend::Nft, Backend::Legacy].into_iter().filter(|b| self.uses(*b)).map(tables).collect();
            let found =
                if used.is_empty() { "no rules".to_owned() } else { format!("rules are in {}", used.join(", ")) };
            findings.push(MachineFinding::ok(check, found));
        }
        findings
    }

    fn droppers(&self) -> Vec<Dropper> {
        let mut all: Vec<Dropper> = self.network.drops.iter().map(|drop| self.nft(drop)).collect();
        for family in [Family::V4, Family::V6] {
            if self.lines(family, Backend::Legacy).iter().any(|line| line == "*filter :FORWARD DROP") {
                let tool = family.iptables();
                all.push(Dropper {
                    place: format!("FORWARD of {tool}, in the legacy tables,"),
                    mend: format!("sudo {tool}-legacy -P FORWARD ACCEPT"),
                    can_be_passed: self.backend() == Backend::Legacy,
                });
            }
        }
        all
    }

    fn nft(&self, Drop { family, table, chain }: &Drop) -> Dropper {
        let tool = match (*family, table.as_str(), chain.as_str()) {
            ("ip", "filter", "FORWARD") => Some(Family::V4.iptables()),
            ("ip6", "filter", "FORWARD") => Some(Family::V6.iptables()),
            _ => None,
        };
        match tool {
            Some(tool) => Dropper {
                place: format!("FORWARD of {tool}"),
                mend: format!("sudo {tool}-nft -P FORWARD ACCEPT"),
                can_be_passed: self.backend() == Backend::Nft,
            },
            None => Dropper {
                place: format!("the nft chain {family} {table} {chain}"),
                mend: format!("sudo nft 'chain {family} {table} {chain} {{ policy accept; }}'"),
                can_be_passed: false,
            },
        }
    }

    /// Whether forwarded packets are dropped.
    pub fn forward(&self) -> Vec<MachineFinding> {
        let check = "forward";
        if let Err(why) = &self.network.tables {
            return vec![self.unread(check, "Whether forwarded packets are dropped", why)];
        }
        let droppers = self.droppers();
        if droppers.is_empty() {
            return vec![MachineFinding::ok(check, "forwarded packets are accepted")];
        }
        let judge = |dropper: Dropper| {
            let accepts = self.needs.is_some_and(|needs| needs.accepts > Accepts::Nothing);
            let (verdict, means) = match (dropper.can_be_passed, accepts) {
                (true, true) => (Rating::Note, "The recipe accepts its own with `forward`."),
                (true, false) => {
                    (self.verdict(), "With --host, packets between a lab's interfaces need `forward(…)` in the recipe.")
                }
                (false, _) => (self.verdict(), "With --host it drops a lab's packets whatever rules the recipe makes."),
            };
            let found = format!("{} drops what no rule accepts", dropper.place);
            MachineFinding::new(check, verdict, found, means).mend(dropper.mend)
        };
        droppers.into_iter().map(judge).collect()
    }

    /// Whether Docker is there.
    pub fn docker(&self) -> Option<MachineFinding> {
        let is_dockers = |line: &String| line.starts_with("*filter :DOCKER");
        let is_there = self.network.tables.iter().flatten().any(|Held { lines, .. }| lines.iter().any(is_dockers));
        let is_first = self.needs.is_some_and(|needs| needs.accepts == Accepts::First);
        let verdict = if is_first { Rating::Note } else { self.verdict() };
        let means = "It puts chains of its own into FORWARD and sets its policy to DROP whenever it starts. In a recipe \
                     for --host, `forward(link, #{ first: true })` comes before them.";
        is_there.then(|| MachineFinding::new("docker", verdict, "Docker has chains in the filter table", means))
    }

    fn sysctl(&self, key: &str) -> Option<&str> {
        self.network.sysctls.get(key).map(String::as_str)
    }

    /// Whether what bridges pass on meets iptables.
    pub fn bridged(&self) -> MachineFinding {
        let check = "bridge-netfilter";
        let keys = ["net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"];
        let on: Vec<&str> = keys.into_iter().filter(|key| self.sysctl(key) == Some("1")).collect();
        if on.is_empty() {
            let state = if self.sysctl(keys[0]).is_some() { "is off" } else { "is not loaded" };
            return MachineFinding::ok(check, format!("br_netfilter {state}"));
        }
        let drops = !self.droppers().is_empty();
        let (verdict, means) = match (drops, self.network.tables.is_ok()) {
            (true, _) => (self.verdict(), "With --host, a lab's bridges lose the packets that FORWARD drops."),
            (false, true) => (Rating::Note, "With --host, a lab's bridges obey the rules of FORWARD."),
            (false, false) => {
                (Rating::Note, "With --host, a lab's bridges lose the packets that FORWARD drops, if any.")
            }
        };
        let mend: Vec<String> = on.iter().map(|key| format!("{key}=0")).collect();
        MachineFinding::new(check, verdict, "br_netfilter sends bridged packets through iptables", means)
            .mend(format!("sudo sysctl -w {}", mend.join(" ")))
    }

    /// Whether packets must come in by the interface that their answers leave by.
    pub fn reverse_path(&self) -> MachineFinding {
        // The larger of the two counts for new interfaces (ip-sysctl in the kernel's documentation).
        let keys = ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"];
        if keys.into_iter().filter_map(|key| self.sysctl(key)).max() != Some("1") {
            return MachineFinding::ok("rp-filter", "packets may come in by any interface");
        }
        let found = "strict: packets must come in by the interface that their answers leave by";
        let means = "With --host, a lab whose packets come and go by different ways loses them.";
        MachineFinding::new("rp-filter", Rating::Note, found, means).mend(format!("sudo sysctl -w {}=2", keys[0]))
    }

    /// Whether packets are forwarded.
    pub fn forwarding(&self) -> MachineFinding {
        let (check, key) = ("ip-forward", "net.ipv4.ip_forward");
        if self.sysctl(key) == Some("1") {
            return MachineFinding::ok(check, "IPv4 packets are forwarded");
        }
        let lacks = self.host && self.needs.is_some_and(|needs| needs.forwards && !needs.turns_forwarding_on);
        if !lacks {
            return MachineFinding::ok(
                check,
                "IPv4 packets are not forwarded; `ip_forward()` in a recipe changes that",
            );
        }
        let means = "The recipe makes rules for forwarded packets, but does not say `ip_forward()`.";
        MachineFinding::new(check, Rating::Warning, "IPv4 packets are not forwarded", means)
            .mend(format!("sudo sysctl -w {key}=1"))
    }
}

fn uplink(routes: &[Route]) -> MachineFinding {
    let mut defaults = routes.iter().filter(|route| route.to.prefix_len() == 0);
    let Some(route) = defaults.next() else {
        let means = "Labs do without. A recipe for --host that goes to the outside does not.";
        return MachineFinding::new("uplink", Rating::Note, "there is no default route", means);
    };
    let via = route.via.map_or_else(String::new, |via| format!(" via {via}"));
    let dev = route.dev.as_ref().map_or_else(String::new, |dev| format!(" by {dev}"));
    MachineFinding::ok("uplink", format!("there is a default route{via}{dev}"))
}
