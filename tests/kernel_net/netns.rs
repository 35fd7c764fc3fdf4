//! Namespaces.

use crate::support::{add_netns, kernel, lab, lone_lab, ns, reason, sh};
use nix::errno::Errno;
use rhailab::kernel::{ChangeRef, Kernel, Undone};
use rhailab::model::change::Change;
use rhailab::model::identity::Identity;
use rhailab::model::names::{Ns, NsName};
use rhailab::model::netns::AddNetns;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

fn is_named(name: &str) -> bool {
    sh("ip netns list").lines().any(|line| line.split(' ').next() == Some(name))
}

#[test]
fn a_namespace_has_a_name_a_loopback_and_known_settings() {
    let Some(mut lab) = lab() else { return };
    sh("echo 1 > /proc/sys/net/ipv4/ip_forward");
    let web = lab.make(add_netns("web"));
    assert!(is_named("web"));
    assert!(lab.kernel.netns_exists(&ns("web")).unwrap());
    let lo = lab.link(&ns("web"), "lo");
    assert!(lo.up);
    assert!(lo.addrs.iter().any(|addr| addr.to_string() == "127.0.0.1/8"), "{:?}", lo.addrs);
    assert_eq!(lab.kernel.sysctl(&ns("web"), "net.ipv4.ip_forward").unwrap(), "0");
    assert_eq!(lab.kernel.sysctl(&ns("web"), "net.ipv6.conf.default.addr_gen_mode").unwrap(), "1");
    assert_eq!(lab.kernel.sysctl(&Ns::Host, "net.ipv4.ip_forward").unwrap(), "1");

    lab.undo_twice(web);
    assert!(!is_named("web") && !Path::new("/run/netns/web").exists());
    assert!(!lab.kernel.netns_exists(&ns("web")).unwrap());
}

#[test]
fn ip_netns_works_beside_us() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("ours"));
    sh("ip netns add theirs; ip netns exec ours ip link show lo up | grep -q lo");
    assert!(is_named("ours") && is_named("theirs"));
    // The folder is mounted once, however often a namespace is made.
    lab.make(add_netns("more"));
    kernel().prepare(7, &add_netns("unseen")).unwrap();
    assert_eq!(sh("awk '$2 == \"/run/netns\"' /proc/mounts | wc -l").trim(), "1");
    let all = lab.kernel.snapshot_all().unwrap();
    let names: Vec<String> = all.iter().map(|(ns, _)| ns.to_string()).collect();
    assert_eq!(names, ["host", "more", "ours", "theirs"]);
    sh("ip netns del theirs");
}

#[test]
fn a_name_that_is_taken_is_refused_and_left_alone() {
    let Some(mut lab) = lab() else { return };
    sh("ip netns add web; ip -n web link add theirs type bridge");
    // Before anything is written of it to a journal.
    let refusal = lab.kernel.prepare(8, &add_netns("web")).unwrap_err();
    assert_eq!(refusal.number(), Some(Errno::EEXIST as i32));
    assert!(lab.has_link(&ns("web"), "theirs"));

    // Taken between the two steps.
    let identity = lab.kernel.prepare(9, &add_netns("late")).unwrap();
    sh("ip netns add late");
    let refusal = lab.kernel.apply(9, &add_netns("late"), &identity).unwrap_err();
    assert_eq!(refusal.number(), Some(Errno::EEXIST as i32));
    assert!(is_named("late"));
}

#[test]
fn a_namespace_that_took_our_name_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    let web = lab.make(add_netns("web"));
    sh("ip netns del web; ip netns add web");
    assert!(reason(lab.undo(web)).unwrap().contains("another namespace"));
    assert!(is_named("web"));
}

