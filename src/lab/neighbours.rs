//! The other labs on a machine, for errors about what is in the way: whose it is.

use super::registry::{Mode, Place};
use super::{Made, Record, explain, store};
use crate::kernel::Refusal;
use crate::model::change::Change;
use crate::model::error::{OpError, Owner};

/// The labs that act in the same network namespace as one.
#[derive(Debug)]
pub struct Neighbours {
    place: Place,
    root: Option<u64>,
}

impl Neighbours {
    /// Those of the lab in `place`, whose root namespace has this cookie.
    pub fn new(place: Place, root: Option<u64>) -> Neighbours {
        Neighbours { place, root }
    }

    /// Finds out whose the thing in the way is, if it is not the lab's own.
    pub fn find_owner(&self, mut error: OpError, refusal: &Refusal, change: &Change) -> OpError {
        if error.0.owner != Owner::Foreign {
            return error;
        }
        for (place, records) in self.records() {
            // The error as that lab would get it, which knows the line that made the thing.
            let theirs = explain::change(refusal, change, &Made::of(records));
            if let Owner::Recipe(site) = theirs.0.owner {
                let lab = place.name();
                error.0.owner = Owner::Lab(lab.to_string(), site);
                return error.help(format!("Take that one down first (`rhailab down {lab}`), or pick another name."));
            }
        }
        error
    }

    /// What the others have on record. Nothing of one that cannot be read: the error is about something else.
    fn records(&self) -> impl Iterator<Item = (Place, Vec<Record>)> {
        let siblings = self.place.siblings().into_iter().filter(|place| place.name() != self.place.name());
        siblings.filter_map(|place| {
            let card = place.card().ok()??;
            if card.mode != Mode::Host || card.root != self.root {
                return None;
            }
            let records = store::read(&place.journal()).ok()?.records();
            Some((place, records))
        })
    }
}
