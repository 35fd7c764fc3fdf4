//! The id maps of a sandbox's user namespace (user_namespaces(7)).
//!
//! Inside, 0 is the user who started the lab. With a range of subordinate ids and the set-uid helpers that may
//! use it (newuidmap(1)), 1 and above are that range; else there is no other user inside, and programs that
//! give up privileges (tcpdump, dnsmasq, su) fail.

use super::faults;
use crate::error::OpResult;
use nix::errno::Errno;
use nix::unistd::{Pid, getegid, geteuid};
use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

/// Writes both maps of `child`'s user namespace.
pub fn write(child: Pid, subids: bool) -> OpResult<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let names = if subids && uid != 0 { names_of(uid) } else { Vec::new() };
    let uids = Map { helper: "newuidmap", file: "uid_map", own: uid, range: range("/etc/subuid", &names) };
    let gids = Map { helper: "newgidmap", file: "gid_map", own: gid, range: range("/etc/subgid", &names) };
    // Both at once: they are processes of their own, and each reads the user database.
    let helpers = [uids.start(child), gids.start(child)];
    for (map, helper) in [uids, gids].iter().zip(helpers) {
        if helper.is_some_and(ended_well) {
            continue;
        }
        map.write_single(child).map_err(|e| faults::map(map.file, &e))?;
    }
    Ok(())
}

struct Map {
    helper: &'static str,
    file: &'static str,
    own: u32,
    range: Option<(u32, u32)>,
}

impl Map {
    fn start(&self, child: Pid) -> Option<Child> {
        let (first, count) = self.range?;
        let words = [child.as_raw().unsigned_abs(), 0, self.own, 1, 1, first, count].map(|n| n.to_string());
        // A helper that is missing, or that refuses, is no fault: the single map below works without it.
        Command::new(self.helper)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    }

    fn write_single(&self, child: Pid) -> io::Result<()> {
        if self.file == "gid_map" {
            // Without this an ordinary user may not write a gid map: a group can also take access away, and
            // setgroups(2) would let a process shed it (user_namespaces(7)).
            fs::write(format!("/proc/{child}/setgroups"), "deny")?;
        }
        fs::write(format!("/proc/{child}/{}", self.file), format!("0 {} 1", self.own))
    }
}

fn ended_well(mut helper: Child) -> bool {
    helper.wait().is_ok_and(|status| status.success())
}

/// What subuid(5) may call the user: the number and the login name. Read from the file, because asking the
/// whole user database loads libraries and may wait for a server.
fn names_of(uid: u32) -> Vec<String> {
    let mut names = vec![uid.to_string()];
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let login = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == names.first()?).then(|| name.to_owned())
    });
    names.extend(login.or_else(|| std::env::var("LOGNAME").ok()));
    names
}

fn range(file: &str, names: &[String]) -> Option<(u32, u32)> {
    if names.is_empty() {
        return None;
    }
    parse_range(&fs::read_to_string(file).ok()?, names)
}

fn parse_range(text: &str, names: &[String]) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        let (first, count) = numbers.split_once(':')?;
        let range = (first.parse().ok()?, count.trim_end().parse().ok()?);
        (names.iter().any(|known| known == name) && range.1 > 0).then_some(range)
    })
}

/// Whether the error number means that the map's file refused us.
pub fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EPERM | Errno::EACCES))
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn a_range_is_found_by_number_or_name_and_garbage_is_passed_over() {
        let text = "# comment\nroot:1:2\nlab:x:3\nlab:100000:0\n\nlab:200000:65536\n1001:7:8\n";
        assert_eq!(parse_range(text, &["1001".into(), "lab".into()]), Some((200_000, 65_536)));
        assert_eq!(parse_range(text, &["1001".into()]), Some((7, 8)));
        assert_eq!(parse_range(text, &["nobody".into()]), None);
    }
}
