//! Pings with real packets between real namespaces.

#![allow(clippy::unwrap_used)]

mod scratch;

use nix::errno::Errno;
use nix::sys::socket;
use rhailab::kernel::linux::probe;
use rhailab::kernel::linux::spaces::Spaces;
use rhailab::model::names::Ns;
use rhailab::model::observe::{Command, Probe};
use scratch::pair::{LONG, errno, pair};
use scratch::{argv, run};
use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

#[test]
fn a_ping_is_answered_over_ipv4_and_ipv6() {
    let Some(pair) = pair() else { return };
    for to in ["10.9.0.2", "fd09::2", "127.0.0.1", "::1", "10.9.0.1", "fd09::1"] {
        let reply = pair.ping(to, 3, LONG).unwrap();
        assert!(reply.time > Duration::ZERO && reply.time < LONG, "{to}: {:?}", reply.time);
    }
}

#[test]
fn a_ping_without_an_answer_times_out_after_all_its_requests() {
    let Some(pair) = pair() else { return };
    pair.sysctl(&pair.b, "ipv4/icmp_echo_ignore_all", "1");
    pair.sysctl(&pair.b, "ipv6/icmp/echo_ignore_all", "1");
    for to in ["10.9.0.2", "fd09::2"] {
        let begin = Instant::now();
        let refusal = pair.ping(to, 3, Duration::from_millis(100)).unwrap_err();
        let time = begin.elapsed();
        assert_eq!(refusal.to_string(), format!("ping {to}: timed out (no answer to 3 requests)"));
        assert!(time >= Duration::from_millis(300) && time < Duration::from_secs(2), "{time:?}");
    }
    let later = std::thread::scope(|scope| {
        let ignore = pair.scratch.spaces.within(&pair.b, || {
            Ok(fs::File::options().write(true).open("/proc/sys/net/ipv4/icmp_echo_ignore_all").unwrap())
        });
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            ignore.unwrap().write_all(b"0").unwrap();
        });
        pair.ping("10.9.0.2", 50, Duration::from_millis(100))
    });
    assert!(later.unwrap().time < Duration::from_millis(300), "the time of the request that was answered");
}

#[test]
fn a_ping_that_a_router_refuses_ends_at_once() {
    let Some(pair) = pair() else { return };
    run("ip -n a route add 10.0.0.0/8 via 10.9.0.2");
    run("ip -n a route add fd00::/8 via fd09::2");
    run("ip -n b addr del fd09::3/64 dev vb"); // It would do as the router's address as well.
    for (command, to, wanted, router) in [
        ("ip -n b route add unreachable 10.7.1.0/24", "10.7.1.1", Errno::EHOSTUNREACH, "10.9.0.2"),
        ("ip -n b route add prohibit 10.7.2.0/24", "10.7.2.1", Errno::EHOSTUNREACH, "10.9.0.2"),
        ("ip -n b route add throw 10.7.3.0/24", "10.7.3.1", Errno::ENETUNREACH, "10.9.0.2"),
        ("ip -n b -6 route add prohibit fd07:1::/32", "fd07:1::1", Errno::EACCES, "fd09::2"),
        ("ip -n b -6 route add unreachable fd07:2::/32", "fd07:2::1", Errno::ENETUNREACH, "fd09::2"),
    ] {
        run(command);
        let begin = Instant::now();
        let refusal = pair.ping(to, 3, LONG).unwrap_err();
        assert_eq!(
            (refusal.number(), refusal.words.clone()),
            (Some(wanted as i32), format!("reported by {router}")),
            "{to}"
        );
        assert!(begin.elapsed() < LONG / 2);
    }
}

#[test]
fn a_ping_that_our_own_kernel_refuses_ends_at_once() {
    let Some(pair) = pair() else { return };
    assert_eq!(errno(pair.ping("10.200.0.1", 3, LONG)), Errno::ENETUNREACH);
    assert_eq!(errno(pair.ping("fd77::1", 3, LONG)), Errno::ENETUNREACH);
    run("ip -n a route add prohibit 10.7.2.0/24");
    assert_eq!(errno(pair.ping("10.7.2.1", 3, LONG)), Errno::EACCES);
    run("ip netns exec a iptables -A OUTPUT -p icmp -j DROP");
    assert_eq!(errno(pair.ping("10.9.0.2", 3, LONG)), Errno::EPERM);
    // Nobody answers for the address on the link: the kernel says so after three seconds.
    let begin = Instant::now();
    run("ip netns exec a iptables -F OUTPUT");
    assert_eq!(errno(pair.ping("10.9.0.99", 10, LONG)), Errno::EHOSTUNREACH);
    assert!(begin.elapsed() < LONG / 2);
}

