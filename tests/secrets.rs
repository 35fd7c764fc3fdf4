//! Secrets: programs get them, and nothing else that rhailab shows or writes has them in it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod machine;
mod scratch;
mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use support::{Home, Ran, User, users};

/// The secret in the variable, and the one in the file.
const TOKEN: &str = "canary-in-the-environment";
const KEY: &str = "canary-in-a-file";

/// The processes compare what they get with files, and say so without saying it.
const RECIPE: &str = r#"
let token = secret("token");
let key = secret("key", #{ file: param("key", "key", "the file with the key") });
let web = netns("web");
let same = "test \"$API\" = \"$(cat token)\" && test \"$KEY\" = \"$(cat key)\"";
web.start(["sh", "-c", `${same} && echo right; exec sleep 100`], #{
    name: "server",
    env: #{ API: token, KEY: key, PLAIN: "a b" },
}).wait_log("right");
sh(same, #{ env: #{ API: token, KEY: key } });
sh("test \"$(cat)\" = \"$(cat token)\"", #{ stdin: token });
print(`shown: ${token}, ` + key + ", " + token.to_string() + #{ token: token }.to_json());
print([token, key]);
debug(token);
"#;

fn home(user: User) -> Home {
    let home = Home::new(user);
    write(&home, "key", &format!("{KEY}\n"));
    write(&home, "token", TOKEN);
    home.write("lab.rhai", RECIPE);
    home
}

/// A file that only the user can read.
fn write(home: &Home, name: &str, text: &str) {
    fs::set_permissions(home.write(name, text), fs::Permissions::from_mode(0o600)).unwrap();
}

fn run(home: &Home, args: &[&str]) -> Ran {
    Ran::of(&home.rhailab(args).env("TOKEN", TOKEN).output().unwrap())
}

/// What was said, which has no secret in it.
#[track_caller]
fn hidden(what: &str, ran: &Ran) -> String {
    let said = format!("{}{}", ran.out, ran.err);
    for canary in [TOKEN, KEY] {
        assert!(!said.contains(canary), "{what} shows a secret: {said}");
    }
    said
}

/// Files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.push(entry.path());
        }
    }
    all
}

/// No file of a lab has a secret in it. Returns the journals.
fn check_state(home: &Home) -> Vec<PathBuf> {
    let files = files(&home.path("state"));
    for file in files.iter().filter(|file| file.metadata().unwrap().is_file()) {
        let bytes = fs::read(file).unwrap();
        for canary in [TOKEN, KEY] {
            let is_in = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!is_in, "{} has a secret in it", file.display());
        }
    }
    files.into_iter().filter(|file| file.extension().is_some_and(|end| end == "jsonl")).collect()
}

