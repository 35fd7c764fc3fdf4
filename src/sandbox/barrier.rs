//! What a machine's settings have against sandboxes, and what would lift it.

use nix::errno::Errno;
use std::fs::read_to_string;

/// The settings, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserNsSettings {
    /// `kernel.unprivileged_userns_clone`, which Debian's kernels have.
    pub unprivileged: Option<String>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, which Ubuntu's kernels have.
    pub apparmor: Option<String>,
    /// The first limit on namespaces that is zero.
    pub zero: Option<String>,
    /// Whether a seccomp filter is in force.
    pub filtered: bool,
    /// The path of this program, which an AppArmor profile has to name.
    pub program: String,
}

/// Something that keeps sandboxes from being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// A limit on namespaces is zero: its name.
    Zero(String),
    /// A limit on namespaces is reached.
    Limit,
    /// Ordinary users may not make user namespaces.
    Unprivileged,
    /// User namespaces have no rights: the path of this program.
    AppArmor(String),
    /// A seccomp filter.
    Filter,
}

impl UserNsSettings {
    /// Reads them.
    pub fn read() -> UserNsSettings {
        let spaces = ["user", "mnt", "net", "pid", "uts", "ipc"].map(|kind| format!("user.max_{kind}_namespaces"));
        let status = read_to_string("/proc/thread-self/status").unwrap_or_default();
        UserNsSettings {
            unprivileged: setting("kernel.unprivileged_userns_clone"),
            apparmor: setting("kernel.apparmor_restrict_unprivileged_userns"),
            zero: spaces.into_iter().find(|name| setting(name).as_deref() == Some("0")),
            filtered: status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "2")),
            program: std::env::current_exe().map_or_else(|_| "rhailab".to_owned(), |path| path.display().to_string()),
        }
    }

    /// What explains this error number.
    pub fn barrier(&self, errno: Errno) -> Option<Barrier> {
        match errno {
            Errno::ENOSPC => Some(self.zero.clone().map_or(Barrier::Limit, Barrier::Zero)),
            Errno::EPERM | Errno::EACCES => self.against_users().or_else(|| self.filtered.then_some(Barrier::Filter)),
            _ => None,
        }
    }

    /// What keeps ordinary users, but not root, from making sandboxes.
    pub fn against_users(&self) -> Option<Barrier> {
        if self.unprivileged.as_deref() == Some("0") {
            return Some(Barrier::Unprivileged);
        }
        let is_restricted = self.apparmor.as_deref() == Some("1");
        is_restricted.then(|| Barrier::AppArmor(self.program.clone()))
    }
}

fn setting(name: &str) -> Option<String> {
    Some(read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?.trim().to_owned())
}

impl Barrier {
    /// What it is.
    pub fn cause(&self) -> String {
        match self {
            Barrier::Zero(name) => format!("{name} is 0."),
            Barrier::Limit => {
                "A limit on namespaces is reached (`sysctl user`), or they are nested more than 32 deep.".to_owned()
            }
            Barrier::Unprivileged => "kernel.unprivileged_userns_clone is 0: only root may make them.".to_owned(),
            Barrier::AppArmor(_) => "AppArmor takes the rights of user namespaces away here \
                                     (kernel.apparmor_restrict_unprivileged_userns is 1)."
                .to_owned(),
            Barrier::Filter => "A seccomp filter is in force, as in a container.".to_owned(),
        }
    }

    /// What it is and what to do about it.
    pub fn help(&self) -> String {
        let (cause, command) = (self.cause(), self.command().unwrap_or_default());
        match self {
            Barrier::Zero(_) => format!("{cause} Raise it: `{command}`."),
            Barrier::Limit => cause,
            Barrier::Unprivileged => format!("{cause} Allow them: `{command}`, or run rhailab as root."),
            Barrier::AppArmor(program) => format!(
                "{cause} Give this program its own profile, in /etc/apparmor.d/rhailab:\n  {}\nand load it: `{LOAD}`; or \
                 lift the restriction for all: `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`; or run \
                 rhailab as root.",
                profile(program).join("\n  ")
            ),
            Barrier::Filter => format!(
                "{cause} Start the container with `--privileged`, or with `--cap-add SYS_ADMIN --cap-add NET_ADMIN \
                 --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt \
                 systempaths=unconfined`."
            ),
        }
    }

    /// The command that lifts it, where one does.
    pub fn command(&self) -> Option<String> {
        match self {
            Barrier::Zero(name) => Some(format!("sudo sysctl -w {name}=10000")),
            Barrier::Unprivileged => Some("sudo sysctl -w kernel.unprivileged_userns_clone=1".to_owned()),
            Barrier::AppArmor(program) => Some(format!(
                "printf '%s\\n' {} | sudo tee /etc/apparmor.d/rhailab && {LOAD}",
                profile(program).map(|line| shell_words::quote(&line).into_owned()).join(" ")
            )),
            Barrier::Limit | Barrier::Filter => None,
        }
    }
}

const LOAD: &str = "sudo apparmor_parser -r /etc/apparmor.d/rhailab";

/// The lines of an AppArmor profile that gives a program the rights back.
fn profile(program: &str) -> [String; 3] {
    [
        "abi <abi/4.0>,".to_owned(),
        "include <tunables/global>".to_owned(),
        format!("profile rhailab {program} flags=(unconfined) {{ userns, }}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> UserNsSettings {
        UserNsSettings { program: "/usr/bin/rhailab".into(), ..UserNsSettings::default() }
    }

    #[test]
    fn an_error_is_explained_by_the_setting_that_causes_it() {
        let debian = UserNsSettings { unprivileged: Some("0".into()), filtered: true, ..settings() };
        let ubuntu = UserNsSettings { unprivileged: Some("1".into()), apparmor: Some("1".into()), ..settings() };
        let docker = UserNsSettings { filtered: true, ..settings() };
        let zero = UserNsSettings { zero: Some("user.max_net_namespaces".into()), ..settings() };
        assert_eq!(debian.barrier(Errno::EPERM), Some(Barrier::Unprivileged));
        assert_eq!(ubuntu.barrier(Errno::EACCES), Some(Barrier::AppArmor("/usr/bin/rhailab".into())));
        assert_eq!(docker.barrier(Errno::EPERM), Some(Barrier::Filter));
        assert_eq!(zero.barrier(Errno::ENOSPC), Some(Barrier::Zero("user.max_net_namespaces".into())));
        assert_eq!(settings().barrier(Errno::ENOSPC), Some(Barrier::Limit));
        assert_eq!((settings().barrier(Errno::EPERM), debian.barrier(Errno::EINVAL)), (None, None));
        assert_eq!((docker.against_users(), zero.against_users()), (None, None));
    }

    #[test]
    fn what_lifts_it_is_in_its_help() {
        for barrier in [Barrier::Zero("user.max_user_namespaces".into()), Barrier::Unprivileged] {
            assert!(barrier.help().contains(&barrier.command().unwrap()), "{barrier:?}");
        }
        let command = Barrier::AppArmor("/opt/my lab/rhailab".into()).command().unwrap();
        let words = shell_words::split(command.split(" | ").next().unwrap()).unwrap();
        assert_eq!(words[4], "profile rhailab /opt/my lab/rhailab flags=(unconfined) { userns, }");
    }
}
