//! What is known of what stands, where a refusal is to be explained.

use crate::model::error::Site;
use crate::model::names::{IfName, Ns, NsName};
use crate::model::subject::Subject;

/// What is known of what stands.
pub trait Known {
    /// The line of the recipe that a subject has its value from.
    fn site(&self, subject: &Subject) -> Option<Site>;

    /// The namespaces that the recipe has made.
    fn namespaces(&self) -> Vec<&NsName>;

    /// The namespaces that something is known of.
    fn spaces(&self) -> Vec<&Ns>;

    /// The interfaces in a namespace.
    fn links_in(&self, ns: &Ns) -> Vec<&IfName>;
}

/// Where nothing is known.
pub struct Nothing;

impl Known for Nothing {
    fn site(&self, _subject: &Subject) -> Option<Site> {
        None
    }

    fn namespaces(&self) -> Vec<&NsName> {
        Vec::new()
    }

    fn spaces(&self) -> Vec<&Ns> {
        Vec::new()
    }

    fn links_in(&self, _ns: &Ns) -> Vec<&IfName> {
        Vec::new()
    }
}
