//! Ctrl-C, wherever it comes. The stop flag belongs to the whole process, so these tests are a program of their own
//! and take turns.

#![allow(clippy::unwrap_used)]

mod scratch;

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::Pid;
use rhailab::kernel::linux::probe;
use rhailab::kernel::linux::process::Processes;
use rhailab::kernel::{Done, Why, interrupt};
use rhailab::model::names::Ns;
use rhailab::model::observe::{Command, Probe};
use scratch::{argv, eventually, runs};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    interrupt::install().unwrap();
    interrupt::clear();
    turn
}

/// Sends ourselves a signal, as the terminal does.
fn signal_self(signal: Signal) {
    kill(Pid::this(), signal).unwrap();
}

/// Sends ourselves a signal in a moment, runs `act`, and checks that it gave up soon after.
fn interrupted<T: std::fmt::Debug>(act: impl FnOnce() -> Done<T>) {
    let later = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(200));
        let at = Instant::now();
        signal_self(Signal::SIGINT);
        at
    });
    let refusal = act().unwrap_err();
    let took = later.join().unwrap().elapsed();
    assert_eq!((refusal.why, refusal.words.as_str()), (Why::Interrupted, "SIGINT"));
    assert!(took < Duration::from_secs(1), "{took:?}");
    interrupt::clear();
}

#[test]
fn signals_set_the_flag_and_are_counted() {
    let _turn = turn();
    let before = interrupt::times();
    for (count, sent) in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().enumerate() {
        assert!(!interrupt::pending());
        signal_self(sent);
        eventually("the handler runs", interrupt::pending);
        assert_eq!(interrupt::signal(), Some(sent));
        assert_eq!(interrupt::sleep(Duration::from_mins(1)).unwrap_err().why, Why::Interrupted);
        assert!(interrupt::wait_readable(interrupt::wake_fd().unwrap(), None).is_err());
        interrupt::clear();
        assert_eq!(interrupt::times() - before, u32::try_from(count).unwrap() + 1);
    }
    interrupt::sleep(Duration::from_millis(1)).unwrap();
}

#[test]
fn the_flag_can_be_set_without_a_signal() {
    let _turn = turn();
    let before = interrupt::times();
    interrupt::raise();
    assert!(interrupt::pending() && interrupt::check().is_err());
    assert_eq!(interrupt::times(), before);
    interrupt::clear();
    assert!(!interrupt::pending() && interrupt::check().is_ok());
}

#[test]
fn a_wait_ends_by_its_descriptor_its_deadline_or_a_signal() {
    let _turn = turn();
    let (reader, writer) = nix::unistd::pipe().unwrap();
    let begin = Instant::now();
    let soon = || Some(Instant::now() + Duration::from_millis(30));
    assert_eq!(interrupt::wait_readable(&reader, soon()), Ok(false));
    assert!(begin.elapsed() >= Duration::from_millis(30));
    assert_eq!(interrupt::wait_writable(&writer, None), Ok(true));
    nix::unistd::write(&writer, b"x").unwrap();
    assert_eq!(interrupt::wait_readable(&reader, None), Ok(true));
    nix::unistd::read(&reader, &mut [0; 1]).unwrap();
    interrupted(|| interrupt::wait_readable(&reader, None));
    interrupted(|| interrupt::sleep(Duration::MAX));
    // A signal that is none of ours does not end it.
    let begin = Instant::now();
    std::thread::spawn(|| signal_self(Signal::SIGCHLD)).join().unwrap();
    interrupt::sleep(Duration::from_millis(50)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(50));
}

#[test]
fn exec_is_stopped_at_once_with_all_that_it_started() {
    let _turn = turn();
    let Some(scratch) = scratch::enter() else { return };
    let mut processes = Processes::new(scratch.dir.join("log"), scratch.dir.join("netns"), false);
    let pids = scratch.dir.join("pids");
    let script = format!("trap '' TERM INT; echo $$ > {0}; sleep 60 & echo $! >> {0}; wait", pids.display());
    let command = Command { argv: argv(["sh", "-c", &script]), env: Vec::new(), cwd: None, stdin: None, timeout: None };
    interrupted(|| processes.exec(&scratch.spaces, &Ns::Host, &command));
    let pids: Vec<i32> = fs::read_to_string(pids).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(pids.len(), 2);
    eventually("both are gone", || pids.iter().all(|pid| !runs(*pid)));
}

#[test]
fn a_probe_is_stopped_at_once() {
    let _turn = turn();
    let Some(scratch) = scratch::enter() else { return };
    scratch::run("ip link add dummy1 type bridge");
    scratch::run("ip link set dummy1 up");
    scratch::run("ip addr add 10.9.0.1/24 dev dummy1");
    let timeout = Duration::from_mins(1);
    let to = "10.9.0.2:80".parse().unwrap();
    let (host, path, payload) = ("x".to_owned(), "/".to_owned(), String::new());
    for probe in [
        Probe::Tcp { to, timeout },
        Probe::Udp { to, payload, timeout },
        Probe::Http { to, host, path, timeout },
        Probe::Ping { to: to.ip(), count: 99, timeout },
    ] {
        interrupted(|| probe::run(&scratch.spaces, &Ns::Host, &probe));
    }
}

#[test]
fn an_interactive_command_has_ctrl_c_to_itself_and_gets_our_sigterm() {
    let _turn = turn();
    let Some(scratch) = scratch::enter() else { return };
    let processes = Processes::new(scratch.dir.join("log"), scratch.dir.join("netns"), false);
    // The shell plays the terminal: it signals us, its parent, and goes on until it is told to end.
    let script = argv([
        "sh",
        "-c",
        "trap 'exit 5' TERM; kill -INT $PPID; sleep 0.1; kill -TERM $PPID; while :; do sleep 0.01; done",
    ]);
    assert_eq!(processes.spawn_interactive(&scratch.spaces, &Ns::Host, &script), Ok(5));
    assert_eq!(interrupt::signal(), Some(Signal::SIGTERM), "SIGINT did not count");
    interrupt::clear();
    // Ctrl-C is ours again.
    signal_self(Signal::SIGINT);
    eventually("the handler runs", interrupt::pending);
    interrupt::clear();
}

#[test]
fn a_signal_that_was_ignored_from_the_start_stays_ignored() {
    let status = std::process::Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$0\" --exact ignoring"])
        .arg(std::env::current_exe().unwrap())
        .env("IGNORING", "1")
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
}

/// Does nothing by itself: the test above starts it as a process of its own, with `IGNORING` set.
#[test]
fn ignoring() {
    if std::env::var_os("IGNORING").is_none() {
        return;
    }
    interrupt::install().unwrap();
    signal_self(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(50));
    assert!(!interrupt::pending());
    signal_self(Signal::SIGTERM);
    eventually("the handler runs", interrupt::pending);
    #[allow(unsafe_code)]
    // SAFETY: no handler is installed, only looked for.
    let hup = unsafe { signal(Signal::SIGHUP, SigHandler::SigIgn) }.unwrap();
    assert!(matches!(hup, SigHandler::SigIgn));
}
