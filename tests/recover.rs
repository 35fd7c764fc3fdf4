//! What a killed run left on the machine: by whom, when and from where it is undone.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use machine::{assert_same, lines, processes, state};
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Home, Ran, Running, eventually};

/// One of each kind of change; a run of it must be stopped from outside.
const LAB: &str = r#"
let br = bridge("br0").addr("10.0.0.1/24").up();
let web = netns("web");
web.attach(br, "10.0.0.2/24");
web.dns(["8.8.8.8"]);
ip_forward(true);
masquerade("10.0.0.0/24");
vip("10.100.0.1:80", ["10.0.0.2:80"]);
web.start("sleep 1000");
print("ready");
sleep("100s");
"#;

/// Starts the lab on the machine and waits until all of it stands.
fn start(home: &Home, args: &[&str]) -> Running {
    home.write("lab.rhai", LAB);
    Running::until(home.rhailab(&[&["run", "lab.rhai", "--host"], args].concat()), "ready")
}

fn start_and_kill(home: &Home) {
    let mut running = start(home, &["-q", "--no-guard"]);
    running.signal("KILL");
    running.0.wait().unwrap();
    eventually("its process dies with it", || processes(home).is_empty());
}

/// The file of the lab's folder, with its text changed.
fn edit(home: &Home, file: &str, change: impl Fn(&str) -> String) {
    edit_state(home, &format!("labs/lab/{file}"), change);
}

fn edit_state(home: &Home, file: &str, change: impl Fn(&str) -> String) {
    let path = home.path("state").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let edited = change(&text);
    assert!(text != edited, "nothing to change in {text}");
    fs::write(path, edited).unwrap();
}

fn no_labs(home: &Home) {
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn a_guard_undoes_a_killed_run_at_once() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    // A panic of a release build aborts, which dumps core like SIGQUIT.
    for signal in ["KILL", "ABRT", "QUIT"] {
        let mut running = start(home, &["-q"]);
        let guards = processes(home).iter().filter(|(path, _)| is_guard(path)).count();
        assert_eq!(guards, 1, "before SIG{signal}");
        running.signal(signal);
        let start = Instant::now();
        running.0.wait().unwrap();
        eventually("the lab is gone", || !home.path("state/labs/lab").exists());
        println!("undone after {:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_same("the guard left something", &before, &state());
        let said = running.end().err;
        assert!(said.contains("`lab` was killed. What it had made was undone: "), "{said}");
        eventually("all processes are gone", || processes(home).is_empty());
        no_labs(home);
    }
}

/// Whether a process is a guard, by its words: its name it takes a moment later.
fn is_guard(path: &Path) -> bool {
    fs::read(path.join("cmdline")).is_ok_and(|words| words.split(|byte| *byte == 0).nth(1) == Some(b"guard"))
}

#[test]
fn a_guard_is_not_reached_by_what_ends_the_run() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    home.write("lab.rhai", LAB);
    // A process group of its own, as a shell gives to a job: the terminal's Ctrl-C and its end go to all of it.
    let mut command = home.rhailab(&["run", "lab.rhai", "--host", "-q"]);
    let mut running = Running::until(
        {
            command.process_group(0);
            command
        },
        "ready",
    );
    let guard = processes(home).into_iter().find(|(path, _)| is_guard(path)).unwrap().0;
    let name = || fs::read_to_string(guard.join("comm")).unwrap_or_default();
    eventually("the guard ignores signals, and then has its name", || name().trim() == "rhailab-guard");
    let guard = guard.file_name().unwrap().to_str().unwrap().to_owned();
    for signal in ["INT", "HUP", "TERM", "QUIT"] {
        assert!(Command::new("kill").args([&format!("-{signal}"), &guard]).status().unwrap().success());
    }
    running.signal("KILL");
    running.0.wait().unwrap();
    eventually("the lab is gone", || !home.path("state/labs/lab").exists());
    assert_same("the guard left something", &before, &state());
    // To a whole group at once, of which the run obeys by itself.
    let mut command = home.rhailab(&["run", "lab.rhai", "--host"]);
    command.process_group(0);
    let mut running = Running::until(command, "ready");
    let group = format!("-{}", running.pid());
    assert!(Command::new("kill").args(["-INT", "--", &group]).status().unwrap().success());
    let ended = running.end();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(!ended.err.contains("was killed"), "{}", ended.err);
    assert_same("after Ctrl-C", &before, &state());
    eventually("all processes are gone", || processes(home).is_empty());
}

