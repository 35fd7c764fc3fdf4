//! The id maps of a sandbox's user namespace (user_namespaces(7)).
//!
//! Inside, 0 is the user who started the lab. With a range of subordinate ids and the set-uid helpers that may
//! use it (newuidmap(1)), 1 and above are that range; else there is no other user inside, and programs that
//! give up privileges (tcpdump, dnsmasq, su) fail.

use super::faults;
use crate::kernel::linux::programs;
use crate::kernel::users::login_in_file;
use crate::model::error::OpResult;
use nix::unistd::{Pid, getegid, geteuid};
use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

const HELPERS: [&str; 2] = ["newuidmap", "newgidmap"];

const FILES: [&str; 2] = ["/etc/subuid", "/etc/subgid"];

/// The first id of the ranges that distributions hand out (login.defs(5), `SUB_UID_MIN`).
const FIRST_RANGE: u32 = 100_000;

/// What a user was granted, as plain data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// The user's ranges in `/etc/subuid` and `/etc/subgid`: the first id and how many.
    pub ranges: [Option<(u32, u32)>; 2],
    /// The set-uid helpers that are missing.
    pub missing: Vec<&'static str>,
    /// The first id from which on nobody was granted any.
    pub free: u32,
}

/// What we were granted.
pub fn grants() -> Grants {
    let names = names_of(geteuid().as_raw());
    let texts = FILES.map(|file| fs::read_to_string(file).unwrap_or_default());
    Grants {
        ranges: [0, 1].map(|file| parse_range(&texts[file], &names)),
        missing: HELPERS.into_iter().filter(|helper| programs::find(helper).is_none()).collect(),
        free: texts.iter().map(|text| first_free(text)).max().unwrap_or(FIRST_RANGE),
    }
}

/// Writes both maps of `child`'s user namespace.
pub fn write(child: Pid, subids: bool) -> OpResult<()> {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let names = if subids && uid != 0 { names_of(uid) } else { Vec::new() };
    let uids = Map { helper: HELPERS[0], file: "uid_map", own: uid, range: range(FILES[0], &names) };
    let gids = Map { helper: HELPERS[1], file: "gid_map", own: gid, range: range(FILES[1], &names) };
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

/// What subuid(5) may call the user: the number and the login name.
fn names_of(uid: u32) -> Vec<String> {
    let login = login_in_file(uid).or_else(|| std::env::var("LOGNAME").ok());
    [uid.to_string()].into_iter().chain(login).collect()
}

fn range(file: &str, names: &[String]) -> Option<(u32, u32)> {
    if names.is_empty() {
        return None;
    }
    parse_range(&fs::read_to_string(file).ok()?, names)
}

fn parse_range(text: &str, names: &[String]) -> Option<(u32, u32)> {
    ranges(text).find_map(|(name, range)| (names.iter().any(|known| known == name) && range.1 > 0).then_some(range))
}

/// The ranges that a file grants, each with whom it is granted to.
fn ranges(text: &str) -> impl Iterator<Item = (&str, (u32, u32))> {
    text.lines().filter_map(|line| {
        let (name, numbers) = line.split_once(':')?;
        let (first, count) = numbers.split_once(':')?;
        Some((name, (first.parse().ok()?, count.trim_end().parse().ok()?)))
    })
}

fn first_free(text: &str) -> u32 {
    let ends = ranges(text).map(|(_, (first, count))| first.saturating_add(count));
    ends.fold(FIRST_RANGE, u32::max)
}

#[cfg(test)]
mod tests {
    use super::{first_free, parse_range};

    #[test]
    fn a_range_is_found_by_number_or_name_and_garbage_is_passed_over() {
        let text = "# comment\nroot:1:2\nlab:x:3\nlab:100000:0\n\nlab:200000:65536\n1001:7:8\n";
        assert_eq!(parse_range(text, &["1001".into(), "lab".into()]), Some((200_000, 65_536)));
        assert_eq!(parse_range(text, &["1001".into()]), Some((7, 8)));
        assert_eq!(parse_range(text, &["nobody".into()]), None);
        assert_eq!((first_free(text), first_free("")), (265_536, 100_000));
    }
}
