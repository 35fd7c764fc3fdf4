//! A world of its own for each test: network and mount namespace of the test's thread, with a private `/run`.

#![allow(dead_code, reason = "no test program uses all of it")]

pub mod pair;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use rhailab::kernel::linux::spaces::Spaces;
use rhailab::model::names::{Ns, NsName};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a test acts in.
pub struct Scratch {
    /// The namespaces, with the test's own as the lab's root.
    pub spaces: Spaces,
    /// A folder that goes with the test.
    pub dir: PathBuf,
}

/// Moves the test's thread into a world of its own; nothing where that needs root and we are not.
pub fn enter() -> Option<Scratch> {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: needs root");
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "nothing may be skipped in CI");
        return None;
    }
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
    let dir = PathBuf::from("/run/scratch");
    fs::create_dir_all("/run/netns").unwrap();
    fs::create_dir_all(&dir).unwrap();
    run("ip link set lo up");
    Some(Scratch { spaces: Spaces::new().unwrap(), dir })
}

/// Makes a named namespace with `lo` up, as `ip netns add` does, and without its fork.
pub fn netns(name: &str) -> Ns {
    let path = Path::new("/run/netns").join(name);
    File::create_new(&path).unwrap();
    let target = path.clone();
    // Its own thread, because the namespace of the calling one must stay.
    std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        mount(Some("/proc/thread-self/ns/net"), &target, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
    })
    .join()
    .unwrap();
    run(&format!("ip -n {name} link set lo up"));
    Ns::Named(NsName::new(name).unwrap())
}

/// Runs a command without a shell, in the test's own namespaces; it must succeed.
pub fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process runs; a zombie does not.
pub fn runs(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether a process is there, be it a zombie.
pub fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Words as the kernel takes them.
pub fn argv<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}
