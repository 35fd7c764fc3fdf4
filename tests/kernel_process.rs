//! Processes that live as long as the lab, in real namespaces.

#![allow(clippy::unwrap_used)]

mod scratch;

use nix::sys::signal::Signal;
use rhailab::kernel::Undone;
use rhailab::kernel::linux::process::Processes;
use rhailab::kernel::linux::spaces::Spaces;
use rhailab::model::identity::Identity;
use rhailab::model::names::Ns;
use rhailab::model::observe::ProcState;
use rhailab::model::process::NewProcess;
use scratch::{Scratch, argv, eventually, exists, netns, runs};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

struct Lab {
    scratch: Scratch,
    processes: Processes,
    next: u64,
}

fn lab() -> Option<Lab> {
    let scratch = scratch::enter()?;
    let processes = Processes::new(scratch.dir.join("log"), scratch.dir.join("netns"), false);
    Some(Lab { scratch, processes, next: 0 })
}

impl Lab {
    fn prepare(&mut self, ns: &Ns, name: &str, words: &[String]) -> Result<(u64, Identity), String> {
        self.next += 1;
        let process = NewProcess { name: name.into(), argv: words.to_vec(), env: Vec::new(), cwd: None };
        let identity = self.processes.prepare(&self.scratch.spaces, self.next, ns, &process);
        identity.map(|identity| (self.next, identity)).map_err(|r| r.to_string())
    }

    fn start(&mut self, name: &str, script: &str) -> Identity {
        let (n, identity) = self.prepare(&Ns::Host, name, &argv(["sh", "-c", script])).unwrap();
        self.processes.release(n).unwrap();
        identity
    }

    fn state(&self, process: &Identity) -> ProcState {
        self.processes.state(process).unwrap()
    }

    fn undo(&mut self, process: &Identity) -> Undone {
        self.processes.undo(process).unwrap()
    }
}

fn pid(process: &Identity) -> i32 {
    let Identity::Process { pid, .. } = process else { unreachable!("{process:?}") };
    *pid
}

fn log(process: &Identity) -> String {
    let Identity::Process { log, .. } = process else { unreachable!("{process:?}") };
    fs::read_to_string(log).unwrap()
}

/// Whether somebody sleeps for that long.
fn sleeping(seconds: u32) -> bool {
    let line = format!("sleep\0{seconds}\0");
    let sleeps = |entry: fs::DirEntry| fs::read(entry.path().join("cmdline")).is_ok_and(|cmd| cmd == line.as_bytes());
    fs::read_dir("/proc").unwrap().flatten().any(sleeps)
}

/// The pid that a script printed as its first line.
fn printed_pid(process: &Identity) -> i32 {
    eventually("it prints a pid", || log(process).contains('\n'));
    log(process).lines().next().unwrap().parse().unwrap()
}

#[test]
fn a_process_is_there_only_once_it_is_released_and_gone_once_it_is_undone() {
    let Some(mut lab) = lab() else { return };
    let ns = netns("web");
    let script = argv(["sh", "-c", "echo out; echo err >&2; readlink /proc/self/ns/net; exec sleep 60"]);
    let (n, process) = lab.prepare(&ns, "server", &script).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!((log(&process).as_str(), lab.state(&process)), ("", ProcState::Running));
    lab.processes.release(n).unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata("/run/netns/web").unwrap());
    let printed = format!("out\nerr\nnet:[{inode}]\n");
    eventually("it prints", || log(&process) == printed);
    assert_eq!(lab.state(&process), ProcState::Running);
    let path = lab.scratch.dir.join("log/server.log");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(&process, Identity::Process { log, .. } if *log == path));
    let inside = fs::read_link(format!("/proc/{}/ns/mnt", pid(&process))).unwrap();
    assert_ne!(inside, fs::read_link("/proc/thread-self/ns/mnt").unwrap());

    assert_eq!(lab.undo(&process), Undone::Yes);
    assert!(!exists(pid(&process)));
    assert_eq!(lab.state(&process), ProcState::Ended(Some(143)));
    assert_eq!(lab.undo(&process), Undone::AlreadyGone);
    assert_eq!(log(&process), printed);
}

