//! Addresses.

use crate::support::{add_netns, addr, bridge, lab, net, ns, reason, sh};
use nix::errno::Errno;
use rhailab::kernel::Undone;
use rhailab::model::names::Ns;

#[test]
fn an_address_is_given_and_taken_away() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    for place in [Ns::Host, ns("web")] {
        lab.make(bridge(&place, "br0"));
        for text in ["10.0.0.1/24", "10.0.0.2/24", "192.0.2.1/32", "fd00::1/64", "fd00::2/64"] {
            let at = lab.make(addr(&place, "br0", text));
            assert!(lab.link(&place, "br0").addrs.contains(&net(text)), "{text}");
            lab.undo_twice(at);
            assert!(!lab.link(&place, "br0").addrs.contains(&net(text)), "{text}");
        }
    }
}

#[test]
fn an_ipv6_address_works_at_once_and_both_bear_our_number() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    lab.make(addr(&Ns::Host, "br0", "fd00::1/64"));
    lab.make(addr(&Ns::Host, "br0", "10.0.0.1/24"));
    let shown = sh("ip addr show br0");
    assert!(shown.contains("fd00::1/64") && shown.contains("nodad") && !shown.contains("tentative"), "{shown}");
    let numbered = sh("ip addr show br0 proto 98 2>/dev/null || ip addr show br0");
    assert!(numbered.contains("fd00::1/64") && numbered.contains("10.0.0.1/24"), "{numbered}");
    // As `ip address add` does: no broadcast address unless asked.
    assert!(!shown.contains("brd 10.0.0.255"), "{shown}");
}

#[test]
fn a_second_time_is_an_error_and_what_was_there_stays() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    sh("ip addr add 10.0.0.1/24 dev br0; ip addr add fd00::1/64 dev br0 nodad");
    for text in ["10.0.0.1/24", "fd00::1/64"] {
        let refusal = lab.attempt(addr(&Ns::Host, "br0", text)).unwrap_err();
        assert_eq!(refusal.number(), Some(Errno::EEXIST as i32), "{refusal}");
        assert!(lab.link(&Ns::Host, "br0").addrs.contains(&net(text)));
    }
    let refusal = lab.attempt(addr(&Ns::Host, "none", "10.0.0.1/24")).unwrap_err();
    assert_eq!(refusal.number(), Some(Errno::ENODEV as i32));
    sh("echo 1 > /proc/sys/net/ipv6/conf/br0/disable_ipv6");
    let refusal = lab.attempt(addr(&Ns::Host, "br0", "fd00::2/64")).unwrap_err();
    assert!(refusal.words.contains("IPv6 is disabled"), "{refusal}");
}

#[test]
fn an_address_that_somebody_else_gave_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    for text in ["10.0.0.1/24", "fd00::1/64"] {
        let at = lab.make(addr(&Ns::Host, "br0", text));
        sh(&format!("ip addr del {text} dev br0; ip addr add {text} dev br0"));
        assert!(reason(lab.undo(at)).unwrap().contains("somebody else"));
        assert!(lab.link(&Ns::Host, "br0").addrs.contains(&net(text)));
        sh(&format!("ip addr del {text} dev br0"));
        assert_eq!(lab.undo(at), Undone::AlreadyGone);
    }
    let at = lab.make(addr(&Ns::Host, "br0", "10.0.0.1/24"));
    sh("ip link del br0");
    assert_eq!(lab.undo(at), Undone::AlreadyGone);
}

#[test]
fn an_address_does_not_take_somebody_elses_with_it() {
    let Some(mut lab) = lab() else { return };
    lab.make(bridge(&Ns::Host, "br0"));
    let first = lab.make(addr(&Ns::Host, "br0", "10.0.0.1/24"));
    sh("ip addr add 10.0.0.9/24 dev br0; ip addr add 10.9.0.1/24 dev br0");
    let second = lab.make(addr(&Ns::Host, "br0", "10.0.0.2/24"));
    lab.undo_twice(second);
    assert!(reason(lab.undo(first)).unwrap().contains("10.0.0.9/24"));
    assert_eq!(lab.link(&Ns::Host, "br0").addrs.len(), 3 + usize::from(sh("ip addr show br0").contains("fe80")));
    sh("ip addr del 10.0.0.9/24 dev br0");
    lab.undo_twice(first);
    assert!(lab.link(&Ns::Host, "br0").addrs.contains(&net("10.9.0.1/24")));
}
