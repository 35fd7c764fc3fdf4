//! Files.

use crate::support::{Lab, lab, reason, sh};
use nix::errno::Errno;
use rhailab::kernel::{ChangeRef, Kernel, Undone};
use rhailab::model::change::Change;
use rhailab::model::file::WriteFile;
use rhailab::model::identity::Identity;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const TEXT: &str = "nameserver 192.0.2.53\n";

/// Puts something else in the place of our file.
type Make = fn(&str);

fn file(path: &str) -> Change {
    Change::WriteFile(WriteFile { path: path.into(), text: TEXT.into() })
}

fn undo(lab: &mut Lab, change: &Change, identity: &Identity) -> Undone {
    lab.kernel.undo(ChangeRef { n: 0, change, identity }).unwrap()
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_file_is_written_with_its_folders_and_removed_with_them() {
    let Some(mut lab) = lab() else { return };
    fs::create_dir("/run/etc").unwrap();
    let at = lab.make(file("/run/etc/netns/web/resolv.conf"));
    let folders: Vec<PathBuf> = ["/run/etc/netns/web", "/run/etc/netns"].map(PathBuf::from).into();
    assert_eq!(lab.made[at].1, Identity::File { made_dirs: folders });
    assert_eq!(fs::read_to_string("/run/etc/netns/web/resolv.conf").unwrap(), TEXT);
    assert_eq!((mode("/run/etc/netns/web/resolv.conf"), mode("/run/etc/netns/web")), (0o644, 0o755));
    lab.undo_twice(at);
    assert!(!Path::new("/run/etc/netns").exists() && Path::new("/run/etc").exists());
}

#[test]
fn a_folder_that_others_use_stays() {
    let Some(mut lab) = lab() else { return };
    let first = lab.make(file("/run/etc/netns/web/resolv.conf"));
    let second = lab.make(file("/run/etc/netns/web/hosts"));
    fs::write("/run/etc/netns/theirs", "").unwrap();
    lab.undo_twice(first);
    assert!(Path::new("/run/etc/netns/web/hosts").exists());
    lab.undo_twice(second);
    assert!(Path::new("/run/etc/netns/web").exists(), "it was made for the first file");
    assert_eq!(lab.undo(first), Undone::AlreadyGone);
    assert!(!Path::new("/run/etc/netns/web").exists() && Path::new("/run/etc/netns/theirs").exists());
}

#[test]
fn a_file_that_is_there_is_never_taken_over() {
    let Some(mut lab) = lab() else { return };
    fs::write("/run/there", TEXT).unwrap();
    symlink("/run/nowhere", "/run/dangling").unwrap();
    for path in ["/run/there", "/run/dangling"] {
        // Before anything is written of it to a journal.
        let refusal = lab.kernel.prepare(1, &file(path)).unwrap_err();
        assert_eq!(refusal.number(), Some(Errno::EEXIST as i32), "{path}");
    }
    // Made by somebody between the two steps.
    let late = file("/run/a/b/late");
    let identity = lab.kernel.prepare(1, &late).unwrap();
    fs::create_dir_all("/run/a/b").unwrap();
    fs::write("/run/a/b/late", "theirs").unwrap();
    lab.kernel.apply(1, &late, &identity).unwrap();
    let refused = lab.settle();
    assert!(matches!(&refused[..], [(1, refusal)] if refusal.is(Errno::EEXIST)), "{refused:?}");
    assert_eq!(fs::read_to_string("/run/a/b/late").unwrap(), "theirs");
    // A folder only, as another lab may make it: it is used, and goes with the last file in it.
    let beside = file("/run/c/d/beside");
    let identity = lab.kernel.prepare(2, &beside).unwrap();
    fs::create_dir_all("/run/c").unwrap();
    fs::write("/run/c/theirs", "").unwrap();
    lab.kernel.apply(2, &beside, &identity).unwrap();
    assert_eq!(lab.settle(), []);
    assert_eq!(lab.kernel.undo(ChangeRef { n: 0, change: &beside, identity: &identity }), Ok(Undone::Yes));
    assert!(!Path::new("/run/c/d").exists() && Path::new("/run/c/theirs").exists());
    fs::remove_file("/run/c/theirs").unwrap();

    assert!(!Path::new("/run/nowhere").exists());
    for bad in ["relative", "/run/../etc/x", "/run/there/below"] {
        assert!(lab.attempt(file(bad)).is_err(), "{bad}");
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing() {
    let Some(mut lab) = lab() else { return };
    sh("mkdir /run/full; mount -t tmpfs -o size=4k tmpfs /run/full");
    let change = Change::WriteFile(WriteFile { path: "/run/full/etc/netns/hosts".into(), text: "x".repeat(10_000) });
    let refusal = lab.attempt(change).unwrap_err();
    assert_eq!(refusal.number(), Some(Errno::ENOSPC as i32));
    assert_eq!(fs::read_dir("/run/full").unwrap().count(), 0);
}

#[test]
fn a_file_that_is_no_longer_ours_is_left_alone() {
    let Some(mut lab) = lab() else { return };
    let change = file("/run/web/resolv.conf");
    let at = lab.make(change.clone());
    let identity = lab.made[at].1.clone();
    let path = "/run/web/resolv.conf";
    let theirs: [(&str, Make); 5] = [
        ("edited", |path| fs::write(path, "nameserver 192.0.2.54\n").unwrap()),
        ("longer", |path| fs::write(path, format!("{TEXT}x")).unwrap()),
        ("linked", |path| fs::write("/run/target", TEXT).and_then(|()| symlink("/run/target", path)).unwrap()),
        ("shared", |path| fs::write(path, TEXT).and_then(|()| fs::hard_link(path, "/run/second")).unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
    ];
    for (what, make) in theirs {
        let _gone = fs::remove_file(path);
        make(path);
        assert!(reason(undo(&mut lab, &change, &identity)).is_some(), "{what}");
        assert!(Path::new(path).exists(), "{what}");
    }
}

#[test]
fn what_is_left_of_an_interrupted_write_is_cleared_up() {
    let Some(mut lab) = lab() else { return };
    let change = file("/run/etc/netns/web/resolv.conf");
    let identity = lab.kernel.prepare(1, &change).unwrap();
    assert_eq!(undo(&mut lab, &change, &identity), Undone::AlreadyGone);
    fs::create_dir_all("/run/etc/netns").unwrap();
    assert_eq!(undo(&mut lab, &change, &identity), Undone::AlreadyGone);
    assert!(!Path::new("/run/etc").exists());
    fs::create_dir_all("/run/etc/netns/web").unwrap();
    fs::write("/run/etc/netns/web/resolv.conf", "").unwrap();
    assert_eq!(undo(&mut lab, &change, &identity), Undone::Yes);
    assert!(!Path::new("/run/etc").exists());
}
