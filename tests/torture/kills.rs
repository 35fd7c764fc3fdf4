//! `kill -9` at random moments of three recipes, on a machine where somebody else has things that look like ours.

use super::{Figures, Random, at_once};
use crate::machine::{self, difference, lines, processes, state};
use crate::support::{Home, Running, eventually};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const RECIPES: [(&str, &str); 3] = [
    ("container-networking", include_str!("../../scripts/labs/container-networking.rhai")),
    ("ipv6", include_str!("../../scripts/labs/ipv6.rhai")),
    ("routers", include_str!("../../scripts/labs/routers.rhai")),
];

/// There before the run: rules equal to the labs' but for the mark, interfaces in a group of their own, a namespace with
/// files, sysctls that are not the default.
const DECOYS: &str = "\
    iptables --append FORWARD --in-interface bridge_local --jump ACCEPT
    iptables --table nat --append POSTROUTING --source 10.0.0.0/24 --jump MASQUERADE
    iptables --table nat --append POSTROUTING --source 10.0.0.0/24 --match comment --comment rhailab:other:1 --jump MASQUERADE
    iptables --table nat --new VIP-OTHER
    ip6tables --append FORWARD --jump ACCEPT
    ip6tables --table nat --append POSTROUTING --source fd00::/64 --jump MASQUERADE
    ip link add foreign0 address 02:00:00:00:00:0f type bridge
    ip link set dev foreign0 group 7 addrgenmode none
    ip address add 172.30.0.1/24 dev foreign0
    ip link add foreign1 address 72:00:00:00:00:01 type bridge
    ip link set dev foreign1 addrgenmode none
    ip netns add foreign
    sysctl -qw net.ipv4.conf.foreign0.forwarding=1
    sysctl -qw net.ipv4.conf.all.accept_redirects=0
    mkdir -p /etc/netns/foreign
    cp /etc/hostname /etc/netns/foreign/hostname";

/// Done by somebody else between the kill and the recovery, as far as what it is done to is there: a namespace made anew
/// under the lab's name for it, another bridge under the name of the lab's, an address given by hand.
const MEANWHILE: [&str; 3] = [
    "ip netns del http2 && ip netns add http2",
    "ip link del bridge_local && ip link add foreign2 address 02:00:00:00:00:02 type bridge && \
     ip link set foreign2 addrgenmode none name bridge_local",
    "ip address add 172.30.0.77/24 dev foreign0",
];

fn plant(commands: &str) {
    for command in commands.lines() {
        lines(&command.split_whitespace().collect::<Vec<_>>());
    }
}

fn sh(script: &str) -> bool {
    let output = Command::new("sh").args(["-c", script]).output().unwrap();
    output.status.success()
}

/// How many events a whole run has, and how long it takes.
fn extent(recipe: &(&str, &str)) -> (u64, Duration) {
    static KNOWN: Mutex<Option<HashMap<String, (u64, Duration)>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap();
    let known = known.get_or_insert_default();
    let measure = || {
        // Also a thread of its own, to be a machine of its own.
        let run = || {
            let Some(machine) = machine::enter(false) else { return (1, Duration::ZERO) };
            let path = machine.home.write("lab.rhai", recipe.1);
            let start = Instant::now();
            let ran = machine.home.run(&["run", "--host", "--json", path.to_str().unwrap()]);
            assert_eq!(ran.code, Some(0), "{}: {}", recipe.0, ran.err);
            (ran.out.lines().count() as u64, start.elapsed())
        };
        std::thread::scope(|scope| scope.spawn(run).join().unwrap())
    };
    *known.entry(recipe.0.to_owned()).or_insert_with(measure)
}

/// Starts a recipe and goes on to some point in the middle of it: after so many events, or after so long.
fn run_to_some_point(home: &Home, recipe: &(&str, &str), random: &mut Random) -> Running {
    let (events, time) = extent(recipe);
    let path = home.write("lab.rhai", recipe.1);
    let mut running = Running(home.rhailab(&["run", "--host", "--json", path.to_str().unwrap()]).spawn().unwrap());
    let mut out = BufReader::new(running.0.stdout.take().unwrap()).lines();
    if random.below(2) == 0 {
        let count = usize::try_from(random.below(events)).unwrap();
        out.by_ref().take(count).for_each(|line| drop(line.unwrap()));
    } else {
        let micros = u64::try_from(time.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(micros)));
    }
    // Somebody must go on reading, or the run would be stopped for that.
    std::thread::spawn(move || out.for_each(drop));
    running
}

