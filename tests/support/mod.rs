//! The real binary, run with a clean environment and a state directory of its own, as root and as an ordinary user.

#![allow(clippy::panic)] // a helper that fails its test
#![allow(dead_code)] // not every test file uses all of it

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The ordinary user that tests run as when they are started by root.
const ORDINARY: &str = "lab";

/// Who runs the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Me,
    /// The ordinary user [`ORDINARY`], with these ids.
    Ordinary(u32, u32),
}

/// Root and an ordinary user where we are root; else only who we are.
pub fn users() -> Vec<User> {
    if !am_root() {
        println!("SKIPPED: the same as root");
        return vec![User::Me];
    }
    vec![User::Me, ordinary()]
}

/// Whether the tests run as root.
pub fn am_root() -> bool {
    let out = Command::new("id").arg("-u").output().unwrap();
    out.stdout == b"0\n"
}

/// The ordinary user, whom `scripts/lib/sandbox.sh` makes.
pub fn ordinary() -> User {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix(ORDINARY)?.strip_prefix(":")?.split(':').skip(1);
        Some(User::Ordinary(fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    ids.unwrap_or_else(|| panic!("there is no user `{ORDINARY}`; run the tests through scripts/test.sh"))
}

/// A folder with the binary, recipes and a state directory.
pub struct Home {
    user: User,
    dir: TempDir,
    prefix: Vec<String>,
}

impl Home {
    /// A new one for a user.
    pub fn new(user: User) -> Home {
        let dir = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o755)).tempdir().unwrap();
        let (binary, copy) = (env!("CARGO_BIN_EXE_rhailab"), dir.path().join("rhailab"));
        // The ordinary user may not be able to read the folder that it was built in.
        if fs::hard_link(binary, &copy).is_err() {
            // By another process: a file that we have open for writing, and with us every child that another test has
            // just forked, cannot be executed.
            assert!(Command::new("cp").arg(binary).arg(&copy).status().unwrap().success());
        }
        let home = Home { user, dir, prefix: Vec::new() };
        home.folder("state");
        home
    }

    /// The same, but with these words before every command, as in `unshare -n -m`.
    pub fn under(user: User, prefix: &[&str]) -> Home {
        let mut home = Home::new(user);
        home.prefix = prefix.iter().map(ToString::to_string).collect();
        home
    }

    /// A folder of the user's in it.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        self.give(&path);
        path
    }

    fn give(&self, path: &Path) {
        if let User::Ordinary(uid, gid) = self.user {
            chown(path, Some(uid), Some(gid)).unwrap();
        }
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a recipe, or another file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        self.give(&path);
        path
    }

    /// Any command, as the user.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut argv: Vec<String> = self.prefix.clone();
        if let User::Ordinary(uid, gid) = self.user {
            argv.extend(["setpriv", "--init-groups"].map(str::to_owned));
            argv.extend([format!("--reuid={uid}"), format!("--regid={gid}")]);
        }
        argv.extend(words.iter().map(ToString::to_string));
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).current_dir(self.dir.path()).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", self.dir.path()).env("RHAILAB_STATE_DIR", self.path("state"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The binary with arguments.
    pub fn rhailab(&self, args: &[&str]) -> Command {
        let binary = self.path("rhailab");
        let words: Vec<&str> = std::iter::once(binary.to_str().unwrap()).chain(args.iter().copied()).collect();
        self.command(&words)
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.rhailab(args).output().unwrap())
    }

    /// Runs the binary to its end, with this on its standard input.
    pub fn feed(&self, args: &[&str], text: &[u8]) -> Ran {
        use std::io::Write;
        let mut child = self.rhailab(args).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let text = text.to_owned();
        // Beside the reading, or both could wait for the other. That it is not read to the end is no failure.
        let writer = std::thread::spawn(move || drop(input.write_all(&text)));
        let ran = Ran::of(&child.wait_with_output().unwrap());
        writer.join().unwrap();
        ran
    }

    /// Runs a recipe in a sandbox and returns what it prints; it must end well and complain of nothing.
    pub fn recipe(&self, text: &str) -> String {
        let path = self.write("test.rhai", text);
        let ran = self.run(&["run", path.to_str().unwrap()]);
        ran.assert_well()
    }
}

impl Drop for Home {
    /// A test that fails leaves its labs up, and nobody could find them once their folder is gone.
    fn drop(&mut self) {
        let _ = self.rhailab(&["down", "--all", "--quiet"]).output();
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Ran {
    /// What an output says.
    pub fn of(output: &Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its output, if it ended well and without a word on standard error.
    #[track_caller]
    pub fn assert_well(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// Its complaint, if it ended with this exit code.
    #[track_caller]
    pub fn assert_fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self.err
    }
}

/// A process that is killed when the test is over.
pub struct Running(pub Child);

impl Running {
    /// Starts it, and waits for a line on its standard output that is this one.
    #[track_caller]
    pub fn until(mut command: Command, line: &str) -> Running {
        use std::io::{BufRead, BufReader};
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut running = Running(child);
        let mut seen = Vec::new();
        for text in out.lines() {
            let text = text.unwrap();
            if text == line {
                return running;
            }
            seen.push(text);
        }
        let err = running.end();
        panic!("it ended without printing {line:?}: {seen:?}\n{}", err.err);
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Sends it, and only it, a signal.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([&format!("-{signal}"), &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn end(&mut self) -> Ran {
        use std::io::Read;
        let mut err = Vec::new();
        self.0.stderr.take().unwrap().read_to_end(&mut err).unwrap();
        let status = self.0.wait().unwrap();
        Ran { code: status.code(), out: String::new(), err: String::from_utf8_lossy(&err).into_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so, and says how long that took.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(10), "still not so after 10 s: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
    start.elapsed()
}

/// Whether any process has this word among its arguments. One that has ended has no arguments any more.
pub fn is_running(word: &str) -> bool {
    let has = |path: PathBuf| {
        fs::read(path.join("cmdline")).is_ok_and(|line| line.split(|b| *b == 0).any(|w| w == word.as_bytes()))
    };
    fs::read_dir("/proc").unwrap().filter_map(Result::ok).any(|entry| has(entry.path()))
}

/// A word that no other process has among its arguments: a number of seconds to sleep.
pub fn unique_seconds() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("9{}.{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a sandbox must not change: the interfaces, addresses, routes, sysctls, named namespaces, rules and files of where we are.
pub fn outside() -> String {
    let run = |line: &str| {
        let out = Command::new("sh").args(["-c", line]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    run(
        "ip -o link | sed 's/ state [A-Z]*//'; ip -o address | sed 's/ [a-z_]*_lft .*//'; ip route; ip -6 route; ls /run/netns /etc/netns 2>&1; ls -la /etc /run; \
         cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv6/conf/*/accept_dad; hostname",
    )
}
