//! An entry that fails, and entries that are taken back.

use crate::support::{User, is_running, users};
use crate::{enter, home, lab, read};

/// Deletes and changes something of everything.
const WRECK: &str = r#"netns("new"); first.del(); db.del(); v.retarget(["10.0.0.3:80"]); br.rename("br1"); web.del_route("default"); ip_forward(false);"#;

#[test]
fn a_failed_entry_leaves_everything_as_it_was() {
    for user in users() {
        let home = home(user);
        let (lab, seconds) = lab();
        let entries = format!(
            "{lab}!sh look.sh > out/before\nlet n = 1;\n{WRECK} n = 2; p.kill(); p.wait(); throw \"enough\"\n!sh look.sh > out/after\n\
             print(`${{n}} ${{br.name}} ${{port.name}} ${{p.running}}`)\nv.retarget([\"10.0.0.3:80\"]);\nweb.ping(\"10.0.0.3\");\ndb.del();\n:ls\n"
        );
        let ran = enter(&home, &["--keep-going", "--quiet"], &entries);
        assert_eq!(ran.code, Some(1), "{}\n{}", ran.out, ran.err);
        assert_eq!(ran.err.matches('×').count(), 1, "{}", ran.err);
        assert!(ran.err.contains("The lab is as before the entry"), "{}", ran.err);
        assert!(ran.err.contains("started anew:") && ran.err.contains("-web-sleep"), "{}", ran.err);
        let (before, after) = (read(&home, "before"), read(&home, "after"));
        assert!(before.contains("VIP-10.100.0.1-80") && before.contains(&seconds), "{before}");
        assert_eq!(before, after);
        assert!(ran.out.contains("1 br0 eth0 true\n"), "{}", ran.out);
        assert!(ran.out.contains("changes stand."), "{}", ran.out);
        assert!(!is_running(&seconds), "what was started anew went with the lab");
    }
}

#[test]
fn what_is_taken_back_and_made_again_is_as_it_was() {
    let home = home(User::Me);
    let (lab, _) = lab();
    let entries = format!(
        "{lab}:savepoint whole\n!sh look.sh > out/whole\n{WRECK}\n!sh look.sh > out/wrecked\n:undo\n!sh look.sh > out/undone\n:redo\n\
         !sh look.sh > out/redone\nlet more = 1;\n:rollback whole\n!sh look.sh > out/rolled\n:undo 99\n!sh look.sh > out/bare\n:redo 99\n\
         !sh look.sh > out/again\n:vars\n"
    );
    let ran = enter(&home, &[], &entries);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.out, ran.err);
    let file = |name| read(&home, name);
    assert_ne!(file("whole"), file("wrecked"));
    assert_eq!(file("whole"), file("undone"));
    assert_eq!(file("wrecked"), file("redone"));
    assert_eq!(file("whole"), file("rolled"));
    assert!(!file("bare").contains("br0") && !file("bare").contains("VIP"), "{}", file("bare"));
    // The rollback is gone forward again, too.
    assert_eq!(file("wrecked"), file("again"));
    assert!(ran.out.contains("more") && ran.err.contains("taken back: let more = 1;"), "{}\n{}", ran.out, ran.err);
}

#[test]
fn variables_functions_and_modules_go_back_with_the_lab() {
    let home = home(User::Me);
    home.write("m.rhai", "fn two() { 2 }");
    let entries = r#"
let list = [1];
let count = 0;
let add = || count += 1;
fn f() { 1 }
import "m" as m;
list.push(2); add.call(); fn f() { 3 } throw "no"
print(`${list} ${count} ${f()} ${m::two()}`)
const C = 5;
fn g() { global::C + f() }
fn f() { 10 }
print(g() + f())
:undo
print(f())
let later = |x| x + m::two();
print(later.call(1))
let other = unknown(1)
:undo 2
print(C)
"#;
    let ran = enter(&home, &["--keep-going"], entries);
    assert_eq!(ran.code, Some(2), "{}\n{}", ran.out, ran.err);
    assert_eq!(ran.out, "[1] 0 1 2\n25\n1\n3\n5\n", "{}", ran.err);
    assert!(ran.err.contains("There is no function `unknown`") || ran.err.contains("unknown"), "{}", ran.err);
}

