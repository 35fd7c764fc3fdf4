//! Where a name of a text is used, and giving it another one.

use super::defs;
use crate::script::infer::Facts;
use crate::script::page::{Around, Page, with_facts};
use crate::script::scan::{TokenKind, scan};
use crate::script::syntax::{Call, ExprKind, each};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A place where a name is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Its bytes.
    pub range: Range<usize>,
    /// What happens there.
    pub kind: UseKind,
}

impl Use {
    /// Whether a byte is in the name or at its end.
    pub fn is_at(&self, offset: usize) -> bool {
        self.range.start <= offset && offset <= self.range.end
    }
}

/// What happens where a name is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseKind {
    /// It is declared.
    Declares,
    /// It is assigned.
    Writes,
    /// It is read or called.
    Reads,
}

/// What a name of the text means. Functions that differ in their parameters only are one: by its name alone, as a value, each
/// of them may be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// A variable, by the number of its declaration.
    Binding(usize),
    /// A function, by the number of the first one of its name.
    Function(usize),
}

/// The names of a text that mean something in it, by where they begin.
type Targets = BTreeMap<usize, (Target, Use)>;

/// All places in the text where what the name at a byte means is used, in their order; none where it means nothing that the
/// text declares.
pub fn uses(page: &Page, offset: usize, around: &dyn Around) -> Option<Vec<Use>> {
    let (_, uses) = at(targets(page, around), offset)?;
    Some(uses)
}

/// Those places, for all of them to get another name. An error says why that would not mean the same.
pub fn rename(page: &Page, offset: usize, name: &str, around: &dyn Around) -> Result<Vec<Use>, String> {
    let all = targets(page, around);
    let (target, uses) = at(all.clone(), offset).ok_or("Only what this file declares can be renamed here.")?;
    if !matches!(scan(name).tokens.as_slice(), [only] if only.kind == TokenKind::Name && only.at.len() == name.len()) {
        return Err(format!("`{name}` is not a name that a variable or a function can have."));
    }
    let old = uses.first().map_or(0, |place| place.range.len());
    let moved = |offset: usize| {
        let before = uses.partition_point(|place| place.range.start < offset);
        offset + before * name.len() - before * old
    };
    let mut text = page.text.to_string();
    for place in uses.iter().rev() {
        text.replace_range(place.range.clone(), name);
    }
    let meant = |all: Targets, moved: &dyn Fn(usize) -> usize| -> Vec<(usize, Target)> {
        all.into_iter().map(|(start, (target, _))| (moved(start), target)).collect()
    };
    let after = targets(&Page::new(&text), around);
    if meant(after, &|start| start) != meant(all, &moved) {
        let what = if matches!(target, Target::Binding(_)) { "variable" } else { "function" };
        return Err(format!("If this {what} were called `{name}`, some name in this file would mean something else."));
    }
    Ok(uses)
}

/// What is meant at a byte, with all places of it.
fn at(all: Targets, offset: usize) -> Option<(Target, Vec<Use>)> {
    // Where one name ends no other begins.
    let target = all.values().find(|(_, place)| place.is_at(offset))?.0;
    Some((target, all.into_values().filter(|(other, _)| *other == target).map(|(_, place)| place).collect()))
}

fn targets(page: &Page, around: &dyn Around) -> Targets {
    with_facts(page, around, |facts| {
        let mut all = Targets::new();
        let reads = facts.bindings.all.iter().flat_map(|binding| &binding.reads);
        let reads: BTreeSet<usize> = reads.map(|read| read.start).collect();
        for (start, at) in facts.bindings.uses() {
            let binding = &facts.bindings.all[at];
            let range = start..start + binding.ident.name.len();
            let kind = if range == binding.ident.at {
                UseKind::Declares
            } else if reads.contains(&start) {
                UseKind::Reads
            } else {
                UseKind::Writes
            };
            all.insert(start, (Target::Binding(at), Use { range, kind }));
        }
        let mut functions: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, own) in facts.tree.functions.iter().enumerate().filter(|(_, own)| !own.name.name.is_empty()) {
            let first = *functions.entry(&own.name.name).or_insert(at);
            let place = Use { range: own.name.at.clone(), kind: UseKind::Declares };
            all.insert(own.name.at.start, (Target::Function(first), place));
        }
        let mut read = |name: &str, range: Range<usize>| {
            if let Some(at) = functions.get(name) {
                // A variable of that name would be in the way, and is there already.
                all.entry(range.start).or_insert((Target::Function(*at), Use { range, kind: UseKind::Reads }));
            }
        };
        each(facts.tree, &mut |expr| match &expr.kind {
            ExprKind::Name(name) => read(name, expr.at.clone()),
            ExprKind::Call(call) => {
                if functions.contains_key(call.name.name.as_str()) && is_own(facts, call) {
                    read(&call.name.name, call.name.at.clone());
                }
                if let Some((name, range)) = pointer(page, call) {
                    read(name, range);
                }
            }
            _ => {}
        });
        all
    })
}

/// Whether a call of the name of one of the text's functions is one of it, and not of the language's.
fn is_own(facts: &Facts<'_>, call: &Call) -> bool {
    call.modules.is_empty() && (facts.own(call).is_some() || defs(facts, call).is_empty())
}

/// The name in `Fn("name")`.
fn pointer<'c>(page: &Page, call: &'c Call) -> Option<(&'c str, Range<usize>)> {
    let [only] = call.args.as_slice() else { return None };
    let ExprKind::Str(Some(name)) = &only.kind else { return None };
    let range = only.at.start + 1..only.at.end.checked_sub(1)?;
    (call.name.name == "Fn" && page.text.get(range.clone()) == Some(name)).then_some((name, range))
}