#[test]
fn a_guard_leaves_with_a_run_that_ends_in_order() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    home.write("short.rhai", "netns(\"web\");");
    home.run(&["run", "short.rhai", "--host", "-q"]).assert_well();
    home.run(&["up", "short.rhai", "--host", "-q"]).assert_well();
    eventually("the guards are gone", || processes(home).is_empty());
    assert_eq!(lines(&["ip", "netns"]), ["web"], "what is up stays");
    home.run(&["down", "short", "-q"]).assert_well();
}

#[test]
fn the_next_run_of_the_same_lab_makes_way_for_itself() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    for words in [&["up", "lab.rhai", "--host"][..], &["run", "lab.rhai", "--host"]] {
        start_and_kill(home);
        home.write("lab.rhai", &LAB.replace("sleep(\"100s\");", ""));
        let ran = home.run(words);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.starts_with("The lab `lab` of 20"), "{}", ran.err);
        assert!(ran.err.contains(" ended without being taken down. What it left is undone first.\n"), "{}", ran.err);
        let labs = home.run(&["ls"]).assert_well();
        assert!(!labs.contains("lab-2"), "{labs}");
        if words[0] == "up" {
            home.run(&["down", "lab", "-q"]).assert_well();
        }
        assert_same("after both", &before, &state());
        no_labs(home);
    }
    start_and_kill(home);
    home.write("lab.rhai", "");
    let events = home.run(&["run", "lab.rhai", "--host", "--json"]).assert_well();
    let kinds: Vec<&str> = events.lines().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(kinds[0], "recovery");
    assert!(kinds.contains(&"undone") && kinds.ends_with(&["start", "end"]), "{kinds:?}");
}

#[test]
fn a_running_lab_is_never_taken_for_a_dead_one() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let mut running = start(home, &["-q"]);
    let during = state();
    let said = home.run(&["recover"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), "There is nothing to recover.\n"));
    assert_same("while it runs", &during, &state());
    running.signal("TERM");
    running.end();
}

#[test]
fn from_another_network_namespace_nothing_is_taken_for_gone() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    start_and_kill(home);
    let elsewhere = |args: &[&str]| -> Ran {
        let binary = home.path("rhailab");
        let words = [&["unshare", "-n", binary.to_str().unwrap()], args].concat();
        Ran::of(&home.command(&words).output().unwrap())
    };
    let during = state();
    for args in [&["recover"][..], &["down", "lab"], &["down", "--gone", "lab"], &["run", "lab.rhai", "--host"]] {
        let complaint = elsewhere(args).assert_fails(4);
        assert!(complaint.contains("stands in another network namespace"), "{complaint}");
        assert!(complaint.contains("nsenter --net=/proc/"), "{complaint}");
        assert_same("nothing was done", &during, &state());
    }
    home.run(&["recover", "-q"]).assert_well();
    assert_same("from the right place", &before, &state());

    home.write("lab.rhai", &LAB.replace("sleep(\"100s\");", ""));
    home.run(&["up", "lab.rhai", "--host", "-q"]).assert_well();
    for args in [&["exec", "lab", "web", "true"][..], &["status", "lab"]] {
        let complaint = elsewhere(args).assert_fails(4);
        assert!(complaint.contains("stands in another network namespace"), "{complaint}");
    }
    home.run(&["down", "lab", "-q"]).assert_well();
}

#[test]
fn what_was_in_a_namespace_that_is_gone_can_be_given_up() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    home.write("lab.rhai", &LAB.replace("sleep(\"100s\");", ""));
    let script = "./rhailab run lab.rhai --host -q --no-guard & \
                  while kill -0 $! && ! ip netns | grep -q web; do :; done; kill -9 $!";
    let endless = LAB.replace("print(\"ready\");", "");
    home.write("lab.rhai", &endless);
    home.command(&["unshare", "-n", "sh", "-c", script]).status().unwrap();
    eventually("its processes are gone", || processes(home).is_empty());
    let complaint = home.run(&["recover"]).assert_fails(4);
    assert!(complaint.contains("`rhailab down --gone lab`"), "{complaint}");
    home.run(&["down", "--gone", "lab", "-q"]).assert_well();
    assert_same("its namespace and its files", &before, &state());
    no_labs(home);
}

