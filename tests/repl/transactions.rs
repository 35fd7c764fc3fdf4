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
