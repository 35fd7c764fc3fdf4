//! The user database.
//!
//! Not by getpwuid(3), which loads what `/etc/nsswitch.conf` names, and in a statically linked program can do so only
//! with libraries of the release that it was built with.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The name of a user.
pub fn login(uid: u32) -> Option<String> {
    entry(uid)?.login()
}

/// The home folder of a user.
pub fn home(uid: u32) -> Option<PathBuf> {
    entry(uid)?.home()
}

/// The name that `/etc/passwd` has for a user, who may be known elsewhere only: to ask there may be to wait for a server.
pub fn login_in_file(uid: u32) -> Option<String> {
    in_file(uid)?.login()
}

/// A line of passwd(5).
struct Entry(String);

impl Entry {
    fn field(&self, at: usize) -> Option<&str> {
        self.0.split(':').nth(at).filter(|field| !field.is_empty())
    }

    fn is_of(&self, uid: u32) -> bool {
        self.field(2).and_then(|number| number.parse().ok()) == Some(uid)
    }

    fn login(&self) -> Option<String> {
        self.field(0).map(str::to_owned)
    }

    fn home(&self) -> Option<PathBuf> {
        self.field(5).map(PathBuf::from)
    }
}

fn entry(uid: u32) -> Option<Entry> {
    in_file(uid).or_else(|| elsewhere(uid))
}

fn in_file(uid: u32) -> Option<Entry> {
    find(&fs::read("/etc/passwd").ok()?, uid)
}

/// A user of a directory service, by getent(1).
fn elsewhere(uid: u32) -> Option<Entry> {
    let mut getent = Command::new("getent");
    getent.args(["passwd", &uid.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
    find(&getent.output().ok()?.stdout, uid)
}

fn find(bytes: &[u8], uid: u32) -> Option<Entry> {
    String::from_utf8_lossy(bytes).lines().map(|line| Entry(line.to_owned())).find(|entry| entry.is_of(uid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_the_number() {
        let text =
            b"# 7\nroot:x:0:0:root:/root:/bin/sh\nbroken \xff\nlab:x:1007:7:,,,:/home/lab:/bin/sh\nbare:x:9::::\n";
        let is = |uid: u32, login: Option<&str>, home: Option<&str>| {
            let entry = find(text, uid);
            let entry = entry.as_ref();
            assert_eq!(entry.and_then(Entry::login).as_deref(), login, "{uid}");
            assert_eq!(entry.and_then(Entry::home), home.map(PathBuf::from), "{uid}");
        };
        is(0, Some("root"), Some("/root"));
        is(1007, Some("lab"), Some("/home/lab"));
        is(9, Some("bare"), None);
        is(7, None, None);
    }

    #[test]
    fn the_machines_own_database_knows_root() {
        assert_eq!(login_in_file(0).as_deref(), Some("root"));
        assert_eq!(elsewhere(0).and_then(|entry| entry.login()).as_deref(), Some("root"));
        assert!(entry(u32::MAX - 7).is_none());
    }
}
