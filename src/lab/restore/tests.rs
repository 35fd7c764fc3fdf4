use super::*;
use crate::kernel::ChangeRef;
use crate::kernel::fake::FakeKernel;
use crate::model::addr::AddAddr;
use crate::model::change::Change;
use crate::model::error::Site;
use crate::model::family::Family;
use crate::model::link::{AddLink, NewLink};
use crate::model::link_attr::SetLink;
use crate::model::link_set::LinkSet;
use crate::model::names::{IfName, LabName, Ns, NsName};
use crate::model::netns::AddNetns;
use crate::model::rules::{EditRules, RuleEdit, Table};

fn lab() -> Lab {
    Lab::new(LabName::new("t").unwrap(), Box::new(FakeKernel::new()), None)
}

fn name(text: &str) -> IfName {
    IfName::new(text).unwrap()
}

fn commit(lab: &mut Lab, change: Change) -> u64 {
    let site = Site { source: "t".into(), line: 1, col: 1 };
    lab.commit(&site, vec![change]).unwrap()[0]
}

fn netns(text: &str) -> Change {
    Change::AddNetns(AddNetns { name: NsName::new(text).unwrap(), sysctls: [].into() })
}

fn bridge(ns: &Ns, text: &str) -> Change {
    Change::AddLink(AddLink { ns: ns.clone(), link: NewLink { up: true, ..NewLink::bridge(name(text)) } })
}

fn veth(near: &str, far: &str) -> Change {
    Change::AddLink(AddLink { ns: Ns::Host, link: NewLink::veth(name(near), name(far), Ns::Host) })
}

fn set(link: &str, set: LinkSet) -> Change {
    Change::SetLink(SetLink { ns: Ns::Host, link: name(link), set })
}

fn addr(link: &str, addr: &str) -> Change {
    Change::AddAddr(AddAddr { ns: Ns::Host, link: name(link), addr: addr.parse().unwrap() })
}

fn rule(word: &str) -> Change {
    let edits = vec![RuleEdit::append("INPUT", vec![word.to_owned()].into())];
    Change::EditRules(EditRules::new(Ns::Host, Family::V4, Table::Filter, edits))
}

fn all(lab: &Lab) -> Vec<Record> {
    lab.records().cloned().collect()
}

#[test]
fn what_was_undone_is_there_again_under_its_number_and_address() {
    let mut lab = lab();
    let ns = Ns::Named(NsName::new("web").unwrap());
    let first = commit(&mut lab, netns("web"));
    commit(&mut lab, bridge(&ns, "br0"));
    let before = all(&lab);
    let mac = lab.link(&ns, &name("br0")).unwrap().mac;
    lab.revert(first).unwrap();
    assert_eq!(lab.records().len(), 0);
    assert!(lab.remake(&before).is_empty());
    assert_eq!(lab.records().map(|record| record.n).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(lab.link(&ns, &name("br0")).unwrap().mac, mac);
    assert_eq!(lab.next_number(), 3);
}

#[test]
fn rules_keep_their_order() {
    let mut lab = lab();
    let first = commit(&mut lab, rule("one"));
    commit(&mut lab, rule("two"));
    let before = all(&lab);
    lab.revert(first).unwrap();
    assert!(lab.remake(&before[..1]).is_empty());
    let rules = lab.kernel.snapshot(&Ns::Host).unwrap().rules;
    let at = |word: &str| rules.iter().position(|rule| rule.contains(word)).unwrap();
    assert!(at("one") < at("two"), "{rules:?}");
}

#[test]
fn what_cannot_be_made_again_is_told() {
    let mut lab = lab();
    let n = commit(&mut lab, netns("web"));
    let before = all(&lab);
    lab.revert(n).unwrap();
    commit(&mut lab, netns("web"));
    let left = lab.remake(&before);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].error.0.code, "netns::exists");
    assert_eq!(lab.records().len(), 1);
}

