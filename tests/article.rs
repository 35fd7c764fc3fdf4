//! The article's lab and its companions: they pass wherever they may run and leave nothing, and the exported scripts
//! are the article's commands and build the same network.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod source;
mod support;

use machine::{assert_same, network, processes, state, without_tables};
use support::{Home, User, am_root, eventually, ordinary, outside};

const ARTICLE: &str = "scripts/labs/container-networking.rhai";

/// The recipes in `scripts/labs`, copied to a home, whose user may not be able to read where they are.
fn labs(home: &Home) -> Vec<String> {
    let copy =
        |file: source::Source| home.write(file.path.rsplit('/').next().unwrap(), &file.text).display().to_string();
    source::files("scripts/labs", "rhai").into_iter().map(copy).collect()
}

fn pass_in_a_sandbox(user: User) {
    let home = &Home::new(user);
    let before = outside();
    for lab in labs(home) {
        let ran = home.run(&["run", &lab]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{user:?}: {lab}\n{}", ran.out);
        assert_eq!(processes(home), [], "{user:?}: {lab} left processes");
    }
    assert_eq!(outside(), before, "{user:?}");
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
}

#[test]
fn the_labs_pass_in_a_sandbox() {
    pass_in_a_sandbox(User::Me);
}

#[test]
fn the_labs_pass_for_an_ordinary_user() {
    if !am_root() {
        return println!("SKIPPED: the same as the test before");
    }
    pass_in_a_sandbox(ordinary());
}

fn pass_on_the_machine(bridged: bool) {
    let Some(machine) = machine::enter(bridged) else { return };
    let home = &machine.home;
    let before = state();
    for lab in labs(home) {
        let ran = home.run(&["run", "--host", &lab]);
        assert_eq!(ran.code, Some(0), "{lab}, bridged frames pass iptables: {bridged}\n{}", ran.err);
        assert_same(&format!("{lab} left something, or took it"), &before, &state());
        assert_eq!(processes(home), [], "{lab} left processes");
    }
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn the_labs_pass_on_the_machine_and_leave_it_as_it_was() {
    pass_on_the_machine(false);
}

#[test]
fn the_labs_pass_where_bridged_frames_pass_iptables() {
    pass_on_the_machine(true);
}

/// The lines of a list in `tests/article`, without its comments.
fn list(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.starts_with('#')).map(normal).collect()
}

/// A command without its origin, its quotes and its place in the background; iptables with the table first.
fn normal(line: &str) -> String {
    let line = line.split("  # ").next().unwrap_or_default();
    let line = line.split(" >${RHAILAB_STATE").next().unwrap_or_default().replace(['\'', '"'], "");
    let line = line.strip_prefix("setsid ").unwrap_or(&line);
    let mut words: Vec<&str> = line.split(' ').collect();
    if words[0] == "iptables"
        && let Some(at) = words.iter().position(|word| *word == "--table")
    {
        words[1..at + 2].rotate_right(2);
    }
    words.join(" ")
}

#[test]
fn the_exported_script_is_the_articles_list_of_commands() {
    let home = Home::new(User::Me);
    let script = home.run(&["export", "--up", &format!("{}/{ARTICLE}", env!("CARGO_MANIFEST_DIR"))]).assert_well();
    let commands = list(include_str!("article/commands.txt"));
    let mut wanted = commands.iter().peekable();
    let mut besides = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(normal) {
        if wanted.next_if(|command| **command == line).is_none() {
            besides.push(line);
        }
    }
    assert_eq!(wanted.next(), None, "this command of the article is not in its place in:\n{script}");
    assert_eq!(besides, list(include_str!("article/besides.txt")), "other commands than expected in:\n{script}");
}

/// The network that one way of building a lab makes on a machine of its own, which is then as it was.
fn built(lab: &str, text: &str, up: fn(&Home, &str), down: fn(&Home, &str)) -> Option<Vec<String>> {
    let build = || {
        let machine = machine::enter(false)?;
        let home = &machine.home;
        home.write(&format!("{lab}.rhai"), text);
        let before = state();
        up(home, lab);
        let network = network(home);
        down(home, lab);
        let what = format!("taking {lab} down left something, or took it");
        assert_same(&what, &before, &without_tables(state()));
        assert_eq!(processes(home), [], "{lab}");
        Some(network)
    };
    // A thread of its own is a machine of its own.
    std::thread::scope(|scope| scope.spawn(build).join()).unwrap()
}

fn up(home: &Home, lab: &str) {
    let ran = home.run(&["up", "--host", "-q", &format!("{lab}.rhai")]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{lab}");
}

fn down(home: &Home, lab: &str) {
    home.run(&["down", "-q", lab]).assert_well();
}

fn up_by_script(home: &Home, lab: &str) {
    home.run(&["export", "-o", "scripts", &format!("{lab}.rhai")]);
    machine::sh(home, "scripts/up.sh").assert_well();
    let on_its_way = ["sh scripts/up.sh", "setsid ", "ip netns exec "];
    eventually("what the script started in the background has become what it is to be", || {
        !processes(home).iter().any(|(_, line)| on_its_way.iter().any(|start| line.starts_with(start)))
    });
}

fn down_by_script(home: &Home, _lab: &str) {
    machine::sh(home, "scripts/down.sh").assert_well();
    eventually("what it killed is gone", || processes(home).is_empty());
}

/// A recipe that takes back some of what it did, and does it under other names and elsewhere.
const TURNS: &str = r#"
let web = netns("web");
let br = bridge("br0").mac("02:00:00:00:00:01").rename("br1").addr("10.0.0.1/24").up();
web.attach(br, "10.0.0.2/24");
bridge("gone").rename("going").up().del();
let pair = veth("a", "b");
pair.a.rename("c").mac("02:00:00:00:00:02").move_to(web).addr("10.1.0.1/24").up();
pair.b.rename("d").mac("02:00:00:00:00:03").addr("10.1.0.2/24").up();
let db = netns("db").ip_forward(true).dns(["10.0.0.1"]);
db.start(["sleep", "60"]);
db.del();
web.start(["sh", "-c", "sleep 60; true"], #{ name: "nap" });
forward(br).del();
masquerade("10.0.0.0/24");
"#;

#[test]
fn the_exported_scripts_build_the_same_network_and_remove_it() {
    let name = |path: &str| path.rsplit('/').next().unwrap().replace(".rhai", "");
    let labs = source::files("scripts/labs", "rhai").into_iter().map(|file| (name(&file.path), file.text));
    for (lab, text) in labs.chain([("turns".to_owned(), TURNS.to_owned())]) {
        let (Some(ours), Some(theirs)) =
            (built(&lab, &text, up, down), built(&lab, &text, up_by_script, down_by_script))
        else {
            return;
        };
        assert!(ours.len() > 30, "{ours:#?}");
        assert_same(&format!("{lab}: `rhailab up` (-) and the exported script (+) differ"), &ours, &theirs);
    }
}
