//! What a recipe would touch, found out by a rehearsal on the kernel in memory.

use super::{Failure, LoadedRecipe};
use crate::export::{Step, StepKind};
use crate::kernel::Undone;
use crate::lab::{Altered, Event, Record};
use crate::model::change::Change;
use crate::model::kind::{Kind, Phase};
use crate::model::names::LabName;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

/// How many names are listed before the rest is counted only.
const LISTED: usize = 8;

/// Runs a recipe on the kernel in memory and returns what happens, and what stopped it, if something did.
pub fn rehearse(recipe: &LoadedRecipe) -> (Vec<Step>, Result<(), Failure>) {
    let steps = Rc::new(RefCell::new(Vec::new()));
    let listener = Rc::clone(&steps);
    let result = recipe.rehearse(Box::new(move |event| listener.borrow_mut().extend(step(event))));
    (steps.take(), result)
}

/// What an event of a lab is in a list of steps.
pub fn step(event: &Event<'_>) -> Option<Step> {
    let (record, kind) = match event {
        Event::Made(record) => (*record, StepKind::Makes),
        Event::Altered(Altered { site, after, .. }) => {
            let record = Record { site: (*site).clone(), ..(*after).clone() };
            return Some(Step { record, kind: StepKind::Alters });
        }
        Event::Undone(record, Undone::Along) => (*record, StepKind::Falls),
        Event::Undone(record, _) => (*record, StepKind::Undoes),
        Event::Stuck(..) => return None,
    };
    Some(Step { record: record.clone(), kind })
}

/// What a recipe will touch, as far as its rehearsal went.
pub struct Rehearsal {
    touched: Touched,
    result: Result<(), Failure>,
}

impl Rehearsal {
    /// Rehearses it.
    pub fn of(recipe: &LoadedRecipe) -> Rehearsal {
        let touched = Rc::new(RefCell::new(Touched::default()));
        let listener = Rc::clone(&touched);
        let result = recipe.rehearse(Box::new(move |event| {
            if let Event::Made(record) = event {
                listener.borrow_mut().note(&record.change);
            }
        }));
        Rehearsal { touched: touched.take(), result }
    }

    /// How many namespaces it will make, if its rehearsal came to the end.
    pub fn spaces(&self) -> Option<usize> {
        self.result.is_ok().then(|| self.touched.count(Phase::Namespaces))
    }

    /// Whether it will make rules.
    pub fn has_rules(&self) -> bool {
        self.touched.count(Phase::Rules) > 0
    }

    /// Whether it will make files on the disk.
    pub fn has_files(&self) -> bool {
        self.touched.count(Phase::Files) > 0
    }

    /// What it will touch on this machine, in words.
    pub fn announcement(&self, name: &LabName, journal: &Path) -> String {
        let mut text = format!("`{name}` acts on this machine. It will touch:\n");
        for line in self.touched.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        if let Err(failure) = &self.result {
            let place = failure.error.0.site.as_ref().map_or_else(String::new, |site| format!(" at {site}"));
            text.push_str(&format!(
                "  … and what comes after the point where its rehearsal ended{place}: {}\n",
                failure.error
            ));
        }
        text.push_str(&format!("Every change is journalled before it is made, in {}.", journal.display()));
        text
    }
}

/// What changes touch: names, by the kind of object, in the order in which a recipe came to them.
#[derive(Default)]
struct Touched {
    names: Vec<(&'static str, BTreeSet<String>)>,
    phases: BTreeMap<Phase, usize>,
}

impl Touched {
    fn note(&mut self, change: &Change) {
        *self.phases.entry(change.phase()).or_default() += 1;
        let (noun, names) = change.touches();
        match self.names.iter_mut().find(|(other, _)| *other == noun) {
            Some((_, known)) => known.extend(names),
            None => self.names.push((noun, names.into_iter().collect())),
        }
    }

    /// How many changes there are that a teardown undoes in this phase.
    fn count(&self, phase: Phase) -> usize {
        self.phases.get(&phase).copied().unwrap_or(0)
    }

    /// One line for each kind of object.
    fn lines(&self) -> impl Iterator<Item = String> {
        self.names.iter().map(|(kind, names)| line(kind, names))
    }
}

fn line(kind: &str, names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    let rest = names.len().saturating_sub(LISTED);
    let more = if rest == 0 { String::new() } else { format!(" and {rest} more") };
    let ending = match (names.len(), kind.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {kind}{ending}: {}{more}", names.len(), shown.join(", "))
}
