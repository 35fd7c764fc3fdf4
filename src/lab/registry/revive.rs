//! What is left of labs after a reboot: the files that they made on the disk.

use super::claim::gone;
use super::{Card, FILE, FILES, LOGS, Mode, Place, Registry};
use crate::kernel::linux::boot::boot_id;
use crate::lab::journal::Start;
use crate::lab::state::{failed, own_dir};
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
    pub(super) fn revive_after_reboot(&self, run: &Path) -> OpResult<()> {
        let marker = run.join(BOOT);
        if fs::read(&marker).is_ok_and(|boot| boot == boot_id().as_bytes()) {
            return Ok(());
        }
        for name in self.on_disk(FILES)? {
            let name = name.strip_suffix(FILE).and_then(|name| name.strip_suffix('.')).map(LabName::new);
            if let Some(Ok(name)) = name {
                self.place(&name).revive()?;
            }
        }
        for name in self.on_disk(LOGS)?.iter().filter_map(|name| LabName::new(name).ok()) {
            let place = self.place(&name);
            if !place.dir.exists() {
                gone("remove", &place.logs(), |path| fs::remove_dir_all(path))?;
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

impl Place {
    /// Makes the lab again of what outlived a reboot, unless it is there.
    pub(super) fn revive(&self) -> OpResult<()> {
        own_dir(&self.dir)?;
        // Whoever works on it has found it.
        let Some(claim) = self.try_claim()? else { return Ok(()) };
        let card = self.card().ok().flatten();
        if card.as_ref().is_some_and(|card| card.boot_id == boot_id()) {
            return Ok(());
        }
        // What else was on record about it was not meant to survive, and need not be whole.
        let file = self.files();
        let text = fs::read(&file).map_err(|e| failed("read", &file, &e))?;
        fs::write(self.journal(), &text).map_err(|e| failed("write", &self.journal(), &e))?;
        // One that cannot be read is reported when it is recovered.
        let start = store::parse(&text, &file).ok().and_then(|state| state.start);
        claim.write(&card.unwrap_or_else(|| self.card_again(&file, start)))
    }

    /// A card like the one that was lost.
    fn card_again(&self, file: &Path, start: Option<Start>) -> Card {
        let recipe = start.as_ref().map_or("", |start| &start.recipe);
        let mut card = Card::new(&self.name, Mode::Host, Path::new(recipe), Vec::new());
        if let Ok(written) = fs::metadata(file).and_then(|about| about.modified()) {
            card.started = humantime::format_rfc3339_seconds(written).to_string();
        }
        card.boot_id = start.as_ref().map_or_else(String::new, |start| start.boot_id.clone());
        card.holder = start.map(|start| Holder { pid: start.pid, start: start.pid_start });
        card
    }
}
