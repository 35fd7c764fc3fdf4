//! Findings about a recipe.

use super::super::finding::Rating;
use super::super::needs::{NeedKind, Needs};
use super::super::recipe::{clashes, needs as fared};
use super::{address, is, link, needs, network, route, web, words};
use crate::kernel::linux::machine::Network;
use crate::kernel::linux::trial::Attempt;
use crate::lab::machine::{Lacks, Refused, Tried};
use crate::model::change::Change;
use crate::model::family::Family;
use crate::model::link::{AddLink, Attr, NewLink};
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::names::{ChainName, Ns, NsName};
use crate::model::netns::AddNetns;
use crate::model::process::{NewProcess, Start};
use crate::model::rules::{EditRules, RuleEdit, Table};
use crate::model::sysctl::SetSysctl;

/// A recipe with one need of each kind, and some more.
fn recipe_changes() -> Vec<Change> {
    let bridge = NewLink::bridge(link("br0")).with("stp", Some(Attr::Bool(true)));
    let pair = NewLink::veth(link("v0"), link("eth0"), web());
    let chain = RuleEdit::NewChain(ChainName::new("VIP").unwrap());
    let vip = "-d 10.9.9.9/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.2:80";
    let edits = vec![
        chain,
        RuleEdit::append("VIP", words(vip).into()),
        RuleEdit::append("PREROUTING", words("--jump VIP").into()),
    ];
    let sysctl = |key: &str| Change::SetSysctl(SetSysctl { ns: web(), key: key.into(), value: "1".into() });
    let start = |argv: &str| {
        Change::Start(Start {
            ns: web(),
            process: NewProcess { name: "p".into(), argv: words(argv), env: Vec::new(), cwd: None },
        })
    };
    vec![
        Change::AddNetns(AddNetns { name: NsName::new("web").unwrap(), sysctls: [].into() }),
        Change::AddLink(AddLink { ns: Ns::Host, link: bridge }),
        Change::AddLink(AddLink { ns: Ns::Host, link: pair }),
        Change::SetLink(SetLink { ns: Ns::Host, link: link("br0"), set: LinkSet::Up(true) }),
        address(Ns::Host, "10.0.0.1/24"),
        address(web(), "10.0.0.2/24"),
        Change::EditRules(EditRules::new(Ns::Host, Family::V4, Table::Nat, edits)),
        sysctl("net.ipv4.tcp_ecn"),
        sysctl("net.ipv4.conf.br0.rp_filter"),
        start("server --port 80"),
        start("/proc/self/exe http-serve"),
    ]
}

#[test]
fn a_recipe_needs_one_of_each_kind_and_what_its_rules_speak_of() {
    let needs = needs(recipe_changes());
    let all: Vec<(NeedKind, &str)> = needs.all.iter().map(|need| (need.of, need.what.as_str())).collect();
    let dnat = "iptables -t nat -A CHAIN -d … -p tcp -m tcp --dport … -j DNAT --to-destination …";
    assert_eq!(
        all,
        [
            (NeedKind::Link, "bridges with the spanning tree protocol"),
            (NeedKind::Link, "veth pairs"),
            (NeedKind::Rule, dnat),
            (NeedKind::Rule, "iptables -t nat -A PREROUTING --jump …"),
            (NeedKind::Sysctl, "net.ipv4.tcp_ecn"),
            (NeedKind::Program, "server"),
        ]
    );
    // A rule brings the chains with it that it is in and that it jumps to, and what is needed is tried in one namespace.
    let edits = |at: usize| match &needs.all[at].attempt {
        Attempt::Make(changes) => {
            changes[0].rules().filter(|rules| rules.ns == Ns::Host).map_or_else(Vec::new, |rules| rules.edits.clone())
        }
        _ => Vec::new(),
    };
    let chain = RuleEdit::NewChain(ChainName::new("VIP").unwrap());
    assert_eq!((edits(2).len(), &edits(2)[0]), (2, &chain));
    assert_eq!((edits(3).len(), &edits(3)[0]), (2, &chain));
    assert_eq!(needs.all[2].brief, "nat tcp DNAT");
    let nets: Vec<String> = needs.nets.iter().map(|net| net.net.to_string()).collect();
    assert_eq!(nets, ["10.0.0.0/24", "10.9.9.9/32"]);
    assert_eq!(needs.links, [link("br0"), link("v0")].into());
}

