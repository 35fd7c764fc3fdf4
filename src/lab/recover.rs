//! What to do about a journal that somebody else wrote: nothing, while its writer lives or its network is meant
//! to stay; else undo what may still stand.

use super::Record;
use super::journal::Contents;
use crate::kernel::linux::boot::boot_id;
use crate::kernel::linux::process::procfs::start_time;
use crate::model::kind::Kind;

/// What a journal's lab is.
#[derive(Debug, Clone, PartialEq)]
pub enum LabStatus {
    /// Its recipe is running.
    Running,
    /// Its network stands on purpose, until `down`.
    Kept,
    /// Everything was undone.
    Ended,
    /// Its writer died: these changes may stand.
    Dead(Vec<Record>),
    /// The machine was restarted since. Kernel objects are gone; these changes on disk may stand.
    Rebooted(Vec<Record>),
}

/// Judges a journal on this machine as it is now.
pub fn judge(state: &Contents) -> LabStatus {
    let Some(start) = &state.start else {
        // The writer died before its first line was whole: it had not acted.
        return LabStatus::Ended;
    };
    let alive = u32::try_from(start.pid).ok().and_then(start_time) == Some(start.pid_start);
    verdict(state, start.boot_id == boot_id(), alive)
}

fn verdict(state: &Contents, same_boot: bool, alive: bool) -> LabStatus {
    if state.ended {
        return LabStatus::Ended;
    }
    if !same_boot {
        let on_disk = state.records().into_iter().filter(|record| record.change.is_on_disk()).collect();
        return LabStatus::Rebooted(on_disk);
    }
    match (state.kept, alive) {
        (true, _) => LabStatus::Kept,
        (false, true) => LabStatus::Running,
        (false, false) => LabStatus::Dead(state.records()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::journal::{Line, VERSION};
    use crate::model::change::Change;
    use crate::model::error::Site;
    use crate::model::file::WriteFile;
    use crate::model::identity::Identity;
    use crate::model::names::Ns;
    use crate::model::sysctl::SetSysctl;

    fn state(lines: Vec<Line>) -> Contents {
        lines.into_iter().fold(Contents::default(), |state, line| match state.next(line) {
            Ok(state) => state,
            Err(misfit) => unreachable!("{misfit:?}"),
        })
    }

    fn lines() -> Vec<Line> {
        let intent = |n, change| Line::Intent {
            n,
            site: Site { source: "t".into(), line: 1, col: 1 },
            change,
            identity: Identity::Spec,
            inverse: Vec::new(),
        };
        vec![
            Line::Start {
                version: VERSION,
                lab: "t".into(),
                recipe: "t".into(),
                boot_id: "b".into(),
                pid: 1,
                pid_start: 1,
            },
            intent(1, Change::SetSysctl(SetSysctl { ns: Ns::Host, key: "k".into(), value: "1".into() })),
            Line::Done { n: 1 },
            intent(2, Change::WriteFile(WriteFile { path: "/etc/netns/a/hosts".into(), text: String::new() })),
        ]
    }

    #[test]
    fn a_dead_writers_changes_may_stand_from_their_intent_on() {
        let LabStatus::Dead(records) = verdict(&state(lines()), true, false) else { unreachable!() };
        assert_eq!(records.iter().map(|record| record.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(verdict(&state(lines()), true, true), LabStatus::Running);
    }

    #[test]
    fn after_a_reboot_only_files_are_left() {
        let LabStatus::Rebooted(records) = verdict(&state(lines()), false, false) else { unreachable!() };
        assert_eq!(records.iter().map(|record| record.n).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn what_is_kept_or_ended_is_left_alone() {
        let mut kept = lines();
        kept.push(Line::Kept);
        assert_eq!(verdict(&state(kept.clone()), true, false), LabStatus::Kept);
        kept.push(Line::End);
        assert_eq!(verdict(&state(kept), true, false), LabStatus::Ended);
    }
}
