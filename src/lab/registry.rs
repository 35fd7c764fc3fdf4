//! The labs of one user, as folders.
//!
//! ```text
//! RUN/labs/NAME/lab.json        what the lab is and who holds it
//! RUN/labs/NAME/journal.jsonl   its changes, for a lab that can outlive its process
//! ```
//!
//! What else there is of it: [`state_dirs`](super::state_dirs).
//!
//! A folder is made exclusively, so a name is taken by one process only, and locked (flock(2)) by whoever works
//! on the lab: the process that runs it, then its holder, or who takes it down. The lock goes with its process,
//! however that ends. Whether a lab stands is told by its holder's pid and start time, never by the lock.

mod info;
mod lock;
mod reboot;

use super::state_dirs::{StateDirs, failed, own_dir};
use crate::kernel::linux::ledger::{JOURNAL, Ledger};
use crate::model::error::{Class, OpError, OpResult};
use crate::model::names::{LabName, proposal};
use crate::sandbox::Holder;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use info::{LabInfo, Life, Mode};
pub use lock::LabLock;

/// The folder of records that outlive a reboot, one file for each lab, and how their names end.
const FILES: &str = "files";
const FILE: &str = "jsonl";

/// The folder of logs, with a folder for each lab.
const LOGS: &str = "logs";

/// The labs of one user.
#[derive(Debug, Clone)]
pub struct Registry {
    labs: PathBuf,
    disk: PathBuf,
}

/// A lab's folder.
#[derive(Debug, Clone)]
pub struct LabDir {
    name: LabName,
    path: PathBuf,
    disk: PathBuf,
}

impl Registry {
    /// The registry in `RHAILAB_STATE_DIR`, or where the user's state belongs; made where it is missing.
    pub fn open() -> OpResult<Registry> {
        Registry::at(StateDirs::of_user()?)
    }

    /// The registry of a given state.
    pub fn at(StateDirs { run, disk }: StateDirs) -> OpResult<Registry> {
        own_dir(&run)?;
        let labs = run.join("labs");
        own_dir(&labs)?;
        let registry = Registry { labs, disk };
        registry.restore_after_reboot(&run)?;
        Ok(registry)
    }

    /// The folder of a name, whether or not there is such a lab.
    pub fn dir(&self, name: &LabName) -> LabDir {
        LabDir { name: name.clone(), path: self.labs.join(name.as_str()), disk: self.disk.clone() }
    }

    /// Takes a name. What a dead sandbox left under it is removed, because it is nothing but files.
    pub fn create(&self, name: &LabName) -> OpResult<LabLock> {
        let dir = self.dir(name);
        for _ in 0..8 {
            match DirBuilder::new().mode(0o700).create(&dir.path) {
                // Its folder was removed by hand: what is on record on the disk is all that is known of it.
                Ok(()) if dir.files().exists() => dir.restore()?,
                Ok(()) => {
                    if let Some(lock) = dir.try_lock()? {
                        return Ok(lock);
                    }
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => dir.clear_if_dead()?,
                Err(e) => return Err(failed("create", &dir.path, &e)),
            }
        }
        Err(busy(name))
    }

    /// Takes the first free name among `base`, `base-2`, `base-3`, …
    pub fn create_near(&self, base: &LabName) -> OpResult<LabLock> {
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
        Err(taken.unwrap_or_else(|| busy(base)))
    }

    /// Every lab's folder, by name.
    pub fn list(&self) -> OpResult<Vec<LabDir>> {
        let entries = fs::read_dir(&self.labs).map_err(|e| failed("read", &self.labs, &e))?;
        let mut dirs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| failed("read", &self.labs, &e))?;
            // A folder whose name is no lab's is not ours to speak of.
            if let Some(Ok(name)) = entry.file_name().to_str().map(LabName::new) {
                dirs.push(self.dir(&name));
            }
        }
        dirs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(dirs)
    }

    /// A lab that is there, with what is on record about it; an error that names those that are, otherwise.
    pub fn find(&self, name: &LabName) -> OpResult<(LabDir, LabInfo)> {
        let dir = self.dir(name);
        if let Some(info) = dir.info()? {
            return Ok((dir, info));
        }
        let names: Vec<String> = self.list()?.into_iter().map(|dir| dir.name.to_string()).collect();
        let error = OpError::new("lab::unknown", format!("There is no lab `{name}`.")).class(Class::Usage);
        Err(match crate::model::error::closest(name.as_str(), names.iter().map(String::as_str)) {
            Some(near) => error.help(format!("Did you mean `{near}`?")),
            None if names.is_empty() => error.help("No lab stands. `rhailab up RECIPE` makes one."),
            None => error.help(format!("These labs are there: {}.", names.join(", "))),
        })
    }
}

