//! Where programs are looked for: inside, everybody is root, but ordinary users often lack root's folders.

use crate::kernel::linux::programs::ADMIN;
use std::env::{join_paths, set_var, split_paths, var_os};
use std::path::PathBuf;

/// Adds the folders of administration programs to the end of `PATH`, as sudo does. To be called while the process
/// has one thread.
pub fn complete() {
    let path = var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = split_paths(&path).collect();
    let missing: Vec<PathBuf> = ADMIN.map(PathBuf::from).into_iter().filter(|dir| !folders.contains(dir)).collect();
    folders.extend(missing);
    // It fails for a folder with a colon in its name, and none that was split at colons has one.
    if let Ok(path) = join_paths(folders) {
        #[expect(unsafe_code, reason = "the environment belongs to all threads")]
        // SAFETY: no other thread can read the environment meanwhile, because there is none.
        unsafe {
            set_var("PATH", path);
        }
    }
}
