//! Files that the lab writes for programs to read, such as `/etc/netns/NAME/resolv.conf`. Unlike everything else
//! they outlive a reboot, so they are written only when the journal that speaks of them is on the disk, which takes
//! time: a little later than they are asked for, together.

use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Refusal, Undone, Why};
use crate::model::file::WriteFile;
use crate::model::identity::Identity;
use nix::errno::Errno;
use nix::libc;
use nix::unistd::geteuid;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

/// The files that are to be written.
#[derive(Debug, Default)]
pub struct Files {
    waiting: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    n: u64,
    path: PathBuf,
    text: String,
    made_dirs: Vec<PathBuf>,
}

impl Files {
    /// Finds out which of the file's folders are missing.
    pub fn prepare(&self, path: &Path) -> Done<Identity> {
        if self.waiting.iter().any(|other| other.path == path) {
            return Err(Refusal::errno(on("create", path), Errno::EEXIST as i32));
        }
        let mut identity = prepare(path)?;
        if let Identity::File { made_dirs } = &mut identity {
            made_dirs.retain(|dir| !self.waiting.iter().any(|other| other.made_dirs.contains(dir)));
        }
        Ok(identity)
    }

    /// Writes the file of change number `n` at the next [`Files::flush`].
    pub fn defer(&mut self, n: u64, path: &Path, text: &str, made_dirs: &[PathBuf]) {
        let (path, text, made_dirs) = (path.to_owned(), text.to_owned(), made_dirs.to_owned());
        self.waiting.push(Waiting { n, path, text, made_dirs });
    }

    /// Writes the files that wait. Returns those that failed, by number; nothing is left of them.
    pub fn flush(&mut self) -> Vec<(u64, Refusal)> {
        let write = |Waiting { n, path, text, made_dirs }| Some((n, apply(&path, &text, &made_dirs).err()?));
        std::mem::take(&mut self.waiting).into_iter().filter_map(write).collect()
    }

    /// Removes a file as [`undo`] does, or does not write it if it waits.
    pub fn undo(&mut self, path: &Path, text: &str, made_dirs: &[PathBuf]) -> Done<Undone> {
        match self.waiting.iter().position(|waiting| waiting.path == path) {
            Some(at) => {
                self.waiting.remove(at);
                Ok(Undone::Yes)
            }
            None => undo(path, text, made_dirs),
        }
    }
}

/// Finds out which of the file's folders are missing.
fn prepare(path: &Path) -> Done<Identity> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        let words = "the path of a file must be absolute and without `..`";
        return Err(Refusal::new(Why::Protocol, on("create", path), words));
    }
    // Refused before the journal speaks of it: whoever clears up after us could take an equal file for ours.
    if is_there(path)? {
        return Err(Refusal::errno(on("create", path), Errno::EEXIST as i32));
    }
    let mut made_dirs = Vec::new();
    for folder in path.ancestors().skip(1) {
        if is_there(folder)? {
            break;
        }
        made_dirs.push(folder.to_path_buf());
    }
    Ok(Identity::File { made_dirs })
}

/// Makes the folders and the file.
fn apply(path: &Path, text: &str, made_dirs: &[PathBuf]) -> Done<()> {
    let mut made = Vec::new();
    let result = make(path, text, made_dirs, &mut made);
    let Err(refusal) = result else { return Ok(()) };
    // Newest first, so that a folder is empty when its turn comes.
    let mut left = String::new();
    for path in made.iter().rev() {
        let removed = if made_dirs.contains(path) { fs::remove_dir(path) } else { fs::remove_file(path) };
        if let Err(e) = removed {
            left = format!("and {} is left: {e}", path.display());
        }
    }
    Err(if left.is_empty() { refusal } else { Refusal { words: left, ..refusal } })
}

fn make(path: &Path, text: &str, made_dirs: &[PathBuf], made: &mut Vec<PathBuf>) -> Done<()> {
    for folder in made_dirs.iter().rev() {
        match DirBuilder::new().mode(0o755).create(folder) {
            Ok(()) => {}
            // Another lab was faster. Whoever of the two leaves last finds it empty and removes it.
            Err(e) if e.kind() == ErrorKind::AlreadyExists && folder.is_dir() => continue,
            Err(e) => return Err(Refusal::io(on("mkdir", folder), &e)),
        }
        made.push(folder.clone());
        // Whatever our umask is: the programs that read the file may run as somebody else.
        fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(|e| Refusal::io(on("chmod", folder), &e))?;
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .custom_flags(libc::O_NOFOLLOW)
        .mode(0o644)
        .open(path)
        .map_err(|e| Refusal::io(on("create", path), &e))?;
    made.push(path.to_path_buf());
    let mut write = || {
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(text.as_bytes())?;
        // Not flushed to the disk: its intent in the journal is, and whatever a power failure leaves of the file, be
        // it nothing or an empty file, is recognised.
        Ok(())
    };
    write().map_err(|e: io::Error| Refusal::io(on("write", path), &e))
}

/// Removes the file if it is as we wrote it, then the folders that we made for it and that are empty.
fn undo(path: &Path, text: &str, made_dirs: &[PathBuf]) -> Done<Undone> {
    let undone = match verdict(path, text).map_err(|e| Refusal::io(on("read", path), &e))? {
        None => {
            fs::remove_file(path).map_err(|e| Refusal::io(on("unlink", path), &e))?;
            Undone::Yes
        }
        Some(undone) => undone,
    };
    for folder in made_dirs {
        match fs::remove_dir(folder) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            // Somebody else uses it by now.
            Err(e) if matches!(e.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::ResourceBusy) => break,
            Err(e) => return Err(Refusal::io(on("rmdir", folder), &e)),
        }
    }
    Ok(undone)
}

/// Why the file should not be removed, if so.
fn verdict(path: &Path, text: &str) -> io::Result<Option<Undone>> {
    let not_ours = |why: &str| Ok(Some(Undone::NotOurs(format!("{} {why}", path.display()))));
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Some(Undone::AlreadyGone));
        }
        Err(e) if e.raw_os_error() == Some(Errno::ELOOP as i32) => return not_ours("is a symbolic link now"),
        Err(e) => return Err(e),
    };
    let about = file.metadata()?;
    if !about.is_file() || about.nlink() != 1 || about.uid() != geteuid().as_raw() {
        return not_ours("is not the file that was written");
    }
    // An empty file is what is left of us where we were killed between making it and writing it.
    let mut now = Vec::new();
    file.take(text.len() as u64 + 1).read_to_end(&mut now)?;
    if now.is_empty() || now == text.as_bytes() { Ok(None) } else { not_ours("was edited meanwhile") }
}

fn is_there(path: &Path) -> Done<bool> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Refusal::io(on("stat", path), &e)),
    }
}

fn on(call: &str, path: &Path) -> String {
    format!("{call} {}", path.display())
}

impl Real for WriteFile {
    fn prepare(&self, kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        kernel.files.prepare(&self.path)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        let Identity::File { made_dirs } = entry.identity else { return unprepared(entry.change) };
        kernel.files.defer(entry.n, &self.path, &self.text, made_dirs);
        Ok(())
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let Identity::File { made_dirs } = entry.identity else { return unprepared(entry.change) };
        kernel.files.undo(&self.path, &self.text, made_dirs)
    }

    fn read(&self, _view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        let is_same = fs::read_to_string(&self.path).is_ok_and(|now| now == self.text);
        let changed = || Observed::Not("the file is gone, or was changed".to_owned());
        Ok(vec![if is_same { Observed::Is(self.text.clone()) } else { changed() }])
    }
}
