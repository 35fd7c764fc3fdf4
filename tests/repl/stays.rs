//! Labs that stay, and prompts that go on with them.

use crate::support::{Home, User, eventually, is_running, users};
use crate::{enter, home, lab, read};

fn status(home: &Home) -> String {
    home.run(&["status", "kept"]).assert_well()
}

#[test]
fn a_kept_lab_is_there_for_everybody() {
    for user in users() {
        let home = home(user);
        let (lab, seconds) = lab();
        let entries = format!("{lab}:keep kept\nprint(p.log.len())\nlet late = bridge(\"late\");\np\n");
        let ran = enter(&home, &[], &entries);
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
        assert!(ran.err.contains("The lab `kept` is up."), "{}", ran.err);
        assert!(ran.out.contains("state/logs/kept/"), "{}", ran.out);
        let told = status(&home);
        assert!(told.contains("changes stand.") && told.contains("late") && told.contains(&seconds), "{told}");
        assert!(home.run(&["exec", "kept", "web", "ip", "-o", "addr"]).assert_well().contains("10.0.0.2/24"));
        home.run(&["logs", "kept"]).assert_well();
        // Somebody goes on with it, and leaves it.
        let on = enter(
            &home,
            &["--lab", "kept", "-q"],
            "ns(\"db\").ping(\"10.0.0.2\");\nnetns(\"more\");\n!sh look.sh > out/seen\n",
        );
        assert_eq!((on.code, on.err.as_str()), (Some(0), ""), "{}", on.out);
        assert!(status(&home).contains("changes stand.") && read(&home, "seen").contains("== more"));
        // What fails there is undone, and what was deleted is made again.
        let wrong = "ns(\"more\").del(); ns(\"db\").iface(\"eth0\").mtu(1400); netns(\"web\");\n";
        enter(&home, &["--lab", "kept"], wrong).assert_fails(1);
        let told = status(&home);
        assert!(told.contains("changes stand.") && is_running(&seconds), "{told}");
        assert!(home.run(&["journal", "kept"]).assert_well().contains("ip netns add more"));
        home.run(&["down", "kept"]).assert_well();
        eventually("its processes go with it", || !is_running(&seconds));
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
}

#[test]
fn one_prompt_at_a_time_goes_on_with_a_lab() {
    let home = home(User::Me);
    enter(&home, &["-q"], ":keep kept\n").assert_well();
    let mut command = home.rhailab(&["repl", "--lab", "kept"]);
    let mut first = crate::support::Running(command.stdin(std::process::Stdio::piped()).spawn().unwrap());
    let mut input = first.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"netns(\"there\");\n").unwrap();
    eventually("the first one is in it", || home.run(&["status", "kept"]).out.contains("Its one change stands."));
    let busy = enter(&home, &["--lab", "kept"], "1\n").assert_fails(2);
    assert!(busy.contains("Another process works on the lab `kept`"), "{busy}");
    drop(input);
    assert_eq!(first.0.wait().unwrap().code(), Some(0));
    enter(&home, &["--lab", "kept", "-q"], "1\n");
    // A lab that is not kept can be looked at from elsewhere, too.
    let mut command = home.rhailab(&["repl", "-q"]);
    let mut own = crate::support::Running(command.stdin(std::process::Stdio::piped()).spawn().unwrap());
    let mut input = own.0.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"netns(\"one\"); netns(\"two\");\n").unwrap();
    eventually("it is seen", || home.run(&["status", "lab"]).out.contains("All of its 2 changes stand."));
    assert!(home.run(&["exec", "lab", "two", "ip", "-o", "link"]).assert_well().contains("lo:"));
    drop(input);
    assert_eq!(own.0.wait().unwrap().code(), Some(0));
    let unknown = enter(&home, &["--lab", "kpet"], "1\n").assert_fails(2);
    assert!(unknown.contains("kept"), "{unknown}");
    let taken = enter(&home, &[], ":keep kept\n").assert_fails(2);
    assert!(taken.contains("is taken by another lab"), "{taken}");
}

#[test]
fn a_lab_that_up_made_can_be_gone_on_with() {
    let home = home(User::Me);
    home.write(
        "a.rhai",
        "let br = bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nnetns(\"web\").attach(br, \"10.0.0.2/24\");\n",
    );
    home.run(&["up", "a.rhai", "--name", "kept", "-q"]).assert_well();
    let entries = "iface(\"br0\")\nlet w = ns(\"web\");\nw.iface(\"eth0\").mtu(1400);\n:undo\n:save out/saved.rhai\n";
    let ran = enter(&home, &["--lab", "kept"], entries);
    assert!(ran.code == Some(0) && ran.err.contains("from the changes that stand"), "{}\n{}", ran.out, ran.err);
    assert!(read(&home, "out/saved.rhai").contains("netns(\"web\")"));
    assert!(status(&home).contains("All of its"));
}
