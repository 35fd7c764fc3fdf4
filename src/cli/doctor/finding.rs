//! What a check has found.

use crate::model::error::Site;
use serde::Serialize;

/// How good or bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It could not be found out.
    Unknown,
    /// It will be in the way of some labs.
    Warning,
    /// Labs, or this one, cannot run.
    Failure,
}

impl Rating {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Rating::Ok => "ok",
            Rating::Note => "note",
            Rating::Unknown => "unknown",
            Rating::Warning => "warning",
            Rating::Failure => "failure",
        }
    }
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineFinding {
    /// The check's name.
    pub check: &'static str,
    /// How good or bad it is.
    pub verdict: Rating,
    /// What was found.
    pub found: String,
    /// What it means for labs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub means: String,
    /// The commands that mend it, one each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mend: Vec<String>,
    /// The recipe line that asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
}

impl MachineFinding {
    /// A finding that needs no explanation.
    pub fn ok(check: &'static str, found: impl Into<String>) -> MachineFinding {
        MachineFinding::new(check, Rating::Ok, found, "")
    }

    /// Any finding.
    pub fn new(
        check: &'static str,
        verdict: Rating,
        found: impl Into<String>,
        means: impl Into<String>,
    ) -> MachineFinding {
        MachineFinding { check, verdict, found: found.into(), means: means.into(), mend: Vec::new(), site: None }
    }

    /// Adds a command that mends it, if there is one.
    #[must_use]
    pub fn mend(mut self, command: impl Into<Option<String>>) -> MachineFinding {
        self.mend.extend(command.into());
        self
    }

    /// Adds the recipe line that asks for it.
    #[must_use]
    pub fn at(mut self, site: &Site) -> MachineFinding {
        self.site = Some(site.clone());
        self
    }
}

/// "1 thing", "2 things".
pub fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
