//! The labs of one user, as folders on disk.
//!
//! ```text
//! STATE/labs/NAME/lab.json        what the lab is and who holds it
//! STATE/labs/NAME/journal.jsonl   its changes, for a lab that can outlive its process
//! STATE/labs/NAME/logs/           what its processes print
//! STATE/shared/                   sysctls of the machine, and which labs set them
//! ```
//!
//! A folder is made exclusively, so a name is taken by one process only, and locked (flock(2)) by whoever works
//! on the lab: the process that runs it, then its holder, or who takes it down. The lock goes with its process,
//! however that ends. Whether a lab stands is told by its holder's pid and start time, never by the lock.

mod card;
mod place;

use super::sandbox::Holder;
use crate::error::{Class, OpError, OpResult, io_words};
use crate::kernel::linux::ledger::{JOURNAL, Ledger};
use crate::names::{LabName, proposal};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use card::{Card, Life, Mode};

/// The labs of one user.
#[derive(Debug, Clone)]
pub struct Registry {
    labs: PathBuf,
}

/// A lab's folder. (Its name is plain text, so that a place can be taken to another thread.)
#[derive(Debug, Clone)]
pub struct Place {
    name: String,
    dir: PathBuf,
}

/// A lab's folder, locked until this is dropped in every process that has it.
#[derive(Debug)]
pub struct Claim {
    place: Place,
    /// Open is locked.
    lock: File,
}

impl Registry {
    /// The registry in `RHAILAB_STATE_DIR`, or where the user's state belongs; made where it is missing.
    pub fn open() -> OpResult<Registry> {
        Registry::at(&place::state_dir()?)
    }

    /// The registry in a given state directory.
    pub fn at(state: &Path) -> OpResult<Registry> {
        place::own_dir(state)?;
        let labs = state.join("labs");
        place::own_dir(&labs)?;
        Ok(Registry { labs })
    }

    /// The folder of a name, whether or not there is such a lab.
    pub fn place(&self, name: &LabName) -> Place {
        Place { name: name.to_string(), dir: self.labs.join(name.as_str()) }
    }

    /// Takes a name. What a dead sandbox left under it is removed, because it is nothing but files.
    pub fn create(&self, name: &LabName) -> OpResult<Claim> {
        let place = self.place(name);
        for _ in 0..8 {
            match DirBuilder::new().mode(0o700).create(&place.dir) {
                Ok(()) => {
                    if let Some(claim) = place.try_claim()? {
                        return Ok(claim);
                    }
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => place.clear_if_dead()?,
                Err(e) => return Err(failed("create", &place.dir, &e)),
            }
        }
        Err(busy(name.as_str()))
    }

    /// Takes the first free name among `base`, `base-2`, `base-3`, …
    pub fn create_near(&self, base: &LabName) -> OpResult<Claim> {
        let mut taken = None;
        for n in 1..1000 {
            let name = if n == 1 { base.clone() } else { LabName::new(&proposal(&format!("{base}-{n}"), 40))? };
            match self.create(&name) {
                Err(error) if matches!(error.0.code, "lab::exists" | "lab::busy" | "lab::crashed") => {
                    taken = Some(error);
                }
                other => return other,
            }
        }
        Err(taken.unwrap_or_else(|| busy(base.as_str())))
    }

    /// Every lab's folder, by name.
    pub fn list(&self) -> OpResult<Vec<Place>> {
        let entries = fs::read_dir(&self.labs).map_err(|e| failed("read", &self.labs, &e))?;
        let mut places = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| failed("read", &self.labs, &e))?;
            // A folder whose name is no lab's is not ours to speak of.
            if let Some(Ok(name)) = entry.file_name().to_str().map(LabName::new) {
                places.push(self.place(&name));
            }
        }
        places.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(places)
    }

    /// A lab that is there, with its card; an error that names those that are, otherwise.
    pub fn find(&self, name: &LabName) -> OpResult<(Place, Card)> {
        let place = self.place(name);
        if let Some(card) = place.card()? {
            return Ok((place, card));
        }
        let names: Vec<String> = self.list()?.into_iter().map(|place| place.name).collect();
        let error = OpError::new("lab::unknown", format!("There is no lab `{name}`.")).class(Class::Usage);
        Err(match crate::error::closest(name.as_str(), names.iter().map(String::as_str)) {
            Some(near) => error.help(format!("Did you mean `{near}`?")),
            None if names.is_empty() => error.help("No lab stands. `rhailab up RECIPE` makes one."),
            None => error.help(format!("These labs are there: {}.", names.join(", "))),
        })
    }
}

impl Place {
    /// The lab's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its journal.
    pub fn journal(&self) -> PathBuf {
        self.dir.join(JOURNAL)
    }

