//! Commands that run to their end, in real namespaces.

#![allow(clippy::unwrap_used)]

mod scratch;

use rhailab::kernel::linux::process::Processes;
use rhailab::model::names::{Ns, NsName};
use rhailab::model::observe::{Command, Output};
use scratch::{Scratch, argv, eventually, exists, netns, runs};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

/// SIGHUP, SIGINT, SIGQUIT, SIGPIPE and SIGTERM, as `/proc/PID/status` shows them.
const STOPPING: u64 = 0x5007;

fn processes(scratch: &Scratch) -> Processes {
    Processes::new(scratch.dir.join("log"), scratch.dir.join("netns"), false)
}

fn command<const N: usize>(words: [&str; N]) -> Command {
    Command { argv: argv(words), env: Vec::new(), cwd: None, stdin: None, timeout: None }
}

fn sh(script: &str) -> Command {
    command(["sh", "-c", script])
}

fn exec(scratch: &Scratch, ns: &Ns, command: &Command) -> Output {
    processes(scratch).exec(&scratch.spaces, ns, command).unwrap()
}

fn refused(scratch: &Scratch, ns: &Ns, command: &Command) -> String {
    processes(scratch).exec(&scratch.spaces, ns, command).unwrap_err().to_string()
}

#[test]
fn a_command_gets_what_it_is_given_and_tells_how_it_ended() {
    let Some(scratch) = scratch::enter() else { return };
    let output = exec(&scratch, &Ns::Host, &sh("echo out; echo err >&2; exit 3"));
    assert_eq!((output.status, &*output.stdout, &*output.stderr), (3, "out\n", "err\n"));
    assert!(!output.timed_out && output.time > Duration::ZERO);
    let given = Command {
        env: vec![("COLOUR".into(), "blue".into())],
        cwd: Some("/proc".into()),
        stdin: Some("text\n".into()),
        ..sh("cat; pwd; echo $COLOUR")
    };
    assert_eq!(exec(&scratch, &Ns::Host, &given).stdout, "text\n/proc\nblue\n");
    assert_eq!(exec(&scratch, &Ns::Host, &command(["cat"])).stdout, "", "no text means an empty input");
    assert_eq!(exec(&scratch, &Ns::Host, &sh("kill -9 $$")).status, 137);
    assert_eq!(exec(&scratch, &Ns::Host, &sh("printf 'a\\377b'")).stdout, "a\u{fffd}b");
}

#[test]
fn a_command_that_reads_nothing_or_everything_does_not_block() {
    let Some(scratch) = scratch::enter() else { return };
    let text = "0123456789abcde\n".repeat(1 << 16);
    let fed = |command: Command| Command { stdin: Some(text.as_str().into()), ..command };
    assert_eq!(exec(&scratch, &Ns::Host, &fed(command(["true"]))).status, 0);
    let output = exec(&scratch, &Ns::Host, &fed(sh("tee /dev/stderr")));
    assert!(output.stdout == text && output.stderr == text, "{} {}", output.stdout.len(), output.stderr.len());
}

#[test]
fn a_long_output_keeps_its_end() {
    let Some(scratch) = scratch::enter() else { return };
    let output = exec(&scratch, &Ns::Host, &sh("head -c 40000000 /dev/zero; echo end"));
    assert_eq!(output.stdout.len(), 16 << 20);
    assert!(output.stdout.ends_with("\0end\n"));
    let dropped = 40_000_004 - (16 << 20);
    assert_eq!(output.stderr, format!("\nrhailab: the first {dropped} bytes of standard output were dropped\n"));
}

