//! Every finding, from made-up facts.

mod host;
mod recipe;

use super::finding::{MachineFinding, Rating};
use super::machine;
use super::needs::{Needs, basics};
use crate::export::{Step, StepKind};
use crate::kernel::Errno;
use crate::kernel::linux::machine::Network;
use crate::kernel::linux::netfilter::Backend;
use crate::kernel::linux::netfilter::inventory::Tool;
use crate::lab::Record;
use crate::lab::machine::{Lacks, MachineFacts, Refused, Tried};
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::{OpError, Site};
use crate::model::family::Family;
use crate::model::identity::Identity;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::route::Route;
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::sandbox::{Grants, UserNsSettings};
use std::collections::BTreeSet;

fn facts() -> MachineFacts {
    MachineFacts {
        is_root: false,
        login: Some("me".into()),
        sandbox: Ok(Tried { own_users: true, ids: [65_537, 65_537], refused: Vec::new() }),
        settings: UserNsSettings { program: "/usr/bin/rhailab".into(), ..UserNsSettings::default() },
        grants: Grants { ranges: [Some((100_000, 65_536)); 2], missing: Vec::new(), free: 165_536 },
        tools: Ok(vec![tool(Family::V4), tool(Family::V6)]),
        network: Ok(network()),
        state: Ok("/state/labs".into()),
        manager: Some("apt-get"),
    }
}

fn tool(family: Family) -> Tool {
    Tool {
        family,
        program: Some("/usr/sbin/iptables".into()),
        version: Some("1.8.9".into()),
        default: Some(Backend::Nft),
        backends: vec![Backend::Nft],
    }
}

fn network() -> Network {
    Network {
        tables: Ok(Vec::new()),
        drops: Vec::new(),
        links: vec![link("eth0")],
        routes: vec![route("0.0.0.0/0", Some("192.0.2.1"), "eth0"), route("192.0.2.0/24", None, "eth0")],
        names: Vec::new(),
        sysctls: [].into(),
    }
}

fn link(name: &str) -> IfName {
    IfName::new(name).unwrap()
}

