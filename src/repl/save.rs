//! A recipe that rebuilds what stands.
//!
//! At best it is what was entered: the entries that still count, as they were written. Whether that builds the same network
//! is not believed but tried, on the kernel in memory. Where it does not, because an entry was undone in part by a later
//! one, or asked the machine something, the recipe is made of the changes that stand.

mod calls;
mod outline;

use super::history::Group;
use super::{Repl, usage};
use crate::kernel::fake::FakeKernel;
use crate::lab::Lab;
use crate::model::error::{Class, OpError, OpResult, io_words};
use crate::model::names::Ns;
use crate::script::prompt::LAST;
use crate::script::scan::{TokenKind, scan};
use crate::script::syntax::{Statement, StatementKind, parse};
use crate::script::{Config, Session};
use crate::session::Failure;
use calls::RuleCalls;
use outline::outline;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::rc::Rc;

/// What a recipe is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MadeOf {
    /// The entries.
    Entries,
    /// The changes.
    Changes,
    /// The changes, because a secret stands in the entries.
    Masked,
    /// The changes, without having been tried: they were made on something that only this machine has.
    Untried,
}

impl Repl<'_> {
    /// Writes a recipe that rebuilds what stands.
    pub(super) fn save(&mut self, file: &str, overwrites: bool) -> Result<(), Failure> {
        if file.is_empty() {
            return Err(usage("`:save` needs the name of a file.", "Write it as in `:save lab.rhai`.").into());
        }
        let path = Path::new(file);
        self.may_write(path)?;
        self.lab.borrow_mut().settle().map_err(|error| self.failure(error))?;
        let (text, made_of) = self.recipe(path)?;
        write(path, &text, overwrites)?;
        let how = match made_of {
            MadeOf::Entries => "from what was entered",
            MadeOf::Changes => "from the changes that stand, because what was entered would not build the same",
            MadeOf::Masked => "from the changes that stand, because a secret stands in what was entered",
            MadeOf::Untried => {
                "from the changes that stand; it could not be tried in memory, because it needs what is on this machine"
            }
        };
        self.note(&format!("Wrote {file}, {how}."));
        Ok(())
    }

    /// In a sandbox, some folders are not the machine's.
    fn may_write(&self, path: &Path) -> OpResult<()> {
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let own = ["/etc", "/run", "/proc", "/sys"].iter().find(|own| full.starts_with(own));
        match own {
            Some(own) if self.registered.goes_with_us() => {
                let message = format!("`{}` would go with the sandbox, which has its own `{own}`.", full.display());
                Err(usage(message, "Choose another folder."))
            }
            _ => Ok(()),
        }
    }

    /// The recipe, and what it is made of.
    fn recipe(&self, path: &Path) -> Result<(String, MadeOf), Failure> {
        let lab = self.lab.borrow();
        let head = format!("//! The network of the lab `{}`.\n\n", lab.name());
        let wanted = outline(lab.made());
        let text = format!("{head}{}", entries(self.history.groups()));
        let is_masked = lab.mask(&text) != text;
        // The entries may be less than the lab: one that was there before the prompt has changes that were not entered
        // here.
        if let Some(wanted) = &wanted
            && !is_masked
            && built(&lab, path, &text).as_ref() == Some(wanted)
        {
            return Ok((text, MadeOf::Entries));
        }
        let of = |rules| format!("{head}{}", calls::calls(lab.records(), rules));
        let Some(wanted) = wanted else { return Ok((of(RuleCalls::Objects), MadeOf::Untried)) };
        let mut other = BTreeSet::new();
        for rules in [RuleCalls::Objects, RuleCalls::Raw] {
            let text = of(rules);
            other = built(&lab, path, &text).unwrap_or_default();
            if other == wanted {
                return Ok((text, if is_masked { MadeOf::Masked } else { MadeOf::Changes }));
            }
        }
        let differences: Vec<String> = wanted
            .difference(&other)
            .map(|line| format!("is not built: {line}"))
            .chain(other.difference(&wanted).map(|line| format!("is built besides: {line}")))
            .collect();
        let error = OpError::new("save::differs", "No recipe was found that builds the same network.")
            .cause(differences.join("; "))
            .help("Nothing was written. This is a defect of rhailab; please report it.");
        Err(self.failure(error))
    }
}

/// What a recipe builds in memory; none if it fails there.
fn built(like: &Lab, path: &Path, text: &str) -> Option<BTreeSet<String>> {
    let lab = Lab::new(like.name().clone(), Box::new(FakeKernel::new()), None);
    let lab = Rc::new(RefCell::new(lab));
    let config = Config { print: Rc::new(|_| {}), ..Config::default() };
    let session = Session::new(Rc::clone(&lab), config);
    let recipe = session.load_as(path, text).ok()?;
    session.run(&recipe).ok()?;
    let lab = lab.borrow();
    outline(lab.made())
}

/// The entries as a recipe.
fn entries(groups: &[Group]) -> String {
    let mut text = String::new();
    for (at, group) in groups.iter().enumerate() {
        let later = groups.get(at + 1..).unwrap_or_default();
        if group.here != Ns::Host {
            // Its free functions mean something else in a recipe, so that the trial will refuse it.
            text.push_str(&format!("// In {}:\n", group.here));
        }
        let is_shown_later = later.iter().any(|later| names(&later.text, LAST));
        text.push_str(&ended(&if is_shown_later { kept(group.text.trim()) } else { group.text.trim().to_owned() }));
        text.push('\n');
    }
    text
}

/// Whether a text has that name in it.
fn names(text: &str, name: &str) -> bool {
    scan(text).tokens.iter().any(|token| token.kind == TokenKind::Name && token.text(text) == name)
}

/// An entry that keeps its value, as the prompt does, for those that follow.
fn kept(entry: &str) -> String {
    let tree = parse(entry);
    match tree.body.statements.last() {
        Some(Statement { at, kind: StatementKind::Expr { is_ended: false, .. } }) => {
            let (before, value) = entry.split_at(at.start);
            format!("{before}let {LAST} = {value}")
        }
        _ => entry.to_owned(),
    }
}

/// An entry that another one can follow.
fn ended(entry: &str) -> String {
    let tokens = scan(entry).tokens;
    let last = tokens.iter().rev().find(|token| !matches!(token.kind, TokenKind::Comment | TokenKind::Doc));
    match last {
        Some(last) if last.text(entry) != ";" => {
            let (code, rest) = entry.split_at(last.at.end);
            format!("{code};{rest}")
        }
        _ => entry.to_owned(),
    }
}

fn write(path: &Path, text: &str, overwrites: bool) -> OpResult<()> {
    let mut options = OpenOptions::new();
    options.write(true);
    if overwrites {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let done = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    done.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => usage(
            format!("There is a file `{}` already.", path.display()),
            "Choose another name, or write over it with `:save! FILE`.",
        ),
        _ => OpError::new("save::write", format!("Cannot write `{}`: {}.", path.display(), io_words(&error)))
            .class(Class::Machine),
    })
}

#[cfg(test)]
mod tests {
    use super::{ended, kept};

    #[test]
    fn a_value_that_is_used_later_gets_its_name() {
        assert_eq!(kept("a(); vip(b)"), "a(); let it = vip(b)");
        assert_eq!(kept("a();"), "a();");
    }

    #[test]
    fn an_entry_ends_in_a_semicolon_before_its_last_comment() {
        assert_eq!(ended("a() // b"), "a(); // b");
        assert_eq!(ended("a();"), "a();");
        assert_eq!(ended("let x = #{ a: 1 }"), "let x = #{ a: 1 };");
        assert_eq!(ended("// only"), "// only");
    }
}