#[test]
fn the_exit_status_can_be_asked_for_again_and_again() {
    let Some(mut lab) = lab() else { return };
    let process = lab.start("short", "exit 3");
    eventually("it ends", || lab.state(&process) != ProcState::Running);
    assert_eq!(lab.state(&process), ProcState::Ended(Some(3)));
    assert!(exists(pid(&process)), "its zombie keeps the pid from being reused");
    assert_eq!(lab.undo(&process), Undone::AlreadyGone);
    assert!(!exists(pid(&process)));
    assert_eq!(lab.state(&process), ProcState::Ended(Some(3)));
}

#[test]
fn what_is_not_released_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    let (n, process) = lab.prepare(&Ns::Host, "held", &argv(["sleep", "60"])).unwrap();
    assert!(runs(pid(&process)));
    lab.processes.abandon(n);
    let logs = || fs::read_dir(lab.scratch.dir.join("log")).unwrap().count();
    assert_eq!((exists(pid(&process)), logs()), (false, 0));
    assert!(lab.processes.release(n).is_err());
    lab.processes.abandon(n);
}

#[test]
fn what_cannot_start_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    let (n, process) = lab.prepare(&Ns::Host, "missing", &argv(["no-such-program"])).unwrap();
    let refusal = lab.processes.release(n).unwrap_err();
    assert_eq!(refusal.to_string(), "exec no-such-program: No such file or directory");
    let logs = || fs::read_dir(lab.scratch.dir.join("log")).unwrap().count();
    assert_eq!((exists(pid(&process)), logs()), (false, 0));
    assert_eq!(lab.prepare(&Ns::Host, "empty", &[]).unwrap_err(), "exec of an empty command: Invalid argument");
    let logs = || fs::read_dir(lab.scratch.dir.join("log")).unwrap().count();
    assert_eq!(logs(), 0);
}

#[test]
fn several_can_be_held_at_once() {
    let Some(mut lab) = lab() else { return };
    // Each inherits what the parent holds for the ones before: none may keep another from being released.
    let held: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| lab.prepare(&Ns::Host, name, &argv(["sh", "-c", "echo started; exec sleep 60"])).unwrap())
        .collect();
    lab.processes.release(held[0].0).unwrap();
    lab.processes.abandon(held[1].0);
    lab.processes.release(held[2].0).unwrap();
    for (_, process) in [&held[0], &held[2]] {
        eventually("it starts", || log(process) == "started\n");
    }
    assert!(!exists(pid(&held[1].1)));
    let all: Vec<&Identity> = held.iter().map(|(_, process)| process).collect();
    let undone: Vec<_> = lab.processes.undo_all(&all).into_iter().map(Result::unwrap).collect();
    assert_eq!(undone, [Undone::Yes, Undone::AlreadyGone, Undone::Yes]);
}

#[test]
fn a_process_group_ends_as_a_whole() {
    let Some(mut lab) = lab() else { return };
    // One ends on SIGTERM, one needs time for it, one refuses.
    let script = "sleep 61 & echo $!; (trap 'sleep 0.1; echo flushed; exit' TERM; while :; do sleep 0.01; done) & \
                  (trap '' TERM; sleep 62) & wait";
    let process = lab.start("group", script);
    let grandchild = printed_pid(&process);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(lab.undo(&process), Undone::Yes);
    assert!(!exists(pid(&process)) && !runs(grandchild));
    assert!(log(&process).ends_with("flushed\n"), "{}", log(&process));
    assert_eq!(group_members(pid(&process)), Vec::<i32>::new());
}

/// The processes of a group that still run.
fn group_members(group: i32) -> Vec<i32> {
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    let is_member = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.split(' ').nth(2) == Some(group.to_string().as_str()))
    };
    processes.filter(is_member).filter(|pid| runs(*pid)).collect()
}

#[test]
fn a_leader_that_ended_does_not_hide_its_group() {
    let Some(mut lab) = lab() else { return };
    let process = lab.start("daemon", "sleep 60 & echo $!");
    let grandchild = printed_pid(&process);
    eventually("the leader ends", || lab.state(&process) == ProcState::Ended(Some(0)));
    assert_eq!(lab.undo(&process), Undone::Yes);
    assert!(!runs(grandchild));
}

