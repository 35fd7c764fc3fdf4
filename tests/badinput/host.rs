//! The same on the machine itself: a recipe that fails half-way leaves it as it was; and a machine that lacks
//! something says what.

use super::{EVERYTHING, RECIPE, homes, machine, nothing_is_left};
use crate::machine::{assert_same, processes, state};
use crate::report::Report;
use crate::support::{Home, Ran, User, am_root, eventually, ordinary};

#[test]
fn a_recipe_that_fails_half_way_leaves_the_machine_as_it_was() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    let before = state();
    for (what, last, code) in [
        ("a call", "netns(\"web\");", "netns::exists"),
        ("half a call", "netns(\"other\").attach(br, lan.host(3), #{ gw: \"10.9.9.9\" });", "route::gateway"),
        ("a rule", "iptables(\"-A INPUT -p tcpp -j ACCEPT\");", "iptables::refused"),
        ("a process", "web.start(\"false\").wait_tcp(8080);", "process::ended"),
        ("a name", "bridge(`br\n${web.name}`);", "name::interface"),
        ("a throw", "throw \"no\";", "script::throw"),
        ("the library", "import \"std/topo\" as t; t::star(\"web-with-a-name\", 3, lan);", "name::interface"),
    ] {
        home.write(RECIPE, &format!("{EVERYTHING}{last}\n"));
        for args in [&["run", RECIPE, "--host"][..], &["up", RECIPE, "--host"]] {
            let complaint = home.run(args).assert_fails(1);
            assert!(
                complaint.contains(code) && complaint.contains("`lab` acts on this machine"),
                "{what}: {complaint}"
            );
            assert_same(what, &before, &state());
            eventually("its processes are gone", || processes(home).is_empty());
            assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{what}");
        }
    }
}

#[test]
fn what_cannot_begin_is_not_announced() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    home.write(RECIPE, "netns(\"a\");\nlet br = brige(\"br0\");\n");
    let complaint = home.run(&["run", RECIPE, "--host"]).assert_fails(2);
    assert!(!complaint.contains("It will touch"), "{complaint}");
    assert_eq!(complaint.matches("There is no function `brige`.").count(), 1, "{complaint}");
    home.write(RECIPE, "netns(\"a\");\n");
    let told = home.run(&["run", RECIPE, "--host"]);
    assert!(told.err.contains("  1 namespace: a\n"), "{}", told.err);
    let ordinary = Home::new(ordinary());
    ordinary.write(RECIPE, "netns(\"a\");\n");
    let complaint = ordinary.run(&["run", RECIPE, "--host"]).assert_fails(3);
    let report = Report::of(&complaint);
    assert_eq!(report.code, "host::root");
    assert!(report.help.contains("sudo") && report.help.contains("without --host"), "{complaint}");
}

#[test]
fn without_iptables_it_says_how_to_get_it() {
    let Some(machine) = machine::enter(false) else { return };
    // An empty folder over each that may hold the tool.
    let hide = "mkdir -p /run/none /run/bin; for tool in env setpriv sleep sh; do cp \"$(command -v $tool)\" /run/bin; done; \
                for dir in /usr/sbin /sbin /usr/local/sbin; do mount --bind /run/none $dir 2>/dev/null; done; \
                PATH=/usr/bin:/bin:/run/bin exec \"$0\" \"$@\"";
    drop(machine);
    for user in [User::Me, ordinary()] {
        let Some(_machine) = machine::enter(false) else { return };
        let home = Home::under(user, &["unshare", "-m", "sh", "-c", hide]);
        let before = state();
        home.write(RECIPE, "bridge(\"br0\");\nmasquerade(\"10.0.0.0/24\");\n");
        let complaint = home.run(&["run", RECIPE]).assert_fails(3);
        let report = Report::of(&complaint);
        assert_eq!(report.message, "`iptables` is not installed on this machine.");
        assert_eq!(report.blamed, [(2, "masquerade(\"10.0.0.0/24\")".to_owned())]);
        assert!(
            report.help.starts_with("Install it: `apt install iptables`") && !report.help.contains("by hand"),
            "{complaint}"
        );
        let json = home.run(&["run", RECIPE, "--json"]);
        assert_eq!((json.code, json.err.as_str()), (Some(3), ""), "{json:?}");
        assert!(json.out.contains("\"class\":\"machine\"") && json.out.contains("\"code\":3"), "{json:?}");
        let welcome = home.run(&[]);
        assert!(
            welcome.out.contains("iptables is not installed") && welcome.out.contains("apt-get install iptables"),
            "{welcome:?}"
        );
        nothing_is_left("no iptables", &home, &before);
    }
}

#[test]
fn without_namespaces_it_names_the_setting() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    // A user namespace has limits of its own, so that the machine's stay as they are.
    let drop = "exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"";
    let clone = "Cannot make the sandbox's namespaces: a limit is reached.";
    for (setting, then, says) in [
        (
            "max_user_namespaces",
            drop,
            "This machine does not let a root without CAP_SYS_ADMIN make a user namespace: a limit is reached.",
        ),
        ("max_net_namespaces", "exec \"$0\" \"$@\"", "Cannot set the lab's network namespace up: a limit is reached."),
        ("max_pid_namespaces", "exec \"$0\" \"$@\"", clone),
        ("max_mnt_namespaces", "exec \"$0\" \"$@\"", clone),
    ] {
        let script = format!("echo 0 > /proc/sys/user/{setting} && {then}");
        let home = Home::under(User::Me, &["unshare", "-U", "-r", "-m", "sh", "-c", &script]);
        home.write(RECIPE, "print(1);\n");
        for args in [&["run", RECIPE][..], &["up", RECIPE]] {
            let complaint = home.run(args).assert_fails(3);
            let report = Report::of(&complaint);
            assert_eq!(report.message, says);
            assert!(report.help.contains(&format!("sudo sysctl -w user.{setting}=10000")), "{complaint}");
            report.check_style(setting);
        }
        let json = home.run(&["run", RECIPE, "--json"]);
        assert_eq!((json.code, json.err.as_str()), (Some(3), ""), "{json:?}");
        assert!(json.out.contains("\"class\":\"machine\""), "{json:?}");
        assert_eq!(std::fs::read_dir(home.path("state/labs")).unwrap().count(), 0);
    }
}

#[test]
fn an_ordinary_user_without_processes_left() {
    let Some(machine) = machine::enter(false) else { return };
    let [_, home] = homes(machine);
    let before = state();
    home.write(RECIPE, "print(1);\n");
    // The limit is the user's, and other tests may be running as the same one; that it is reached is enough.
    let mut command = home.command(&["prlimit", "--nproc=1:1", "./rhailab", "run", RECIPE]);
    let ran = Ran::of(&command.output().unwrap());
    if ran.code != Some(0) {
        let report = Report::of(&ran.err);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(!report.help.is_empty() && !ran.err.contains("panicked"), "{}", ran.err);
    }
    nothing_is_left("no processes", &home, &before);
}
