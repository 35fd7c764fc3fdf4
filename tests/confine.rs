//! Recipes that one has not written oneself: what they can be denied, and that the state of labs is private.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use machine::{assert_same, state};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use support::{Home, User, users};

#[test]
fn what_is_denied_is_refused_where_it_is_asked_for() {
    let web = "let web = netns(\"web\");\n";
    for user in users() {
        let home = Home::new(user);
        for (right, line) in [
            ("exec", "exec(\"touch mark\");"),
            ("exec", "web.exec(\"touch mark\");"),
            ("exec", "sh(\"touch mark\");"),
            ("exec", "web.start(\"touch mark\");"),
            ("exec", "start([\"sh\", \"-c\", \"touch mark\"]);"),
            ("host", "bridge(\"br0\");"),
            ("host", "veth(\"a\", \"b\", web);"),
            ("host", "web.veth(\"a\", \"b\", host());"),
            ("host", "web.veth(\"a\", \"b\", web).a.move_to(host());"),
            ("host", "iface(\"lo\").mtu(1400);"),
            ("host", "route(\"10.0.0.0/8\", \"127.0.0.1\");"),
            ("host", "ip_forward(true);"),
            ("host", "masquerade(\"10.0.0.0/8\");"),
            ("host", "host().iptables([\"-A\", \"INPUT\", \"-j\", \"ACCEPT\"]);"),
            ("host", "exec(\"touch mark\");"),
            ("host", "http_serve(8080, \"here\");"),
            ("files", "web.dns([\"8.8.8.8\"]);"),
            ("files", "web.hosts(#{ a: \"10.0.0.1\" });"),
        ] {
            home.write("test.rhai", &format!("{web}try {{ {line} }} catch (e) {{ print(e.code); throw e; }}"));
            for command in ["run", "plan"] {
                let ran = home.run(&[command, "--deny", right, "test.rhai"]);
                assert_eq!(ran.code, Some(1), "{command} {line}: {}", ran.err);
                assert!(ran.err.contains(&format!("`--deny {right}` was given")), "{line}: {}", ran.err);
                assert!(ran.err.contains("test.rhai:2:"), "{line}: {}", ran.err);
            }
            assert!(!home.path("mark").exists(), "{line}");
        }
        // The rest is as it was.
        let rest = format!(
            "{web}web.bridge(\"br0\").addr(\"10.0.0.1/24\").up();\nweb.http_serve(80, \"hello\");\n\
                            web.ip_forward(true);\nprint(web.http_get(\"http://10.0.0.1/\").body);"
        );
        home.write("test.rhai", &rest);
        let args = ["run", "--deny", "exec,host", "--deny=files", "test.rhai"];
        assert_eq!(home.run(&args).assert_well(), "hello\n");
    }
}

#[test]
fn nobody_but_its_owner_can_look_at_the_state_or_lead_it_elsewhere() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    home.write(
        "lab.rhai",
        "let web = netns(\"web\");\nweb.dns([\"8.8.8.8\"]);\nweb.start(\"sleep 1000\");\nip_forward(true);",
    );
    home.run(&["up", "--host", "-q", "lab.rhai"]).assert_well();
    let state = home.path("state");
    let mut seen = 0;
    let mut look = |path: &Path| {
        let about = fs::symlink_metadata(path).unwrap();
        // What is in a folder that is closed to others is closed with it.
        if about.is_dir() {
            assert_eq!(about.permissions().mode() & 0o077, 0, "{}", path.display());
            seen += 1;
        } else {
            assert!(about.is_file() && about.nlink() == 1, "{}", path.display());
        }
    };
    let mut folders = vec![state.clone()];
    while let Some(folder) = folders.pop() {
        look(&folder);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { look(&path) }
        }
    }
    assert!(seen >= 6, "labs, the lab, logs, its logs, what is shared, and records of files");
    for file in ["labs/lab/journal.jsonl", "logs/lab/", "files/lab.jsonl"] {
        assert_eq!(fs::metadata(state.join(file)).unwrap().permissions().mode() & 0o077, 0, "{file}");
    }
    home.run(&["down", "-q", "lab"]).assert_well();

    // Led elsewhere by links, it is refused.
    let elsewhere = home.folder("elsewhere");
    for part in ["labs", "shared", "files"] {
        let path = state.join(part);
        fs::remove_dir_all(&path).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let before = machine::state();
        let ran = home.run(&["run", "--host", "-q", "lab.rhai"]);
        assert!(ran.code != Some(0), "{part} is a link");
        assert_same("nothing was done", &before, &machine::state());
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{part} was followed");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_state_folder_that_others_can_write_to_is_refused() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    home.write("lab.rhai", "netns(\"web\");");
    let before = state();
    fs::set_permissions(home.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
    let complaint = home.run(&["up", "--host", "-q", "lab.rhai"]).assert_fails(3);
    assert!(complaint.contains("others can write to it"), "{complaint}");
    fs::set_permissions(home.path("state"), fs::Permissions::from_mode(0o700)).unwrap();
    // Another user's, which is where root could be led to undo what never was done.
    let ordinary = support::ordinary();
    if let User::Ordinary(uid, gid) = ordinary {
        std::os::unix::fs::chown(home.path("state"), Some(uid), Some(gid)).unwrap();
        let complaint = home.run(&["up", "--host", "-q", "lab.rhai"]).assert_fails(3);
        assert!(complaint.contains("belongs to another user"), "{complaint}");
        std::os::unix::fs::chown(home.path("state"), Some(0), Some(0)).unwrap();
    }
    assert_same("nothing was done", &before, &state());
}
