//! A sandbox is a small machine of its own: it sees what it should, changes nothing outside, and goes with its process.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use std::time::Duration;
use support::{Home, Ran, Running, User, am_root, eventually, is_running, ordinary, outside, unique_seconds, users};

#[test]
fn a_lab_changes_nothing_outside() {
    for user in users() {
        let home = Home::new(user);
        let before = outside();
        let inside = home.recipe(
            r#"
            netns("only-inside");
            bridge("br-inside").addr("10.99.0.1/24").up();
            sh("echo 1 > /proc/sys/net/ipv4/ip_forward; hostname inside; touch /etc/made-inside /run/made-inside");
            print(sh("ip netns; ip -br link; hostname; ls /etc/made-inside /run/made-inside").stdout);
            "#,
        );
        for wanted in ["only-inside", "br-inside", "inside", "/etc/made-inside", "/run/made-inside"] {
            assert!(inside.contains(wanted), "{user:?}: no {wanted} in {inside}");
        }
        assert_eq!(outside(), before, "{user:?}");
    }
}

#[test]
fn its_root_namespace_starts_bare_and_with_known_settings() {
    for user in users() {
        let seen = Home::new(user).recipe(
            r#"print(sh("ip -o link; ls /sys/class/net; ls /run/netns; cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/default/rp_filter /proc/sys/net/ipv6/conf/default/accept_dad; id -u; echo $$").stdout); ping("127.0.0.1");"#,
        );
        let lines: Vec<&str> = seen.lines().collect();
        assert!(lines[0].starts_with("1: lo: <LOOPBACK,UP"), "{user:?}: {seen}");
        assert_eq!(lines[1..6], ["lo", "0", "0", "0", "0"], "{user:?}");
        assert!(
            lines[6].parse::<u32>().unwrap() < 100,
            "{user:?}: its processes have numbers of their own: {}",
            lines[6]
        );
    }
}

#[test]
fn what_was_in_run_stays_reachable_but_for_namespaces_and_resolvers() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let setup = "mount -t tmpfs none /run && mkdir -p /run/netns/foreign /run/nscd /run/systemd/resolve /run/app && \
                 echo hello > /run/app/file && echo stub > /run/systemd/resolve/stub-resolv.conf && \
                 touch /run/nscd/socket /run/systemd/resolve/io.systemd.Resolve && ln -s app /run/link && exec \"$0\" \"$@\"";
    for user in users() {
        let home = Home::under(user, &["unshare", "-m", "sh", "-c", setup]);
        let seen = home.recipe(
            r#"print(sh("cat /run/app/file /run/link/file /run/systemd/resolve/*.conf; ls /run/netns /run/nscd /run/systemd/resolve/io.systemd.Resolve 2>&1 || true").stdout);"#,
        );
        assert!(seen.starts_with("hello\nhello\nstub\n"), "{user:?}: {seen}");
        assert!(!seen.contains("foreign"), "{user:?}: {seen}");
        assert_eq!(seen.matches("No such file").count(), 2, "{user:?}: {seen}");
    }
}

#[test]
fn a_namespace_has_its_own_files_in_etc_and_the_machine_keeps_its_own() {
    for user in users() {
        let home = Home::new(user);
        let before = outside();
        let seen = home.recipe(
            r#"
            let a = netns("a");
            a.dns(["192.0.2.53"]);
            print(a.exec(["cat", "/etc/resolv.conf"]).stdout);
            print(sh("ip netns exec a cat /etc/resolv.conf; ls /etc/netns").stdout);
            "#,
        );
        assert_eq!(seen.matches("nameserver 192.0.2.53").count(), 2, "{user:?}: {seen}");
        assert!(seen.trim_end().ends_with('a'), "{user:?}: {seen}");
        assert_eq!(outside(), before, "{user:?}");
    }
}

