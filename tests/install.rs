//! `scripts/lib/install.sh` and `scripts/lib/rust.sh` on machines whose package managers, rustup and download programs only
//! write down what they are asked, and put stand-ins on the PATH.

#![allow(clippy::unwrap_used)]

use rexpect::session::spawn_command;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the libraries do first, which would bring programs of the real machine in.
const REAL_PATH: &str = "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n";

/// A script like those that source the library.
const SCRIPT: &str = "#!/bin/sh
set -eu
cd \"$(dirname \"$0\")/..\"
. scripts/lib/install.sh
need $NEED
echo \"cargo $(cargo_version), toolchain ${RUSTUP_TOOLCHAIN-as it is}\"
";

/// Older and newer than any `rust-version`.
const OLD: &str = "1.63.0";
const NEW: &str = "1.1000.1";

/// How the official installer is told to ask nothing, and to touch nothing but its own folders.
const INSTALLER: &str = "-y --no-modify-path --profile minimal --default-toolchain stable\n";

const DOWNLOAD: &str = "curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs\n";

/// What the installer does, which refuses to stand beside another cargo unless told not to.
const INSTALLS: &str = "[ \"${RUSTUP_INIT_SKIP_PATH_CHECK-}\" = yes ] || exit; mkdir -p home/.cargo/bin; \
                        cp stock/cargo home/.cargo/bin";

