//! Where the state directory is, and that it is ours.

use super::failed;
use crate::error::{Class, OpError, OpResult};
use crate::lab::sandbox::{euid, home};
use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// `RHAILAB_STATE_DIR`; else `/var/lib/rhailab` for root, and the user's state folder for others (the XDG base
/// directory specification).
pub fn state_dir() -> OpResult<PathBuf> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from);
    if let Some(dir) = from("RHAILAB_STATE_DIR") {
        return if dir.is_absolute() { Ok(dir) } else { Err(relative(&dir)) };
    }
    if euid() == 0 {
        return Ok("/var/lib/rhailab".into());
    }
    // The specification says that a relative path is to be ignored.
    let state = from("XDG_STATE_HOME").filter(|dir| dir.is_absolute());
    let state = state
        .or_else(|| from("HOME").filter(|home| home.is_absolute()).or_else(home).map(|home| home.join(".local/state")));
    state.map(|dir| dir.join("rhailab")).ok_or_else(|| {
        OpError::new("state::home", "There is no home folder to keep the labs' state in.")
            .help("Set RHAILAB_STATE_DIR to a folder of yours.")
            .class(Class::Machine)
    })
}

/// Makes a folder that only we can read, or checks the one that is there.
pub fn own_dir(dir: &Path) -> OpResult<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent).map_err(|e| failed("create", parent, &e))?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
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
