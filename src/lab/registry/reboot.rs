//! What is left of labs after a reboot: the files that they made on the disk.

use super::lock::gone;
use super::{FILE, FILES, LOGS, LabDir, LabInfo, Mode, Registry};
use crate::kernel::linux::boot::boot_id;
use crate::lab::journal::Header;
use crate::lab::state_dirs::{failed, own_dir};
use crate::lab::store;
use crate::model::error::OpResult;
use crate::model::names::LabName;
use crate::sandbox::Holder;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The file that says which boot the labs are of.
const BOOT: &str = "boot";

impl Registry {
    /// Makes a lab again of each that had files on the disk, one whose process is gone, so that it is seen and recovered,
    /// and removes the logs of the others; once in each boot.
    pub(super) fn restore_after_reboot(&self, run: &Path) -> OpResult<()> {
        let marker = run.join(BOOT);
        if fs::read(&marker).is_ok_and(|boot| boot == boot_id().as_bytes()) {
            return Ok(());
        }
        for name in self.on_disk(FILES)? {
            let name = name.strip_suffix(FILE).and_then(|name| name.strip_suffix('.')).map(LabName::new);
            if let Some(Ok(name)) = name {
                self.dir(&name).restore()?;
            }
        }
        for name in self.on_disk(LOGS)?.iter().filter_map(|name| LabName::new(name).ok()) {
            let dir = self.dir(&name);
            if !dir.path.exists() {
                gone("remove", &dir.logs(), |path| fs::remove_dir_all(path))?;
            }
        }
        // If that fails, the same is done again.
        let _ = fs::write(&marker, boot_id());
        Ok(())
    }

    /// The names in a folder on the disk, if it is there and ours.
    fn on_disk(&self, folder: &str) -> OpResult<Vec<String>> {
        let folder = self.disk.join(folder);
        match fs::read_dir(&folder) {
            Ok(entries) => {
                own_dir(&self.disk)?;
                own_dir(&folder)?;
                let names = entries.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()));
                names.collect::<Result<_, _>>().map_err(|e| failed("read", &folder, &e))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(failed("read", &folder, &e)),
        }
    }
}

impl LabDir {
    /// Makes the lab again of what outlived a reboot, unless it is there.
    pub(super) fn restore(&self) -> OpResult<()> {
        own_dir(&self.path)?;
        // Whoever works on it has found it.
        let Some(lock) = self.try_lock()? else { return Ok(()) };
        let info = self.info().ok().flatten();
        if info.as_ref().is_some_and(|info| info.boot_id == boot_id()) {
            return Ok(());
        }
        // What else was on record about it was not meant to survive, and need not be whole.
        let file = self.files();
        let text = fs::read(&file).map_err(|e| failed("read", &file, &e))?;
        fs::write(self.journal(), &text).map_err(|e| failed("write", &self.journal(), &e))?;
        // One that cannot be read is reported when it is recovered.
        let start = store::parse(&text, &file).ok().and_then(|state| state.start);
        lock.write(&info.unwrap_or_else(|| self.card_again(&file, start)))
    }

    /// What is known of a lab whose `lab.json` was lost.
    fn card_again(&self, file: &Path, start: Option<Header>) -> LabInfo {
        let recipe = start.as_ref().map_or("", |start| &start.recipe);
        let mut info = LabInfo::new(&self.name, Mode::Host, Path::new(recipe), Vec::new());
        if let Ok(written) = fs::metadata(file).and_then(|about| about.modified()) {
            info.started = humantime::format_rfc3339_seconds(written).to_string();
        }
        info.boot_id = start.as_ref().map_or_else(String::new, |start| start.boot_id.clone());
        info.holder = start.map(|start| Holder { pid: start.pid, start: start.pid_start });
        info
    }
}
