//! What each command does.

use crate::support::{User, users};
use crate::{enter, home, lab, read};

#[test]
fn what_is_saved_builds_the_same() {
    for user in users() {
        let home = home(user);
        let (lab, _) = lab();
        // As it was entered; and after an entry has undone a part of another one.
        let ways = [
            ("", "from what was entered"),
            (
                "v.retarget([\"10.0.0.3:80\"]);\n:in web\nroute(\"10.7.0.0/16\", \"10.0.0.3\");\n:in\ndb.del();\nfirst.del();\n",
                "from the changes",
            ),
        ];
        for (more, how) in ways {
            let entries = format!("{lab}web\nweb.exec(\"true\")\n{more}!sh look.sh > out/one\n:save out/saved.rhai\n");
            let ran = enter(&home, &[], &entries);
            assert!(ran.code == Some(0) && ran.err.contains(how), "{}\n{}", ran.out, ran.err);
            let saved = read(&home, "out/saved.rhai");
            assert!(!saved.contains("web.exec"), "looking is not saved: {saved}");
            home.run(&["check", "out/saved.rhai"]);
            let again = enter(&home, &["out/saved.rhai"], "!sh look.sh > out/two\n");
            assert_eq!((again.code, again.err.as_str()), (Some(0), ""), "{saved}");
            let plain = |name: &str| -> Vec<String> {
                // Hardware addresses are random.
                read(&home, name).lines().map(|line| line.split(" link/").next().unwrap().to_owned()).collect()
            };
            assert_eq!(plain("one"), plain("two"), "{saved}");
            let refused = enter(&home, &[], "let x = 1;\n:save out/saved.rhai\n").assert_fails(2);
            assert!(refused.contains("already") && refused.contains(":save!"), "{refused}");
            assert_eq!(read(&home, "out/saved.rhai"), saved);
            enter(&home, &["-q"], "let x = 1;\n:save! out/saved.rhai\n").assert_well();
            assert!(read(&home, "out/saved.rhai").contains("let x = 1;"));
            std::fs::remove_file(home.path("out/saved.rhai")).unwrap();
        }
    }
}

#[test]
fn a_plan_changes_nothing() {
    let home = home(User::Me);
    let (lab, _) = lab();
    let entries = format!(
        "{lab}!sh look.sh > out/before\n:plan db.del(); let x = 1; br.mtu(1400); print(\"quiet\")\n:explain bridge(\"b\").up()\n\
         :plan 1 + 1\n!sh look.sh > out/after\n:vars\n"
    );
    let out = enter(&home, &[], &entries).assert_well();
    assert_eq!(read(&home, "before"), read(&home, "after"));
    assert!(out.contains("- ip netns del db") && out.contains("+ ip link set dev br0 mtu 1400"), "{out}");
    assert!(out.contains("ip link add dev b type bridge\nip link set dev b up\n"), "{out}");
    assert!(out.contains("It would change nothing.") && !out.contains("quiet"), "{out}");
    assert!(!out.lines().any(|line| line.starts_with("x ")), "{out}");
}

#[test]
fn values_are_shown_as_what_they_stand_for() {
    let home = home(User::Me);
    let (lab, seconds) = lab();
    let entries = format!(
        "{lab}br\nport\nweb\nv\np\n[web, db]\nsubnet(\"10.0.0.0/24\")\nweb.exec([\"sh\", \"-c\", \"echo out; echo err >&2; exit 3\"], #{{ check: false }})\n\
         ()\n#{{ a: 1, b: [web] }}\n[1, \"two\"]\n|x| x\n\"text\"\n:time\n1\n"
    );
    let ran = enter(&home, &[], &entries);
    let out = ran.out;
    assert_eq!(ran.code, Some(0), "{out}\n{}", ran.err);
    for part in [
        "link       br0\nns         host\nkind       bridge\nstate      up\naddresses  10.0.0.1/24\nmtu        1500\nmac        72:",
        "master     br0\npeer       eth0 in db\n",
        "netns       web\ninterfaces  eth0\naddresses   10.0.0.2/24\nroutes      2\n",
        "vip       10.100.0.1:80\nns        host\nbackends  10.0.0.2:80\n",
        "state    running\n",
        &format!("command  sleep {seconds}\n"),
        "NETNS  INTERFACES  ADDRESSES    ROUTES\nweb    eth0        10.0.0.2/24  2\ndb     eth0        10.0.0.3/24  2\n",
        "subnet  10.0.0.0/24\nhosts   254\nfirst   10.0.0.1\nlast    10.0.0.254\n",
        "out\nerr\n# status 3, ",
        "a: 1\nb: [netns web]\n",
        "[1, \"two\"]\na closure\n\"text\"\n",
    ] {
        let found = out.contains(part) || (part.starts_with("master") && out.contains("peer       v-db in host"));
        assert!(found, "{part:?} is not in\n{out}");
    }
    assert!(ran.err.contains(" ms\n"), "{}", ran.err);
}

#[test]
fn each_command_answers() {
    let home = home(User::Me);
    home.write("part.rhai", "//! A part.\nlet n = netns(\"part\");\nn.exec(\"true\");\n");
    let entries = r#"
:help
:help netns
:help undo
:example subnet
:load part.rhai
n.name
:journal
:graph
:ls
:in part
!ip -o link
bridge("inside")
:in
:time 1 + 1
:quit
netns("never")
"#;
    let ran = enter(&home, &[], entries);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    for part in [
        ":savepoint NAME",
        "Makes a network namespace",
        "take back the last entry",
        "\"part\"\n",
        "+ ip netns add part",
        "- ip netns del part",
        "1: lo:",
        "ns     part\n",
    ] {
        assert!(ran.out.contains(part), "{part:?} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("never"));
    for (wrong, hint) in [
        (":hepl", ":help"),
        (":rollback x", ":savepoint NAME"),
        (":undo", ":journal"),
        (":undo x", "from 1"),
        (":in nowhere", ":ls"),
        (":help bridg", "bridge"),
        (":save", ":save FILE"),
        (":ls x", "Leave it out"),
        (":save /etc/x.rhai", "Choose another folder"),
        (":keep not!legal", "letters"),
        (":why a", "NS ADDR:PORT"),
    ] {
        let ran = enter(&home, &[], &format!("{wrong}\n"));
        let is_why = wrong.starts_with(":why");
        assert_eq!(ran.code, Some(2), "{wrong}: {}\n{}", ran.out, ran.err);
        assert!(ran.err.contains(hint) || is_why, "{wrong}: {}", ran.err);
    }
}

#[test]
fn saving_needs_no_entry_and_what_is_last_shown_has_a_name() {
    let home = home(User::Me);
    let entries = "vip(\"10.9.0.1:80\", [\"10.0.0.2:80\"])\nit.retarget([\"10.0.0.3:80\"]);\n:save out/a.rhai\n";
    let ran = enter(&home, &[], entries);
    assert!(ran.err.contains("from what was entered"), "{}", ran.err);
    assert!(read(&home, "out/a.rhai").contains("let it = vip("), "{}", read(&home, "out/a.rhai"));
    home.run(&["run", "out/a.rhai"]).assert_well();
}