fn guard(home: &Home) -> Option<String> {
    // By its words: its name it takes a moment later.
    let words = |path: &std::path::Path| fs::read(path.join("cmdline")).unwrap_or_default();
    let is_guard = |path: &std::path::Path| words(path).split(|byte| *byte == 0).nth(1) == Some(b"guard");
    let found = processes(home).into_iter().find(|(path, _)| is_guard(path))?;
    Some(found.0.file_name()?.to_str()?.to_owned())
}

/// Kills the runner only; its guard has to see to the rest.
pub fn of_the_runner(count: usize) -> Figures {
    trials("kill -9 of the runner: undone by its guard", count, 1, |home, _, running| {
        let start = Instant::now();
        let was_killed = running.0.kill().is_ok() && running.0.wait().unwrap().code().is_none();
        // Killed before it had a guard, and so before it had made anything, it leaves a folder without a word in it.
        eventually("the lab is gone", || !home.path("state/labs/lab/lab.json").exists());
        was_killed.then(|| (start.elapsed(), Vec::new()))
    })
}

/// Kills the runner and its guard at once, lets somebody else act, and recovers.
pub fn of_the_runner_and_its_guard(count: usize) -> Figures {
    trials("kill -9 of both, others act, then recover", count, 2, |home, random, running| {
        let pids = [Some(running.pid().to_string()), guard(home)];
        let mut kill = Command::new("kill");
        // One of them may have ended just now.
        let _ = kill.arg("-9").args(pids.iter().flatten()).stderr(Stdio::null()).status();
        let was_killed = running.0.wait().unwrap().code().is_none();
        eventually("both are gone", || guard(home).is_none());
        if !was_killed {
            return None;
        }
        let meanwhile: Vec<&str> = MEANWHILE.into_iter().filter(|_| random.below(2) == 0).filter(|s| sh(s)).collect();
        let start = Instant::now();
        let recovered = home.run(&["recover", "-q"]);
        assert_eq!(recovered.code, Some(0), "{}", recovered.err);
        let time = start.elapsed();
        Some((time, meanwhile.into_iter().map(str::to_owned).collect()))
    })
}

/// What to take away again, and whether it was still there to be taken.
fn remove(meanwhile: &[String]) -> Vec<String> {
    let mut touched = Vec::new();
    for script in meanwhile {
        let undo = match script.as_str() {
            s if s == MEANWHILE[0] => "ip netns del http2",
            s if s == MEANWHILE[1] => {
                "ip -o link show bridge_local | grep -q 02:00:00:00:00:02 && ip link del bridge_local"
            }
            _ => "ip address del 172.30.0.77/24 dev foreign0",
        };
        if !sh(undo) {
            touched.push(format!("gone: {script}"));
        }
    }
    touched
}

fn trials(
    what: &str,
    count: usize,
    salt: u64,
    end: impl Fn(&Home, &mut Random, &mut Running) -> Option<(Duration, Vec<String>)> + Sync,
) -> Figures {
    let figures = Mutex::new(Figures { what: what.to_owned(), ..Figures::default() });
    let numbers: Vec<usize> = (0..count).collect();
    at_once(&numbers, 3, |number| {
        let recipe = &RECIPES[number % RECIPES.len()];
        let _ = extent(recipe);
        let Some(machine) = machine::enter(false) else { return };
        let home = &machine.home;
        let mut random = Random::new(salt * 100_000 + *number as u64);
        plant(DECOYS);
        let before = state();
        // Until one was killed before it had ended by itself.
        let (time, meanwhile) = loop {
            let mut running = run_to_some_point(home, recipe, &mut random);
            if let Some(end) = end(home, &mut random, &mut running) {
                break end;
            }
        };
        eventually("its processes are gone", || processes(home).is_empty());
        let mut touched = remove(&meanwhile);
        let changed = difference(&before, &state());
        let context = |line: &String| format!("{} ({number}): {line}", recipe.0);
        touched.extend(changed.iter().filter(|line| line.starts_with('-')).map(context));
        let mut figures = figures.lock().unwrap();
        figures.trials += 1;
        figures.times.push(time);
        figures.touched.extend(touched);
        figures.leftovers.extend(changed.iter().filter(|line| line.starts_with('+')).map(context));
        if !home.run(&["ls", "--json"]).out.is_empty() {
            figures.leftovers.push(format!("{} ({number}): a lab is still on record", recipe.0));
        }
    });
    figures.into_inner().unwrap()
}