#[test]
fn what_is_mounted_below_etc_is_still_there() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    // As containers have it.
    let setup = "mount -t tmpfs none /mnt && echo '# from the container' > /mnt/resolv.conf && \
                 mount --bind /mnt/resolv.conf /etc/resolv.conf && exec \"$0\" \"$@\"";
    for user in users() {
        let home = Home::under(user, &["unshare", "-m", "sh", "-c", setup]);
        let seen = home.recipe(
            r#"
            netns("a").dns(["192.0.2.53"]);
            print(sh("cat /etc/resolv.conf; ip netns exec a cat /etc/resolv.conf; head -c4 /etc/passwd").stdout);
            "#,
        );
        assert!(seen.contains("# from the container\nnameserver 192.0.2.53\nroot"), "{user:?}: {seen}");
    }
}

#[test]
fn an_ordinary_users_lab_has_other_users_where_subordinate_ids_are_granted() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let map = Home::new(ordinary()).recipe(r#"print(sh("cat /proc/self/uid_map /proc/self/gid_map").stdout);"#);
    let granted = std::fs::read_to_string("/etc/subuid").is_ok_and(|text| text.contains("lab:"));
    assert_eq!(map.lines().filter(|line| !line.is_empty()).count(), if granted { 4 } else { 2 }, "{map}");
}

#[test]
fn killed_outside_it_is_gone_at_once_with_all_its_processes() {
    for user in users() {
        let home = Home::new(user);
        // On a busy machine one round may be late for reasons that are not ours.
        let times: Vec<Duration> = (0..5)
            .map(|_| {
                let (here, there) = (unique_seconds(), unique_seconds());
                let recipe = format!(
                    "let a = netns(\"a\");\na.start([\"sleep\", \"{here}\"]);\nsh(\"setsid sleep {there} &\");\n\
                     print(\"ready\");\nsleep(\"100s\");\n"
                );
                home.write("stays.rhai", &recipe);
                let running = Running::until(home.rhailab(&["run", "stays.rhai"]), "ready");
                assert!(is_running(&here) && is_running(&there), "{user:?}");
                running.signal("KILL");
                eventually("its processes are gone", || !is_running(&here) && !is_running(&there))
            })
            .collect();
        assert!(times.iter().min().unwrap() < &Duration::from_millis(100), "{user:?}: {times:?}");
        println!("{user:?}: gone after {times:?}");
    }
}

#[test]
fn a_signal_to_the_outer_process_ends_the_recipe_in_order() {
    for user in users() {
        let home = Home::new(user);
        for signal in ["TERM", "INT", "HUP"] {
            let seconds = unique_seconds();
            home.write(
                "waits.rhai",
                &format!("netns(\"a\").start([\"sleep\", \"{seconds}\"]);\nprint(\"ready\");\nsleep(\"100s\");\n"),
            );
            let mut running = Running::until(home.rhailab(&["run", "waits.rhai"]), "ready");
            running.signal(signal);
            let complaint = running.end().assert_fails(1);
            assert!(complaint.contains("waits.rhai:3"), "{user:?} {signal}: {complaint}");
            assert!(!is_running(&seconds), "{user:?} {signal}");
        }
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
    }
}

#[test]
fn orphans_do_not_stay_as_zombies() {
    for user in users() {
        let seen = Home::new(user).recipe(
            r#"
            sh("for i in 1 2 3 4 5; do (sleep 0.1 &) ; done");
            sleep("2s");
            print(sh("cat /proc/[0-9]*/stat | grep -c ') Z ' || true").stdout);
            "#,
        );
        assert_eq!(seen.trim(), "0", "{user:?}");
    }
}

#[test]
fn programs_of_administration_are_found_without_their_folders_in_path() {
    for user in users() {
        let home = Home::new(user);
        home.write("test.rhai", "print(exec([\"sysctl\", \"-n\", \"net.ipv4.ip_forward\"]).stdout);\n");
        let mut command = home.rhailab(&["run", "test.rhai"]);
        let seen = Ran::of(&command.env("PATH", "/usr/bin:/bin").output().unwrap()).assert_well();
        assert_eq!(seen.trim(), "0", "{user:?}");
    }
}