impl LabDir {
    /// The lab's name.
    pub fn name(&self) -> &LabName {
        &self.name
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its journal.
    pub fn journal(&self) -> PathBuf {
        self.path.join(JOURNAL)
    }

    /// What must outlive a reboot: the part of its journal that is about files on the disk.
    fn files(&self) -> PathBuf {
        self.disk.join(FILES).join(self.name.as_str()).with_added_extension(FILE)
    }

    /// The same, of a lab that makes files on the disk.
    pub fn durable(&self, mode: Mode) -> Option<PathBuf> {
        (mode == Mode::Host).then(|| self.files())
    }

    /// The folder of its processes' output.
    pub fn logs(&self) -> PathBuf {
        self.disk.join(LOGS).join(self.name.as_str())
    }

    /// A folder on the disk for what is no lab's.
    pub fn disk(&self) -> &Path {
        &self.disk
    }

    /// Where all labs of this user are counted that share the machine.
    pub fn ledger(&self, lab: &LabName) -> OpResult<Ledger> {
        let labs = self.path.parent().unwrap_or(&self.path).to_owned();
        let dir = labs.with_file_name("shared");
        own_dir(&dir)?;
        Ok(Ledger::new(dir, labs, lab.clone()))
    }

    /// The registry that it is in. Inside a sandbox, where everybody is root, there is no finding it anew.
    pub fn registry(&self) -> Registry {
        Registry { labs: self.path.parent().unwrap_or(&self.path).to_owned(), disk: self.disk.clone() }
    }

    /// The folders of all labs, this one among them; none that cannot be listed.
    pub fn siblings(&self) -> Vec<LabDir> {
        self.registry().list().unwrap_or_default()
    }

    fn info_file(&self) -> PathBuf {
        self.path.join("lab.json")
    }

    /// What is written about it; none if there is no such lab, or it is being made or removed.
    pub fn info(&self) -> OpResult<Option<LabInfo>> {
        let path = self.info_file();
        match fs::read_to_string(&path) {
            Ok(text) => LabInfo::parse(&text).map(Some).map_err(|why| {
                OpError::new("lab::info", format!("{} cannot be read: {why}.", path.display()))
                    .help("It was written by another version of rhailab, or by hand. Nothing was touched.")
            }),
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(e) => Err(failed("read", &path, &e)),
        }
    }

    /// Locks it, if nobody else has.
    pub fn try_lock(&self) -> OpResult<Option<LabLock>> {
        let lock = match File::open(&self.path) {
            Ok(lock) => lock,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed("open", &self.path, &e)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(e)) => return Err(failed("lock", &self.path, &e)),
        }
        // It may have been removed, and made anew, while it was being locked.
        let (Ok(there), Ok(ours)) = (fs::symlink_metadata(&self.path), lock.metadata()) else { return Ok(None) };
        let same = (there.dev(), there.ino()) == (ours.dev(), ours.ino());
        Ok(same.then(|| LabLock { dir: self.clone(), lock }))
    }

