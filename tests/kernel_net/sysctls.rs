//! Kernel parameters.

use crate::support::{add_netns, bridge, lab, ns, reason, sh, sysctl};
use nix::errno::Errno;
use rhailab::kernel::{Kernel, Undone};
use rhailab::model::identity::Identity;
use rhailab::model::names::Ns;

#[test]
fn a_parameter_is_set_in_its_namespace_and_set_back() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    for key in ["net.ipv4.ip_forward", "net/ipv4/ip_forward"] {
        let at = lab.make(sysctl(&ns("web"), key, "1"));
        assert_eq!(lab.made[at].1, Identity::WasText("0".into()));
        assert_eq!(lab.kernel.sysctl(&ns("web"), key).unwrap(), "1");
        assert_eq!(lab.kernel.sysctl(&Ns::Host, key).unwrap(), "0");
        assert_eq!(sh("ip netns exec web cat /proc/sys/net/ipv4/ip_forward").trim(), "1");
        lab.undo_twice(at);
        assert_eq!(lab.kernel.sysctl(&ns("web"), key).unwrap(), "0");
    }
    // Several numbers in one.
    let at = lab.make(sysctl(&ns("web"), "net.ipv4.ip_local_port_range", "40000 50000"));
    assert_eq!(lab.kernel.sysctl(&ns("web"), "net.ipv4.ip_local_port_range").unwrap(), "40000\t50000");
    lab.undo_twice(at);
}

#[test]
fn what_is_already_so_is_not_set_back() {
    let Some(mut lab) = lab() else { return };
    sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
    let at = lab.make(sysctl(&Ns::Host, "net.ipv4.ip_forward", "1"));
    assert_eq!(lab.made[at].1, Identity::Already);
    assert_eq!(lab.undo(at), Undone::AlreadyGone);
    assert_eq!(lab.kernel.sysctl(&Ns::Host, "net.ipv4.ip_forward").unwrap(), "1");
}

#[test]
fn what_somebody_else_set_meanwhile_stays() {
    let Some(mut lab) = lab() else { return };
    let key = "net.ipv4.conf.all.rp_filter";
    sh("echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter");
    let at = lab.make(sysctl(&Ns::Host, key, "1"));
    sh("echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter");
    assert!(reason(lab.undo(at)).unwrap().contains("set to 2"));
    assert_eq!(lab.kernel.sysctl(&Ns::Host, key).unwrap(), "2");
}

#[test]
fn what_went_with_its_interface_or_namespace_is_gone() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("web"));
    lab.make(bridge(&ns("web"), "br0.7"));
    let of_link = lab.make(sysctl(&ns("web"), "net/ipv4/conf/br0.7/forwarding", "1"));
    let of_ns = lab.make(sysctl(&ns("web"), "net.ipv4.ip_forward", "1"));
    sh("ip -n web link del br0.7");
    assert_eq!(lab.undo(of_link), Undone::AlreadyGone);
    sh("ip netns del web; ip netns add web; ip netns exec web sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'");
    assert_eq!(lab.undo(of_ns), Undone::AlreadyGone);
    assert_eq!(lab.kernel.sysctl(&ns("web"), "net.ipv4.ip_forward").unwrap(), "1");
}

#[test]
fn refusals_name_the_reason() {
    let Some(mut lab) = lab() else { return };
    let cases = [
        ("net.ipv4.no_such_thing", "1", Some(Errno::ENOENT)),
        ("net.ipv4.ip_forward", "perhaps", Some(Errno::EINVAL)),
        ("net/../../../run/x", "1", None),
        ("net.ipv4.ip_forward.", "1", None),
    ];
    for (key, value, errno) in cases {
        let refusal = lab.attempt(sysctl(&Ns::Host, key, value)).unwrap_err();
        assert_eq!(refusal.number(), errno.map(|errno| errno as i32), "{refusal}");
    }
}