#[test]
fn a_command_in_a_namespace_sees_its_network_and_files_and_nothing_leaks_out() {
    let Some(scratch) = scratch::enter() else { return };
    let ns = netns("web");
    scratch::run("ip -n web link add dummy1 type bridge");
    let etc = scratch.dir.join("netns/web");
    fs::create_dir_all(&etc).unwrap();
    fs::write(etc.join("resolv.conf"), "nameserver 10.1.2.3\n").unwrap();
    fs::write(etc.join("hosts"), "10.1.2.4 friend\n").unwrap();
    fs::write(etc.join("no-such-file"), "").unwrap();
    let before = (fs::read("/etc/resolv.conf").unwrap(), fs::read("/proc/thread-self/mounts").unwrap());
    let script =
        "ls /sys/class/net | tr '\\n' ' '; cat /etc/resolv.conf; getent hosts friend; readlink /proc/self/ns/net";
    let output = exec(&scratch, &ns, &sh(script));
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata("/run/netns/web").unwrap());
    assert_eq!(output.stdout, format!("dummy1 lo nameserver 10.1.2.3\n10.1.2.4        friend\nnet:[{inode}]\n"));
    assert_eq!(
        output.stderr,
        "rhailab: /run/scratch/netns/web/no-such-file is not used for /etc/no-such-file: No such file or directory\n"
    );
    assert_eq!(before, (fs::read("/etc/resolv.conf").unwrap(), fs::read("/proc/thread-self/mounts").unwrap()));
    assert!(!exec(&scratch, &Ns::Host, &sh("cat /etc/resolv.conf")).stdout.contains("10.1.2.3"));
}

#[test]
fn a_timeout_ends_the_command_with_what_it_started() {
    let Some(scratch) = scratch::enter() else { return };
    let timed = |script: &str| {
        let limit = Some(Duration::from_millis(200));
        exec(&scratch, &Ns::Host, &Command { timeout: limit, ..sh(script) })
    };
    let output = timed("echo before; exec sleep 60");
    assert_eq!((output.status, output.timed_out, &*output.stdout), (143, true, "before\n"));
    assert!(output.time >= Duration::from_millis(200) && output.time < Duration::from_secs(5), "{:?}", output.time);
    // It gets the time to end well,
    let output = timed("trap 'echo bye; exit 5' TERM; sleep 60 & wait");
    assert_eq!((output.status, output.timed_out, &*output.stdout), (5, true, "bye\n"));
    // and takes along what does not end with it,
    let output = timed("(trap '' TERM; sleep 60; sleep 60) & echo $!; exec sleep 60");
    assert_eq!((output.status, output.timed_out), (143, true));
    let stubborn: i32 = output.stdout.trim().parse().unwrap();
    eventually("the grandchild ends", || !runs(stubborn));
    // but not for ever, and not by printing without end.
    let output = timed("trap '' TERM; sleep 60 & echo $!; while :; do echo y; done");
    assert_eq!((output.status, output.timed_out), (137, true));
    let sleeper: i32 = output.stdout.lines().next().unwrap().parse().unwrap();
    eventually("the grandchild ends", || !runs(sleeper));
}

