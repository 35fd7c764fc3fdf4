//! Rules of policy routing.

use crate::support::{add_netns, lab, net, ns, sh};
use rhailab::kernel::{ChangeRef, Kernel, Observed, Undone};
use rhailab::model::change::Change;
use rhailab::model::family::Family;
use rhailab::model::identity::Identity;
use rhailab::model::kinds::ip_rule::AddIpRule;
use rhailab::model::names::IfName;

fn rule(family: Family) -> AddIpRule {
    let ns = ns("web");
    AddIpRule { ns, family, from: None, to: None, iif: None, oif: None, mark: None, table: 100, priority: 1000 }
}

#[test]
fn a_rule_is_added_read_and_deleted() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    let link = |name: &str| IfName::new(name).ok();
    let v4 = || rule(Family::V4);
    let cases = [
        (AddIpRule { from: Some(net("10.0.0.0/24")), ..v4() }, "from 10.0.0.0/24 lookup 100 proto 98"),
        (AddIpRule { to: Some(net("2001:db8::/32")), ..rule(Family::V6) }, "to 2001:db8::/32 lookup 100 proto 98"),
        (AddIpRule { iif: link("lo"), oif: link("eth0"), ..v4() }, "iif lo oif eth0"),
        (AddIpRule { mark: "0x10/0xff".parse().ok(), table: 1000, ..v4() }, "fwmark 0x10/0xff lookup 1000"),
        (AddIpRule { mark: "7".parse().ok(), ..v4() }, "fwmark 0x7 lookup 100"),
    ];
    for (wanted, text) in cases {
        let change = Change::AddIpRule(wanted);
        let at = lab.make(change.clone());
        let shown = sh("ip -n web rule; ip -n web -6 rule");
        assert!(shown.contains(text), "{change:?}: {shown}");
        let mut read = || lab.kernel.read(&[ChangeRef { n: 1, change: &change, identity: &Identity::Spec }]);
        assert_eq!(read(), [Ok(vec![Observed::Is(String::new())])], "{change:?}");
        assert!(lab.attempt(change.clone()).is_err(), "{change:?} was made twice");
        lab.undo_twice(at);
        let mut read = || lab.kernel.read(&[ChangeRef { n: 1, change: &change, identity: &Identity::Spec }]);
        assert_eq!(read(), [Ok(vec![Observed::Gone])], "{change:?}");
    }
}

#[test]
fn a_rule_of_somebody_else_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    let at = lab.make(Change::AddIpRule(rule(Family::V4)));
    sh("ip -n web rule del priority 1000");
    sh("ip -n web rule add priority 1000 from all lookup 100");
    assert_eq!(lab.undo(at), Undone::AlreadyGone);
    assert!(sh("ip -n web rule").contains("1000:\tfrom all lookup 100"));
}
