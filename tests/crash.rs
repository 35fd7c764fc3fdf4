//! `kill -9` of the article's lab, at points spread over all its changes: nothing stays, and nothing of anybody else's
//! goes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use machine::{assert_same, lines, processes, state};
use std::io::{BufRead, BufReader};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Home, Running, User, am_root, eventually, ordinary};

const ARTICLE: &str = include_str!("../scripts/labs/container-networking.rhai");

/// A point to kill at: when the event of this kind is read for the nth time.
#[derive(Debug, Clone, Copy)]
struct Point {
    event: &'static str,
    nth: usize,
}

/// How many changes the article's lab makes.
fn changes() -> usize {
    let home = Home::new(User::Me);
    let path = home.write("article.rhai", ARTICLE);
    home.run(&["plan", "--json", path.to_str().unwrap()]).assert_well().matches(r#""event":"make""#).count()
}

/// Twenty points from the first change to the last, and these of the teardown.
fn points(teardown: &[usize]) -> Vec<Point> {
    let last = changes();
    assert!(last >= 30, "the lab makes {last} changes");
    let made = (0..20).map(|n| Point { event: "made", nth: 1 + n * (last - 1) / 19 });
    made.chain(teardown.iter().map(|nth| Point { event: "undone", nth: *nth })).collect()
}

/// Tests every point on a machine of its own, a few at a time.
fn at_each(points: &[Point], test: impl Fn(Point) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // A thread of its own is a machine of its own.
                    std::thread::scope(|scope| scope.spawn(|| test(*point)).join())
                        .unwrap_or_else(|_| panic!("killed at {point:?}"));
                }
            });
        }
    });
}

/// Runs the lab until it has come to the point, and kills the process that was started.
fn run_and_kill(home: &Home, args: &[&str], point: Point) {
    let recipe = home.write("article.rhai", ARTICLE);
    let mut command = home.rhailab(&[&["run", "--json"], args, &[recipe.to_str().unwrap()]].concat());
    let mut running = Running(command.spawn().unwrap());
    let mut events = BufReader::new(running.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let is_point = |line: &String| line.starts_with(&format!(r#"{{"event":"{}""#, point.event));
    let at = events.by_ref().filter(is_point).nth(point.nth - 1);
    assert!(at.is_some(), "the run ended before {point:?}: {}", running.end().err);
    assert!(!processes(home).is_empty(), "its processes are known by their environment");
    running.signal("KILL");
    running.0.wait().unwrap();
}

#[test]
fn a_killed_sandbox_is_gone_within_a_second() {
    let times = Mutex::new(Vec::new());
    at_each(&points(&[]), |point| {
        if machine::enter(false).is_none() {
            return;
        }
        let home = &Home::new(if point.nth % 2 == 0 && am_root() { ordinary() } else { User::Me });
        let before = state();
        run_and_kill(home, &[], point);
        let start = Instant::now();
        eventually("its processes are gone", || processes(home).is_empty());
        let is_dead = || home.run(&["ls", "--json"]).assert_well().contains(r#""life":"dead""#);
        eventually("what held its namespaces is gone", is_dead);
        let time = start.elapsed();
        times.lock().unwrap().push(time);
        assert_same(&format!("killed at {point:?}, the sandbox left something outside"), &before, &state());
        home.run(&["recover", "-q"]).assert_well();
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    });
    let mut times = times.into_inner().unwrap();
    times.sort();
    println!("gone after {times:?}");
    // One of twenty may have had to wait for a busy machine.
    let most = times.len().saturating_sub(2);
    assert!(times.get(most).is_none_or(|time| *time < Duration::from_secs(1)), "{times:?}");
}

/// What belongs to somebody else: rules equal to ours but for the mark, interfaces, a namespace with its files.
const DECOYS: &str = "\
    iptables --append FORWARD --in-interface bridge_local --jump ACCEPT
    iptables --table nat --append POSTROUTING --source 10.0.0.0/24 --jump MASQUERADE
    iptables --table nat --append POSTROUTING --source 10.0.0.0/24 --match comment --comment rhailab:other:1 --jump MASQUERADE
    iptables --table nat --new VIP-OTHER
    ip link add foreign0 address 02:00:00:00:00:0f type bridge
    ip link set dev foreign0 group 7 addrgenmode none up
    ip address add 172.30.0.1/24 dev foreign0
    ip netns add foreign
    mkdir -p /etc/netns/foreign
    cp /etc/hostname /etc/netns/foreign/hostname";

fn plant(commands: &str) {
    for command in commands.lines() {
        lines(&command.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn what_a_killed_run_left_on_the_machine_is_recovered_and_nothing_else() {
    let points = points(&[1, 4, 12]);
    at_each(&points, |point| {
        let Some(machine) = machine::enter(false) else { return };
        let home = &machine.home;
        plant(DECOYS);
        let before = state();
        run_and_kill(home, &["--host", "--no-guard"], point);
        assert!(state() != before, "there is something to recover");
        home.run(&["recover", "-q"]).assert_well();
        assert_same(&format!("killed at {point:?}, and recovered"), &before, &state());
        eventually("its processes are gone", || processes(home).is_empty());
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    });
}

#[test]
fn what_took_the_name_of_ours_since_the_kill_is_left_alone() {
    let last = changes();
    at_each(&[Point { event: "made", nth: last }], |point| {
        let Some(machine) = machine::enter(false) else { return };
        let home = &machine.home;
        let before = state();
        run_and_kill(home, &["--host", "--no-guard"], point);
        plant(
            "ip netns del http2\nip netns add http2\nip -n http2 link add veth_ns_http2 type bridge\n\
             ip link del bridge_local\nip link add bridge_local type bridge\n\
             iptables --delete FORWARD 1\niptables --insert FORWARD --in-interface bridge_local --jump ACCEPT",
        );
        let recovered = home.run(&["recover", "-v"]);
        assert_eq!(recovered.code, Some(0), "{}", recovered.err);
        for wanted in ["another namespace", "another interface"] {
            assert!(recovered.err.contains(wanted), "no {wanted} in {}", recovered.err);
        }
        plant(
            "ip -n http2 link del veth_ns_http2\nip netns del http2\nip link del bridge_local\n\
             iptables --delete FORWARD --in-interface bridge_local --jump ACCEPT",
        );
        // The table of a rule that was somebody else's until now.
        assert_same("what is not the lab's is as it was", &before, &machine::without_tables(state()));
    });
}