    /// Locks it, waiting for whoever has it; none if it is gone by then.
    pub fn lock(&self, time: Duration) -> OpResult<Option<LabLock>> {
        let until = Instant::now() + time;
        loop {
            if let Some(lock) = self.try_lock()? {
                return Ok(Some(lock));
            }
            if !self.path.exists() {
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
        let info = self.info()?;
        if let Some(info) = &info {
            match info.life() {
                Life::Dead if info.mode == Mode::Sandbox => {}
                Life::Dead => return Err(crashed(&self.name)),
                Life::Running | Life::Up => return Err(exists(&self.name, info)),
            }
        }
        match self.try_lock()? {
            Some(lock) => lock.remove(),
            None if info.is_none() && self.path.exists() => Err(busy(&self.name)),
            None => Ok(()),
        }
    }
}

fn exists(name: &LabName, info: &LabInfo) -> OpError {
    let LabInfo { recipe, started, .. } = info;
    let since = format!("since {started}, made by {}", recipe.display());
    let (how, help) = match info.life() {
        Life::Running => (
            "is running",
            format!("Wait for it, stop it with `rhailab down {name}`, or give this one another name with `--name`."),
        ),
        _ => {
            ("is up", format!("Take it down with `rhailab down {name}`, or give this one another name with `--name`."))
        }
    };
    let who = info.holder.map_or_else(String::new, |Holder { pid, .. }| format!(", process {pid}"));
    OpError::new("lab::exists", format!("A lab `{name}` {how} already ({since}{who}).")).help(help).class(Class::Usage)
}

fn crashed(name: &LabName) -> OpError {
    OpError::new("lab::crashed", format!("A lab `{name}` of this machine ended without being taken down."))
        .help("`rhailab recover` undoes what it left; then the name is free.")
        .class(Class::Usage)
}

fn busy(name: &LabName) -> OpError {
    OpError::new("lab::busy", format!("The lab `{name}` is being made or taken down by another process."))
        .help("Try again in a moment.")
        .class(Class::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry() -> (tempfile::TempDir, Registry) {
        let dir = tempfile::tempdir().unwrap();
        let registry = Registry::at(StateDirs::at(&dir.path().join("state"))).unwrap();
        (dir, registry)
    }

    fn name(text: &str) -> LabName {
        LabName::new(text).unwrap()
    }

    fn info(holder: Option<Holder>) -> LabInfo {
        LabInfo { holder, ..LabInfo::new(&name("web"), Mode::Sandbox, Path::new("/tmp/web.rhai"), Vec::new()) }
    }

    #[test]
    fn a_name_is_taken_once_and_free_again_when_removed() {
        let (_dir, registry) = registry();
        let me = Holder::of(i32::try_from(std::process::id()).unwrap());
        let lock = registry.create(&name("web")).unwrap();
        assert_eq!(registry.create(&name("web")).unwrap_err().0.code, "lab::busy");
        lock.write(&info(me)).unwrap();
        let error = registry.create(&name("web")).unwrap_err();
        assert_eq!(error.0.code, "lab::exists");
        assert!(error.0.message.contains("/tmp/web.rhai"), "{error}");
        assert_eq!(registry.find(&name("web")).unwrap().1, read_back(&info(me)));
        assert_eq!(registry.create_near(&name("web")).unwrap().dir().name(), &name("web-2"));
        lock.remove().unwrap();
        registry.create(&name("web")).unwrap();
    }

    fn read_back(info: &LabInfo) -> LabInfo {
        LabInfo::parse(&info.to_text()).unwrap()
    }

    #[test]
    fn a_dead_sandbox_makes_room_and_a_dead_lab_of_the_machine_does_not() {
        let (_dir, registry) = registry();
        let gone = Some(Holder { pid: 1, start: u64::MAX });
        drop(registry.create(&name("web")).unwrap().write(&info(gone)));
        registry.create(&name("web")).unwrap().write(&LabInfo { mode: Mode::Host, ..info(gone) }).unwrap();
        assert_eq!(registry.create(&name("web")).unwrap_err().0.code, "lab::crashed");
    }

    #[test]
    fn a_folder_without_a_card_was_left_by_a_crash_unless_it_is_locked() {
        let (_dir, registry) = registry();
        drop(registry.create(&name("web")).unwrap());
        let lock = registry.create(&name("web")).unwrap();
        assert!(registry.dir(&name("web")).try_lock().unwrap().is_none());
        drop(lock);
        assert!(registry.dir(&name("web")).try_lock().unwrap().is_some());
    }

    #[test]
    fn an_unknown_lab_is_answered_with_the_nearest_name() {
        let (_dir, registry) = registry();
        registry.create(&name("article")).unwrap().write(&info(None)).unwrap();
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
        assert_eq!(Registry::at(StateDirs::at(&open)).unwrap_err().0.code, "state::open");
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        assert_eq!(Registry::at(StateDirs::at(&link)).unwrap_err().0.code, "state::kind");
    }
}
