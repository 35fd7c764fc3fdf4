//! Where a user's labs are kept, and that these folders are the user's own.
//!
//! ```text
//! RUN/labs/NAME/           a lab, as long as it stands ([`registry`](super::registry))
//! RUN/shared/              sysctls of the machine, and which labs set them
//! RUN/boot                 the boot that the labs in RUN are of
//! DISK/files/NAME.jsonl    which files a lab has made on the disk, for after a reboot
//! DISK/logs/NAME/          what its processes print
//! ```
//!
//! The kernel's objects are gone after a reboot, so nearly all that is kept may be gone with them: root's is in `/run`,
//! which is emptied then and costs no disk ("run-time variable data", Filesystem Hierarchy Standard 3.15). An ordinary
//! user has no such folder that is there in every session and outlives each, so that both are one, on the disk.

use crate::kernel::users;
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::sandbox::{RUN, euid};
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDirs {
    /// What is of no use after a reboot.
    pub run: PathBuf,
    /// What must outlive one, and what may become large.
    pub disk: PathBuf,
}

impl StateDirs {
    /// One folder for both.
    pub fn at(dir: &Path) -> StateDirs {
        StateDirs { run: dir.to_owned(), disk: dir.to_owned() }
    }

    /// `RHAILAB_STATE_DIR`; else `/run/rhailab` and `/var/lib/rhailab` for root, and the user's state folder for others (the
    /// XDG base directory specification).
    pub fn of_user() -> OpResult<StateDirs> {
        let from = |name: &str| std::env::var_os(name).map(PathBuf::from);
        if let Some(dir) = from("RHAILAB_STATE_DIR") {
            return if dir.is_absolute() { Ok(StateDirs::at(&dir)) } else { Err(relative(&dir)) };
        }
        if euid() == 0 {
            return Ok(StateDirs { run: Path::new("/run").join(RUN), disk: "/var/lib/rhailab".into() });
        }
        // The specification says that a relative path is to be ignored.
        let state = from("XDG_STATE_HOME").filter(|dir| dir.is_absolute());
        let state = state.or_else(|| {
            let home = from("HOME").filter(|home| home.is_absolute()).or_else(|| users::home(euid()));
            Some(home?.join(".local/state"))
        });
        state.map(|dir| StateDirs::at(&dir.join("rhailab"))).ok_or_else(|| {
            OpError::new("state::home", "There is no home folder to keep the labs' state in.")
                .help("Set RHAILAB_STATE_DIR to a folder of yours.")
                .class(Class::Machine)
        })
    }
}

/// Makes a folder that only we can read, or checks the one that is there.
pub fn own_dir(dir: &Path) -> OpResult<()> {
    let make = || DirBuilder::new().mode(0o700).create(dir);
    let done = make().or_else(|error| match dir.parent() {
        Some(parent) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(parent).and_then(|()| make()),
        _ => Err(error),
    });
    match done {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(failed("create", dir, &e)),
    }
    let there = fs::symlink_metadata(dir).map_err(|e| failed("read", dir, &e))?;
    let refuse = |code, why: &str| {
        let message = format!("{} cannot hold the labs' state: {why}.", dir.display());
        Err(OpError::new(code, message)
            .help("Set RHAILAB_STATE_DIR to a folder of your own that nobody else can write to.")
            .class(Class::Machine))
    };
    if !there.is_dir() {
        return refuse("state::kind", "it is a link or a file, not a folder");
    }
    if there.uid() != euid() {
        return refuse("state::owner", "it belongs to another user");
    }
    // What is written there decides what is undone later, and by whom.
    if there.mode() & 0o022 != 0 {
        return refuse("state::open", "others can write to it");
    }
    Ok(())
}

fn relative(dir: &Path) -> OpError {
    OpError::new("state::relative", format!("RHAILAB_STATE_DIR is `{}`, which is not an absolute path.", dir.display()))
        .help("Later calls may be made in another folder and must find the same labs.")
        .class(Class::Usage)
}

/// The error of a file operation there.
pub fn failed(verb: &str, path: &Path, error: &std::io::Error) -> OpError {
    OpError::new("state::io", format!("Cannot {verb} {}: {}.", path.display(), io_words(error)))
        .help("Set RHAILAB_STATE_DIR to a folder of yours that can be written.")
        .class(Class::Machine)
}