fn route(to: &str, via: Option<&str>, dev: &str) -> Route {
    Route {
        to: to.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        dev: Some(link(dev)),
        ..Route::default()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn append(ns: Ns, table: Table, chain: &str, rule: &str) -> Change {
    let edits = vec![RuleEdit::append(chain, words(rule).into())];
    Change::EditRules(EditRules::new(ns, Family::V4, table, edits))
}

/// The needs of a recipe that makes these changes, one in each line.
fn needs(changes: Vec<Change>) -> Needs {
    let steps = (1..).zip(changes).map(|(line, change)| {
        let site = Site { source: "r.rhai".into(), line, col: 1 };
        let record = Record { n: line.into(), site, change, identity: Identity::Spec };
        Step { record, kind: StepKind::Makes }
    });
    Needs::of(&steps.collect::<Vec<_>>(), &BTreeSet::new()).unwrap()
}

fn address(ns: Ns, addr: &str) -> Change {
    Change::AddAddr(AddAddr { ns, link: link("br0"), addr: addr.parse().unwrap() })
}

fn web() -> Ns {
    Ns::Named(NsName::new("web").unwrap())
}

#[track_caller]
fn is(finding: &MachineFinding, verdict: Rating, found: &str, mend: Option<&str>) {
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    assert!(finding.found.contains(found), "no {found:?} in {finding:?}");
    assert_eq!(finding.mend.first().map(String::as_str), mend, "{finding:?}");
    // What is not as it should be says what that means.
    assert!(matches!(verdict, Rating::Ok | Rating::Unknown) || !finding.means.is_empty(), "{finding:?}");
}

fn errno(errno: Errno) -> OpError {
    let mut error = OpError::new("sandbox::namespaces", "It cannot be made.").help("See `dmesg`.");
    error.0.errno = Some(errno as i32);
    error
}

#[test]
fn a_sandbox_is_there_or_the_setting_that_forbids_it_is_named() {
    let plain = facts().settings;
    is(&machine::sandbox(&facts().sandbox, &plain), Rating::Ok, "can be made", None);
    let zero = UserNsSettings { zero: Some("user.max_user_namespaces".into()), ..plain.clone() };
    let finding = machine::sandbox(&Err(errno(Errno::ENOSPC)), &zero);
    is(&finding, Rating::Failure, "cannot be made", Some("sudo sysctl -w user.max_user_namespaces=10000"));
    assert!(finding.means.contains("user.max_user_namespaces is 0"), "{finding:?}");
    let debian = UserNsSettings { unprivileged: Some("0".into()), ..plain.clone() };
    let mend = "sudo sysctl -w kernel.unprivileged_userns_clone=1";
    is(&machine::sandbox(&Err(errno(Errno::EPERM)), &debian), Rating::Failure, "cannot be made", Some(mend));
    let ubuntu = UserNsSettings { apparmor: Some("1".into()), ..plain.clone() };
    let finding = machine::sandbox(&Err(errno(Errno::EACCES)), &ubuntu);
    assert!(finding.mend[0].contains("apparmor_parser") && finding.means.contains("AppArmor"), "{finding:?}");
    // What no command mends is explained all the same.
    let docker = UserNsSettings { filtered: true, ..plain.clone() };
    for (settings, errno) in [(&docker, Errno::EPERM), (&plain, Errno::EPERM), (&plain, Errno::EINVAL)] {
        is(&machine::sandbox(&Err(self::errno(errno)), settings), Rating::Failure, "cannot be made", None);
    }
}

#[test]
fn root_is_told_what_keeps_others_from_making_sandboxes() {
    let tried = Tried { own_users: false, ids: [1, 1], refused: Vec::new() };
    let root = MachineFacts { is_root: true, sandbox: Ok(tried), ..facts() };
    assert_eq!(machine::users(&root), None);
    assert_eq!(machine::users(&facts()), None);
    for (settings, found, mend) in [
        (
            UserNsSettings { unprivileged: Some("0".into()), ..root.settings.clone() },
            "only root may",
            "kernel.unprivileged_userns_clone=1",
        ),
        (
            UserNsSettings { zero: Some("user.max_user_namespaces".into()), ..root.settings.clone() },
            "is 0",
            "user.max_user_namespaces=10000",
        ),
    ] {
        let finding = machine::users(&MachineFacts { settings, ..root.clone() }).unwrap();
        is(&finding, Rating::Note, found, Some(&format!("sudo sysctl -w {mend}")));
    }
}

#[test]
fn a_lab_with_one_user_only_is_told_what_gives_it_more() {
    is(&machine::ids(&facts()), Rating::Ok, "65537 users", None);
    let without = |grants| {
        let tried = Tried { own_users: true, ids: [1, 1], refused: Vec::new() };
        machine::ids(&MachineFacts { sandbox: Ok(tried), grants, ..facts() })
    };
    let none = Grants { ranges: [None, Some((1, 2))], ..facts().grants };
    let mend = "sudo usermod --add-subuids 165536-231071 --add-subgids 165536-231071 me";
    is(&without(none), Rating::Note, "grants no ids", Some(mend));
    let missing = Grants { missing: vec!["newuidmap"], ..facts().grants };
    is(&without(missing), Rating::Note, "newuidmap is not installed", Some("sudo apt-get install uidmap"));
    let finding = without(facts().grants);
    assert!(finding.verdict == Rating::Note && finding.mend[0].contains("chmod u+s"), "{finding:?}");
    let root = MachineFacts { sandbox: Ok(Tried::default()), ..facts() };
    is(&machine::ids(&root), Rating::Ok, "not needed", None);
    let failed = MachineFacts { sandbox: Err(errno(Errno::EPERM)), ..facts() };
    is(&machine::ids(&failed), Rating::Unknown, "not tried", None);
}

#[test]
fn what_the_kernel_refuses_to_every_lab_is_told_with_its_words() {
    let basics = basics().unwrap();
    let judge = |refused: &[usize], lacks: Lacks| {
        let mut all = vec![None; basics.len()];
        for at in refused {
            all[*at] = Some(Refused { words: "no such thing".into(), lacks });
        }
        machine::kernel(&Ok(Tried { refused: all, ..Tried::default() }), &basics)
    };
    let good = judge(&[], Lacks::Other);
    is(&good[0], Rating::Ok, "veth pairs, bridges, IPv4 filter rules, IPv4 nat rules, IPv6", None);
    assert_eq!(good.len(), 1);
    let bad = judge(&[1, 3, 5], Lacks::Other);
    is(&bad[0], Rating::Ok, "makes veth pairs, IPv4 filter rules, IPv6 filter rules", None);
    is(&bad[1], Rating::Failure, "bridges: no such thing", Some("sudo modprobe bridge"));
    is(&bad[2], Rating::Warning, "IPv4 nat rules: no such thing", None);
    is(&bad[3], Rating::Note, "IPv6 nat rules: no such thing", None);
    // A tool that is missing is told of once, by its own check.
    assert_eq!(judge(&[2, 3, 4, 5], Lacks::Tool).len(), 1);
    is(&machine::kernel(&Err(errno(Errno::EPERM)), &basics)[0], Rating::Unknown, "not tried", None);
}

#[test]
fn an_iptables_is_told_by_its_backends() {
    is(&machine::tool(&tool(Family::V4), None), Rating::Ok, "1.8.9, writes nf_tables by default", None);
    let both = vec![Backend::Nft, Backend::Legacy];
    let two = Tool { backends: both.clone(), ..tool(Family::V4) };
    is(&machine::tool(&two, None), Rating::Ok, "can write the legacy tables too", None);
    let legacy = Tool { default: Some(Backend::Legacy), backends: both, ..tool(Family::V6) };
    let mend = "sudo update-alternatives --set ip6tables /usr/sbin/ip6tables-nft";
    is(&machine::tool(&legacy, Some("apt-get")), Rating::Note, "writes the legacy tables by default", Some(mend));
    is(&machine::tool(&legacy, Some("dnf")), Rating::Note, "can write nf_tables too", None);
    let only = Tool { backends: vec![Backend::Legacy], ..legacy.clone() };
    is(&machine::tool(&only, None), Rating::Ok, "writes the legacy tables by default", None);
    let nameless = Tool { default: None, program: None, ..tool(Family::V4) };
    is(&machine::tool(&nameless, None), Rating::Ok, "only by the name", None);
    let none = |family| Tool { default: None, program: None, backends: Vec::new(), ..tool(family) };
    for (manager, mend) in [
        ("apt-get", "sudo apt-get install iptables"),
        ("dnf", "sudo dnf install iptables-nft"),
        ("pacman", "sudo pacman -S iptables"),
        ("apk", "sudo apk add iptables"),
    ] {
        let finding = machine::tool(&none(Family::V4), Some(manager));
        is(&finding, Rating::Warning, "iptables is not installed", Some(mend));
    }
    is(&machine::tool(&none(Family::V6), None), Rating::Note, "ip6tables is not installed", None);
}

#[test]
fn labs_that_cannot_be_kept_are_a_failure() {
    is(&machine::state(&facts().state), Rating::Ok, "/state/labs", None);
    let error = OpError::new("state::open", "/state cannot hold it.").help("Set RHAILAB_STATE_DIR.");
    is(&machine::state(&Err(error)), Rating::Failure, "/state cannot hold it.", None);
}

#[test]
fn the_summary_counts_what_is_not_as_it_should_be() {
    let of = |verdicts: &[Rating], recipe, host| {
        let findings: Vec<MachineFinding> = verdicts.iter().map(|v| MachineFinding::new("x", *v, "", "")).collect();
        machine::summary(&findings, recipe, host)
    };
    assert_eq!(of(&[Rating::Ok], None, false), "Labs can run here.");
    let all = [Rating::Note, Rating::Failure, Rating::Warning, Rating::Unknown, Rating::Warning];
    assert_eq!(
        of(&all, Some("r.rhai"), true),
        "`r.rhai` with --host cannot run here: 1 failure, 2 warnings, 1 note, 1 unknown."
    );
}
