//! Many labs at once, from as many processes.

use super::Figures;
use crate::machine::{self, difference, processes, state};
use crate::support::{Home, Ran, User, eventually};
use std::time::Instant;

/// A lab that shares what it can with the others: the switch, FORWARD, its subnet from the common pool.
const LAB: &str = r#"
let id = param("id", 1, "its number");
let lan = free_subnet();
let br = bridge("br" + id).addr(lan.host(1)).up();
let web = netns("web" + id);
web.attach(br, lan.host(2));
web.dns(["8.8.8.8"]);
ip_forward(true);
forward(br);
masquerade(lan);
let v = vip(`10.250.0.${id}:80`, [`${lan.host(2).ip}:8080`]);
web.http_serve(8080, "web" + id);
assert_eq(http_get(`http://10.250.0.${id}/`).body, "web" + id);
"#;

fn rounds(what: &str, home: &Home, labs: usize, rounds: usize, words: &[&str]) -> Figures {
    let mut figures = Figures { what: what.to_owned(), ..Figures::default() };
    home.write("lab.rhai", LAB);
    let before = state();
    let each = |words: &dyn Fn(usize) -> Vec<String>| {
        let start = |n| {
            let words = words(n);
            home.rhailab(&words.iter().map(String::as_str).collect::<Vec<_>>()).spawn().unwrap()
        };
        let running: Vec<_> = (1..=labs).map(start).collect();
        running.into_iter().map(|child| Ran::of(&child.wait_with_output().unwrap())).collect::<Vec<_>>()
    };
    for round in 0..rounds {
        let start = Instant::now();
        let up = |n: usize| {
            let own = ["lab.rhai".to_owned(), "-p".into(), format!("id={n}"), "--name".into(), format!("lab{n}")];
            ["up", "-q"].iter().chain(words).map(ToString::to_string).chain(own).collect()
        };
        for ran in each(&up) {
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "round {round}");
        }
        assert_eq!(home.run(&["ls", "--json"]).out.lines().count(), labs, "round {round}");
        for ran in each(&|n| ["down", "-q", &format!("lab{n}")].map(str::to_owned).to_vec()) {
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "round {round}");
        }
        figures.times.push(start.elapsed());
        eventually("their processes are gone", || processes(home).is_empty());
        let changed = difference(&before, &state());
        figures.touched.extend(changed.iter().filter(|line| line.starts_with('-')).cloned());
        figures.leftovers.extend(changed.into_iter().filter(|line| line.starts_with('+')));
        if !home.run(&["ls", "--json"]).out.is_empty() {
            figures.leftovers.push(format!("round {round}: a lab is still on record"));
        }
        figures.trials += labs;
    }
    figures
}

/// Labs in sandboxes of their own.
pub fn in_sandboxes(labs: usize, count: usize) -> Figures {
    let run = || match machine::enter(false) {
        Some(_machine) => {
            let home = Home::new(User::Me);
            rounds("labs up and down at once, in sandboxes", &home, labs, count, &[])
        }
        None => Figures::default(),
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}

/// Labs that share one machine.
pub fn on_the_machine(labs: usize, count: usize) -> Figures {
    let run = || match machine::enter(false) {
        Some(machine) => rounds("labs up and down at once, on one machine", &machine.home, labs, count, &["--host"]),
        None => Figures::default(),
    };
    std::thread::scope(|scope| scope.spawn(run).join().unwrap())
}