#[test]
fn a_deleted_bridge_gets_its_port_back_which_has_another_name_since() {
    let mut lab = lab();
    let br0 = commit(&mut lab, bridge(&Ns::Host, "br0"));
    commit(&mut lab, veth("va", "vb"));
    commit(&mut lab, set("va", LinkSet::Master(Some(name("br0")))));
    commit(&mut lab, set("va", LinkSet::Name(name("vx"))));
    lab.watch();
    lab.revert(br0).unwrap();
    assert_eq!(lab.link(&Ns::Host, &name("vx")).unwrap().master, None);
    let difference = lab.difference();
    assert_eq!(difference.removed.len(), 2, "{difference:?}");
    let restored = lab.restore(&difference);
    assert!(restored.is_whole(), "{restored:?}");
    assert_eq!((restored.undone, restored.remade), (0, 2));
    let index = lab.link(&Ns::Host, &name("br0")).unwrap().index;
    assert_eq!(lab.link(&Ns::Host, &name("vx")).unwrap().master, Some(index));
    // And forth again.
    let reapplied = lab.reapply(&difference);
    assert!(reapplied.is_whole(), "{reapplied:?}");
    assert!(lab.link(&Ns::Host, &name("br0")).is_err());
}

#[test]
fn what_the_kernel_dropped_comes_back_with_what_dropped_it() {
    let mut lab = lab();
    commit(&mut lab, bridge(&Ns::Host, "br0"));
    commit(&mut lab, addr("br0", "fd00::1/64"));
    lab.watch();
    commit(&mut lab, set("br0", LinkSet::Up(false)));
    assert_eq!(lab.link(&Ns::Host, &name("br0")).unwrap().addrs, []);
    let difference = lab.difference();
    assert_eq!(difference.dropped, [2].into());
    let restored = lab.restore(&difference);
    assert!(restored.is_whole(), "{restored:?}");
    assert_eq!((restored.undone, restored.repaired), (1, 1));
    assert_eq!(lab.link(&Ns::Host, &name("br0")).unwrap().addrs.len(), 1);
}

#[test]
fn a_failed_call_leaves_everything_as_it_was() {
    let mut lab = lab();
    commit(&mut lab, bridge(&Ns::Host, "br0"));
    commit(&mut lab, addr("br0", "fd00::1/64"));
    let site = Site { source: "t".into(), line: 2, col: 1 };
    let error = lab.commit(&site, vec![set("br0", LinkSet::Up(false)), bridge(&Ns::Host, "br0")]).unwrap_err();
    assert_eq!((error.0.code, error.0.leftovers.len()), ("link::exists", 0));
    let info = lab.link(&Ns::Host, &name("br0")).unwrap();
    assert_eq!((info.up, info.addrs.len()), (true, 1));
}

#[test]
fn what_was_dropped_is_found_where_it_is_now_and_put_back() {
    let mut lab = lab();
    commit(&mut lab, bridge(&Ns::Host, "br0"));
    commit(&mut lab, set("br0", LinkSet::Mtu(1400)));
    commit(&mut lab, addr("br0", "10.0.0.1/24"));
    commit(&mut lab, set("br0", LinkSet::Name(name("br1"))));
    commit(&mut lab, set("br1", LinkSet::Mtu(1300)));
    assert_eq!(lab.dropped(), BTreeSet::new());
    let address = addr("br1", "10.0.0.1/24");
    lab.kernel.undo(ChangeRef { n: 3, change: &address, identity: &Identity::Spec }).unwrap();
    lab.kernel.apply(90, &set("br1", LinkSet::Up(false)), &Identity::Spec).unwrap();
    lab.kernel.apply(91, &set("br1", LinkSet::Mtu(1500)), &Identity::Spec).unwrap();
    assert_eq!(lab.dropped(), [1, 3, 5].into());
    let (count, left) = lab.repair(&[1, 3].into());
    assert_eq!((count, left.len()), (2, 0));
    assert_eq!(lab.dropped(), [5].into());
    let info = lab.link(&Ns::Host, &name("br1")).unwrap();
    assert_eq!((info.up, info.addrs.len()), (true, 1));
}
