//! The example of every function and the README's recipes, none of them chosen by hand, on the real kernel: in a sandbox,
//! on the machine, and as the shell scripts that they are exported as.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod fakes;
mod machine;
mod recipes;
mod scratch;
mod source;
mod support;

use machine::{Machine, difference, processes, state};
use recipes::{Shown, examples, fences};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Home, Ran};

/// What may be wrong with one of them.
type Verdict = Result<(), String>;

/// What of a state must be as it was.
type Seen = fn(Vec<String>) -> Vec<String>;

/// Tests each recipe, as a file on a machine; after each, the machine must be as it was and no process be left.
fn each(test: impl Fn(&Home, &str) -> Verdict + Sync, seen: Seen) {
    let all: Vec<Shown> = examples().into_iter().chain(fences("README.md")).collect();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let Some(machine) = machine::enter(false) else { return };
                let before = seen(state());
                while let Some(shown) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    machine.home.write("example.rhai", &shown.text);
                    let verdict =
                        test(&machine.home, "example.rhai").and_then(|()| is_as_before(&machine, &before, seen));
                    if let Err(why) = verdict {
                        let Shown { title, text, .. } = shown;
                        failed.lock().unwrap().push(format!("The recipe of {title}:\n{text}\n{why}"));
                        // What it left would be blamed on the next.
                        return;
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

fn is_as_before(machine: &Machine, before: &[String], seen: Seen) -> Verdict {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let left = processes(&machine.home);
        if left.is_empty() {
            break;
        }
        if Instant::now() > until {
            return Err(format!("it left {left:?}"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let difference = difference(before, &seen(state()));
    if difference.is_empty() { Ok(()) } else { Err(format!("it left, or took:\n{}", difference.join("\n"))) }
}

/// It ends well, and without a word on standard error.
fn well(what: &str, ran: &Ran) -> Verdict {
    let is_well = (ran.code, ran.err.as_str()) == (Some(0), "");
    if is_well { Ok(()) } else { Err(format!("{what} ends with {:?}: {}", ran.code, ran.err)) }
}

#[test]
fn they_run_in_a_sandbox() {
    each(|home, recipe| well("the run", &home.run(&["run", "-q", recipe])), |state| state);
}

#[test]
fn they_run_on_the_machine() {
    each(|home, recipe| well("the run", &home.run(&["run", "-q", "--host", recipe])), |state| state);
}

#[test]
fn the_scripts_that_they_are_exported_as_work() {
    let test = |home: &Home, recipe: &str| {
        let text = home.run(&["export", "-o", "scripts", recipe]).err;
        for script in ["scripts/up.sh", "scripts/down.sh"] {
            let what = || format!("{text}\n{}", std::fs::read_to_string(home.path(script)).unwrap_or_default());
            well(script, &machine::sh(home, script)).map_err(|why| format!("{why}\n{}", what()))?;
        }
        Ok(())
    };
    each(test, machine::without_tables);
}
