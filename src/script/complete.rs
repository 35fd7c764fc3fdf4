//! Completion: what can be written at a byte of a text.
//!
//! It is made of the text alone and of what [`Around`] says, touches nothing, and has an answer for every text, so that
//! an editor's server and an interactive prompt can share it.

mod context;
mod names;
mod offers;

use super::page::{Around, Page, with_facts};
use context::{Context, context};
use std::ops::Range;

/// What can be written at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completion {
    /// The bytes that a candidate takes the place of, up to where the cursor is.
    pub range: Range<usize>,
    /// Everything that fits there, whatever is written already; the most likely kinds first.
    pub candidates: Vec<Candidate>,
}

/// Something that can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The text.
    pub label: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Its type or signature; may be empty.
    pub detail: String,
    /// What there is to know, in Markdown; may be empty.
    pub doc: String,
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CandidateKind {
    /// A variable or parameter.
    Variable,
    /// A constant.
    Constant,
    /// A function or method that is called with arguments, or without.
    Function {
        /// Whether it takes any.
        takes: bool,
    },
    /// A property of a value.
    Property,
    /// A key of an options map, which a colon follows.
    Option,
    /// A module, which `::` follows.
    Module,
    /// What an import's path can be.
    Path,
    /// The name of something in the lab.
    Name,
    /// A word of the language.
    Keyword,
}

impl Completion {
    /// Only what goes on from what is written already.
    #[must_use]
    pub fn matching(mut self, text: &str) -> Completion {
        let typed = text.get(self.range.clone()).unwrap_or_default();
        self.candidates.retain(|candidate| candidate.label.starts_with(typed));
        self
    }
}

/// What can be written at a byte of a text.
pub fn complete(page: &Page, offset: usize, around: &dyn Around) -> Completion {
    let offset = floor(&page.text, offset);
    let (context, range) = context(page, offset);
    let candidates = with_facts(page, around, |facts| {
        let offers = offers::Offers { page, facts, around, offset };
        match &context {
            Context::Nothing => Vec::new(),
            Context::Member => offers.members(range.start),
            Context::InModule(name) => offers.in_module(name),
            Context::Key(call) => offers.keys(call, offset),
            Context::ImportPath => offers.paths(page.text.get(range.clone()).unwrap_or_default()),
            Context::Text(call, argument) => names::names(&offers, call, *argument),
            Context::Expression { is_statement } => offers.expressions(*is_statement),
        }
    });
    Completion { range, candidates }
}

/// The nearest boundary of a character at or before a byte.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests;
