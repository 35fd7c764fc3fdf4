//! Ctrl-C and its like, wherever the recipe is: it ends at once, and is taken down.

use super::{EVERYTHING, RECIPE, homes, machine, nothing_is_left};
use crate::machine::state;
use crate::report::Report;
use crate::support::{Home, Running};
use std::time::{Duration, Instant};

/// What a recipe may be waiting for. Each line comes after `print("ready");`.
const WAITS: &[(&str, &str)] = &[
    ("a sleep", "sleep(\"100s\")"),
    ("a command", "exec(\"sleep 1000\")"),
    ("a command that does not care", "sh(\"trap '' INT TERM HUP; while :; do sleep 1000; done\")"),
    ("a condition", "wait_until(\"100s\", || false)"),
    ("a condition that asks", "wait_until(\"100s\", || web.ping(\"127.0.0.1\").status == 7)"),
    ("a ping", "web.ping(\"10.0.0.77\", #{ timeout: \"100s\" })"),
    ("a port", "start(\"sleep 1000\").wait_tcp(80, \"100s\")"),
    ("a log", "start(\"sleep 1000\").wait_log(\"x\", \"100s\")"),
    ("the end of a process", "start(\"sleep 1000\").wait()"),
    ("nothing", "loop {}"),
];

/// The line that it waits in.
const LINE: usize = 14;

fn waiting(what: &str) -> String {
    format!("{EVERYTHING}\nprint(\"ready\");\n{what};\n")
}

/// Starts the recipe, sends the signals as soon as it is ready, and returns the report and how long the end took.
#[track_caller]
fn stopped(home: &Home, args: &[&str], signals: &[&str]) -> (Report, Duration) {
    let mut running = Running::until(home.rhailab(args), "ready");
    let start = Instant::now();
    for signal in signals {
        running.signal(signal);
        // Of two that are pending at once the kernel would deliver one.
        std::thread::sleep(Duration::from_millis(30));
    }
    let complaint = running.end().assert_fails(1);
    (Report::of(&complaint), start.elapsed())
}

#[test]
fn ctrl_c_ends_every_wait() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        for (what, wait) in WAITS {
            home.write(RECIPE, &waiting(wait));
            let (report, took) = stopped(&home, &["run", RECIPE], &["INT"]);
            assert_eq!(
                (report.code.as_str(), report.message.as_str()),
                ("run::interrupted", "Ctrl-C stopped the recipe.")
            );
            assert!(report.place.starts_with(&format!("{RECIPE}:{LINE}:")), "{what}: {report:?}");
            assert_eq!(report.help, "What it has made is taken down.");
            assert!(took < Duration::from_secs(2), "{what}: {took:?}");
            nothing_is_left(what, &home, &before);
        }
    }
}

#[test]
fn every_signal_that_asks_ends_it() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        for (signal, message) in [
            ("TERM", "SIGTERM stopped the recipe."),
            ("HUP", "The terminal was closed (SIGHUP), and that stopped the recipe."),
        ] {
            for wait in
                ["sleep(\"100s\")", "exec(\"sleep 1000\")", "loop { try { sleep(\"100s\"); } catch (e) { print(e); } }"]
            {
                home.write(RECIPE, &waiting(wait));
                let (report, _) = stopped(&home, &["run", RECIPE], &[signal]);
                assert_eq!(report.message, message);
                nothing_is_left(signal, &home, &before);
            }
        }
    }
}

#[test]
fn on_the_machine_it_is_undone_as_well() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = machine::state();
    home.write(RECIPE, EVERYTHING);
    home.run(&["run", RECIPE, "--host", "-q"]).assert_well();
    for signals in [&["INT"][..], &["TERM"], &["HUP"], &["INT", "INT"], &["TERM", "INT", "HUP"]] {
        for wait in ["sleep(\"100s\")", "exec(\"sleep 1000\")", "web.ping(\"10.0.0.77\", #{ timeout: \"100s\" })"] {
            home.write(RECIPE, &waiting(wait));
            let (report, _) = stopped(home, &["run", RECIPE, "--host"], signals);
            assert_eq!(report.code, "run::interrupted", "{signals:?}");
            machine::assert_same(&format!("{signals:?}"), &before, &machine::state());
            crate::support::eventually("its processes are gone", || machine::processes(home).is_empty());
            assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{signals:?}");
        }
    }
}

#[test]
fn a_second_ctrl_c_waits_for_no_process() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        let stubborn = "start([\"sh\", \"-c\", \"trap '' INT TERM HUP; echo set; while :; do sleep 1000; done\"])";
        home.write(RECIPE, &format!("{stubborn}.wait_log(\"set\");\nprint(\"ready\");\nsleep(\"100s\");\n"));
        // Once, it is given half a second to end.
        let (_, once) = stopped(&home, &["run", RECIPE], &["INT"]);
        assert!(once > Duration::from_millis(450), "{once:?}");
        let twice = (0..3).map(|_| stopped(&home, &["run", RECIPE], &["INT", "INT"]).1).min().unwrap();
        assert!(twice + Duration::from_millis(150) < once, "{twice:?}, and once {once:?}");
        nothing_is_left("twice", &home, &before);
    }
}

/// Runs a command on a terminal of its own, types Ctrl-C when it has printed `ready`, and prints what was on the
/// screen; the exit status is the command's.
const TERMINAL: &str = r"
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
screen, typed = b'', False
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    screen += data
    if not typed and b'ready' in screen:
        os.write(terminal, b'\x03')
        typed = True
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";

#[test]
fn on_a_terminal_the_teardown_is_seen() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(RECIPE, &waiting("sleep(\"100s\")"));
        let binary = home.path("rhailab").display().to_string();
        for (args, wanted) in [
            (&["run", RECIPE][..], &["taking it down …", "changes made and undone in "][..]),
            (&["run", RECIPE, "-v"], &["+ ip netns add web", "- ip netns del web", " undone ("]),
        ] {
            let words = [&["python3", "-c", TERMINAL, &binary][..], args].concat();
            let out = home.command(&words).env("TERM", "xterm-256color").output().unwrap();
            let screen = String::from_utf8_lossy(&out.stdout);
            assert_eq!(out.status.code(), Some(1), "{screen}\n{}", String::from_utf8_lossy(&out.stderr));
            assert!(screen.contains("Ctrl-C stopped the recipe."), "{screen}");
            assert!(screen.contains("\u{1b}[") && !screen.contains("panicked"), "{screen}");
            for part in wanted {
                assert!(screen.contains(part), "no {part:?} in {screen}");
            }
            nothing_is_left("a terminal", &home, &before);
        }
        // https://no-color.org
        let words = ["python3", "-c", TERMINAL, &binary, "run", RECIPE, "-v"];
        let out = home.command(&words).env("NO_COLOR", "1").output().unwrap();
        assert!(!String::from_utf8_lossy(&out.stdout).contains("\u{1b}["), "{out:?}");
    }
}
