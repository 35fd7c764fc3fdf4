//! `rhailab repl` at a terminal: keys, completion, Ctrl-C and Ctrl-D.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails panics")]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rexpect::session::{PtySession, spawn_command};
use std::process::{Command, Stdio};
use support::{Home, User, eventually, is_running, unique_seconds, users};

/// What the editor writes when it is ready for a line (bracketed paste on, xterm's control sequences).
const READY: &str = "\x1b[?2004h";

/// How long to wait for anything, in milliseconds.
const PATIENCE: u64 = 5_000;

struct Terminal {
    session: PtySession,
}

impl Terminal {
    /// One without colours, whose sequences would stand between the words.
    fn open(home: &Home, args: &[&str]) -> Terminal {
        Terminal::with(home, &[&["--color", "never"], args].concat())
    }

    fn with(home: &Home, args: &[&str]) -> Terminal {
        Terminal::of(home.rhailab(&[&["repl"], args].concat()))
    }

    fn of(mut command: Command) -> Terminal {
        command.env("TERM", "xterm").stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let session = spawn_command(command, Some(PATIENCE)).unwrap();
        let mut terminal = Terminal { session };
        terminal.ready();
        terminal
    }

    /// Waits until a line can be typed, and returns what was shown before that.
    #[track_caller]
    fn ready(&mut self) -> String {
        let seen = self.session.exp_string(READY).unwrap_or_else(|error| panic!("it is not ready: {error}"));
        Terminal::settles();
        seen
    }

    /// Sent before the terminal is set, a key would be the line's and not the editor's.
    fn settles() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }

    fn keys(&mut self, keys: &str) {
        self.session.send(keys).unwrap();
        self.session.flush().unwrap();
    }

    /// Types a line and returns what is shown until the next one can be typed.
    #[track_caller]
    fn enter(&mut self, line: &str) -> String {
        self.keys(&format!("{line}\r"));
        self.ready()
    }

    #[track_caller]
    fn sees(&mut self, text: &str) -> String {
        self.session.exp_string(text).unwrap_or_else(|error| panic!("{text:?} is not shown: {error}"))
    }

    #[track_caller]
    fn ends(mut self) -> String {
        self.session.exp_eof().unwrap()
    }
}

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_Z: &str = "\x1a";

#[test]
fn tab_completes_what_there_is() {
    let home = Home::new(User::Me);
    let mut terminal = Terminal::open(&home, &[]);
    terminal.enter("let webserver = netns(\"inner\");");
    // A variable, a method by its type, an option, a live name, a module, a command.
    for (typed, completed) in [
        ("webs\t", "webserver"),
        ("webserver.att\t", "webserver.attach("),
        ("netns(\"x\", #{ li\t", "link_local: "),
        ("ns(\"inn\t", "ns(\"inner"),
        ("import \"std/ne\t", "import \"std/ne"),
        (":journ\t", ":journal"),
        (":help brid\t", ":help bridge"),
        (":in inn\t", ":in inner"),
    ] {
        terminal.keys(typed);
        terminal.sees(completed);
        terminal.keys(CTRL_C);
        terminal.ready();
    }
    // What a call takes is shown beside it.
    terminal.keys("webserver.attach(");
    terminal.sees("bridge: link, address: address/prefix");
    terminal.keys(CTRL_C);
    terminal.ready();
    terminal.keys(CTRL_D);
    terminal.ends();
}

#[test]
fn an_entry_may_have_several_lines() {
    let home = Home::new(User::Me);
    let mut terminal = Terminal::open(&home, &[]);
    terminal.keys("for i in 0..3 {\r");
    terminal.keys("print(`n${i * 111}`)\r");
    let shown = terminal.enter("}");
    assert!(shown.contains("n111") && shown.contains("n222"), "{shown}");
    // Pasted at once, lines are one entry.
    terminal.keys("\x1b[200~let a = 40;\nlet b = 2;\na + b\x1b[201~");
    let shown = terminal.enter("");
    assert!(shown.contains("\r\n42\r\n"), "{shown:?}");
    let wrong = terminal.enter("let c = 1 +;");
    assert!(wrong.contains("repl:3"), "what cannot be mended is told at once: {wrong}");
    terminal.keys(CTRL_D);
    terminal.ends();
}