/// Every output of a lab that is made, looked at and taken down; `host` are the options that say where.
fn tell_of(home: &Home, host: &[&str]) {
    let with = |args: &[&'static str]| [&args[..1], host, &args[1..]].concat();
    let by_hand = "API=\"$TOKEN\" KEY=\"$KEY\" ip netns exec web env 'PLAIN=a b' sh";
    for (args, wanted) in [
        (vec!["plan", "lab.rhai"], by_hand),
        (vec!["plan", "--json", "lab.rhai"], r#"["API",{"secret":"token","from":{"env":"TOKEN"}}]"#),
        (vec!["export", "lab.rhai"], "API=\"$TOKEN\" KEY=\"$KEY\" setsid ip netns exec web"),
        (vec!["export", "--json", "lab.rhai"], "TOKEN:?set TOKEN to the secret token"),
        (vec!["check", "lab.rhai"], ""),
        (with(&["run", "-v", "lab.rhai"]), by_hand),
        (with(&["run", "lab.rhai"]), "shown: <secret: token>, <secret: key>, <secret: token>"),
        (with(&["run", "--json", "lab.rhai"]), r#"["KEY",{"secret":"key","from":{"file":"#),
        (with(&["up", "-v", "lab.rhai"]), by_hand),
        (vec!["status", "lab"], "server"),
        (vec!["status", "--json", "lab"], "server"),
        (vec!["ls", "--json"], "lab"),
        (vec!["journal", "lab"], by_hand),
        (vec!["journal", "--json", "lab"], r#"{"secret":"token","from":{"env":"TOKEN"}}"#),
        (vec!["logs", "lab"], "right"),
    ] {
        let ran = run(home, &args);
        let said = hidden(&format!("{args:?}"), &ran);
        assert!(ran.code == Some(0) && said.contains(wanted), "{args:?} ends with {:?}: {said}", ran.code);
    }
    let journals = check_state(home);
    assert!(!journals.is_empty());
    for journal in journals {
        assert_eq!(journal.metadata().unwrap().mode() & 0o777, 0o600, "{}", journal.display());
        assert!(fs::read_to_string(&journal).unwrap().contains(r#""secret":"token""#));
    }
    hidden("down", &run(home, &["down", "-v", "lab"]));
    check_state(home);
}

#[test]
fn nothing_that_a_lab_in_a_sandbox_shows_or_writes_has_a_secret_in_it() {
    for user in users() {
        tell_of(&home(user), &[]);
    }
}

#[test]
fn nothing_that_a_lab_on_the_machine_shows_or_writes_has_a_secret_in_it() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    write(home, "key", &format!("{KEY}\n"));
    write(home, "token", TOKEN);
    home.write("lab.rhai", RECIPE);
    tell_of(home, &["--host"]);
}

#[test]
fn an_exported_script_takes_secrets_from_variables_and_makes_nothing_without_them() {
    let Some(machine) = machine::enter(false) else { return };
    let home = &machine.home;
    write(home, "key", &format!("{KEY}\n"));
    write(home, "token", TOKEN);
    home.write("lab.rhai", RECIPE);
    assert_eq!(run(home, &["export", "-o", "scripts", "lab.rhai"]).code, Some(0));
    let before = machine::state();
    let bare = machine::sh(home, "scripts/up.sh");
    assert_ne!(bare.code, Some(0));
    assert!(bare.err.contains("set KEY to the secret key"), "{}", bare.err);
    assert_eq!(machine::difference(&before, &machine::state()), Vec::<String>::new());

    let script = |name: &str| {
        let mut command = home.command(&["sh", name]);
        command.env("RHAILAB_STATE", home.path("pids")).env("TOKEN", TOKEN).env("KEY", KEY);
        // The process that it leaves running holds on to its streams no longer than it must.
        Ran::of(&command.stderr(Stdio::piped()).output().unwrap())
    };
    let up = script("scripts/up.sh");
    assert_eq!((up.code, hidden("up.sh", &up).as_str()), (Some(0), ""));
    let log = fs::read_dir(home.path("pids")).unwrap().map(|entry| entry.unwrap().path());
    let log = log.into_iter().find(|path| path.extension().is_some_and(|end| end == "log")).unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while fs::read_to_string(&log).unwrap() != "right\n" {
        assert!(std::time::Instant::now() < until, "{:?}", fs::read_to_string(&log));
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(script("scripts/down.sh").code, Some(0));
}

#[test]
fn an_error_that_quotes_a_program_hides_what_it_was_given() {
    let home = home(User::Me);
    let env = "#{ env: #{ API: secret(\"token\") } }";
    for (recipe, wanted) in [
        (format!("sh(\"echo said $API >&2; exit 3\", {env});"), "said <secret: token>"),
        (
            "sh(\"echo said $API; sleep 9\", #{ timeout: \"100ms\", env: #{ API: secret(\"token\") } });".into(),
            "said <secret: token>",
        ),
        (format!("start([\"sh\", \"-c\", \"echo said $API\"], {env}).wait_log(\"more\");"), "said <secret: token>"),
        (format!("assert_eq(sh(\"echo $API\", {env}).stdout, \"x\");"), "the first is \"<secret: token>\\n\""),
        (format!("start([\"/no/such\"], {env});"), "API=\"$TOKEN\" /no/such"),
        ("secret(\"token\") + 1 - 1".into(), ""),
    ] {
        home.write("wrong.rhai", &recipe);
        for args in [&["run", "wrong.rhai"][..], &["run", "--json", "wrong.rhai"]] {
            let ran = run(&home, args);
            let said = hidden(&recipe, &ran);
            let said = if args.contains(&"--json") { said.replace("\\\"", "\"").replace("\\\\", "\\") } else { said };
            assert!(ran.code == Some(1) && said.contains(wanted), "{recipe} {:?}: {said}", ran.code);
        }
    }
}

const ENTRIES: &str = r#"let token = secret("token");
token
[token]
#{ a: token }
:vars
start(["sleep", "100"], #{ name: "one", env: #{ API: token } });
:explain start(["sleep", "100"], #{ env: #{ API: token } })
:plan start(["sleep", "100"], #{ env: #{ API: token } })
:ls
:journal
:undo
:redo
:save entries.rhai
start(["sleep", "100"], #{ name: "two", env: #{ API: secret("made", #{ text: "canary-in-a-file" }) } });
:save changes.rhai
:keep lab
"#;

#[test]
fn a_prompt_shows_and_saves_no_secret() {
    let home = home(User::Me);
    let mut command = home.rhailab(&["repl"]);
    let mut child = command.env("TOKEN", TOKEN).stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), ENTRIES.as_bytes()).unwrap();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    let said = hidden("the prompt", &ran);
    assert_eq!(ran.code, Some(0), "{said}");
    assert!(said.contains("secret token") && said.contains("API=\"$TOKEN\" sleep 100"), "{said}");
    check_state(&home);
    run(&home, &["down", "lab"]);

    let saved = |name: &str| fs::read_to_string(home.path(name)).unwrap();
    assert!(saved("entries.rhai").contains("let token = secret(\"token\");"), "{}", saved("entries.rhai"));
    let changes = saved("changes.rhai");
    assert!(changes.contains("env: #{ \"API\": secret(\"made\") }") && !changes.contains(KEY), "{changes}");
    let refused = run(&home, &["run", "changes.rhai"]);
    assert!(refused.err.contains("in the variable `MADE`, which is not set"), "{}", refused.err);
}

#[test]
fn a_file_with_a_secret_is_for_its_owner() {
    let home = home(User::Me);
    home.write("lab.rhai", "secret(\"key\", #{ file: \"key\" });");
    assert_eq!(run(&home, &["run", "lab.rhai"]).code, Some(0));
    for (mode, is_refused) in [(0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(home.path("key"), fs::Permissions::from_mode(mode)).unwrap();
        let ran = run(&home, &["run", "lab.rhai"]);
        assert_eq!(ran.err.contains("secret::open"), is_refused, "{mode:o}: {}", ran.err);
    }
}
