//! The other labs on a machine, for errors about what is in the way: whose it is.

use super::registry::{LabDir, Mode};
use super::{Made, Record, explain, store};
use crate::kernel::Refusal;
use crate::model::change::Change;
use crate::model::error::{OpError, Owner};

/// The labs that act in the same network namespace as one.
#[derive(Debug)]
pub struct Neighbours {
    dir: LabDir,
    root: Option<u64>,
}

impl Neighbours {
    /// Those of the lab in `dir`, whose root namespace has this cookie.
    pub fn new(dir: LabDir, root: Option<u64>) -> Neighbours {
        Neighbours { dir, root }
    }

    /// Finds out whose the thing in the way is, if it is not the lab's own.
    pub fn find_owner(&self, mut error: OpError, refusal: &Refusal, change: &Change) -> OpError {
        if error.0.owner != Owner::Foreign {
            return error;
        }
        for (dir, records) in self.records() {
            // The error as that lab would get it, which knows the line that made the thing.
            let theirs = explain::change(refusal, change, &Made::of(records));
            if let Owner::Recipe(site) = theirs.0.owner {
                let lab = dir.name();
                error.0.owner = Owner::Lab(lab.to_string(), site);
                return error.help(format!("Take that one down first (`rhailab down {lab}`), or pick another name."));
            }
        }
        error
    }

    /// What the others have on record. Nothing of one that cannot be read: the error is about something else.
    fn records(&self) -> impl Iterator<Item = (LabDir, Vec<Record>)> {
        let siblings = self.dir.siblings().into_iter().filter(|dir| dir.name() != self.dir.name());
        siblings.filter_map(|dir| {
            let info = dir.info().ok()??;
            if info.mode != Mode::Host || info.root != self.root {
                return None;
            }
            let records = store::read(&dir.journal()).ok()?.records();
            Some((dir, records))
        })
    }
}