#[test]
fn where_a_container_hides_proc_it_says_how_to_start_the_container() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let home = Home::under(
        ordinary(),
        &["unshare", "-m", "sh", "-c", "mount -t tmpfs none /proc/sys/fs && exec \"$0\" \"$@\""],
    );
    home.write("test.rhai", "print(1);");
    let complaint = home.run(&["run", "test.rhai"]).assert_fails(3);
    assert!(complaint.contains("a /proc of its own") && complaint.contains("systempaths=unconfined"), "{complaint}");
}

#[test]
fn where_user_namespaces_are_off_it_names_the_setting() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    // A user namespace has limits of its own, so that the machine's stay as they are.
    let script =
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"";
    let home = Home::under(User::Me, &["unshare", "-U", "-r", "sh", "-c", script]);
    home.write("test.rhai", "print(1);");
    let complaint = home.run(&["run", "test.rhai"]).assert_fails(3);
    assert!(complaint.contains("user.max_user_namespaces"), "{complaint}");
    let ready = home.run(&[]);
    assert_eq!(ready.code, Some(3), "{ready:?}");
    assert!(ready.out.contains("user.max_user_namespaces"), "{}", ready.out);
}

#[test]
fn it_runs_inside_itself() {
    if !am_root() {
        return println!("SKIPPED: needs root");
    }
    let setup = "mount -t tmpfs none /run && mkdir /run/app && echo hello > /run/app/file && exec \"$0\" \"$@\"";
    for user in users() {
        let home = Home::under(user, &["unshare", "-m", "sh", "-c", setup]);
        let rhailab = home.path("rhailab");
        let look = "ip netns; cat /run/app/file; cat /etc/netns/*/hosts | grep 192";
        for depth in 1..=3 {
            let state = home.folder(&format!("state{depth}"));
            let inner = format!("RHAILAB_STATE_DIR={} {} run {}.rhai; ", state.display(), rhailab.display(), depth - 1);
            let inner = if depth == 1 { "" } else { &inner };
            let text = format!(
                "netns(\"n{depth}\").hosts(#{{ h{depth}: \"192.0.2.{depth}\" }});\nprint(sh(\"{inner}{look}\").stdout);\n"
            );
            home.write(&format!("{depth}.rhai"), &text);
        }
        let seen = home.run(&["run", "3.rhai"]).assert_well();
        let words: Vec<&str> = seen.split_whitespace().collect();
        let wanted =
            ["n1", "hello", "192.0.2.1", "h1", "n2", "hello", "192.0.2.2", "h2", "n3", "hello", "192.0.2.3", "h3"];
        assert_eq!(words, wanted, "{user:?}: {seen}");
    }
}

#[test]
fn nothing_of_a_dead_lab_keeps_the_next_one_from_its_name() {
    for user in users() {
        let home = Home::new(user);
        home.write("stays.rhai", "netns(\"a\");\nprint(\"ready\");\nsleep(\"100s\");\n");
        let mut running = Running::until(home.rhailab(&["run", "stays.rhai"]), "ready");
        running.signal("KILL");
        running.end();
        eventually("its holder is gone", || home.run(&["ls", "--json"]).assert_well().contains("\"life\":\"dead\""));
        home.write("stays.rhai", "print(\"again\");\n");
        let ran: Ran = home.run(&["run", "stays.rhai"]);
        assert_eq!(ran.assert_well(), "again\n", "{user:?}");
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "", "{user:?}");
    }
}

#[test]
fn its_standard_streams_are_ours() {
    let home = Home::new(User::Me);
    home.write("echo.rhai", "print(\"out\");\nassert(false, \"wrong\");\n");
    let ran = home.run(&["run", "echo.rhai"]);
    assert_eq!(ran.out, "out\n");
    assert!(ran.assert_fails(1).contains("wrong"));
    // A reader that goes away ends the run.
    home.write("many.rhai", "loop { print(\"line\"); }\n");
    let script = format!("{} run many.rhai | head -n 1", home.path("rhailab").display());
    let mut command: Command = home.command(&["sh", "-c", &script]);
    let out = Ran::of(&command.output().unwrap());
    assert_eq!(out.out, "line\n", "{}", out.err);
}
