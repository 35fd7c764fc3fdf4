//! The mark of a lab's rules.

use crate::model::names::{ChainName, LabName};
use std::fmt;

/// How the marks of all labs begin.
const START: &str = "rhailab:";

/// The comment on a rule that says which change of which lab made it: `rhailab:LAB:N`, or `rhailab:LAB:N:NAME` where the
/// change makes something with a name of its own, such as a virtual IP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// The lab.
    pub lab: LabName,
    /// The number of the change.
    pub n: u64,
    /// The name of what it makes; the name of a chain.
    pub object: Option<ChainName>,
}

impl Tag {
    /// The tag of a lab's change.
    pub fn new(lab: &LabName, n: u64, object: Option<ChainName>) -> Tag {
        Tag { lab: lab.clone(), n, object }
    }

    /// The tag in a comment, if it is one.
    pub fn parse(comment: &str) -> Option<Tag> {
        let (lab, n) = comment.strip_prefix(START)?.split_once(':')?;
        let (n, object) = n.split_once(':').map_or((n, None), |(n, object)| (n, Some(object)));
        let object = object.map(ChainName::new).transpose().ok()?;
        // We write numbers without sign and leading zeros; a tag with another spelling is not ours.
        let n = n.parse::<u64>().ok().filter(|number| number.to_string() == n)?;
        Some(Tag { lab: LabName::new(lab).ok()?, n, object })
    }

    /// Whether both are of one lab.
    pub fn same_lab(&self, other: &Tag) -> bool {
        self.lab == other.lab
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{START}{}:{}", self.lab, self.n)?;
        self.object.as_ref().map_or(Ok(()), |object| write!(f, ":{object}"))
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
        for (object, text) in
            [(None, "rhailab:web-1:12"), (Some("VIP-10.0.0.1-80"), "rhailab:web-1:12:VIP-10.0.0.1-80")]
        {
            let object = object.map(|name| ChainName::new(name).unwrap());
            let written = Tag::new(&LabName::new("web-1").unwrap(), 12, object);
            assert_eq!((written.to_string().as_str(), tag(text)), (text, written));
        }
        for other in [
            "a comment",
            "rhailab:a",
            "rhailab:a:b",
            "rhailab:a:1:",
            "rhailab:a:1:2:3",
            "rhailab::1",
            "rhailab:a:01",
            "rhailab:a:+1",
        ] {
            assert_eq!(Tag::parse(other), None, "{other}");
        }
    }

    #[test]
    fn tags_of_one_lab_are_told_from_anothers() {
        assert!(tag("rhailab:a:12").same_lab(&tag("rhailab:a:1")));
        assert!(!tag("rhailab:ab:1").same_lab(&tag("rhailab:a:1")));
    }
}