#[test]
fn errors_about_others_pings_are_not_ours() {
    let Some(pair) = pair() else { return };
    run("ip -n a route add 10.0.0.0/8 via 10.9.0.2");
    run("ip -n b route add unreachable 10.7.1.0/24");
    assert_eq!(errno(pair.udp("10.7.1.1:9", "x", LONG)), Errno::EHOSTUNREACH);
    // Now ours are dropped without a word; somebody else's shorter ones to the same address are still refused.
    run("ip netns exec b iptables -t raw -A PREROUTING -p icmp -m length --length 84 -j DROP");
    let theirs = pair.scratch.spaces.within(&pair.a, || {
        let (kind, protocol) = (socket::SockType::Raw, socket::SockProtocol::Icmp);
        Ok(socket::socket(socket::AddressFamily::Inet, kind, socket::SockFlag::empty(), protocol).unwrap())
    });
    let (theirs, to) = (theirs.unwrap(), socket::SockaddrIn::new(10, 7, 1, 1, 0));
    let echo = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
    let is_over = std::sync::atomic::AtomicBool::new(false);
    let refusal = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                socket::sendto(theirs.as_raw_fd(), &echo, &to, socket::MsgFlags::empty()).unwrap();
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        let refusal = pair.ping("10.7.1.1", 5, Duration::from_millis(200)).unwrap_err();
        is_over.store(true, std::sync::atomic::Ordering::Relaxed);
        refusal
    });
    assert_eq!(refusal.to_string(), "ping 10.7.1.1: timed out (no answer to 5 requests)");
}

#[test]
fn a_ping_works_without_the_right_to_raw_sockets() {
    let Some(mut pair) = pair() else { return };
    pair.sysctl(&pair.a, "ipv4/ping_group_range", "0 0");
    let pinger = |to: &str| Command {
        argv: argv([std::env::current_exe().unwrap().to_str().unwrap(), "--exact", "pinger", "--nocapture"]),
        env: vec![("PING".into(), to.into())],
        cwd: None,
        stdin: None,
        timeout: Some(LONG),
    };
    for to in ["10.9.0.2", "fd09::2"] {
        let output = pair.processes.exec(&pair.scratch.spaces, &pair.a, &pinger(to)).unwrap();
        assert!(output.stdout.contains("ping: Ok"), "{}{}", output.stdout, output.stderr);
    }
    run("ip -n a route add 10.0.0.0/8 via 10.9.0.2");
    run("ip -n b route add unreachable 10.7.1.0/24");
    let output = pair.processes.exec(&pair.scratch.spaces, &pair.a, &pinger("10.7.1.1")).unwrap();
    assert!(
        output.stdout.contains("ping: Err(\"ping 10.7.1.1: No route to host (reported by 10.9.0.2)\")"),
        "{}",
        output.stdout
    );
}

/// Does nothing by itself: the test above starts it as a process of its own, with `PING` set.
#[test]
fn pinger() {
    let Ok(to) = std::env::var("PING") else { return };
    give_up_capabilities();
    let probe = Probe::Ping { to: to.parse().unwrap(), count: 1, timeout: LONG };
    let reply = probe::run(&Spaces::new().unwrap(), &Ns::Host, &probe);
    println!("ping: {:?}", reply.map(|_| ()).map_err(|r| r.to_string()));
}

/// See capset(2).
#[allow(unsafe_code)]
fn give_up_capabilities() {
    let (version_3, this_thread, none) = (0x2008_0522_u32, 0_u32, [0_u32; 6]);
    let header = [version_3, this_thread];
    // SAFETY: both are laid out as version 3 of the interface has them.
    let done = unsafe { nix::libc::syscall(nix::libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    assert_eq!(done, 0);
}
