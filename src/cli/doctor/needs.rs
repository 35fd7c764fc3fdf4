//! What a lab needs of the machine: of every lab, and of the one that a rehearsal has shown.

use crate::export::{Step, StepKind};
use crate::kernel::linux::trial::Attempt;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::{OpResult, Site};
use crate::model::family::Family;
use crate::model::hook::Hook;
use crate::model::link::{AddLink, LinkKind, NewLink};
use crate::model::names::{ChainName, IfName, Ns};
use crate::model::netns::AddNetns;
use crate::model::process::OURSELVES;
use crate::model::route::AddRoute;
use crate::model::rule::{Match, Part, Rule, Target, outline};
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::sysctl::{SetSysctl, of_interface};
use ipnet::IpNet;
use std::collections::BTreeSet;

/// What kind of thing is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeedKind {
    /// A kind of interface.
    Link,
    /// A kind of rule.
    Rule,
    /// A sysctl.
    Sysctl,
    /// A program.
    Program,
}

/// One thing that is needed, and how to find out whether it is there.
#[derive(Debug, Clone)]
pub struct Requirement {
    /// What kind of thing.
    pub of: NeedKind,
    /// What it is, for people.
    pub what: String,
    /// The same in a word or two.
    pub brief: String,
    /// How to find out.
    pub attempt: Attempt,
    /// The recipe line that needs it first.
    pub site: Option<Site>,
    /// The kernel module that has it, where it is known to be in one.
    pub module: Option<&'static str>,
}

impl Requirement {
    fn new(of: NeedKind, what: &str, attempt: Attempt) -> Requirement {
        Requirement { of, what: what.to_owned(), brief: what.to_owned(), attempt, site: None, module: None }
    }

    /// Whether it is of IPv6 alone.
    pub fn is_ipv6(&self) -> bool {
        let is_of_v6 = |change: &Change| matches!(change, Change::EditRules(EditRules { family: Family::V6, .. }));
        matches!(&self.attempt, Attempt::Make(changes) if changes.iter().any(is_of_v6))
    }

    fn at(self, site: &Site) -> Requirement {
        Requirement { site: Some(site.clone()), ..self }
    }
}

/// An address or a subnet that a recipe uses in the lab's root namespace.
#[derive(Debug, Clone, PartialEq)]
pub struct Net {
    /// The subnet; of a single address, that alone.
    pub net: IpNet,
    /// The recipe line.
    pub site: Site,
}

/// Whether a recipe accepts forwarded packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Accepts {
    /// No.
    #[default]
    Nothing,
    /// After what other rules say.
    Last,
    /// Before all other rules.
    First,
}

/// What a recipe needs.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// What can be tried.
    pub all: Vec<Requirement>,
    /// Its subnets and addresses in the root namespace.
    pub nets: Vec<Net>,
    /// The interfaces that it makes in the root namespace.
    pub links: BTreeSet<IfName>,
    /// The namespaces that it makes.
    pub spaces: BTreeSet<String>,
    /// Whether it makes rules for forwarded packets in the root namespace.
    pub forwards: bool,
    /// Whether one of them accepts packets.
    pub accepts: Accepts,
    /// Whether it turns forwarding on there.
    pub turns_forwarding_on: bool,
    /// Its parameters with the values that they have, to propose others.
    pub params: Vec<(String, String)>,
}

/// What every lab is made of.
pub fn basics() -> OpResult<Vec<Requirement>> {
    let near = IfName::new("try0")?;
    let mut all: Vec<Requirement> =
        [LinkKind::VETH, LinkKind::BRIDGE].into_iter().map(|kind| link(NewLink::new(near.clone(), kind))).collect();
    for family in [Family::V4, Family::V6] {
        let rules = [
            (Table::Filter, Hook::Forward, Rule::new([Match::In("try0".into())], Target::Accept)),
            (Table::Nat, Hook::Postrouting, Rule::new([Match::Out("try0".into())], Target::masquerade())),
        ];
        all.extend(rules.map(|(table, hook, made)| {
            let need = rule((family, table), (hook.as_str(), &made), &BTreeSet::new());
            Requirement { what: format!("{family} {} rules", table.as_str()), ..need }
        }));
    }
    Ok(all)
}

impl Needs {
    /// What these steps of a rehearsal need, and these programs.
    pub fn of(steps: &[Step], programs: &BTreeSet<String>) -> OpResult<Needs> {
        let mut needs = Needs::default();
        let made = steps.iter().filter(|step| step.kind == StepKind::Makes).map(|step| &step.record);
        let changes: Vec<(&Site, &Change)> = made.map(|record| (&record.site, &record.change)).collect();
        let own_chains: BTreeSet<&str> = changes.iter().flat_map(|(_, change)| chains(change)).collect();
        for (site, change) in &changes {
            needs.note(site, change, &own_chains)?;
        }
        for program in programs {
            needs.add(Requirement::new(NeedKind::Program, program, Attempt::Find(program.clone())));
        }
        Ok(needs)
    }

    fn add(&mut self, need: Requirement) {
        if !self.all.iter().any(|other| (other.of, &other.what) == (need.of, &need.what)) {
            self.all.push(need);
        }
    }

