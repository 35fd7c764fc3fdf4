//! What can go wrong, as data: an [`OpError`] carries everything a report needs and renders nothing.

use crate::model::names::BadName;
use crate::model::question::Question;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A place in a recipe, a module or a REPL entry: 1-based line and column (in characters).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// The source's id: a path as the user wrote it, `std/NAME`, or `repl:N`.
    pub source: Arc<str>,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub col: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.col)
    }
}

/// Whose fault it is, which decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The recipe failed while it ran: exit code 1.
    Recipe,
    /// The command line or the recipe's text is wrong; nothing was changed: exit code 2.
    Usage,
    /// The machine cannot do it (a tool, a permission or a kernel feature is missing): exit code 3.
    Machine,
    /// Something could not be undone: exit code 4.
    Leftover,
}

impl Class {
    /// The process exit code of this class.
    pub fn exit_code(self) -> i32 {
        match self {
            Class::Recipe => 1,
            Class::Usage => 2,
            Class::Machine => 3,
            Class::Leftover => 4,
        }
    }
}

/// Whose the thing is that is in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Owner {
    /// Nothing is, or it is not known.
    #[default]
    Unknown,
    /// The recipe's own, which made it there.
    Recipe(Site),
    /// Somebody else's.
    Foreign,
    /// That of another lab on the machine, which made it there.
    Lab(String, Site),
}

impl Owner {
    /// The sentence that says so; empty where a note points at the line instead.
    fn sentence(&self) -> String {
        match self {
            Owner::Unknown | Owner::Recipe(_) => String::new(),
            Owner::Foreign => " It is not this recipe's.".to_owned(),
            Owner::Lab(lab, site) => format!(" It belongs to the lab `{lab}`, which made it at {site}."),
        }
    }
}

/// A stretch of a source to point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which bytes of the source.
    pub range: Range<usize>,
    /// What to say about them.
    pub label: String,
}

/// Everything known about one failure.
#[derive(Debug, Clone)]
pub struct Fault {
    /// A stable, documented code such as `link::exists`.
    pub code: &'static str,
    /// One full sentence that names the object, the namespace and the reason.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
    /// The kernel's error number, where the kernel refused.
    pub errno: Option<i32>,
    /// The kernel's (or tool's) own words.
    pub cause: Option<String>,
    /// The shell commands that ask for the same thing, one per line.
    pub command: Option<String>,
    /// The name of the parameter or option that is to blame; the script layer finds its span.
    pub arg: Option<String>,
    /// The text to blame in the source of `site`. Set once, by the script layer.
    pub mark: Option<Mark>,
    /// Where it happened. Set once, by the script layer, at the call that failed.
    pub site: Option<Site>,
    /// The calls that led there, innermost first.
    pub calls: Vec<(Site, String)>,
    /// Other places worth pointing at ("`eth0` was created here").
    pub notes: Vec<(Site, String)>,
    /// What could not be undone after this failure, with the commands that would do it.
    pub leftovers: Vec<String>,
    /// Whose the thing is that is in the way.
    pub owner: Owner,
    /// The packet that was not answered, if it is about one: what stops it is found out only if nobody catches the error.
    pub asked: Option<Question>,
    /// Whose fault it is.
    pub class: Class,
}

/// The one error type of the library.
#[derive(Debug, Clone)]
pub struct OpError(pub Box<Fault>);

/// A result whose error is an [`OpError`].
pub type OpResult<T> = Result<T, OpError>;

impl From<BadName> for OpError {
    fn from(BadName { code, message, help }: BadName) -> OpError {
        OpError::new(code, message).help(help)
    }
}

impl OpError {
    /// An error with a stable code and a full-sentence message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        OpError(Box::new(Fault {
            code,
            message: message.into(),
            help: None,
            errno: None,
            cause: None,
            command: None,
            arg: None,
            mark: None,
            site: None,
            calls: Vec::new(),
            notes: Vec::new(),
            leftovers: Vec::new(),
            owner: Owner::Unknown,
            asked: None,
            class: Class::Recipe,
        }))
    }

    /// The same with another text for each of its own.
    #[must_use]
    pub fn masked(mut self, mask: &dyn Fn(&str) -> String) -> Self {
        self.0.message = mask(&self.0.message);
        let texts = [&mut self.0.help, &mut self.0.cause, &mut self.0.command];
        texts.into_iter().flatten().for_each(|text| *text = mask(text));
        self
    }

    /// Adds what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Blames a parameter or option by its name.
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>) -> Self {
        self.0.arg = Some(name.into());
        self
    }

    /// Quotes the kernel's or a tool's own words.
    #[must_use]
    pub fn cause(mut self, words: impl Into<String>) -> Self {
        self.0.cause = Some(words.into());
        self
    }

    /// Names the equivalent shell commands, one per line.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.0.command = Some(command.into());
        self
    }

    /// Points at another place.
    #[must_use]
    pub fn note(mut self, site: Site, text: impl Into<String>) -> Self {
        self.0.notes.push((site, text.into()));
        self
    }

    /// Says whose the thing in the way is, once that is known for good.
    #[must_use]
    pub fn naming_owner(mut self) -> Self {
        let sentence = self.0.owner.sentence();
        self.0.message.push_str(&sentence);
        self
    }

    /// Says that the command line or the recipe's text is at fault.
    #[must_use]
    pub fn usage(self) -> Self {
        self.class(Class::Usage)
    }

    /// Sets whose fault it is.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.0.class = class;
        self
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for OpError {}

/// What an I/O error says, without the number that the standard library adds.
pub fn io_words(error: &std::io::Error) -> String {
    let words = error.to_string();
    words.split(" (os error ").next().unwrap_or(&words).to_owned()
}

/// The candidate nearest to `word` by Damerau-Levenshtein distance, if one is near enough to suggest.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        // A distance as long as the longer word means that the two share no letter, as with `n` and `x`: no
        // misspelling.
        .filter(|(distance, candidate)| {
            *distance <= limit && *distance < length.max(candidate.chars().count()) && *candidate != word
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suggestion_has_something_in_common_with_the_word() {
        assert_eq!(closest("brigde", ["veth", "bridge"]), Some("bridge"));
        assert_eq!(closest("nn", ["n"]), Some("n"));
        assert_eq!(closest("x", ["n", "xn"]), Some("xn"));
        assert_eq!(closest("x", ["n"]), None);
        assert_eq!(closest("web", ["web"]), None);
    }

    #[test]
    fn an_io_error_is_told_without_its_number() {
        assert_eq!(io_words(&std::io::Error::from_raw_os_error(2)), "No such file or directory");
        assert_eq!(io_words(&std::io::Error::other("odd")), "odd");
    }
}
