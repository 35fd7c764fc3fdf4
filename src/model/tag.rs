//! The mark of a lab's rules.

use crate::model::names::LabName;
use std::fmt;

/// How the marks of all labs begin.
const START: &str = "rhailab:";

/// The comment on a rule that says which change of which lab made it: `rhailab:LAB:N`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The lab.
    pub lab: LabName,
    /// The number of the change.
    pub n: u64,
}

impl Tag {
    /// The tag of a lab's change.
    pub fn new(lab: &LabName, n: u64) -> Tag {
        Tag { lab: lab.clone(), n }
    }

    /// The tag in a comment, if it is one.
    pub fn parse(comment: &str) -> Option<Tag> {
        let (lab, n) = comment.strip_prefix(START)?.split_once(':')?;
        // No other spelling of the number is ours.
        let n = n.parse::<u64>().ok().filter(|number| number.to_string() == n)?;
        Some(Tag { lab: LabName::new(lab).ok()?, n })
    }

    /// The tag of another change of the same lab.
    #[must_use]
    pub fn sibling(&self, n: u64) -> Tag {
        Tag { lab: self.lab.clone(), n }
    }

    /// Whether both are of one lab.
    pub fn same_lab(&self, other: &Tag) -> bool {
        self.lab == other.lab
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{START}{}:{}", self.lab, self.n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        Tag::parse(text).unwrap()
    }

    #[test]
    fn a_tag_is_read_as_it_is_written() {
        let written = Tag::new(&LabName::new("web-1").unwrap(), 12).to_string();
        assert_eq!(written, "rhailab:web-1:12");
        assert_eq!(tag(&written).sibling(7).to_string(), "rhailab:web-1:7");
        for other in
            ["a comment", "rhailab:a", "rhailab:a:b", "rhailab:a:1:2", "rhailab::1", "rhailab:a:01", "rhailab:a:+1"]
        {
            assert_eq!(Tag::parse(other), None, "{other}");
        }
    }

    #[test]
    fn tags_of_one_lab_are_told_from_anothers() {
        assert!(tag("rhailab:a:12").same_lab(&tag("rhailab:a:1")));
        assert!(!tag("rhailab:ab:1").same_lab(&tag("rhailab:a:1")));
    }
}