#[test]
fn ctrl_c_stops_the_call_and_not_the_prompt() {
    for user in users() {
        let home = Home::new(user);
        // Else a fast engine ends the loop before the key does.
        let mut terminal = Terminal::open(&home, &["--max-operations", "0"]);
        let seconds = unique_seconds();
        for call in
            ["sleep(\"1h\")", "wait_until(\"1h\", || false)", "loop { }", &format!("exec([\"sleep\", \"{seconds}\"])")]
        {
            terminal.keys(&format!("let made = netns(\"made\"); print(\"be\" + \"gun\"); {call}\r"));
            terminal.sees("begun");
            std::thread::sleep(std::time::Duration::from_millis(200));
            terminal.keys(CTRL_C);
            let shown = terminal.ready();
            assert!(shown.contains("as before the entry"), "{call}: {shown}");
            let shown = terminal.enter(":graph");
            assert!(shown.contains("nothing in the lab yet"), "{call}: {shown}");
        }
        eventually("the command was stopped", || !is_running(&seconds));
        // At the prompt it gives the line up.
        terminal.keys("netns(\"never\")");
        terminal.keys(CTRL_C);
        terminal.ready();
        assert!(terminal.enter(":graph").contains("nothing in the lab yet"));
        // A program has the keys for itself.
        terminal.keys(&format!("!sleep {seconds}; echo go{{,}}on\r"));
        eventually("it runs", || is_running(&seconds));
        terminal.keys(CTRL_C);
        terminal.ready();
        assert!(!is_running(&seconds));
        assert!(terminal.enter("1 + 41").contains("42"));
        terminal.keys(CTRL_D);
        terminal.ends();
    }
}

