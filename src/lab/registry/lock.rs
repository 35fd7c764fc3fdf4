//! A lab's folder in the hands of who works on it.

use super::{LabDir, LabInfo, Registry};
use crate::lab::state_dirs::failed;
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::LabName;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// A lab's folder, locked until this is dropped in every process that has it.
#[derive(Debug)]
pub struct LabLock {
    pub(super) dir: LabDir,
    /// Open is locked.
    pub(super) lock: File,
}

impl LabLock {
    /// The folder.
    pub fn dir(&self) -> &LabDir {
        &self.dir
    }

    /// Writes what the lab is: all of it or nothing, whenever somebody reads it.
    pub fn write(&self, info: &LabInfo) -> OpResult<()> {
        let path = self.dir.info_file();
        let new = self.dir.path.join("lab.json.new");
        fs::write(&new, info.to_text()).and_then(|()| fs::rename(&new, &path)).map_err(|e| failed("write", &path, &e))
    }

    /// Gives the folder another name, which nobody may have.
    pub fn rename(&self, registry: &Registry, name: &LabName) -> OpResult<LabLock> {
        let (old, dir) = (&self.dir.path, registry.dir(name));
        let lock = self.lock.try_clone().map_err(|e| failed("lock", old, &e))?;
        // Whether a lab that has the name still stands cannot be told from within a sandbox, where pids are others.
        DirBuilder::new().mode(0o700).create(&dir.path).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => {
                OpError::new("lab::exists", format!("The name `{name}` is taken by another lab."))
                    .help("Choose another one. `rhailab ls` shows the labs, `down` and `recover` free their names.")
                    .class(Class::Usage)
            }
            _ => failed("create", &dir.path, &e),
        })?;
        // rename(2) replaces a folder if there is nothing in it.
        fs::rename(old, &dir.path).map_err(|e| failed("rename", old, &e))?;
        gone("rename", &self.dir.logs(), |logs| fs::rename(logs, dir.logs()))?;
        Ok(LabLock { dir, lock })
    }

    /// Removes all that there is of the lab, and frees the name. A folder that is not the one that was locked is another
    /// lab's: ours has another name by now.
    pub fn remove(self) -> OpResult<()> {
        if let (Ok(there), Ok(ours)) = (fs::symlink_metadata(&self.dir.path), self.lock.metadata())
            && (there.dev(), there.ino()) != (ours.dev(), ours.ino())
        {
            return Ok(());
        }
        // The folder last: it has the name.
        gone("remove", &self.dir.files(), |path| fs::remove_file(path))?;
        gone("remove", &self.dir.logs(), |path| fs::remove_dir_all(path))?;
        gone("remove", &self.dir.path, |path| fs::remove_dir_all(path))
    }
}

/// Does something to what is there; it may be gone.
pub(super) fn gone(verb: &str, path: &Path, act: impl FnOnce(&Path) -> io::Result<()>) -> OpResult<()> {
    match act(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(failed(verb, path, &e)),
        _ => Ok(()),
    }
}