    /// The folder of its processes' output.
    pub fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    /// Where all labs of this user are counted that share the machine.
    pub fn ledger(&self, lab: &LabName) -> OpResult<Ledger> {
        let labs = self.dir.parent().unwrap_or(&self.dir).to_owned();
        let dir = labs.with_file_name("shared");
        place::own_dir(&dir)?;
        Ok(Ledger::new(dir, labs, lab.clone()))
    }

    /// The registry that it is in. Inside a sandbox, where everybody is root, there is no finding it anew.
    pub fn registry(&self) -> Registry {
        Registry { labs: self.dir.parent().unwrap_or(&self.dir).to_owned() }
    }

    /// The folders of all labs, this one among them; none that cannot be listed.
    pub fn siblings(&self) -> Vec<Place> {
        self.registry().list().unwrap_or_default()
    }

    fn card_file(&self) -> PathBuf {
        self.dir.join("lab.json")
    }

    /// What is written about it; none if there is no such lab, or it is being made or removed.
    pub fn card(&self) -> OpResult<Option<Card>> {
        let path = self.card_file();
        match fs::read_to_string(&path) {
            Ok(text) => Card::parse(&text).map(Some).map_err(|why| {
                OpError::new("lab::card", format!("{} cannot be read: {why}.", path.display()))
                    .help("It was written by another version of rhailab, or by hand. Nothing was touched.")
            }),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failed("read", &path, &e)),
        }
    }

    /// Locks it, if nobody else has.
    pub fn try_claim(&self) -> OpResult<Option<Claim>> {
        let lock = match File::open(&self.dir) {
            Ok(lock) => lock,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("open", &self.dir, &e)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed("lock", &self.dir, &e)),
        }
        // It may have been removed, and made anew, while it was being locked.
        let (Ok(there), Ok(ours)) = (fs::symlink_metadata(&self.dir), lock.metadata()) else { return Ok(None) };
        let same = (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        Ok(same.then(|| Claim { place: self.clone(), lock }))
    }

    /// Locks it, waiting for whoever has it; none if it is gone by then.
    pub fn claim(&self, time: Duration) -> OpResult<Option<Claim>> {
        let until = Instant::now() + time;
        loop {
            if let Some(claim) = self.try_claim()? {
                return Ok(Some(claim));
            }
            if !self.dir.exists() {
                return Ok(None);
            }
            if Instant::now() >= until {
                return Err(busy(&self.name));
            }
            // Whoever has it is about to let go of it, so looking again soon is simpler than being told.
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Makes room for a new lab of this name, or says who has it.
    fn clear_if_dead(&self) -> OpResult<()> {
        let card = self.card()?;
        if let Some(card) = &card {
            match card.life() {
                Life::Dead if card.mode == Mode::Sandbox => {}
                Life::Dead => return Err(crashed(&self.name)),
                Life::Running | Life::Up => return Err(exists(&self.name, card)),
            }
        }
        match self.try_claim()? {
            Some(claim) => claim.remove(),
            None if card.is_none() && self.dir.exists() => Err(busy(&self.name)),
            None => Ok(()),
        }
    }
}

impl Claim {
    /// The folder.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Writes what the lab is: all of it or nothing, whenever somebody reads it.
    pub fn write(&self, card: &Card) -> OpResult<()> {
        let path = self.place.card_file();
        let new = self.place.dir.join("lab.json.new");
        fs::write(&new, card.to_text()).and_then(|()| fs::rename(&new, &path)).map_err(|e| failed("write", &path, &e))
    }

    /// Gives the folder another name, which nobody may have.
    pub fn rename(&self, registry: &Registry, name: &LabName) -> OpResult<Claim> {
        let (old, place) = (&self.place.dir, registry.place(name));
        let lock = self.lock.try_clone().map_err(|e| failed("lock", old, &e))?;
        // Whether a lab that has the name still stands cannot be told from within a sandbox, where pids are others.
        DirBuilder::new().mode(0o700).create(&place.dir).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => {
                OpError::new("lab::exists", format!("The name `{name}` is taken by another lab."))
                    .help("Choose another one. `rhailab ls` shows the labs, `down` and `recover` free their names.")
                    .class(Class::Usage)
            }
            _ => failed("create", &place.dir, &e),
        })?;
        // rename(2) replaces a folder if there is nothing in it.
        fs::rename(old, &place.dir).map_err(|e| failed("rename", old, &e))?;
        Ok(Claim { place, lock })
    }

    /// Removes the folder with all that is in it, and frees the name. A folder that is not the one that was locked is
    /// another lab's: ours has another name by now.
    pub fn remove(self) -> OpResult<()> {
        if let (Ok(there), Ok(ours)) = (fs::symlink_metadata(&self.place.dir), self.lock.metadata())
            && (there.dev(), there.ino()) != (ours.dev(), ours.ino())
        {
            return Ok(());
        }
        match fs::remove_dir_all(&self.place.dir) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed("remove", &self.place.dir, &e)),
        }
    }
}