#[test]
fn a_shell_gives_the_terminal_back() {
    for user in users() {
        let home = Home::new(user);
        let mut terminal = Terminal::open(&home, &[]);
        terminal.enter("let w = netns(\"w\");");
        terminal.enter(":in w");
        terminal.keys("1");
        terminal.sees("lab:w> ");
        terminal.keys(CTRL_C);
        terminal.ready();
        terminal.keys("!bash --norc --noediting -i\r");
        // Its own prompt, not what was typed.
        terminal.sees("bash-");
        terminal.keys("ip -o link; echo se''en\r");
        terminal.sees("seen\r\n");
        terminal.keys("exit\r");
        terminal.ready();
        assert!(terminal.enter("40 + 2").contains("42"));
        terminal.keys(CTRL_D);
        terminal.ends();
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
}

#[test]
fn ctrl_z_stops_nothing_for_good() {
    let home = Home::new(User::Me);
    let mut terminal = Terminal::open(&home, &[]);
    // In a sandbox there is no shell to go on from, so that everything goes on.
    terminal.keys("1 + 1");
    terminal.keys(CTRL_Z);
    terminal.ready();
    assert!(terminal.enter("").contains('2'));
    let seconds = unique_seconds();
    terminal.keys(&format!("!timeout 1 sleep {seconds}; echo go''ne\r"));
    eventually("it runs", || is_running(&seconds));
    terminal.keys(CTRL_Z);
    terminal.sees("gone\r\n");
    terminal.ready();
    terminal.enter(":keep kept");
    terminal.keys(CTRL_D);
    terminal.ends();
    // Beside a lab that stands, the shell has the terminal until it goes on.
    let shell = r#"set -m; ./rhailab --color never repl --lab kept; echo "stop""ped $?"; fg; echo "end""ed $?""#;
    let mut terminal = Terminal::of(home.command(&["bash", "-c", shell]));
    terminal.sees("kept> ");
    Terminal::settles();
    terminal.keys(CTRL_Z);
    terminal.sees("stopped 148");
    terminal.sees("kept> ");
    Terminal::settles();
    assert!(terminal.enter("40 + 2").contains("42"));
    terminal.keys(CTRL_D);
    terminal.sees("Leave the lab `kept` up?");
    terminal.keys("\r");
    terminal.sees("ended 0");
    terminal.ends();
    // Without such a shell, it goes on.
    let mut terminal = Terminal::open(&home, &["--lab", "kept"]);
    terminal.keys(CTRL_Z);
    terminal.ready();
    assert!(terminal.enter("40 + 2").contains("42"));
    home.run(&["down", "kept"]).assert_well();
    terminal.ends();
}

#[test]
fn ctrl_d_asks_about_a_lab_that_stays() {
    let home = Home::new(User::Me);
    home.write("a.rhai", "netns(\"web\");\n");
    home.run(&["up", "a.rhai", "--name", "kept", "-q"]).assert_well();
    let mut terminal = Terminal::open(&home, &["--lab", "kept"]);
    terminal.enter("netns(\"more\");");
    terminal.keys(CTRL_D);
    terminal.sees("Leave the lab `kept` up?");
    terminal.keys("c\r");
    terminal.ready();
    terminal.keys(CTRL_D);
    terminal.sees("Leave the lab `kept` up?");
    terminal.keys("\r");
    terminal.ends();
    assert!(home.run(&["status", "kept"]).assert_well().contains("All of its 2 changes stand."));
    let mut terminal = Terminal::open(&home, &["--lab", "kept"]);
    terminal.keys(CTRL_D);
    terminal.sees("Leave the lab `kept` up?");
    terminal.keys("n\r");
    terminal.ends();
    assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
}

#[test]
fn what_was_entered_is_there_the_next_time() {
    for user in users() {
        let home = Home::new(user);
        let mut terminal = Terminal::open(&home, &[]);
        terminal.enter("let remembered = 42;");
        terminal.keys(CTRL_D);
        terminal.ends();
        let mut terminal = Terminal::open(&home, &[]);
        terminal.keys("\x1b[A");
        terminal.sees("let remembered = 42;");
        terminal.keys(CTRL_C);
        terminal.ready();
        // Ctrl-R looks for it.
        terminal.keys("\x12remem");
        terminal.sees("let remembered = 42;");
        terminal.keys(CTRL_C);
        terminal.ready();
        terminal.keys(CTRL_D);
        terminal.ends();
    }
}

#[test]
fn colours_are_for_who_wants_them() {
    let home = Home::new(User::Me);
    let mut terminal = Terminal::with(&home, &[]);
    let shown = terminal.enter("let x = 1;");
    assert!(shown.contains("\x1b[1;34mlet\x1b[0m"), "{shown:?}");
    terminal.keys(CTRL_D);
    terminal.ends();
    let mut terminal = Terminal::open(&home, &[]);
    let shown = terminal.enter("let x = 1;");
    assert!(!shown.contains("\x1b[1;34m") && shown.contains("let x = 1;"), "{shown:?}");
    terminal.keys(CTRL_D);
    terminal.ends();
}

#[test]
fn a_signal_at_the_prompt_takes_the_lab_down() {
    let home = Home::new(User::Me);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGKILL] {
        let mut terminal = Terminal::open(&home, &[]);
        let seconds = unique_seconds();
        terminal.enter(&format!("start([\"sleep\", \"{seconds}\"]);"));
        assert!(is_running(&seconds));
        let card: serde_json::Value = serde_json::from_str(home.run(&["ls", "--json"]).assert_well().trim()).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{}/status", card["holder"]["pid"])).unwrap();
        let outer = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
        kill(Pid::from_raw(outer), signal).unwrap();
        eventually("its processes are gone", || !is_running(&seconds));
        terminal.ends();
        home.run(&["recover", "-q"]);
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
}
