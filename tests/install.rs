//! `scripts/lib/install.sh` with package managers that only write down what they are asked.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

/// A machine that has a shell, cargo, one package manager and these commands.
struct Machine {
    bin: tempfile::TempDir,
    asked: tempfile::NamedTempFile,
}

impl Machine {
    fn new(manager: &str, commands: &[&str]) -> Machine {
        let machine = Machine { bin: tempfile::tempdir().unwrap(), asked: tempfile::NamedTempFile::new().unwrap() };
        for tool in ["sh", "id", "tr", "sort", "env", "touch", "chmod"] {
            let places = ["/usr/bin", "/bin"].map(|dir| Path::new(dir).join(tool));
            symlink(places.iter().find(|path| path.exists()).unwrap(), machine.bin.path().join(tool)).unwrap();
        }
        for command in commands.iter().chain(&["cargo"]) {
            machine.program(command, "");
        }
        machine.program("sudo", "\"$@\"");
        // It "installs" every command that is asked for in this test.
        machine.program(
            manager,
            &format!(
                "echo {manager} \"$@\" >>{asked}; for c in ip iptables-nft newuidmap; do \
                 touch {bin}/$c; chmod +x {bin}/$c; done",
                asked = machine.asked.path().display(),
                bin = machine.bin.path().display()
            ),
        );
        machine
    }

    fn program(&self, name: &str, body: &str) {
        let path = self.bin.path().join(name);
        fs::write(&path, format!("#!{}/sh\n{body}\n", self.bin.path().display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Whether `need` was content, and what the package manager was asked.
    fn need(&self, commands: &str) -> (bool, String) {
        let library = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/lib/install.sh");
        let script = format!(". {library}; PATH={}; need {commands}", self.bin.path().display());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        (output.status.success(), fs::read_to_string(self.asked.path()).unwrap())
    }
}

#[test]
fn what_is_missing_is_installed_by_the_name_it_has_there() {
    for (manager, asked) in [
        ("apt-get", "apt-get update -qq\napt-get install -y -qq --no-install-recommends iproute2 iptables uidmap\n"),
        ("dnf", "dnf install -y -q iproute iptables-nft shadow-utils\n"),
        ("pacman", "pacman -S --needed --noconfirm iproute2 iptables shadow\n"),
        ("apk", "apk add -q --update-cache iproute2 iptables shadow-uidmap\n"),
    ] {
        let machine = Machine::new(manager, &[]);
        assert_eq!(machine.need("ip iptables-nft newuidmap"), (true, asked.into()), "{manager}");
    }
}

#[test]
fn a_cxx_compiler_has_a_package_of_its_own_or_comes_with_the_other() {
    for (manager, package) in [("apt-get", "g++"), ("dnf", "gcc-c++"), ("pacman", "gcc"), ("apk", "g++")] {
        let (_, asked) = Machine::new(manager, &[]).need("c++");
        assert!(asked.trim_end().ends_with(&format!(" {package}")), "{manager}: {asked}");
    }
}

#[test]
fn what_is_there_is_not_installed_again() {
    let machine = Machine::new("apt-get", &["ip", "newuidmap"]);
    assert_eq!(machine.need("ip newuidmap"), (true, String::new()));
    let (content, asked) = machine.need("ip iptables-nft newuidmap");
    assert!(content && asked.ends_with("recommends iptables\n"), "{asked}");
    let (_, again) = machine.need("ip iptables-nft newuidmap");
    assert_eq!(asked, again, "a second call installed something");
}

#[test]
fn what_cannot_be_installed_is_an_error() {
    assert!(!Machine::new("apk", &[]).need("no-such-command").0, "the package manager did not provide it");
    assert!(!Machine::new("no-manager", &[]).need("ip").0, "there is no package manager");
}