/// A machine that has a shell and the programs given, with a copy of the project's scripts.
struct Machine {
    dir: tempfile::TempDir,
    ci: bool,
}

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Machine {
    /// One where root runs everything, with these commands.
    fn new(commands: &[&str]) -> Machine {
        let machine = Machine { dir: tempfile::tempdir().unwrap(), ci: false };
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["bin", "stock", "home", "project/scripts/lib"] {
            fs::create_dir_all(machine.path(folder)).unwrap();
        }
        for file in ["Cargo.toml", "scripts/demo.sh", "scripts/test.sh", "scripts/lib/rust.sh"] {
            fs::copy(project.join(file), machine.path("project").join(file)).unwrap();
        }
        let library = fs::read_to_string(project.join("scripts/lib/install.sh")).unwrap();
        assert!(library.contains(REAL_PATH), "these tests would run real package managers");
        fs::write(machine.path("project/scripts/lib/install.sh"), library.replace(REAL_PATH, "")).unwrap();
        fs::write(machine.path("project/scripts/try.sh"), SCRIPT).unwrap();
        fs::write(machine.path("asked"), "").unwrap();
        let tools =
            ["cat", "chmod", "cp", "dirname", "env", "grep", "head", "mkdir", "sed", "sh", "sort", "touch", "tr"];
        for tool in tools {
            let places = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(tool));
            symlink(places.iter().find(|path| path.exists()).unwrap(), machine.path("bin").join(tool)).unwrap();
        }
        machine.program("bin/id", "echo 0");
        for command in commands {
            machine.program(&format!("bin/{command}"), "");
        }
        machine
    }

    /// One without the commands that rhailab needs, with a package manager that has these packages of Rust's.
    fn with(manager: &str, stock: &[&str]) -> Machine {
        let machine = Machine::new(&[]);
        // It "installs" every other command that is asked for in these tests.
        let body = "case \" $* \" in *' update '*) exit ;; *' rustup '*) cd stock || exit; [ -f rustup ] || [ -f rustup-init ] || \
                    exit 100; cp rustup* ../bin; exit ;; esac; for c in ip iptables-nft newuidmap curl; do touch bin/$c; chmod +x bin/$c; done";
        machine.program(&format!("bin/{manager}"), &machine.noting(manager, body));
        machine.cargo("stock/cargo", NEW);
        let toolchain =
            "case $1 in toolchain) cp stock/cargo bin ;; default) [ -z \"${2-}\" ] && cat default ;; esac; :";
        for name in stock {
            let body = if *name == "rustup" { toolchain } else { INSTALLS };
            machine.program(&format!("stock/{name}"), &machine.noting(name, body));
        }
        fs::write(machine.path("default"), "").unwrap();
        machine
    }

    /// The same, for a user who is not root and has no sudo.
    fn ordinary(self) -> Machine {
        self.program("bin/id", "echo 1000");
        self
    }

    /// The same, with a curl that gets an installer.
    fn online(self) -> Machine {
        fs::write(self.path("installer"), self.noting("installer", INSTALLS)).unwrap();
        self.program("bin/curl", &self.noting("curl", "cat installer"));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What writes down its words and goes on in the machine's folder.
    fn noting(&self, name: &str, body: &str) -> String {
        format!("cd {}; echo {name} \"$@\" >>asked; {body}", self.dir.path().display())
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.path(name);
        fs::write(&path, format!("#!{}/sh\n{body}\n", self.path("bin").display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A cargo of some version, which "builds" a rhailab that writes down its words.
    fn cargo(&self, name: &str, version: &str) {
        let built = format!("#!{}/sh\n{}\n", self.path("bin").display(), self.noting("rhailab", ""));
        let built = built.replace('"', "\\\"").replace('$', "\\$");
        let body = format!(
            "case $1 in --version) echo 'cargo {version} (0123abcd 2026-01-01)' ;; build) mkdir -p target/release; \
             echo \"{built}\" >target/release/rhailab; chmod +x target/release/rhailab ;; esac"
        );
        self.program(name, &body);
    }

    fn command(&self, words: &[&str], needs: &str) -> Command {
        let mut command = Command::new(self.path("bin/sh"));
        command.args(words).current_dir(self.path("project")).env_clear();
        command.env("PATH", self.path("bin")).env("HOME", self.path("home")).env("NEED", needs);
        if self.ci {
            command.env("CI", "true");
        }
        command
    }

    /// Runs a script where there is no terminal.
    fn run(&self, words: &[&str], needs: &str) -> Ran {
        let output = self.command(words, needs).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// The same with `-y`, and what was asked of whom.
    fn gets(&self, needs: &str) -> String {
        let ran = self.run(&["scripts/try.sh", "-y"], needs);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        self.asked()
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.path("asked")).unwrap()
    }
}

#[test]
fn what_is_missing_is_installed_by_the_name_it_has_there() {
    let apt =
        "apt-get update -qq\napt-get install -y -qq --no-install-recommends --no-remove iproute2 iptables uidmap\n";
    for (manager, asked) in [
        ("apt-get", apt),
        ("dnf", "dnf install -y -q iproute iptables-nft shadow-utils\n"),
        ("pacman", "pacman -S --needed --noconfirm iproute2 iptables shadow\n"),
        ("apk", "apk add -q --update-cache iproute2 iptables shadow-uidmap\n"),
    ] {
        let machine = Machine::with(manager, &[]);
        machine.cargo("bin/cargo", NEW);
        // Nothing but Rust is asked about.
        let ran = machine.run(&["scripts/try.sh"], "ip iptables-nft newuidmap");
        assert_eq!((ran.code, machine.asked().as_str()), (Some(0), asked), "{manager}: {}", ran.err);
    }
}

#[test]
fn a_cxx_compiler_has_a_package_of_its_own_or_comes_with_the_other() {
    for (manager, package) in [("apt-get", "g++"), ("dnf", "gcc-c++"), ("pacman", "gcc"), ("apk", "g++")] {
        let machine = Machine::with(manager, &[]);
        machine.cargo("bin/cargo", NEW);
        machine.run(&["scripts/try.sh"], "c++");
        let asked = machine.asked();
        assert!(asked.trim_end().ends_with(&format!(" {package}")), "{manager}: {asked}");
    }
}

#[test]
fn what_is_there_is_not_installed_again() {
    let machine = Machine::with("apt-get", &[]);
    machine.cargo("bin/cargo", NEW);
    machine.gets("ip newuidmap");
    let asked = machine.asked();
    assert!(asked.ends_with("-remove iproute2 uidmap\n"), "{asked}");
    let ran = machine.run(&["scripts/try.sh"], "ip newuidmap");
    let found = format!("cargo {NEW}, toolchain as it is\n");
    assert_eq!((ran.code, ran.out, ran.err.as_str()), (Some(0), found.clone(), ""));
    assert_eq!(machine.asked(), asked, "a second call installed something");
    // Nor does an older cargo of the user's come before a new enough one.
    fs::create_dir_all(machine.path("home/.cargo/bin")).unwrap();
    machine.cargo("home/.cargo/bin/cargo", OLD);
    assert_eq!(machine.run(&["scripts/try.sh"], "ip newuidmap").out, found);
}

#[test]
fn what_cannot_be_installed_is_an_error() {
    let machine = Machine::with("apk", &[]);
    machine.cargo("bin/cargo", NEW);
    let ran = machine.run(&["scripts/try.sh"], "no-such-command");
    assert_eq!(ran.code, Some(1));
    assert!(ran.err.ends_with("Still missing after that: no-such-command\n"), "{}", ran.err);
    let machine = Machine::new(&[]);
    machine.cargo("bin/cargo", NEW);
    let ran = machine.run(&["scripts/try.sh", "-y"], "ip");
    assert!(ran.code == Some(1) && ran.err.contains("install these by hand"), "{}", ran.err);
}

#[test]
fn rust_comes_by_the_distributions_rustup() {
    let apt = "apt-get update -qq\napt-get install -y -qq --no-install-recommends --no-remove rustup ca-certificates\n";
    let toolchain = "rustup toolchain install stable --profile minimal\nrustup default\nrustup default stable\n";
    let init = format!("rustup-init {INSTALLER}");
    for (manager, package, asked) in [
        ("apt-get", "rustup", format!("{apt}{toolchain}")),
        ("dnf", "rustup-init", format!("dnf install -y -q rustup\n{init}")),
        ("pacman", "rustup", format!("pacman -S --needed --noconfirm rustup\n{toolchain}")),
        ("apk", "rustup-init", format!("apk add -q --update-cache rustup\n{init}")),
    ] {
        let machine = Machine::with(manager, &[package]).online();
        assert_eq!(machine.gets(""), asked, "{manager}");
        // Where it is by then, it is found without being on the PATH.
        assert_eq!(machine.gets(""), asked, "{manager}: a second call installed something");
    }
}

#[test]
fn where_there_is_no_such_package_rust_comes_by_the_official_installer() {
    let machine = Machine::with("apt-get", &[]).online();
    machine.cargo("bin/cargo", OLD);
    let asked = machine.gets("");
    assert!(asked.ends_with(&format!("ca-certificates\n{DOWNLOAD}installer {INSTALLER}")), "{asked}");
    let ran = machine.run(&["scripts/try.sh"], "");
    assert_eq!(ran.out, format!("cargo {NEW}, toolchain as it is\n"), "the old one is used");
    // What is not whole is not run.
    let machine = Machine::with("apt-get", &[]);
    machine.program("bin/curl", "echo touch begun; exit 18");
    let ran = machine.run(&["scripts/try.sh", "-y"], "");
    assert!(ran.code == Some(1) && !machine.path("project/begun").exists(), "{}", ran.err);
    // What downloads is installed with the rest.
    let machine = Machine::with("apk", &[]);
    assert_eq!(machine.run(&["scripts/try.sh", "-y"], "").code, Some(1));
    assert!(machine.asked().starts_with("apk add -q --update-cache ca-certificates curl\n"), "{}", machine.asked());
}

#[test]
fn a_cargo_is_new_enough_from_the_version_on_that_cargo_toml_names() {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let minor: u32 = wanted.strip_prefix("1.").unwrap().parse().unwrap();
    let [before, same, patched, later] =
        [(minor - 1, 9), (minor, 0), (minor, 3), (minor + 1, 0)].map(|(minor, patch)| format!("1.{minor}.{patch}"));
    // As text, 1.9 would be the greatest.
    for (version, is_enough) in
        [(before.as_str(), false), ("1.9.0", false), (&same, true), (&patched, true), (&later, true), ("2.0.0", true)]
    {
        let machine = Machine::new(&["rustup", "curl"]);
        machine.cargo("bin/cargo", version);
        let ran = machine.run(&["scripts/try.sh"], "");
        assert_eq!(ran.code == Some(0), is_enough, "{version}: {}", ran.err);
        let told = format!("Missing: Rust {wanted} or newer (cargo is {version})\n");
        assert!(is_enough || ran.err.starts_with(&told), "{version}: {}", ran.err);
    }
}

#[test]
fn a_rustup_that_is_there_is_used_and_its_default_left() {
    let machine = Machine::with("apt-get", &["rustup"]).ordinary();
    fs::copy(machine.path("stock/rustup"), machine.path("bin/rustup")).unwrap();
    fs::write(machine.path("default"), "1.63.0\n").unwrap();
    machine.cargo("bin/cargo", OLD);
    let ran = machine.run(&["scripts/try.sh", "-y"], "");
    assert_eq!(ran.out, format!("cargo {NEW}, toolchain stable\n"), "{}", ran.err);
    assert_eq!(machine.asked(), "rustup toolchain install stable --profile minimal\nrustup default\n");
}

#[test]
fn what_comes_with_rust_is_a_component_or_a_package() {
    let without = "case $1 in --version) echo 'cargo 1.1000.1 (0)' ;; clippy | fmt) exit 1 ;; esac";
    let machine = Machine::with("apt-get", &["rustup"]);
    machine.program("bin/cargo", without);
    machine.run(&["scripts/try.sh"], "cargo-clippy rustfmt");
    assert!(machine.asked().ends_with("--no-remove rust-clippy rustfmt\n"), "{}", machine.asked());
    fs::write(machine.path("asked"), "").unwrap();
    fs::copy(machine.path("stock/rustup"), machine.path("bin/rustup")).unwrap();
    machine.run(&["scripts/try.sh", "-y"], "cargo-clippy rustfmt");
    assert_eq!(machine.asked(), "rustup component add clippy rustfmt\n");
}

#[test]
fn without_a_terminal_rust_is_got_where_it_was_agreed_to() {
    let mut machine = Machine::with("apt-get", &["rustup"]);
    let ran = machine.run(&["scripts/try.sh", "600"], "ip");
    assert_eq!((ran.code, machine.asked().as_str()), (Some(1), ""), "{}", ran.err);
    assert!(ran.err.contains("This does not ask:  scripts/try.sh -y 600\n"), "{}", ran.err);
    assert!(ran.err.contains("for this user only: in ~/.cargo and ~/.rustup.\n"), "{}", ran.err);
    machine.ci = true;
    let ran = machine.run(&["scripts/try.sh"], "ip");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(machine.asked().ends_with("rustup default stable\n"), "{}", machine.asked());
}

#[test]
fn at_a_terminal_the_answer_counts() {
    for (answer, agreed) in
        [("n", false), ("", false), ("yesterday", false), ("\x04", false), ("y", true), ("Yes", true)]
    {
        let mut machine = Machine::with("apt-get", &["rustup"]);
        machine.ci = true;
        let mut command = machine.command(&["scripts/try.sh"], "ip");
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let mut terminal = spawn_command(command, Some(20_000)).unwrap();
        terminal.exp_string("Go on? [y/N] ").unwrap();
        assert_eq!(machine.asked(), "", "something was done before the answer");
        terminal.send_line(answer).unwrap();
        let rest = terminal.exp_eof().unwrap();
        assert_eq!(machine.asked().contains("rustup default stable"), agreed, "{answer:?}: {rest}");
        assert!(
            agreed || (machine.asked().is_empty() && rest.contains("Nothing was installed.")),
            "{answer:?}: {rest}"
        );
    }
}

#[test]
fn an_ordinary_user_gets_the_whole_list_at_once() {
    let machine = Machine::with("apt-get", &["rustup"]).ordinary();
    let list = || machine.run(&["scripts/try.sh", "-y"], "ip iptables-nft newuidmap");
    let Ran { code, err: told, .. } = list();
    assert_eq!(code, Some(1), "{told}");
    for part in [
        "Missing: ip iptables-nft newuidmap curl and Rust ",
        "An administrator of this machine has to run:  \
         apt-get update && apt-get install ca-certificates curl iproute2 iptables uidmap\n",
        "Rust needs none",
        "Nothing was installed.\n",
    ] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(machine.asked(), "", "something was done");
    // A sudo that would ask for a password at a terminal that is not there.
    machine.program("bin/sudo", &machine.noting("sudo", "exit 1"));
    assert_eq!(list().err, told);
    assert_eq!(machine.asked(), "sudo -n true\n", "something was done");
    // What needs no administrator is done without one.
    let machine = Machine::with("apt-get", &["rustup"]).ordinary().online();
    let ran = machine.run(&["scripts/try.sh", "-y"], "");
    assert!(ran.err.contains("\nRust comes by the installer at https://sh.rustup.rs, for this user"), "{}", ran.err);
    assert_eq!(machine.asked(), format!("{DOWNLOAD}installer {INSTALLER}"));
}

#[test]
fn who_may_use_sudo_installs_packages_by_it() {
    let machine = Machine::with("apt-get", &["rustup"]).ordinary();
    machine.program("bin/sudo", "[ \"$1\" = -n ] && shift; case $1 in true) exit ;; esac; cd ..; SUDO=1 \"$@\"");
    let asked = machine.gets("ip");
    let parts = ["--no-remove ca-certificates curl iproute2\n", "rustup default stable\n"];
    assert!(parts.iter().all(|part| asked.contains(part)), "{asked}");
}

#[test]
fn on_a_fresh_machine_the_demo_runs() {
    let mut machine = Machine::with("apt-get", &[]).online();
    machine.ci = true;
    machine.program("bin/cc", "");
    machine.program("bin/python3", "");
    let ran = machine.run(&["scripts/demo.sh", "-p", "lan=10.1.0.0/24"], "");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let ran = "rhailab run --verbose -p lan=10.1.0.0/24 scripts/labs/container-networking.rhai\n";
    assert!(machine.asked().ends_with(&format!("installer {INSTALLER}{ran}")), "{}", machine.asked());
}

#[test]
fn the_scripts_say_what_they_take() {
    let machine = Machine::with("apt-get", &[]);
    for script in ["scripts/demo.sh", "scripts/test.sh"] {
        let ran = machine.run(&[script, "--help"], "");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains(&format!("\n    {script} [-y]")) && !ran.out.contains("set -eu"), "{}", ran.out);
    }
    let ran = machine.run(&["scripts/test.sh", "--quick"], "");
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.err, "scripts/test.sh does not take `--quick`; see scripts/test.sh --help.\n");
    assert_eq!(machine.asked(), "");
}