#[test]
fn many_that_refuse_to_end_take_one_grace_time() {
    let Some(mut lab) = lab() else { return };
    let names = ["a", "b", "c", "d", "e", "f"];
    let started: Vec<_> =
        names.iter().map(|name| lab.start(name, "trap '' TERM; echo ready; while :; do sleep 0.1; done")).collect();
    for process in &started {
        eventually("it is ready", || log(process) == "ready\n");
    }
    let begin = Instant::now();
    let undone = lab.processes.undo_all(&started.iter().collect::<Vec<_>>());
    assert!(undone.iter().all(|undone| *undone == Ok(Undone::Yes)), "{undone:?}");
    let time = begin.elapsed();
    assert!(time >= Duration::from_millis(500) && time < Duration::from_millis(1500), "{time:?}");
    assert!(started.iter().all(|process| lab.state(process) == ProcState::Ended(Some(137))));
}

#[test]
fn a_reused_pid_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    let mut decoy = Command::new("sleep").arg("60").spawn().unwrap();
    let decoy_pid = i32::try_from(decoy.id()).unwrap();
    let process = Identity::Process { pid: decoy_pid, start: 1, log: "/none".into(), mark: String::new() };
    assert!(matches!(lab.undo(&process), Undone::NotOurs(_)));
    assert_eq!(lab.state(&process), ProcState::Ended(None));
    assert!(lab.processes.signal(&process, 9).is_err());
    assert!(runs(decoy_pid));
    for pid in [0, -1, 1] {
        let process = Identity::Process { pid, start: 1, log: "/none".into(), mark: String::new() };
        assert!(lab.processes.undo(&process).is_err() && lab.processes.signal(&process, 9).is_err());
    }
    decoy.kill().unwrap();
    decoy.wait().unwrap();
}

#[test]
fn a_signal_reaches_the_whole_group() {
    let Some(mut lab) = lab() else { return };
    let process = lab.start("group", "sleep 60 & echo $!; wait");
    let grandchild = printed_pid(&process);
    lab.processes.signal(&process, 0).unwrap();
    lab.processes.signal(&process, Signal::SIGKILL as i32).unwrap();
    eventually("both end", || !runs(grandchild) && lab.state(&process) == ProcState::Ended(Some(137)));
    lab.undo(&process);
    assert_eq!(lab.processes.signal(&process, 15).unwrap_err().number(), Some(nix::errno::Errno::ESRCH as i32));
}

