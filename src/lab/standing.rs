//! Whether the changes of a lab still stand, asked of the kernel for all of them at once.

use super::{Made, Record};
use crate::kernel::{ChangeRef, Errno, Kernel, Observed, Refusal};
use crate::model::kind::Kind;
use crate::model::subject::{Fact, SYSCTL, UP};

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Yes,
    /// A later change of the lab took its place.
    Superseded,
    /// It does not, or not all of it; the reason is given.
    No(String),
}

/// A change in the names of now, with those of its facts that count.
pub(super) struct Present {
    pub(super) record: Record,
    pub(super) facts: Vec<Fact>,
    /// Of each fact, whether nothing has taken its place.
    pub(super) counts: Vec<bool>,
}

impl Present {
    pub(super) fn of(made: &Made, record: &Record) -> Present {
        let change = made.state().present(record.n, &record.change);
        let facts = change.facts(&record.identity);
        let counts = (0..facts.len()).map(|place| made.state().is_current(record.n, place)).collect();
        Present { record: Record { change, ..record.clone() }, facts, counts }
    }
}

/// What the kernel says of changes.
pub(super) fn observe(kernel: &mut dyn Kernel, all: &[Present]) -> Vec<Result<Vec<Observed>, Refusal>> {
    let entries: Vec<ChangeRef<'_>> = all.iter().map(|present| ChangeRef::from(&present.record)).collect();
    kernel.read(&entries)
}

/// Asks for every change, in order.
pub fn survey(kernel: &mut dyn Kernel, made: &Made) -> Vec<Standing> {
    let all: Vec<Present> = made.records().map(|record| Present::of(made, record)).collect();
    let observed = observe(kernel, &all);
    all.iter().zip(observed).map(|(present, observed)| judge(present, observed)).collect()
}

fn judge(present: &Present, observed: Result<Vec<Observed>, Refusal>) -> Standing {
    if !present.counts.contains(&true) {
        return Standing::Superseded;
    }
    let observed = match observed {
        Ok(observed) => observed,
        Err(refusal) if refusal.is(Errno::ENODEV) => return Standing::No("the interface is gone".into()),
        Err(refusal) if refusal.is(Errno::ENOENT) => return Standing::No("it is gone".into()),
        Err(refusal) => return Standing::No(refusal.to_string()),
    };
    let facts = present.facts.iter().zip(&present.counts).zip(observed);
    let wrong =
        facts.filter(|((_, counts), _)| **counts).filter_map(|((fact, _), observed)| difference(fact, observed));
    let wrong: Vec<String> = wrong.collect();
    if wrong.is_empty() { Standing::Yes } else { Standing::No(wrong.join(", ")) }
}

/// How a fact is not as it was made.
pub(super) fn difference(fact: &Fact, observed: Observed) -> Option<String> {
    let what = fact.subject.what;
    match observed {
        Observed::Is(value) if is_same(&value, &fact.value) => None,
        Observed::Is(value) if fact.subject.link.is_some() && !matches!(what, UP | SYSCTL) => {
            Some(format!("its {what} is {value} now"))
        }
        Observed::Is(value) => Some(format!("it is {value} now")),
        Observed::Gone => Some(format!("the {what} is gone")),
        Observed::Not(why) => Some(why),
        Observed::Unseen => None,
    }
}

/// Whether two texts are one value: the kernel answers `4096\t131072` to `4096 131072`.
fn is_same(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}