    fn note(&mut self, site: &Site, change: &Change, own_chains: &BTreeSet<&str>) -> OpResult<()> {
        if let Change::AddNetns(AddNetns { name, .. }) = change {
            self.spaces.insert(name.to_string());
        }
        if let Change::AddLink(new) = change {
            let in_root = new.ends().filter(|(ns, _)| **ns == Ns::Host).map(|(_, name)| name.clone());
            self.links.extend(in_root);
            let attrs = new.link.attrs.clone();
            self.add(link(NewLink { attrs, ..NewLink::new(IfName::new("try0")?, new.link.kind) }).at(site));
        }
        if let Change::AddAddr(AddAddr { ns: Ns::Host, addr, .. }) = change {
            self.net(addr.trunc(), site);
        }
        if let Change::AddRoute(AddRoute { ns: Ns::Host, route }) = change
            && !route.is_default()
        {
            self.net(route.to, site);
        }
        if let Change::SetSysctl(SetSysctl { ns, key, value }) = change {
            self.turns_forwarding_on |= *ns == Ns::Host && key.ends_with("ip_forward") && value == "1";
            if of_interface(key).is_none() {
                self.add(Requirement::new(NeedKind::Sysctl, key, Attempt::Set(key.clone())).at(site));
            }
        }
        if let Change::EditRules(EditRules { ns, family, table, edits, .. }) = change {
            for edit in edits {
                if *ns == Ns::Host {
                    self.note_host_rule(site, *table, edit);
                }
                if let Some(added) = edit.added() {
                    self.add(rule((*family, *table), added, own_chains).at(site));
                }
            }
        }
        if let Some(process) = change.process() {
            let program = process.argv.first().filter(|program| is_findable(program, process.cwd.is_some()));
            if let Some(program) = program {
                self.add(Requirement::new(NeedKind::Program, program, Attempt::Find(program.clone())).at(site));
            }
        }
        Ok(())
    }

    fn note_host_rule(&mut self, site: &Site, table: Table, edit: &RuleEdit) {
        let Some((chain, rule)) = edit.added() else { return };
        let (hook, spec) = (Hook::parse(chain), rule.spec());
        let accepts = hook == Some(Hook::Forward) && spec.target == Some(Target::Accept);
        self.forwards |= hook == Some(Hook::Forward) || (table == Table::Nat && hook == Some(Hook::Postrouting));
        let how = if matches!(edit, RuleEdit::Insert { .. }) { Accepts::First } else { Accepts::Last };
        self.accepts = self.accepts.max(if accepts { how } else { Accepts::Nothing });
        for condition in &spec.conditions {
            if let Match::Source(net) | Match::Destination(net) = condition.of {
                self.net(net.trunc(), site);
            }
        }
    }

    fn net(&mut self, net: IpNet, site: &Site) {
        // Of addresses in a subnet that is known already there is nothing more to say.
        if !self.nets.iter().any(|known| known.net.contains(&net)) {
            self.nets.retain(|known| !net.contains(&known.net));
            self.nets.push(Net { net, site: site.clone() });
        }
    }
}

/// Whether it makes sense to look for a program: not for ourselves, and not for one in a folder that we are not in.
pub fn is_findable(program: &str, elsewhere: bool) -> bool {
    program != OURSELVES && (program.starts_with('/') || !program.contains('/') || !elsewhere)
}

/// An interface of the root namespace, as one of its kind.
fn link(new: NewLink) -> Requirement {
    let (kind, what) = (new.kind, new.describe());
    let link = NewLink { up: true, ..(kind.example)(new) };
    let attempt = Attempt::Make(vec![Change::AddLink(AddLink { ns: Ns::Host, link })]);
    Requirement { module: Some(kind.module), ..Requirement::new(NeedKind::Link, &what, attempt) }
}

/// The chains that a change makes.
fn chains(change: &Change) -> impl Iterator<Item = &str> {
    let rules = if let Change::EditRules(rules) = change { Some(rules) } else { None };
    rules.into_iter().flat_map(EditRules::new_chains).map(ChainName::as_str)
}

/// A rule, as one of its kind: what such rules have in common is where they are, which matches and targets they use,
/// and with which options.
fn rule((family, table): (Family, Table), (chain, rule): (&str, &Rule), own_chains: &BTreeSet<&str>) -> Requirement {
    // A chain that is neither the kernel's nor the recipe's may be made by a command of its.
    let mut wanted: BTreeSet<&str> = Some(chain).filter(|chain| Hook::parse(chain).is_none()).into_iter().collect();
    let place = if wanted.is_empty() { chain } else { "CHAIN" };
    let words = rule.words();
    let mut what = vec![family.iptables(), "-t", table.as_str(), "-A", place];
    let mut brief = vec![table.as_str()];
    for part in outline(&words) {
        let (option, named) = match part {
            Part::Flag(option) => {
                what.push(option);
                continue;
            }
            Part::Jump(option, chain) if own_chains.contains(chain) => {
                wanted.insert(chain);
                brief.push("chain");
                (option, None)
            }
            Part::Jump(option, name) | Part::Load(option, name) => (option, Some(name)),
            Part::Value(option, _) => (option, None),
        };
        what.extend([option, named.unwrap_or("…")]);
        brief.extend(named.filter(|name| !brief.contains(name)));
    }
    let made = wanted.into_iter().filter_map(|name| ChainName::new(name).ok()).map(RuleEdit::NewChain);
    let edits = made.chain([RuleEdit::append(chain, rule.clone())]).collect();
    let attempt = Attempt::Make(vec![Change::EditRules(EditRules::new(Ns::Host, family, table, edits))]);
    let brief = if family == Family::V6 { format!("IPv6 {}", brief.join(" ")) } else { brief.join(" ") };
    Requirement { brief, ..Requirement::new(NeedKind::Rule, &what.join(" "), attempt) }
}