#[test]
fn a_log_is_a_plain_file_of_its_own() {
    let Some(mut lab) = lab() else { return };
    for name in ["", ".", "..", "a/b", "/etc/passwd", "a/", "./a"] {
        let refusal = lab.prepare(&Ns::Host, name, &argv(["true"])).unwrap_err();
        assert!(refusal.contains("file name"), "{name:?}: {refusal}");
    }
    let victim = lab.scratch.dir.join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::create_dir_all(lab.scratch.dir.join("log")).unwrap();
    std::os::unix::fs::symlink(&victim, lab.scratch.dir.join("log/link.log")).unwrap();
    let refusal = lab.prepare(&Ns::Host, "link", &argv(["true"])).unwrap_err();
    assert!(refusal.contains("symbolic links"), "{refusal}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    // A later process of the same name does not inherit words.
    for words in ["first\n", "second\n"] {
        let process = lab.start("same", &format!("printf '{words}'"));
        eventually("it prints", || log(&process) == words);
        eventually("it ends", || lab.state(&process) == ProcState::Ended(Some(0)));
        lab.undo(&process);
    }
}

/// A process of ours that starts things and waits to be killed.
struct Runner {
    child: Child,
    process: Identity,
}

impl Runner {
    /// Runs [`runner`] in a process of its own, up to where it waits.
    fn spawn(dir: &Path, stage: &str, persistent: bool, script: &str) -> Runner {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "runner", "--nocapture"])
            .env("RUNNER", stage)
            .env("RUNNER_DIR", dir)
            .env("RUNNER_PERSISTENT", if persistent { "1" } else { "" })
            .env("RUNNER_SCRIPT", script)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let identity =
            lines.map_while(Result::ok).find_map(|line| line.split_once("IDENTITY ").map(|(_, json)| json.to_owned()));
        Runner { child, process: serde_json::from_str(&identity.unwrap()).unwrap() }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Does nothing by itself: other tests start it as a process that they kill, with `RUNNER` set.
#[test]
fn runner() {
    let Ok(stage) = std::env::var("RUNNER") else { return };
    let var = |name| std::env::var(name).unwrap();
    let dir = PathBuf::from(var("RUNNER_DIR"));
    let mut processes = Processes::new(dir.join("log"), dir.join("netns"), !var("RUNNER_PERSISTENT").is_empty());
    let process = NewProcess {
        name: "child".into(),
        argv: argv(["sh", "-c", &var("RUNNER_SCRIPT")]),
        env: Vec::new(),
        cwd: None,
    };
    let identity = processes.prepare(&Spaces::new().unwrap(), 1, &Ns::Host, &process).unwrap();
    if stage == "release" {
        processes.release(1).unwrap();
    }
    println!("IDENTITY {}", serde_json::to_string(&identity).unwrap());
    std::thread::sleep(Duration::from_mins(1));
}

#[test]
fn a_runner_that_dies_before_the_release_leaves_nothing() {
    let Some(lab) = lab() else { return };
    let mark = lab.scratch.dir.join("mark");
    for persistent in [false, true] {
        let mut runner = Runner::spawn(&lab.scratch.dir, "prepare", persistent, &format!("touch {}", mark.display()));
        assert!(runs(pid(&runner.process)));
        runner.kill();
        eventually("the held child ends", || !runs(pid(&runner.process)));
    }
    assert!(!mark.exists());
}

#[test]
fn a_process_dies_with_its_runner_unless_it_is_persistent() {
    let Some(mut lab) = lab() else { return };
    let mut runner = Runner::spawn(&lab.scratch.dir, "release", false, "exec sleep 60");
    runner.kill();
    eventually("it dies too, and is reaped", || !exists(pid(&runner.process)));
    assert_eq!(lab.undo(&runner.process), Undone::AlreadyGone);

    let mut runner = Runner::spawn(&lab.scratch.dir, "release", true, "sleep 60 & echo $!; wait");
    let grandchild = printed_pid(&runner.process);
    runner.kill();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(lab.state(&runner.process), ProcState::Running);
    // We are not its parent, and find it all the same.
    lab.processes.signal(&runner.process, 0).unwrap();
    assert_eq!(lab.undo(&runner.process), Undone::Yes);
    assert!(!runs(pid(&runner.process)) && !runs(grandchild));
    assert_eq!(lab.undo(&runner.process), Undone::AlreadyGone);
}

#[test]
fn orphans_of_a_process_that_died_with_its_runner_are_found() {
    let Some(mut lab) = lab() else { return };
    // Other tests run at the same time, and have other numbers.
    // In its session, out of it and away from its log, and the child of one that has ended.
    let script = "sleep 70 & echo $!; setsid -f sleep 71 >/dev/null 2>&1 & sh -c 'sleep 72 & echo $!'; wait";
    let mut runner = Runner::spawn(&lab.scratch.dir, "release", false, script);
    let mut decoy = Command::new("sleep").arg("73").env("RHAILAB_PROCESS", "0-1").spawn().unwrap();
    eventually("it prints two pids", || log(&runner.process).lines().count() == 2);
    eventually("one has left its session", || sleeping(71));
    runner.kill();
    eventually("the leader is gone", || !exists(pid(&runner.process)));
    assert!([70, 71, 72].iter().all(|seconds| sleeping(*seconds)));
    assert_eq!(lab.undo(&runner.process), Undone::Yes);
    assert!(![70, 71, 72].iter().any(|seconds| sleeping(*seconds)));
    assert!(sleeping(73), "another mark");
    decoy.kill().unwrap();
    decoy.wait().unwrap();
    assert_eq!(lab.undo(&runner.process), Undone::AlreadyGone);
}
