//! Where programs are. Those of administration are often in folders that an ordinary user's `PATH` lacks.

use nix::unistd::{AccessFlags, access};
use std::env::{split_paths, var_os};
use std::path::{Path, PathBuf};

/// The folders of administration programs, which a lab has at the end of its `PATH`.
pub const ADMIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The program of that name, in `PATH` or a folder of administration. A name with a slash is a path itself.
pub fn find(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let path = var_os("PATH").unwrap_or_default();
    let mut folders = split_paths(&path).chain(ADMIN.map(PathBuf::from)).filter(|folder| folder.is_absolute());
    folders.find_map(|folder| Some(folder.join(name)).filter(|path| is_program(path)))
}

fn is_program(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_file_that_may_be_executed() {
        let shell = find("sh").unwrap();
        assert!(shell.is_absolute(), "{shell:?}");
        assert_eq!(find(&shell.display().to_string()), Some(shell));
        for name in ["no-such-program", "/etc/passwd", "/usr", ""] {
            assert_eq!(find(name), None, "{name:?}");
        }
    }
}
