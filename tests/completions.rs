//! Completion in real shells, the man page, and paging.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use std::process::Command;
use support::{Home, User};

/// A home with recipes and a lab that stands.
fn home() -> Home {
    let home = Home::new(User::Me);
    home.write(
        "web.rhai",
        "let n = param(\"number\", 1, \"how many\");\nprint(n);\nnetns(\"web1\");\nnetns(\"idle\").start(\"sleep 1000\", #{ name: \"sleeper\" });\n",
    );
    home.write("notes.txt", "");
    home.folder("labs");
    home.run(&["up", "--quiet", "web.rhai"]).assert_well();
    home
}

fn is_there(shell: &str) -> bool {
    let found = Command::new(shell).arg("--version").output().is_ok();
    if !found {
        println!("SKIPPED: {shell} is not installed");
    }
    found
}

/// Runs a script in a shell that finds the binary.
fn shell(home: &Home, words: &[&str]) -> String {
    let mut command = home.command(words);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", home.path("").display());
    let out = command.env("PATH", path).env("TERM", "xterm").output().unwrap();
    assert!(out.status.success(), "{out:?}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// What is typed, and what is offered.
const OFFERED: &[(&str, &[&str])] = &[
    ("rhailab chec", &["check"]),
    ("rhailab exec w", &["web"]),
    ("rhailab exec web ", &["--color", "--help", "--json", "host", "idle", "web1"]),
    ("rhailab shell web i", &["idle"]),
    ("rhailab logs web s", &["sleeper"]),
    ("rhailab down w", &["web"]),
    ("rhailab run w", &["web.rhai"]),
    ("rhailab run web.rhai -p nu", &["number="]),
    ("rhailab doc masq", &["masquerade"]),
    ("rhailab ls --js", &["--json"]),
    ("rhailab status nothing-like-it", &[]),
];

#[test]
fn bash_offers_what_is_there() {
    if !is_there("bash") {
        return;
    }
    let home = home();
    let script = r#"source <(rhailab completions bash) || exit 1
        # As readline does it: the words, the one that the cursor is in, and the one before it.
        offer() {
            COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
            read -ra COMP_WORDS <<< "$1"
            [[ $1 == *' ' ]] && COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            COMPREPLY=()
            _clap_complete_rhailab rhailab "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>&1
            printf '%s\n' "${COMPREPLY[@]}"
        }
        offer "$1""#;
    for (line, offered) in OFFERED {
        let out = shell(&home, &["bash", "--norc", "-c", script, "bash", line]);
        let mut words: Vec<&str> = out.lines().filter(|line| !line.is_empty()).collect();
        words.sort_unstable();
        assert_eq!(words, *offered, "{line}");
    }
}

#[test]
fn fish_offers_what_is_there() {
    if !is_there("fish") {
        return;
    }
    let home = home();
    for (line, offered) in OFFERED {
        let script = format!("rhailab completions fish | source; complete -C '{line}'");
        let out = shell(&home, &["fish", "--no-config", "-c", &script]);
        let mut words: Vec<&str> = out.lines().filter_map(|line| line.split('\t').next()).collect();
        words.sort_unstable();
        assert_eq!(words, *offered, "{line}");
        if *line == "rhailab exec web " {
            assert!(out.contains("web1\tline 3 of web.rhai"), "what a candidate is: {out}");
        }
    }
}

#[test]
fn zsh_offers_what_is_there() {
    if !is_there("zsh") {
        return;
    }
    let home = home();
    // A shell in a terminal of its own, in which a Tab is typed; where there is one candidate, it is put on the line.
    let script = r#"zmodload zsh/zpty
        zpty inner zsh -f -i
        send() { zpty -w inner "$1" }
        send 'PS1=; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D; source <(rhailab completions zsh)'
        send 'list() { zle list-choices }; finish() { zle -M ""; print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }'
        send 'zle -N finish; bindkey "^X" finish; bindkey "^I" complete-word; print READY'
        zpty -r inner out $'*\nREADY*'
        zpty -w -n inner "$1"$'\t'
        zpty -w -n inner $'\x18'
        zpty -r inner out $'*>>*'
        print -r -- ${${out##*<<}%%>>*}
        zpty -d inner"#;
    for (line, offered) in OFFERED.iter().filter(|(_, offered)| offered.len() == 1) {
        let out = shell(&home, &["timeout", "20", "zsh", "-f", "-c", script, "zsh", line]);
        let (before, _) = line.rsplit_once(' ').unwrap();
        assert_eq!(out.trim(), format!("{before} {}", offered[0]), "{line}");
    }
}

#[test]
fn the_man_page_is_that_of_the_command_line() {
    let home = Home::new(User::Me);
    let page = home.run(&["manual"]).assert_well();
    let written = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rhailab.1")).unwrap();
    assert!(page == written, "docs/rhailab.1 is not that of the command line: run `rhailab manual > docs/rhailab.1`");
    for wanted in [".TH RHAILAB 1", ".SS \"rhailab check\"", "\\-\\-deny\\-warnings", "RHAILAB_STATE_DIR"] {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn the_reference_is_paged_in_a_terminal_only() {
    let home = Home::new(User::Me);
    let pager = home.write("pager", "#!/bin/sh\nread -r first\necho \"paged: $first\"\n");
    assert!(Command::new("chmod").arg("+x").arg(&pager).status().unwrap().success());
    // script(1) runs a command in a terminal.
    let run = |pager: &str, args: &str| {
        let line = format!("{} doc {args}", home.path("rhailab").display());
        let mut command = home.command(&["script", "-qec", &line, "/dev/null"]);
        let out = command.env("PAGER", pager).output().unwrap();
        (out.status.code(), String::from_utf8_lossy(&out.stdout).replace('\r', ""))
    };
    let pager = pager.to_str().unwrap();
    assert_eq!(
        run(pager, "netns"),
        (Some(0), "paged: netns(name: namespace name, options?: options) -> netns\n".into())
    );
    for (pager, args) in [(pager, "--no-pager netns"), ("", "netns"), ("cat", "netns"), ("/no/such/pager", "netns")] {
        let (code, out) = run(pager, args);
        assert!(code == Some(0) && out.starts_with("netns(name") && out.contains("Example:"), "{pager} {args}: {out}");
    }
    let piped = home.rhailab(&["doc", "netns"]).env("PAGER", pager).output().unwrap();
    assert!(piped.stdout.starts_with(b"netns(name"));
}

#[test]
fn the_reference_knows_functions_as_recipes_write_them() {
    let home = Home::new(User::Me);
    for name in ["attach", "ns.attach(", "[netns.]ping", "link.addr"] {
        home.run(&["doc", name]).assert_well();
    }
    assert!(home.run(&["doc", "atach"]).assert_fails(2).contains("Did you mean `attach`?"));
    assert!(home.run(&["doc", "push"]).assert_fails(2).contains("one of Rhai's own"));
}