#[test]
fn what_the_kernel_drops_comes_back_with_what_it_went_with() {
    let home = home(User::Me);
    let (lab, _) = lab();
    // Down, elsewhere, and without its address: with each go routes, addresses, or what bridge it is a port of.
    let drops = [
        "port.down();",
        "port.move_to(third); db.del_route(\"10.9.0.0/16\");",
        "iface(\"v-db\").move_to(third);",
        "port.del_addr(\"10.0.0.3/24\");",
        "br.down(); br.up();",
        "br.rename(\"br1\"); port.down();",
    ];
    let mut entries = format!(
        "{lab}let third = netns(\"third\");\ndb.route(\"10.9.0.0/16\", \"10.0.0.1\");\niface(\"v-db\").hairpin(true);\nroute(\"10.8.0.0/16\", \"10.0.0.2\");\n\
         !sh look.sh > out/before; bridge -d link > out/ports\n"
    );
    for (n, drop) in drops.iter().enumerate() {
        entries += &format!("{drop} throw 1\n!sh look.sh > out/failed{n}\n{drop}\n!sh look.sh > out/done{n}\n");
        entries += &format!(":undo\n!sh look.sh > out/undone{n}\n:redo\n!sh look.sh > out/redone{n}\n:undo\n");
    }
    entries += "!bridge -d link > out/ports-after\n:ls\n";
    let ran = enter(&home, &["--keep-going"], &entries);
    assert_eq!(ran.err.matches('×').count(), drops.len(), "{}", ran.err);
    assert_eq!(ran.err.matches("put in place").count(), 3 * drops.len(), "{}", ran.err);
    let before = read(&home, "before");
    for (n, drop) in drops.iter().enumerate() {
        let file = |name: &str| read(&home, &format!("out/{name}{n}"));
        assert_eq!(file("failed"), before, "{drop}");
        assert_ne!(file("done"), before, "{drop}");
        assert_eq!(file("undone"), before, "{drop}");
        assert_eq!(file("redone"), file("done"), "{drop}");
    }
    assert_eq!(read(&home, "ports").matches("hairpin on").count(), 1);
    assert_eq!(read(&home, "ports-after").matches("hairpin on").count(), 1);
    assert!(ran.out.contains("changes stand.") && !ran.out.contains("do not stand"), "{}", ran.out);
}

#[test]
fn a_process_that_an_entry_killed_is_started_anew() {
    let home = home(User::Me);
    let (lab, seconds) = lab();
    let count = format!("!pgrep -cf \"sleep {seconds}\" > out/N; true\n");
    let count = |name: &str| count.replace("out/N", &format!("out/{name}"));
    let entries = format!(
        "{lab}p.kill(); throw 1\n{}p.running\np.kill();\n{}:undo\n{}p.running\n:redo\n{}p.running\n:undo\np.running\n",
        count("failed"),
        count("killed"),
        count("undone"),
        count("redone"),
    );
    let ran = enter(&home, &["--keep-going"], &entries);
    assert_eq!(ran.out, "true\ntrue\nfalse\ntrue\n", "{}", ran.err);
    assert_eq!(ran.err.matches("started anew: ").count(), 3, "{}", ran.err);
    assert_eq!(ran.err.matches("ended: ").count(), 1, "{}", ran.err);
    // The shell that counts has the words in its own, too.
    assert_eq!(read(&home, "failed"), read(&home, "undone"));
    assert_eq!(read(&home, "killed"), read(&home, "redone"));
    assert_ne!(read(&home, "killed"), read(&home, "undone"));
}
