//! The hostile and the clumsy user: everything that can be wrong with a recipe, a command line or a machine, through
//! the real binary. Each failure has the exit code of its kind, names what it is about, points at the text to blame and
//! says what to do; and nothing is left of it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

#[path = "../machine/mod.rs"]
mod machine;
#[path = "../scratch/mod.rs"]
mod scratch;
#[path = "../support/mod.rs"]
mod support;

mod arguments;
mod catching;
mod full;
mod host;
mod limits;
mod modules;
mod network;
mod report;
mod signals;
mod streams;
mod together;
mod words;

use machine::{assert_same, processes, state};
use support::{Home, Ran, User, ordinary};

/// A recipe that fails.
struct Case {
    /// What is wrong with it.
    what: &'static str,
    /// Its text.
    recipe: &'static str,
    /// The exit code.
    code: i32,
    /// The line that is to blame.
    line: usize,
    /// The text that is pointed at.
    blamed: &'static str,
    /// What the report says, in words that may be in any of its parts.
    says: &'static [&'static str],
    /// What its help begins with; empty where there is nothing to advise.
    help: &'static str,
}

/// The name that every case's recipe has.
const RECIPE: &str = "lab.rhai";

/// Runs every case in a sandbox, as root and as an ordinary user.
fn all_fail_well(cases: &[Case]) {
    let Some(machine) = machine::enter(false) else { return };
    for home in [&machine.home, &Home::new(ordinary())] {
        let before = state();
        for case in cases {
            home.write(RECIPE, case.recipe);
            let ran = home.run(&["run", RECIPE]);
            case.check(&ran);
            nothing_is_left(case.what, home, &before);
        }
    }
}

impl Case {
    #[track_caller]
    fn check(&self, ran: &Ran) {
        let Case { what, code, line, blamed, says, help, .. } = self;
        let report = report::Report::of(&ran.err);
        let text = &ran.err;
        assert_eq!(ran.code, Some(*code), "{what}: {ran:?}");
        let place = (format!("{RECIPE}:{line}:"), (*line, (*blamed).to_owned()));
        assert!(report.place.starts_with(&place.0), "{what}: not {} but {}\n{text}", place.0, report.place);
        assert!(report.blamed.contains(&place.1), "{what}: {blamed:?} is not blamed: {:?}\n{text}", report.blamed);
        for part in *says {
            assert!(report.says(part), "{what}: it does not say {part:?}\n{text}");
        }
        assert!(report.help.starts_with(help), "{what}: the help is not {help:?}\n{text}");
        assert_eq!(report.help.is_empty(), help.is_empty(), "{what}: the help is {:?}\n{text}", report.help);
        report.check_style(what);
    }
}

/// Checks that a lab left the machine as it was, no process, and no folder of its own.
#[track_caller]
fn nothing_is_left(what: &str, home: &Home, before: &[String]) {
    assert_same(what, before, &state());
    support::eventually("its processes are gone", || processes(home).is_empty());
    let labs: Vec<_> = std::fs::read_dir(home.path("state/labs")).into_iter().flatten().collect();
    assert!(labs.is_empty(), "{what}: {labs:?}");
}

/// Root's home and an ordinary user's, on one machine of the test's own.
fn homes(_: machine::Machine) -> [Home; 2] {
    [Home::new(User::Me), Home::new(ordinary())]
}

/// A lab that stands, in which everything is that can be left behind.
const EVERYTHING: &str = r#"
let lan = subnet("10.0.0.0/24");
let br = bridge("br0").addr(lan.host(1)).up();
let web = netns("web");
web.attach(br, lan.host(2));
web.dns(["192.0.2.53"]);
web.start(["sleep", "1000"], #{ name: "sleeper" });
ip_forward(true);
forward(br);
masquerade(lan);
vip("10.100.0.1:80", ["10.0.0.2:80"]);
"#;

/// Root, who runs most tests, and nobody else.
fn me() -> Home {
    Home::new(User::Me)
}