#[test]
fn what_is_left_of_an_interrupted_add_is_cleared_up() {
    let Some(mut lab) = lab() else { return };
    lab.make(add_netns("first"));
    let change = add_netns("web");
    let identity = lab.kernel.prepare(5, &change).unwrap();
    let entry = ChangeRef { n: 0, change: &change, identity: &identity };
    assert_eq!(lab.kernel.undo(entry).unwrap(), Undone::AlreadyGone);

    fs::write("/run/netns/web", "").unwrap();
    assert!(!lab.kernel.netns_exists(&ns("web")).unwrap());
    assert_eq!(lab.kernel.undo(entry).unwrap(), Undone::Yes);
    assert!(!Path::new("/run/netns/web").exists());

    fs::write("/run/netns/web", "not a namespace").unwrap();
    assert!(reason(lab.kernel.undo(entry).unwrap()).is_some());
    assert!(Path::new("/run/netns/web").exists());
}

#[test]
fn a_setting_that_is_refused_leaves_no_namespace() {
    let Some(mut lab) = lab() else { return };
    let bad = |key: &str, value: &str| {
        Change::AddNetns(AddNetns {
            name: NsName::new("web").unwrap(),
            sysctls: [("net.ipv4.ip_forward".into(), "0".into()), (key.into(), value.into())].into(),
        })
    };
    for (key, value, errno) in [
        ("net.ipv4.no_such_thing", "1", Errno::ENOENT),
        ("net.ipv6.conf.all.no_such_thing", "1", Errno::ENOENT),
        ("net.ipv4.ip_forward", "perhaps", Errno::EINVAL),
    ] {
        let refusal = lab.attempt(bad(key, value)).unwrap_err();
        assert_eq!(refusal.number(), Some(errno as i32), "{refusal}");
        assert!(!Path::new("/run/netns/web").exists(), "{key}");
    }
    // What the kernel has no module for needs no value.
    lab.make(bad("net.bridge.no-such-thing", "0"));
}

#[test]
fn a_namespace_that_is_not_applied_ends() {
    let Some(mut lab) = lone_lab() else { return };
    let before = held();
    let identity = lab.kernel.prepare(3, &add_netns("web")).unwrap();
    assert!(matches!(identity, Identity::Netns { cookie } if cookie > 0));
    assert_ne!(held(), before);
    lab.kernel.abandon(3);
    assert_eq!(held(), before);
}

/// The network namespaces that this process holds open.
fn held() -> usize {
    sh("ls -l /proc/$PPID/fd | grep -c 'net:\\[' || true").trim().parse().unwrap()
}

/// Waits for what another thread is doing.
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < end, "still not so: {what}");
    }
}

#[test]
fn namespaces_made_ahead_are_like_all_others_and_none_is_left() {
    let Some(mut lab) = lone_lab() else { return };
    let before = held();
    for count in [None, Some(4)] {
        lab.kernel.expect_netns(&rhailab::model::baseline::baseline(), count);
        soon("one is made before it is asked for", || held() > before);
        let made = [91, 92, 93].map(|n| lab.kernel.prepare(n, &add_netns(&format!("ns{n}"))).unwrap());
        let [Identity::Netns { cookie: a }, Identity::Netns { cookie: b }, Identity::Netns { cookie: c }] = made else {
            panic!("{made:?}")
        };
        assert!(a != b && b != c && a != c);
        // One with other settings is made for itself.
        let key = "net.ipv4.conf.all.rp_filter";
        let strict = Change::AddNetns(AddNetns {
            name: NsName::new("strict").unwrap(),
            sysctls: [(key.into(), "1".into())].into(),
        });
        let strict = lab.make(strict);
        assert_eq!(lab.kernel.sysctl(&ns("strict"), key).unwrap(), "1");
        let web = lab.make(add_netns("web"));
        assert_eq!(lab.kernel.sysctl(&ns("web"), key).unwrap(), "0");
        assert_eq!(lab.kernel.sysctl(&ns("web"), "net.ipv6.conf.default.addr_gen_mode").unwrap(), "1");
        assert!(lab.link(&ns("web"), "lo").up && sh("ip -n web link show lo").contains("alias rhailab:"));
        lab.undo_twice(web);
        lab.undo_twice(strict);
        for n in [91, 92, 93] {
            lab.kernel.abandon(n);
        }
        lab.settle();
        soon("none is left", || held() == before);
    }
}