/// What a reboot does to what is kept in a folder on the disk: it is another boot's then.
fn pretend_reboot(home: &Home) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let another = |text: &str| text.replace(boot.trim(), "00000000-0000-0000-0000-000000000000");
    for file in ["boot", "files/lab.jsonl", "labs/lab/journal.jsonl", "labs/lab/lab.json"] {
        edit_state(home, file, another);
    }
}

/// This machine was not restarted, so what is still there is for the test to remove.
fn remove_by_hand(home: &Home) {
    // The kernel removes the interfaces of a namespace some time after it, and their other ends with them.
    let by_hand = "ip link del v-web; ip netns del web; ip link del br0; sysctl -qw net.ipv4.ip_forward=0; nft flush ruleset; ip route flush proto 98; rmdir /etc/netns 2>/dev/null; true";
    assert!(home.command(&["sh", "-c", by_hand]).status().unwrap().success());
}

#[test]
fn after_a_reboot_its_files_are_undone_and_the_rest_is_forgotten() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    // Of what was not brought to the disk itself, all or nothing may be there.
    for is_lost in [false, true] {
        start_and_kill(home);
        pretend_reboot(home);
        if is_lost {
            for file in ["labs/lab/journal.jsonl", "labs/lab/lab.json"] {
                fs::write(home.path("state").join(file), "").unwrap();
            }
        }
        let during = state();
        let told = home.run(&["ls"]).assert_well();
        assert!(told.contains("lab.rhai"), "{told}");
        let ran = home.run(&["recover", "-v"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.err.contains("/etc/netns/web/resolv.conf"), "{}", ran.err);
        let changed = machine::difference(&during, &state());
        assert!(!changed.is_empty() && changed.iter().all(|line| line.contains("/etc/netns")), "{changed:?}");
        no_labs(home);
        assert_eq!(fs::read_dir(home.path("state/files")).unwrap().count(), 0);
        remove_by_hand(home);
        assert_same("by hand", &before, &state());
    }
}

#[test]
fn where_nothing_else_is_said_a_lab_is_in_memory_and_what_is_on_the_disk_is_on_record_there() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    assert!(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/var/lib"]).status().unwrap().success());
    let run = |words: &[&str]| Ran::of(&home.rhailab(words).env_remove("RHAILAB_STATE_DIR").output().unwrap());
    let before = state();
    let (run_dir, files) = (Path::new("/run/rhailab"), Path::new("/var/lib/rhailab/files"));

    // In a sandbox, whose /run is another one, as on the machine.
    home.write("idle.rhai", "let idle = netns(\"idle\"); idle.dns([\"8.8.8.8\"]); idle.start(\"sleep 1000\");");
    run(&["up", "-q", "idle.rhai"]).assert_well();
    assert!(run_dir.join("labs/idle/journal.jsonl").exists() && !files.exists());
    assert!(Path::new("/var/lib/rhailab/logs/idle").is_dir());
    let inner = format!("{} ls", home.path("rhailab").display());
    let seen = run(&["exec", "idle", "idle", "--", "sh", "-c", &inner]).assert_well();
    assert!(seen.contains("idle"), "a lab's own folder is there inside it: {seen}");
    run(&["down", "-q", "idle"]).assert_well();
    assert!(!Path::new("/var/lib/rhailab/logs/idle").exists());

    home.write("lab.rhai", "netns(\"web\").dns([\"8.8.8.8\"]);");
    run(&["up", "-q", "--host", "lab.rhai"]).assert_well();
    assert!(run_dir.join("labs/lab/lab.json").exists() && files.join("lab.jsonl").exists());
    // As somebody leaves it who removes the folder, and as a reboot does.
    fs::remove_dir_all(run_dir.join("labs/lab")).unwrap();
    let complaint = run(&["up", "-q", "--host", "lab.rhai"]).assert_fails(2);
    assert!(complaint.contains("`rhailab recover` undoes what it left"), "{complaint}");
    let logs = Path::new("/var/lib/rhailab/logs/idle");
    fs::create_dir(logs).unwrap();
    fs::remove_dir_all(run_dir).unwrap();
    assert!(run(&["ls"]).assert_well().contains("lab.rhai"));
    let told = run(&["recover", "-v"]);
    assert!(told.code == Some(0) && told.err.contains("/etc/netns/web/resolv.conf"), "{}", told.err);
    assert!(fs::read_dir(files).unwrap().count() == 0 && !logs.exists());
    remove_by_hand(home);
    assert_same("all of it", &before, &state());
}

