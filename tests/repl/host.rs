//! `--host`: the prompt on a machine of the test's own.

use crate::machine::{self, assert_same, state};
use crate::support::{Running, eventually};
use crate::{enter, lab};
use std::io::Write;
use std::process::Stdio;

#[test]
fn the_machine_is_as_before_when_one_leaves() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    let (lab, _) = lab();
    let ran = enter(home, &["--host"], &format!("{lab}web.ping(\"10.0.0.1\");\ndb.del();\n:undo\n:ls\n"));
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("changes stand."), "{}", ran.out);
    assert_same("what the prompt has left", &before, &state());
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn a_lab_of_the_machine_is_kept_under_another_name() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    let (lab, _) = lab();
    let ran = enter(home, &["--host"], &format!("{lab}:keep kept\nv.retarget([\"10.0.0.3:80\"]);\np.running\n"));
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("true"), "{}", ran.out);
    let told = home.run(&["status", "kept"]).assert_well();
    assert!(told.contains("changes stand."), "{told}");
    assert_eq!(home.run(&["ls", "--json"]).assert_well().lines().count(), 1);
    let rules = machine::lines(&["iptables-save"]).join("\n");
    assert!(rules.contains("rhailab:kept:") && !rules.contains("rhailab:lab:"), "{rules}");
    let on = enter(home, &["--lab", "kept", "-q"], "netns(\"more\");\nbridge(\"br0\");\n");
    assert_eq!(on.code, Some(1), "{}", on.err);
    assert!(home.run(&["status", "kept"]).assert_well().contains("changes stand."));
    home.run(&["down", "kept"]).assert_well();
    assert_same("what `down` has left", &before, &state());
}

#[test]
fn what_a_killed_prompt_has_made_is_undone() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    let mut command = home.rhailab(&["repl", "--host"]);
    let mut running = Running(command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut input = running.0.stdin.take().unwrap();
    let (lab, seconds) = lab();
    input.write_all(lab.as_bytes()).unwrap();
    eventually("it stands", || crate::support::is_running(&seconds));
    running.signal("KILL");
    running.0.wait().unwrap();
    eventually("the guard has undone it", || home.run(&["ls", "--json"]).out.is_empty());
    assert_same("what is left", &before, &state());
}