fn exists(name: &str, card: &Card) -> OpError {
    let Card { recipe, started, .. } = card;
    let since = format!("since {started}, made by {}", recipe.display());
    let (how, help) = match card.life() {
        Life::Running => (
            "is running",
            format!("Wait for it, stop it with `rhailab down {name}`, or give this one another name with `--name`."),
        ),
        _ => {
            ("is up", format!("Take it down with `rhailab down {name}`, or give this one another name with `--name`."))
        }
    };
    let who = card.holder.map_or_else(String::new, |Holder { pid, .. }| format!(", process {pid}"));
    OpError::new("lab::exists", format!("A lab `{name}` {how} already ({since}{who}).")).help(help).class(Class::Usage)
}

fn crashed(name: &str) -> OpError {
    OpError::new("lab::crashed", format!("A lab `{name}` of this machine ended without being taken down."))
        .help("`rhailab recover` undoes what it left; then the name is free.")
        .class(Class::Usage)
}

fn busy(name: &str) -> OpError {
    OpError::new("lab::busy", format!("The lab `{name}` is being made or taken down by another process."))
        .help("Try again in a moment.")
        .class(Class::Usage)
}

fn failed(verb: &str, path: &Path, error: &std::io::Error) -> OpError {
    OpError::new("state::io", format!("Cannot {verb} {}: {}.", path.display(), io_words(error)))
        .help("Set RHAILAB_STATE_DIR to a folder of yours that can be written.")
        .class(Class::Machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, Registry) {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::at(&dir.path().join("state")).unwrap();
        (dir, registry)
    }

    fn name(text: &str) -> LabName {
        LabName::new(text).unwrap()
    }

    fn card(holder: Option<Holder>) -> Card {
        Card { holder, ..Card::new(&name("web"), Mode::Sandbox, Path::new("/tmp/web.rhai"), Vec::new()) }
    }

    #[test]
    fn a_name_is_taken_once_and_free_again_when_removed() {
        let (_dir, registry) = registry();
        let me = Holder::of(i32::try_from(std::process::id()).unwrap());
        let claim = registry.create(&name("web")).unwrap();
        assert_eq!(registry.create(&name("web")).unwrap_err().0.code, "lab::busy");
        claim.write(&card(me)).unwrap();
        let error = registry.create(&name("web")).unwrap_err();
        assert_eq!(error.0.code, "lab::exists");
        assert!(error.0.message.contains("/tmp/web.rhai"), "{error}");
        assert_eq!(registry.find(&name("web")).unwrap().1, card_read_back(&card(me)));
        assert_eq!(registry.create_near(&name("web")).unwrap().place().name(), "web-2");
        claim.remove().unwrap();
        registry.create(&name("web")).unwrap();
    }

    fn card_read_back(card: &Card) -> Card {
        Card::parse(&card.to_text()).unwrap()
    }

    #[test]
    fn a_dead_sandbox_makes_room_and_a_dead_lab_of_the_machine_does_not() {
        let (_dir, registry) = registry();
        let gone = Some(Holder { pid: 1, start: u64::MAX });
        drop(registry.create(&name("web")).unwrap().write(&card(gone)));
        registry.create(&name("web")).unwrap().write(&Card { mode: Mode::Host, ..card(gone) }).unwrap();
        assert_eq!(registry.create(&name("web")).unwrap_err().0.code, "lab::crashed");
    }

    #[test]
    fn a_folder_without_a_card_was_left_by_a_crash_unless_it_is_locked() {
        let (_dir, registry) = registry();
        drop(registry.create(&name("web")).unwrap());
        let claim = registry.create(&name("web")).unwrap();
        assert!(registry.place(&name("web")).try_claim().unwrap().is_none());
        drop(claim);
        assert!(registry.place(&name("web")).try_claim().unwrap().is_some());
    }

    #[test]
    fn an_unknown_lab_is_answered_with_the_nearest_name() {
        let (_dir, registry) = registry();
        registry.create(&name("article")).unwrap().write(&card(None)).unwrap();
        let error = registry.find(&name("artcile")).unwrap_err();
        assert_eq!(error.0.help.as_deref(), Some("Did you mean `article`?"));
    }

    #[test]
    fn a_state_directory_that_others_can_write_or_that_is_a_link_is_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(Registry::at(&open).unwrap_err().0.code, "state::open");
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert_eq!(Registry::at(&link).unwrap_err().0.code, "state::kind");
    }
}