#[test]
fn a_journal_that_cannot_be_understood_is_left_with_all_it_speaks_of() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    start_and_kill(home);
    let during = state();
    let whole = fs::read_to_string(home.path("state/labs/lab/journal.jsonl")).unwrap();
    for (from, to, words) in [
        ("\"version\":2", "\"version\":3", "has format version 3; this rhailab"),
        ("\"version\":2", "\"version\":0", "has format version 0"),
        ("\"at\":\"intent\",\"n\":2", "\"at\":\"promise\",\"n\":2", "Line 4 of the journal"),
    ] {
        edit(home, "journal.jsonl", |text| text.replacen(from, to, 1));
        let complaint = home.run(&["recover"]).assert_fails(4);
        assert!(complaint.contains(words), "{complaint}");
        assert_same("nothing was done", &during, &state());
        fs::write(home.path("state/labs/lab/journal.jsonl"), &whole).unwrap();
    }
    // A last line that was not written to its end is of a change that was not begun.
    fs::write(home.path("state/labs/lab/journal.jsonl"), whole + "{\"at\":\"intent\",\"n\":99,\"si").unwrap();
    home.run(&["recover", "-q"]).assert_well();
    assert_same("torn", &before, &state());
}

#[test]
fn without_a_journal_what_bears_a_mark_is_found_and_nothing_else() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    home.write(
        "lab.rhai",
        &LAB.replace(
            "sleep(\"100s\");",
            "iface(\"lan0\").addr(\"10.77.0.1/24\");\nns(\"web\").masquerade(\"10.0.0.0/24\");",
        ),
    );
    home.write("other.rhai", "netns(\"db\").masquerade(\"10.1.0.0/24\");\nmasquerade(\"10.1.0.0/24\");\nbridge(\"br1\").addr(\"10.1.0.1/24\");");
    for decoy in [
        "ip link add lan0 type bridge",
        "ip link set dev lan0 group 7 address 72:00:00:00:00:01 up",
        "ip link add br9 address 02:00:00:00:00:01 type bridge",
        "ip address add 10.77.0.9/24 dev lan0",
        "ip route add 10.78.0.0/16 via 10.77.0.2",
        "ip netns add foreign",
        "iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -j MASQUERADE",
        "iptables -t nat -N VIP-OTHER",
        "iptables -A FORWARD -j ACCEPT -m comment --comment rhailab",
    ] {
        lines(&decoy.split(' ').collect::<Vec<_>>());
    }
    home.run(&["up", "other.rhai", "--host", "-q"]).assert_well();
    let before: Vec<String> = state().into_iter().filter(|line| !line.contains("etc/netns")).collect();
    home.run(&["up", "lab.rhai", "--host", "-q"]).assert_well();
    let during = state();
    let said = home.run(&["recover", "--by-tag"]);
    assert_eq!(said.err, "Nothing carries a lab's mark that no journal speaks of.\n", "the journals speak of all");

    fs::remove_file(home.path("state/labs/lab/journal.jsonl")).unwrap();
    let complaint = home.run(&["recover", "--by-tag"]).assert_fails(2);
    for wanted in ["ip netns del web   # of lab `lab`", "ip link del dev br0", "sleep 1000", "`--yes`", "10.77.0.1/24"]
    {
        assert!(complaint.contains(wanted), "no {wanted} in {complaint}");
    }
    assert_same("nobody was asked", &during, &state());
    home.run(&["recover", "--by-tag", "--yes", "-q"]);
    let now: Vec<String> = state().into_iter().filter(|line| !line.contains("etc/netns")).collect();
    assert_same("all that was marked is gone", &before, &now);
    assert!(!home.path("state/labs/lab").exists(), "and the lab is no longer on record");
    eventually("its process is gone", || processes(home).is_empty());
    home.run(&["down", "other", "-q"]).assert_well();
}