#[test]
fn what_a_recipe_needs_and_does_not_get_is_told_with_its_line() {
    let needs = needs(recipe_changes());
    let judge =
        |refused: Vec<Option<Refused>>| fared(&needs, Some(&Tried { refused, ..Tried::default() }), Some("apt-get"));
    let good = judge(vec![None; 6]);
    assert_eq!(good.len(), 4);
    is(&good[0], Rating::Ok, "can be made: bridges with the spanning tree protocol, veth pairs", None);
    is(&good[1], Rating::Ok, "can be made: nat chain, nat tcp DNAT", None);
    is(&good[2], Rating::Ok, "can be set: net.ipv4.tcp_ecn", None);
    is(&good[3], Rating::Ok, "are there: server", None);
    let lacking = |lacks, words: &str| Some(Refused { words: words.into(), lacks });
    let no = |words| lacking(Lacks::Other, words);
    let bad = judge(vec![
        no("operation not supported"),
        None,
        no("Extension DNAT is missing"),
        lacking(Lacks::Chain, "Chain 'X' does not exist"),
        no("permission denied"),
        no("no such file or directory"),
    ]);
    assert_eq!(bad.len(), 5);
    is(&bad[0], Rating::Failure, "spanning tree protocol: operation not supported", Some("sudo modprobe bridge"));
    is(&bad[1], Rating::Failure, "refused: Extension DNAT is missing", None);
    is(&bad[2], Rating::Warning, "refused: Chain 'X' does not exist", None);
    is(&bad[3], Rating::Failure, "net.ipv4.tcp_ecn cannot be set", None);
    is(&bad[4], Rating::Failure, "no program `server`", None);
    let lines: Vec<u32> = bad.iter().map(|finding| finding.site.as_ref().unwrap().line).collect();
    assert_eq!(lines, [2, 7, 7, 8, 10]);
    let tool = lacking(Lacks::Tool, "not installed");
    let without = judge(vec![None, None, tool.clone(), tool, None, None]);
    assert_eq!(without.len(), 4, "once");
    is(&without[1], Rating::Failure, "not installed", Some("sudo apt-get install iptables"));
    assert!(fared(&needs, None, None).iter().all(|finding| finding.verdict == Rating::Unknown));
}

#[test]
fn a_program_of_a_path_may_be_made_by_the_recipe_itself() {
    let needs = Needs::of(&[], &["/opt/tool".to_owned()].into()).unwrap();
    let refused = vec![Some(Refused { words: "no such file or directory".into(), lacks: Lacks::Other })];
    let found = fared(&needs, Some(&Tried { refused, ..Tried::default() }), None);
    is(&found[0], Rating::Warning, "no program /opt/tool", None);
}

#[test]
fn a_subnet_that_the_machine_has_a_route_to_is_told_and_another_proposed() {
    let params = vec![("lan".to_owned(), "10.0.0.0/24".to_owned())];
    let needs = Needs { params, ..needs(recipe_changes()) };
    let clashing = |routes, host| clashes(&needs, &Network { routes, ..network() }, host, "r.rhai");
    is(&clashing(network().routes, true)[0], Rating::Ok, "none of its subnets", None);
    let vpn = vec![route("10.0.0.0/8", Some("192.0.2.9"), "tun0"), route("0.0.0.0/0", None, "eth0")];
    let found = clashing(vpn.clone(), true);
    let mend = Some("rhailab run r.rhai --host -p lan=172.16.0.0/24");
    is(&found[0], Rating::Warning, "10.0.0.0/24 overlaps this machine's route to 10.0.0.0/8 via 192.0.2.9", mend);
    is(&found[1], Rating::Warning, "10.9.9.9/32 overlaps", None);
    let mend = Some("rhailab run r.rhai -p lan=172.16.0.0/24");
    is(&clashing(vpn, false)[0], Rating::Note, "overlaps", mend);
    let narrow = vec![route("10.0.0.128/25", None, "docker0"), route("10.64.0.0/16", None, "x")];
    let found = clashing(narrow, true);
    let mend = "rhailab run r.rhai --host -p lan=10.65.0.0/24";
    is(&found[0], Rating::Warning, "to 10.0.0.128/25 by docker0", Some(mend));
    assert_eq!(found[0].site.as_ref().unwrap().line, 5);
    // The route of the recipe's own bridge, where its lab is up.
    is(&clashing(vec![route("10.0.0.0/24", None, "br0")], true)[0], Rating::Ok, "none", None);
}

#[test]
fn names_that_are_taken_are_told_to_labs_on_the_machine() {
    let needs = needs(recipe_changes());
    let names = vec![NsName::new("web").unwrap(), NsName::new("other").unwrap()];
    let taken = Network { links: vec![link("br0"), link("eth0")], names, ..network() };
    let found = clashes(&needs, &taken, true, "r.rhai");
    is(found.last().unwrap(), Rating::Warning, "already: br0, web", None);
    let checks = |network, host| clashes(&needs, network, host, "r.rhai").len();
    assert_eq!((checks(&taken, false), checks(&network(), true)), (1, 1));
}
