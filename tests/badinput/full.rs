//! A full disk under the state directory.

use super::{RECIPE, machine};
use crate::machine::{assert_same, state};
use crate::report::Report;
use crate::support::{Home, User};

/// The state directory on a file system of 16 KiB.
const SMALL: &str = "mkdir -p /run/small; mountpoint -q /run/small || mount -t tmpfs -o size=16k,mode=0700 none /run/small; \
                     export RHAILAB_STATE_DIR=/run/small; exec \"$0\" \"$@\"";

#[test]
fn a_change_that_cannot_be_journalled_is_not_made_and_what_was_made_is_undone() {
    let Some(_machine) = machine::enter(false) else { return };
    let home = Home::under(User::Me, &["sh", "-c", SMALL]);
    let before = state();
    home.write(RECIPE, "for i in 0..60 {\n    netns(\"n\" + i);\n}\n");
    for args in [&["run", RECIPE, "--host"][..], &["up", RECIPE, "--host"], &["up", RECIPE]] {
        let complaint = home.run(args).assert_fails(3);
        let report = Report::of(&complaint);
        assert_eq!(report.code, "journal::io", "{complaint}");
        assert!(report.says("No space left on device.") && report.place.starts_with("lab.rhai:2:"), "{complaint}");
        assert!(report.help.starts_with("Without its journal a change could not be undone"), "{complaint}");
        assert!(!complaint.contains("could not be undone."), "all of it was: {complaint}");
        assert_same(args[0], &before, &state());
        assert_eq!(home.run(&["ls", "--json"]).assert_well(), "");
    }
}