#[test]
fn what_a_command_leaves_in_the_background_does_not_hold_it_up() {
    let Some(scratch) = scratch::enter() else { return };
    let begin = Instant::now();
    let output = exec(&scratch, &Ns::Host, &sh("sleep 60 & echo $!"));
    assert!(begin.elapsed() < Duration::from_secs(10));
    assert_eq!(output.status, 0);
    let sleeper: i32 = output.stdout.trim().parse().unwrap();
    assert!(runs(sleeper));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(sleeper), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_command_inherits_neither_descriptors_nor_signal_settings() {
    let Some(scratch) = scratch::enter() else { return };
    let file = fs::File::open("/").unwrap();
    let flags = nix::fcntl::FdFlag::empty();
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFD(flags)).unwrap();
    let output = exec(&scratch, &netns("web"), &command(["ls", "/proc/self/fd"]));
    assert_eq!(output.stdout, "0\n1\n2\n3\n", "the last is the folder itself");
    let output = exec(&scratch, &Ns::Host, &command(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"])).stdout;
    let sets: Vec<u64> = output.lines().map(|line| u64::from_str_radix(&line[8..], 16).unwrap()).collect();
    assert_eq!((sets[0], sets[1] & STOPPING), (0, 0), "{output}");
    let session = exec(&scratch, &Ns::Host, &sh("cut -d' ' -f1,5,6 /proc/self/stat; echo $$")).stdout;
    let numbers: Vec<&str> = session.split_whitespace().collect();
    assert_eq!((numbers[1], numbers[2]), (numbers[3], numbers[3]), "it leads a group and a session");
}

#[test]
fn what_cannot_be_executed_is_refused_in_the_kernels_words() {
    let Some(scratch) = scratch::enter() else { return };
    let script = scratch.dir.join("script");
    fs::write(&script, "echo a shell ran me\n").unwrap();
    let script = script.to_str().unwrap();
    let host = &Ns::Host;
    assert_eq!(
        refused(&scratch, host, &command(["no-such-program"])),
        "exec no-such-program: No such file or directory"
    );
    fs::create_dir(scratch.dir.join("file")).unwrap();
    let path = |dirs: &str| Command { env: vec![("PATH".into(), dirs.into())], ..command(["file"]) };
    assert_eq!(refused(&scratch, host, &path("/no/such")), "exec file: No such file or directory");
    assert_eq!(refused(&scratch, host, &path("/no/such:/run/scratch")), "exec file: Permission denied");
    assert_eq!(refused(&scratch, host, &command(["/etc"])), "exec /etc: Permission denied");
    assert_eq!(refused(&scratch, host, &command([script])), format!("exec {script}: Permission denied"));
    fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(refused(&scratch, host, &command([script])), format!("exec {script}: Exec format error"));
    assert_eq!(refused(&scratch, host, &command([])), "exec of an empty command: Invalid argument");
    let nul = refused(&scratch, host, &command(["echo", "a\0b"]));
    assert_eq!(nul, "use \"a\\0b\": Invalid argument (it contains a NUL byte)");
    let elsewhere = Command { cwd: Some("/no/such".into()), ..command(["true"]) };
    assert_eq!(refused(&scratch, host, &elsewhere), "chdir /no/such: No such file or directory");
    let unknown = Ns::Named(NsName::new("nowhere").unwrap());
    assert_eq!(refused(&scratch, &unknown, &command(["true"])), "open /run/netns/nowhere: No such file or directory");
    fs::write("/run/netns/plain", "").unwrap();
    let plain = Ns::Named(NsName::new("plain").unwrap());
    assert_eq!(refused(&scratch, &plain, &command(["true"])), "setns plain: Invalid argument");
}

#[test]
fn no_zombie_and_no_descriptor_is_left() {
    let Some(scratch) = scratch::enter() else { return };
    let ns = netns("web");
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let mut pids = Vec::new();
    for _ in 0..50 {
        pids.push(exec(&scratch, &ns, &sh("echo $$")).stdout.trim().parse::<i32>().unwrap());
        refused(&scratch, &ns, &command(["no-such-program"]));
    }
    assert!(pids.iter().all(|pid| !exists(*pid)));
    // Other tests have a few open meanwhile.
    assert!(open() < before + 50, "{before} {}", open());
}

#[test]
fn an_interactive_command_has_our_terminal_and_session() {
    let Some(scratch) = scratch::enter() else { return };
    let ns = netns("web");
    let processes = processes(&scratch);
    let status = |words: &[String]| processes.spawn_interactive(&scratch.spaces, &ns, words).map_err(|r| r.to_string());
    assert_eq!(status(&argv(["sh", "-c", "exit 7"])), Ok(7));
    assert_eq!(status(&argv(["sh", "-c", "kill -TERM $$"])), Ok(143));
    let same_session = format!("test $(cut -d' ' -f6 /proc/self/stat) = {}", nix::unistd::getsid(None).unwrap());
    assert_eq!(status(&argv(["sh", "-c", &same_session])), Ok(0));
    let heeds_ctrl_c = format!("test $((0x$(sed -n 's/SigIgn:.//p' /proc/self/status) & {STOPPING})) = 0");
    assert_eq!(status(&argv(["sh", "-c", &heeds_ctrl_c])), Ok(0));
    assert_eq!(status(&argv(["no-such-program"])), Err("exec no-such-program: No such file or directory".into()));
}
